"""Kinds of measures about what is there: a stock, the share of time that things were up, a flow over a mean stock."""

from functools import cached_property
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from citygoals.shared.model import EventType, Model
from citygoals.shared.terms import Term, Termless, Where


class Passage(Model):
    """An event by which a thing comes in or goes out."""

    event: EventType
    where: Where | None = None


Passages = Annotated[tuple[Passage, ...], Field(min_length=1)]


class Presence(Model):
    """When a thing is in: from each of `enters` to the next of `leaves`, in the order in which things happened.

    A thing that is in already does not come in again, one that is out does not leave.
    """

    enters: Passages
    leaves: Annotated[tuple[Passage, ...], Field()] = ()

    @cached_property
    def events(self) -> frozenset[str]:
        """Every event type that lets something in or out."""
        return frozenset(passage.event for passage in (*self.enters, *self.leaves))


class _PresenceMeasure(Termless):
    is_daily: ClassVar[bool] = True


class StockMeasure(_PresenceMeasure):
    """How many things are in at the end of the period, or now: never added over time."""

    kind: Literal["stock"]
    presence: Presence


class AvailabilityMeasure(_PresenceMeasure):
    """Time that things were up over time that they were to be, over the period's days that are over, in minutes."""

    kind: Literal["availability"]
    up: Presence
    planned: Presence


class TurnoverMeasure(_PresenceMeasure):
    """A flow over the mean stock of the period's days that are over: separations over mean headcount."""

    kind: Literal["turnover"]
    flow: Term
    presence: Presence

    @cached_property
    def numerators(self) -> tuple[Term, ...]:
        """The flow."""
        return (self.flow,)
