"""An entry: one admitted event as the ledger keeps it, with its identity, its fact and its local day. Pure."""

from datetime import date, datetime
from typing import Any

import msgspec

from citygoals.kpi.facts import KIND_OF, event_key, fact_key
from citygoals.shared.errors import Malformed
from citygoals.shared.events import Event, decode
from citygoals.shared.period import CityCalendar

OWN_LANE = 0  # kpi's own lane: ticks and definitions


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One event of the ledger; `body` is exactly what intake admitted."""

    lane: int
    seq: int
    key: bytes
    fact: bytes
    type: str
    at: datetime
    day: date
    source: str
    id: str
    namespace: str
    data: dict[str, Any]
    body: bytes
    recorded: str | None = None
    traceparent: str | None = None
    subject: str | None = None


class EntryReader:
    """Turns bodies into entries of a city."""

    def __init__(self, calendar: CityCalendar) -> None:
        self._day_of = calendar.local_day

    def read(self, body: bytes) -> Entry:
        """Return the entry in an admitted event's body. Raises Malformed."""
        event = decode(body)
        if event.lane is None:
            raise Malformed(f"event {event.source} {event.id} is in no lane: only intake gives one")
        at = event.occurred_at
        key = event_key(event.source, event.id)
        return Entry(
            event.lane,
            event.seq,
            key,
            fact_of(event, key),
            event.type,
            at,
            self._day_of(at),
            event.source,
            event.id,
            event.namespace or "",
            event.data,
            body,
            event.recordedtime,
            event.traceparent,
            event.subject,
        )


def fact_of(event: Event, key: bytes) -> bytes:
    """Return the key of the fact that the event speaks about; an event of no known kind is its own fact."""
    kind = KIND_OF.get(event.type)
    if kind is None:
        return key
    try:
        return fact_key(kind, event.namespace or "", event.data)
    except KeyError:  # a type of the catalogue always names its thing; one that does not stands alone
        return key
