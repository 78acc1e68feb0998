"""The applier's tables in PostgreSQL: every statement that writes them, each as one function."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any

from asyncpg.pgproto.pgproto import UUID

from citygoals.kpi.announcements import Announcement
from citygoals.kpi.contributions import DIMENSIONS, CellKey, KeyPlace
from citygoals.kpi.entries import Entry
from citygoals.kpi.lanes import Hole
from citygoals.shared.changeset import CellRow
from citygoals.shared.errors import Conflict
from citygoals.shared.figures import Cell
from citygoals.shared.literals import plain_array, text_array
from citygoals.shared.period import GRAINS
from citygoals.shared.postgres import Connection, load_sql

SQL = load_sql("citygoals.kpi")

COPY_FROM_ENTRIES = 30
"""From this many entries on, COPY's second round trip costs less than what it saves."""

CELLS_AT_ONCE = 5_000
"""The driver's rows of so many take a few megabytes."""

_LEDGER_COLUMNS = ("lane", "seq", "position", "key", "fact", "type", "occurred_at", "body")


class Fenced(Conflict):
    """Another applier leads now, or has committed in between: nothing of this tenure may be written any more."""


@dataclass(frozen=True, slots=True)
class Header:
    """The applier's row."""

    epoch: int
    position: int
    recorded_at: datetime | None
    tick: datetime | None
    events_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What a position changes besides the ledger and the cells."""

    position: int
    recorded_at: datetime
    tick: datetime
    events_total: int
    lanes: Mapping[int, int]
    totals: Mapping[str, int]
    messages: Sequence[Announcement]
    traces: Sequence[str]


async def begin_tenure(connection: Connection) -> int:
    """Raise the epoch, which fences every earlier leader, and return it."""
    return int(await connection.fetchval(SQL.begin_tenure))


async def read_header(connection: Connection) -> Header:
    """Return the applier's row."""
    row = await connection.fetchrow(SQL.read_applier)
    assert row is not None, "the migration puts the row there and nobody may delete it"
    return Header(**row)


async def read_lanes(connection: Connection) -> dict[int, int]:
    """Return the next number expected of each lane."""
    return {row["lane"]: row["next_seq"] for row in await connection.fetch(SQL.read_lanes)}


async def read_totals(connection: Connection) -> dict[str, int]:
    """Return the number of events of each type."""
    return {row["type"]: row["events"] for row in await connection.fetch(SQL.read_totals)}


async def read_tick(connection: Connection, event_type: str, position: int) -> datetime | None:
    """Return the last tick at or before the position."""
    tick: datetime | None = await connection.fetchval(SQL.read_tick, event_type, position)
    return tick


async def read_definitions(connection: Connection, types: Iterable[str]) -> list[tuple[int, bytes]]:
    """Return (position, body) of each definition that was ever applied, in order."""
    return [(row["position"], row["body"]) for row in await connection.fetch(SQL.read_definitions, list(types))]


async def read_definition_positions(connection: Connection, types: Iterable[str]) -> list[int]:
    """Return the positions at which definitions were applied, in order."""
    return [row["position"] for row in await connection.fetch(SQL.read_definition_positions, list(types))]


async def hold_and_read(connection: Connection, facts: Iterable[bytes], *, epoch: int, position: int) -> list[bytes]:
    """Lock the applier's row and return the bodies of all entries of the facts.

    Raises:
        Fenced: the row has another epoch or position than the caller's.
    """
    rows = await connection.fetch(SQL.hold_and_read, plain_array([fact.hex() for fact in facts]))
    if (rows[0]["epoch"], rows[0]["position"]) != (epoch, position):
        raise Fenced(
            f"this applier has epoch {epoch} at position {position}, "
            f"the database {rows[0]['epoch']} at {rows[0]['position']}"
        )
    return [row["body"] for row in rows if row["body"] is not None]


async def append_entries(connection: Connection, entries: Sequence[Entry], position: int) -> None:
    """Add the entries to the ledger, at the position."""
    rows = [
        (entry.lane, entry.seq, position, UUID(entry.key), UUID(entry.fact), entry.type, entry.at, entry.body)
        for entry in entries
    ]
    if len(rows) >= COPY_FROM_ENTRIES:
        await connection.copy_records_to_table("ledger", records=rows, columns=_LEDGER_COLUMNS)
    elif rows:
        await connection.execute(SQL.append_entries, *map(list, zip(*rows, strict=True)))


async def put_unreadable(connection: Connection, holes: Sequence[Hole], now: datetime) -> None:
    """Write down which numbers of which lanes could not be read."""
    if holes:
        lanes, seqs, reasons = zip(*holes, strict=True)
        await connection.execute(SQL.put_unreadable, lanes, seqs, reasons, [now] * len(holes))


async def change_cells(connection: Connection, changes: Mapping[CellKey, Cell]) -> list[CellRow]:
    """Add the changes to the cells and return each of them as it is afterwards."""
    keys = sorted(changes)
    rows: list[CellRow] = []
    for first in range(0, len(keys), CELLS_AT_ONCE):
        some = keys[first : first + CELLS_AT_ONCE]
        kpis, grains, starts, dimensions, members = zip(*some, strict=True)
        numbers = zip(*[changes[key] for key in some], strict=True)
        columns = (text_array(kpis), *map(plain_array, (grains, starts, dimensions)), text_array(members))
        fetched = await connection.fetch(SQL.change_cells, *columns, *map(plain_array, numbers))
        rows += [cell_row(row) for row in fetched]
    return rows


async def change_key_counts(connection: Connection, changes: Mapping[KeyPlace, int]) -> dict[KeyPlace, int]:
    """Add to the counts of keys and return each of them as it is afterwards."""
    places = sorted(changes)
    after: dict[KeyPlace, int] = {}
    for first in range(0, len(places), CELLS_AT_ONCE):
        some = places[first : first + CELLS_AT_ONCE]
        kpis, grains, starts, dimensions, members, keys = zip(*some, strict=True)
        columns = (text_array(kpis), *map(plain_array, (grains, starts, dimensions)), text_array(members))
        hashes = plain_array([key.hex() for key in keys])
        counts = plain_array([changes[place] for place in some])
        for row in await connection.fetch(SQL.change_key_counts, *columns, hashes, counts):
            after[key_place(row)] = row["items"]
    return after


def key_place(row: Any) -> KeyPlace:
    """Return the place of a count of a key of the database."""
    return row["kpi"], row["grain"], row["start"], row["dimension"], row["member"], row["key"].bytes


def cell_row(row: Any) -> CellRow:
    """Return a cell of the database as the changeset has it."""
    kpi, grain, start, dimension, member, numerator, denominator, events = row
    series, member = intern(kpi), intern(member)  # a text of its own in each row would take more room than its integers
    return CellRow(
        series, GRAINS[grain], start, DIMENSIONS[dimension], member, int(numerator), int(denominator), events
    )


async def commit_position(connection: Connection, commit: Commit) -> None:
    """Move the position, the lanes and the totals, and put the messages into the outbox."""
    messages = commit.messages
    await connection.execute(
        SQL.commit_position,
        commit.position,
        commit.recorded_at,
        commit.tick,
        commit.events_total,
        list(commit.lanes),
        list(commit.lanes.values()),
        list(commit.totals),
        list(commit.totals.values()),
        [message.subject for message in messages],
        [message.msg_id for message in messages],
        [message.body for message in messages],
        list(commit.traces),
    )
