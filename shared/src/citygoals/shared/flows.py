"""Flows: kinds of measures whose parts add up over time, and the latest value of a measurement."""

from functools import cached_property
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from citygoals.shared.model import EventType, KebabId, Model
from citygoals.shared.terms import DataPath, Term, Termless, Terms, Where


class Flow(Model):
    """A measure whose numerators and denominators add up over days, and over departments and districts."""

    is_daily: ClassVar[bool] = False


class CountMeasure(Flow):
    """How many items there are."""

    kind: Literal["count"]
    event: EventType | None = None
    where: Where | None = None
    terms: tuple[Term, ...] = ()

    @model_validator(mode="after")
    def _event_or_terms(self) -> "CountMeasure":
        if (self.event is None) == (not self.terms):
            raise ValueError("a count names either `event` or `terms`")
        if self.terms and self.where is not None:
            raise ValueError("with `terms`, each term has its own `where`")
        return self

    @cached_property
    def numerators(self) -> tuple[Term, ...]:
        """The terms that are added up."""
        return self.terms or (Term(event=self.event or "", where=self.where),)

    @cached_property
    def denominators(self) -> tuple[Term, ...]:
        """None: a count has denominator 1."""
        return ()


class SumMeasure(Flow):
    """The sum of an integer field over items, for example attendees."""

    kind: Literal["sum"]
    event: EventType | None = None
    value: DataPath | None = None
    where: Where | None = None
    terms: tuple[Term, ...] = ()

    @model_validator(mode="after")
    def _event_or_terms(self) -> "SumMeasure":
        if (self.event is None) == (not self.terms) or (self.event is None) != (self.value is None):
            raise ValueError("a sum names either `event` and `value`, or `terms`")
        if self.terms and self.where is not None:
            raise ValueError("with `terms`, each term has its own `where`")
        return self

    @cached_property
    def numerators(self) -> tuple[Term, ...]:
        """The terms that are added up."""
        return self.terms or (Term(event=self.event or "", value=self.value or "", where=self.where),)

    @cached_property
    def denominators(self) -> tuple[Term, ...]:
        """None: a sum has denominator 1."""
        return ()


class Reference(Model):
    """A number to divide by that no event brings: that of a dated reference table.

    A `whole` number is taken as it is on the period's last day that has come (a population). A `yearly` one is an amount
    for a fiscal year (a budget): of a shorter period, or of one that is not over, only the share of its elapsed days; of
    one that reaches over two years, a share of each. All time has no first year, and so no figure.
    """

    reference: KebabId
    use: Literal["whole", "yearly"] = "whole"


class RatioMeasure(Flow):
    """One sum over another, pooled: add numerators and denominators, divide once. Or over a reference number.

    `scale` multiplies: 1000 for a rate per 1,000.
    """

    kind: Literal["ratio"]
    numerator: Terms
    denominator: Terms | None = None
    over: Reference | None = None
    scale: Annotated[int, Field(ge=1, le=10**9, strict=True)] = 1

    @model_validator(mode="after")
    def _one_denominator(self) -> "RatioMeasure":
        if (self.denominator is None) == (self.over is None):
            raise ValueError("a ratio has either a `denominator` of terms or is `over` a reference")
        return self

    @cached_property
    def numerators(self) -> tuple[Term, ...]:
        """The terms above the line."""
        return self.numerator

    @cached_property
    def denominators(self) -> tuple[Term, ...]:
        """The terms below the line."""
        return self.denominator or ()


class MeanMeasure(Flow):
    """The mean of an integer field, or of the seconds between two events of a fact: sum over number of items."""

    kind: Literal["mean"]
    event: EventType
    value: DataPath | None = None
    where: Where | None = None
    since: EventType | None = None
    take: Literal["standing", "every"] = "standing"

    @model_validator(mode="after")
    def _value_or_since(self) -> "MeanMeasure":
        if (self.value is None) == (self.since is None):
            raise ValueError("a mean names either `value` (a field below data) or `since` (an event type)")
        return self

    @cached_property
    def numerators(self) -> tuple[Term, ...]:
        """The sum of the values."""
        value = self.value or "seconds"
        return (Term(event=self.event, value=value, where=self.where, since=self.since, take=self.take),)

    @cached_property
    def denominators(self) -> tuple[Term, ...]:
        """The number of the same items."""
        return (Term(event=self.event, value="count", where=self.where, since=self.since, take=self.take),)


class LatestMeasure(Termless):
    """A value that a person or system records for a period (`city.measurement.recorded.v1`): the last one counts.

    The measurement carries `value`, or `numerator` and `denominator`; a figure is the latter over the former's 1.
    """

    is_daily: ClassVar[bool] = True

    kind: Literal["latest"]
    measure_id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
