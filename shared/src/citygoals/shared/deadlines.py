"""Kinds of measures about deadlines: done on time, overdue now, and how evenly over the city's parts."""

from functools import cached_property
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from citygoals.shared.business_def import WithinDef
from citygoals.shared.model import EventType, KebabId, Model
from citygoals.shared.terms import Termless, Where

Events = Annotated[tuple[EventType, ...], Field(min_length=1)]
FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]


class Deadline(Model):
    """When a thing is due, and what ends it.

    The clock starts at the fact's first standing `start` event and stands from each `pause` event to the next `resume`.
    It is due `within` the time given, on the `calendar` if that is business time; or at the instant in the start event's
    field `due_field`, where the event has one. The first standing one of `ends` ends it: at the due instant or before is
    on time. `where` chooses by the start event's data; a fact whose ending meets `unless` (a duplicate, say) has no
    deadline at all.
    """

    start: EventType
    ends: Events
    within: WithinDef | None = None
    due_field: FieldName | None = None
    calendar: KebabId | None = None
    pause: EventType | None = None
    resume: EventType | None = None
    where: Where | None = None
    unless: Where | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> "Deadline":
        if self.within is None and self.due_field is None:
            raise ValueError("a deadline has `within`, or `due_field`, or both (the field where there is one)")
        if (self.pause is None) != (self.resume is None):
            raise ValueError("`pause` and `resume` go together")
        if self.within is not None and self.within.duration is None and self.calendar is None:
            raise ValueError("business time needs a `calendar`")
        return self

    @cached_property
    def events(self) -> frozenset[str]:
        """Every event type that the deadline looks at."""
        return frozenset([self.start, *self.ends, *filter(None, (self.pause, self.resume))])


class _DueMeasure(Termless):
    """Measures of facts by their due instant. Cells are of days; what is due later today waits in parts by the hour."""

    is_daily: ClassVar[bool] = True

    deadline: Deadline


class OnTimeMeasure(_DueMeasure):
    """Done on time over all that was due in the period, done or not: leaving hard cases open lowers it."""

    kind: Literal["on_time"]


class OverdueMeasure(_DueMeasure):
    """How many are due and not done: a stock that grows as time passes without any event."""

    kind: Literal["overdue"]


class EvennessMeasure(_DueMeasure):
    """The widest gap between the on-time shares of two members of a dimension.

    A member counts from `least` due things in the period on; with fewer than two members there is no figure.
    """

    kind: Literal["evenness"]
    by: Literal["department", "district"] = "district"
    least: Annotated[int, Field(ge=1, le=10**6, strict=True)] = 1
