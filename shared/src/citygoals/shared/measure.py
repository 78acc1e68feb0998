"""Measures as data: which events a KPI counts, what it takes from each, and what it divides by."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from citygoals.shared.model import DATA_PATH_PATTERN, VALUE_PATTERN, DaysText, EventType, Model

Value = Annotated[str, StringConstraints(pattern=VALUE_PATTERN, max_length=200)]
DataPath = Annotated[str, StringConstraints(pattern=DATA_PATH_PATTERN, max_length=200)]
Where = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class Term(Model):
    """One sum over the items of one event type.

    `value` is `count` (1 for each item), `data.<field>` (an integer of the item) or `seconds` (whole seconds from the
    fact's first standing `since` item to this one). Left out, it is `seconds` where `since` is given, else `count`.
    An item whose fact has no `since` item gives nothing, whatever the value.
    """

    event: EventType
    value: Value = "count"
    where: Where | None = None
    take: Literal["standing", "every"] = "standing"
    reopened_within: DaysText | None = None
    since: EventType | None = None
    sign: Literal[1, -1] = 1

    @model_validator(mode="before")
    @classmethod
    def _value_of_since(cls, fields: object) -> object:
        if isinstance(fields, dict) and fields.get("since") is not None and "value" not in fields:
            return {**fields, "value": "seconds"}
        return fields

    @model_validator(mode="after")
    def _seconds_need_since(self) -> "Term":
        if self.value == "seconds" and self.since is None:
            raise ValueError("value `seconds` needs `since`: the event type that the seconds are counted from")
        return self

    @property
    def path(self) -> tuple[str, ...]:
        """The field below `data`, for example ("attendees",); () for `count` and `seconds`."""
        return tuple(self.value.split(".")[1:])


class CountMeasure(Model):
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


class SumMeasure(Model):
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


def _as_list(value: object) -> object:
    return [value] if isinstance(value, (dict, Term)) else value


def _some(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    if not terms:
        raise ValueError("at least one term is needed")
    return terms


Terms = Annotated[
    tuple[Term, ...],
    AfterValidator(_some),
    BeforeValidator(_as_list, json_schema_input_type=Term | Annotated[list[Term], Field(min_length=1)]),
]
"""One term, or a list of them."""


class RatioMeasure(Model):
    """One sum over another, pooled: add numerators and denominators, divide once."""

    kind: Literal["ratio"]
    numerator: Terms
    denominator: Terms

    @cached_property
    def numerators(self) -> tuple[Term, ...]:
        """The terms above the line."""
        return self.numerator

    @cached_property
    def denominators(self) -> tuple[Term, ...]:
        """The terms below the line."""
        return self.denominator


class MeanMeasure(Model):
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


class LatestMeasure(Model):
    """A value that a person or system records for a period (`city.measurement.recorded.v1`): the last one counts.

    The measurement carries `value`, or `numerator` and `denominator`; a figure is the latter over the former's 1.
    """

    kind: Literal["latest"]
    measure_id: Annotated[str, StringConstraints(min_length=1, max_length=200)]

    @cached_property
    def numerators(self) -> tuple[Term, ...]:
        """None: the measurement itself carries the integers."""
        return ()

    @cached_property
    def denominators(self) -> tuple[Term, ...]:
        """None: the measurement itself carries the integers."""
        return ()


MeasureDef = Annotated[
    CountMeasure | SumMeasure | RatioMeasure | MeanMeasure | LatestMeasure, Field(discriminator="kind")
]
"""Every kind gives `numerators` and `denominators`, so that whoever evaluates a measure need not know the kinds."""
