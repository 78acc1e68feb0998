"""What people are told of, read from an event: a crossing, a closed service request, a duty that is due. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec

from citygoals.shared.errors import Malformed
from citygoals.shared.events import Event
from citygoals.shared.instants import parse_instant

Topic = Literal["crossing", "closing", "duty"]
Status = Literal["ON_TRACK", "NEAR", "OFF_TRACK", "BASELINING", "NO_DATA", "STALE"]
Reason = Literal["resolved", "duplicate", "invalid", "referred", "no_action"]
Task = Literal["report", "commit", "memo", "follow-up"]
Stage = Literal["before", "today", "overdue"]
Text = Annotated[str, msgspec.Meta(max_length=1_000)]
Decimal = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,15}(\.[0-9]{1,12})?$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]

CROSSED = "city.kpi.crossed.v1"
CLOSED = "city.service_request.closed.v1"
DUTY = "city.kpi.duty.v1"
BACKFILL_AGE = timedelta(hours=24)
"""Events older than this when they were admitted notify nobody."""

FACETS: Mapping[Topic, tuple[str, ...]] = {
    "crossing": ("kind", "id", "department", "before", "after"),
    "closing": ("request", "reason", "system"),
    "duty": ("duty", "kind", "department", "stage"),
}
"""What a subscription may ask about, by topic."""

INTERNAL = "internal"
"""The facet that news of internal KPIs have besides; no subscription asks for it, staff are told without asking."""


class Crossed(msgspec.Struct, frozen=True):
    """The data of a crossing."""

    position: int
    kind: Literal["kpi", "node"]
    id: Name
    title: dict[str, Text]
    period: Name
    before: Status
    after: Status
    department: Name | None = None
    value: Text | None = None
    unit: Text | None = None
    attainment: Decimal | None = None
    internal: bool = False
    """Of a KPI that is kept from the public."""
    backfill: bool = False
    redefined: bool = False
    """The status changed because a target, a measure or the plan was changed at this position."""


class Closed(msgspec.Struct, frozen=True):
    """The data of a closing that matters here."""

    service_request_id: Name
    reason: Reason
    note_sent: bool | None = None


class DutyDue(msgspec.Struct, frozen=True):
    """The data of a duty that has come to another stage."""

    position: int
    id: Name
    duty: Name
    kind: Task
    title: dict[str, Text]
    department: Name
    department_title: dict[str, Text]
    due: Name
    stage: Stage
    days_left: Annotated[int, msgspec.Meta(ge=0, le=10_000)]
    period: Name | None = None
    meeting: Name | None = None
    meeting_at: Name | None = None
    days_before: Annotated[int, msgspec.Meta(ge=0, le=366)] | None = None
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """One thing that happened and that somebody may want to know.

    `facets` are what subscriptions ask about; `words` are what letters say; both hold plain values only.
    """

    source: str
    id: str
    type: str
    topic: Topic
    is_backfill: bool
    is_redefined: bool
    facets: Mapping[str, str | None]
    words: Mapping[str, Any]

    @property
    def is_internal(self) -> bool:
        """Whether it is of a KPI that is kept from the public."""
        return self.facets.get(INTERNAL) is not None


def read_news(event: Event) -> News:
    """Read what people could be told of from an event. Raises Malformed."""
    try:
        reader = _READERS[event.type]
    except KeyError:
        raise Malformed(f"nobody is told of events of type {event.type[:100]!r}") from None
    try:
        return reader(event)
    except (msgspec.ValidationError, ValueError) as error:
        raise Malformed(f"{event.type}: {error}") from error


def was_late(occurred_at: datetime, recorded_at: datetime) -> bool:
    """Say whether an event was older than a day when it was admitted; a day exactly is not older."""
    return recorded_at - occurred_at > BACKFILL_AGE


def _crossing(event: Event) -> News:
    data = msgspec.convert(event.data, Crossed)
    if not data.title:
        raise ValueError("title: at least one language is needed")
    return News(
        source=event.source,
        id=event.id,
        type=event.type,
        topic="crossing",
        is_backfill=data.backfill,
        is_redefined=data.redefined,
        facets={name: getattr(data, name) for name in FACETS["crossing"]}
        | ({INTERNAL: "yes"} if data.internal else {}),
        words=msgspec.to_builtins(data),
    )


def _closing(event: Event) -> News:
    data = msgspec.convert(event.data, Closed)
    return News(
        source=event.source,
        id=event.id,
        type=event.type,
        topic="closing",
        is_backfill=was_late(event.occurred_at, event.recorded_at),
        is_redefined=False,
        facets={"request": data.service_request_id, "reason": data.reason, "system": _system(event.source)},
        words={"request": data.service_request_id, "reason": data.reason, "closed_at": event.occurred_at.isoformat()},
    )


def _duty(event: Event) -> News:
    data = msgspec.convert(event.data, DutyDue)
    if not data.title or not data.department_title:
        raise ValueError("title: at least one language is needed")
    for instant in (data.due, data.meeting_at):
        if instant is not None:
            parse_instant(instant)
    return News(
        source=event.source,
        id=event.id,
        type=event.type,
        topic="duty",
        is_backfill=data.backfill,
        is_redefined=False,
        facets={name: getattr(data, name) for name in FACETS["duty"]},
        words=msgspec.to_builtins(data),
    )


def _system(source: str) -> str | None:
    """Return the publishing system: `/systems/<system>` or below it."""
    _, _, path = source.partition("/systems/")
    return path.split("/")[0] or None


_READERS: Mapping[str, Callable[[Event], News]] = {CROSSED: _crossing, CLOSED: _closing, DUTY: _duty}
