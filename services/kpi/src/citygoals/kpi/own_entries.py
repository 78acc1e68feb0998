"""kpi's own entries, on lane 0: ticks and definitions are written into the ledger as events are. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from citygoals.kpi.entries import OWN_LANE
from citygoals.shared.changeset import SOURCE
from citygoals.shared.events import Event, encode
from citygoals.shared.instants import format_instant
from citygoals.shared.period import CityCalendar

TICKED = "city.kpi.ticked.v1"
RESTATED = "city.kpi.restated.v1"
"""A rebuild's cells took the place of stored ones that did not follow from the ledger."""

NAMESPACE = "city-goals"


def own_body(event_type: str, data: Mapping[str, Any], *, seq: int, at: datetime, recorded_at: datetime) -> bytes:
    """Return the body of the entry numbered `seq` of lane 0."""
    return encode(
        Event(
            id=str(seq),
            source=SOURCE,
            type=event_type,
            time=format_instant(at),
            data=dict(data),
            datacontenttype="application/json",
            lane=OWN_LANE,
            sequence=f"{seq:020d}",
            recordedtime=format_instant(recorded_at),
            namespace=NAMESPACE,
        )
    )


def hour_of(now: datetime, calendar: CityCalendar) -> datetime:
    """Return the beginning of the city's hour, in UTC: the instant of a tick."""
    local = now.astimezone(ZoneInfo(calendar.zone))
    return local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
