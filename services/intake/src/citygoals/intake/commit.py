"""One transaction: a group of events judged against what the journal has, numbered, and written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from asyncpg.pgproto.pgproto import UUID

from citygoals.intake import quarantine
from citygoals.intake.gate import Admitted, Publisher, Refused
from citygoals.intake.lanes import Fenced, Lease
from citygoals.intake.numbering import Numbered, Outcome, number
from citygoals.intake.relay import Row, headers_for
from citygoals.shared.instants import format_instant
from citygoals.shared.postgres import Connection, Statements

COLUMNS = ("lane", "seq", "key", "digest", "body")


@dataclass(frozen=True, slots=True)
class Offer:
    """What one request brought: the events that passed the gate, and those that did not."""

    publisher: Publisher
    door: str
    admitted: Sequence[Admitted]
    refused: Sequence[Refused] = field(default=())

    @property
    def size(self) -> int:
        """Rows it may need."""
        return len(self.admitted) + len(self.refused)


class Committed(NamedTuple):
    """What a group came to: the outcome of every admitted event of every offer, and the new rows for the bus."""

    outcomes: list[list[Outcome]]
    first_seq: int
    rows: list[Row]


class Terms(NamedTuple):
    """Under which a group is written: the lane's lease and for how long it is renewed, and the time of recording."""

    lease: Lease
    renewal: timedelta
    recorded_at: datetime


async def commit(connection: Connection, sql: Statements, terms: Terms, offers: Sequence[Offer]) -> Committed:
    """Write the offers inside the caller's transaction.

    Raises:
        Fenced: the lane is somebody else's; the transaction must be rolled back.
        asyncpg.UniqueViolationError: another lane got one of the keys in the meantime; try the group again.
    """
    lane, epoch = terms.lease.lane, terms.lease.epoch
    events = [event for offer in offers for event in offer.admitted]
    next_seq, known = await _hold(connection, sql, terms.lease, events)
    outcomes, new = number(events, known, next_seq)
    rows: list[Row] = []
    if new:
        records, rows = _encode(new, lane, terms.recorded_at)
        await connection.copy_records_to_table("journal", records=records, columns=COLUMNS)
    shares = _shares(offers, outcomes)
    await quarantine.put(connection, sql, _refusals(offers, shares), terms.recorded_at)
    tally = _tally(offers, shares)
    if await connection.fetchval(sql.advance_lane, lane, epoch, next_seq + len(new), terms.renewal, *tally) is None:
        raise Fenced(f"lane {lane}, epoch {epoch}")
    return Committed(shares, next_seq, rows)


async def _hold(
    connection: Connection, sql: Statements, lease: Lease, events: list[Admitted]
) -> tuple[int, dict[bytes, bytes]]:
    """Lock the lane; return its next number, and which of the events' keys are taken with which digest."""
    rows = await connection.fetch(sql.hold_and_probe, lease.lane, lease.epoch, [UUID(event.key) for event in events])
    if not rows:
        raise Fenced(f"lane {lease.lane}, epoch {lease.epoch}")
    return rows[0]["next_seq"], {row["key"].bytes: row["digest"] for row in rows if row["key"] is not None}


def _encode(new: Sequence[Numbered], lane: int, recorded_at: datetime) -> tuple[list[tuple[object, ...]], list[Row]]:
    """Complete the bodies with what only the journal knows; return the rows of the journal and of the bus."""
    tail = f',"lane":{lane},"recordedtime":"{format_instant(recorded_at)}","sequence":"'.encode()
    done = [(event.key, seq, event.digest, event.head + tail + b'%020d"}' % seq) for seq, event in new]
    rows = [
        (event.route, body, key.hex(), headers_for(event.traceparent))
        for (key, _, _, body), (_, event) in zip(done, new, strict=True)
    ]
    # In the order of the keys: two writers with the same new events then wait for each other instead of locking up.
    done.sort()
    return [(lane, seq, UUID(key), digest, body) for key, seq, digest, body in done], rows


def _shares(offers: Sequence[Offer], outcomes: list[Outcome]) -> list[list[Outcome]]:
    """Give each offer its part of the outcomes."""
    shares, start = [], 0
    for offer in offers:
        shares.append(outcomes[start : start + len(offer.admitted)])
        start += len(offer.admitted)
    return shares


def _refusals(offers: Sequence[Offer], shares: list[list[Outcome]]) -> Iterator[quarantine.Row]:
    for offer, share in zip(offers, shares, strict=True):
        for refused in offer.refused:
            yield quarantine.row_of(offer.publisher, offer.door, refused)
        if Outcome.CONFLICT in share:
            for event, outcome in zip(offer.admitted, share, strict=True):
                if outcome is Outcome.CONFLICT:
                    yield quarantine.row_of(offer.publisher, offer.door, quarantine.conflict(event))


def _tally(offers: Sequence[Offer], shares: list[list[Outcome]]) -> tuple[list[str], list[int], list[int], list[int]]:
    """Count by system, in the order of the names: accepted, duplicates, rejected."""
    counts: dict[str, list[int]] = {}
    for offer, share in zip(offers, shares, strict=True):
        count = counts.setdefault(offer.publisher.system, [0, 0, 0])
        accepted, conflicts = share.count(Outcome.ACCEPTED), share.count(Outcome.CONFLICT)
        count[0] += accepted
        count[1] += len(share) - accepted - conflicts
        count[2] += conflicts + len(offer.refused)
    names = sorted(counts)
    accepted_of, duplicates_of, rejected_of = ([counts[name][column] for name in names] for column in range(3))
    return names, accepted_of, duplicates_of, rejected_of
