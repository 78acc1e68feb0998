"""Kinds of measures that look at how values spread: percentiles and distinct things."""

from functools import cached_property
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from citygoals.shared.model import EventType, KebabId, Model, ShareText
from citygoals.shared.terms import DataPath, Term, Where

Divisor = Annotated[int, Field(ge=1, le=10**9, strict=True)]


def _inside(text: str) -> str:
    if text.strip("0.") == "":
        raise ValueError("a quantile lies above 0: 0.9 is the 90th percentile")
    return text


class PercentileMeasure(Model):
    """A percentile of an integer field, or of the seconds between two events of a fact, within 1 %.

    `quantile` 0.9 is the 90th percentile, by nearest rank. With `clock`, the id of a business calendar, seconds are
    those of its open time. `per` divides: 3600 turns seconds into hours.
    """

    is_daily: ClassVar[bool] = False

    kind: Literal["percentile"]
    event: EventType
    quantile: Annotated[ShareText, AfterValidator(_inside)]
    value: DataPath | None = None
    since: EventType | None = None
    where: Where | None = None
    clock: KebabId | None = None
    take: Literal["standing", "every"] = "standing"
    per: Divisor = 1

    @model_validator(mode="after")
    def _value_or_since(self) -> "PercentileMeasure":
        if (self.value is None) == (self.since is None):
            raise ValueError("a percentile names either `value` (a field below data) or `since` (an event type)")
        if self.clock is not None and self.since is None:
            raise ValueError("a `clock` measures the time since another event: it needs `since`")
        return self

    @cached_property
    def numerators(self) -> tuple[Term, ...]:
        """The values, whose sum is kept beside their distribution."""
        value = self.value or "seconds"
        return (Term(event=self.event, value=value, where=self.where, since=self.since, take=self.take),)

    @cached_property
    def denominators(self) -> tuple[Term, ...]:
        """None: the bins count."""
        return ()


class DistinctMeasure(Model):
    """How many different things there were: the values of a field, each once in a period however often it came."""

    is_daily: ClassVar[bool] = False

    kind: Literal["distinct"]
    event: EventType
    key: DataPath
    where: Where | None = None

    @cached_property
    def numerators(self) -> tuple[Term, ...]:
        """The items whose keys are counted."""
        return (Term(event=self.event, where=self.where),)

    @cached_property
    def denominators(self) -> tuple[Term, ...]:
        """None: a number of things has denominator 1."""
        return ()
