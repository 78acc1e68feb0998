"""KPIs and departments as data."""

from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator
from pydantic.json_schema import SkipJsonSchema

from citygoals.shared.attainment import Yardstick
from citygoals.shared.business_def import BusinessCalendarDef
from citygoals.shared.duty_def import DutyDef
from citygoals.shared.measure import MeasureDef
from citygoals.shared.model import (
    DaysText,
    DecimalText,
    KebabId,
    KpiId,
    Model,
    ShareText,
    Text,
    UnsignedDecimalText,
    days,
)
from citygoals.shared.population import ReferenceDef

Basis = Literal["day", "week", "month", "quarter", "half", "fiscal_year", "all"]
Phase = Literal["linear"] | tuple[ShareText, ...]
FISCAL_MONTHS = 12

Unit = Annotated[str, StringConstraints(min_length=1, max_length=40)]


def _given(*names: str) -> dict[str, Any]:
    return {"required": list(names), "properties": {name: {"not": {"type": "null"}} for name in names}}


# What the validators below check, for those who read the JSON Schema instead.
_KPI_RULES: dict[str, Any] = {
    "allOf": [
        {
            "if": {"properties": {"polarity": {"const": "down"}}, "required": ["polarity"]},
            "then": _given("zero_attainment"),
        },
        {
            "if": {"properties": {"polarity": {"const": "band"}}, "required": ["polarity"]},
            "then": {"properties": {"target": _given("low", "high")}},
            "else": {"properties": {"target": _given("value")}},
        },
    ]
}


class Target(Model):
    """What is to be reached: a `value`, or for a band `low` and `high` (and, for show, the `value` aimed at inside it).

    Written as the plain fraction or number: 0.65 for 65 %. `basis` is the kind of period that the target is set for.
    A ratio or a mean is held against it in every period; a count or a sum only in a period of that kind, since a
    day's count says nothing against a year's target.

    A `phase` spreads the target over its period, so that each part of it, and one that is not over, has its own share:
    `linear` by days, or for a fiscal year the twelve shares of its months, from the first, which add up to 1.
    With a `baseline` it is progress that counts: the way from there to the value.
    """

    value: DecimalText | None = None
    low: DecimalText | None = None
    high: DecimalText | None = None
    basis: Basis | None = None
    phase: Phase | None = None
    baseline: DecimalText | None = None

    @model_validator(mode="after")
    def _phase_has_a_whole(self) -> "Target":
        if self.phase is None:
            return self
        if self.basis in {None, "all"}:
            raise ValueError("`phase` needs a `basis`: the kind of period that it spreads the target over")
        if self.phase != "linear":
            if self.basis != "fiscal_year" or len(self.phase) != FISCAL_MONTHS:
                raise ValueError("a curve is the twelve shares of a fiscal year's months")
            if sum(map(Fraction, self.phase)) != 1:
                raise ValueError("the twelve shares of a curve add up to 1")
        return self


class KpiDef(Model, json_schema_extra=_KPI_RULES):
    """One KPI of the catalogue.

    `scope` department keeps only facts of `department` (and facts without any); city keeps all of them.
    `also_by` splits the figures beside departments and districts: by the channel that a thing came through.
    `zero_attainment` is what a lower-is-better KPI attains at zero, where target over value has no value.
    `sample` says that the target is ours and nobody's commitment; `internal` keeps the KPI from the public. One that is
    `retired` leaves the catalogue; what it said until then can still be read, as of then.
    `version` is the position at which its formula became what it is: the engine says it, whatever a file says.
    """

    id: KpiId
    title: Text
    description: Text | None = None
    department: KebabId | None = None
    scope: Literal["department", "city"] = "department"
    also_by: tuple[Literal["channel"], ...] = ()
    measure: MeasureDef
    unit: Unit
    decimals: Annotated[int, Field(ge=0, le=12, strict=True)] = 2
    polarity: Literal["up", "down", "band"] = "up"
    target: Target | None = None
    tolerance: ShareText = "0.05"
    zero_attainment: UnsignedDecimalText | None = None
    absence_means: Literal["zero", "unknown"] = "unknown"
    freshness: DaysText | None = None
    internal: bool = False
    sample: bool = False
    source: Annotated[str, StringConstraints(max_length=500)] | None = None
    tags: tuple[KebabId, ...] = ()
    retired: bool = False
    version: SkipJsonSchema[int | None] = None

    @model_validator(mode="after")
    def _target_suits_polarity(self) -> "KpiDef":
        if self.polarity == "down" and self.zero_attainment is None:
            raise ValueError("a lower-is-better KPI declares `zero_attainment`: what it attains at zero")
        if self.target is not None:
            problem = _band_problem(self.target) if self.polarity == "band" else _value_problem(self.target)
            if problem:
                raise ValueError(f"target: {problem}")
        return self

    @property
    def is_number(self) -> bool:
        """Whether the KPI is one number of things, without a denominator of its own."""
        return self.measure.kind in {"count", "sum", "distinct", "stock", "overdue"}

    @property
    def is_derived(self) -> bool:
        """Whether the KPI is made of other KPIs' figures and has no cells of its own."""
        return self.measure.kind in {"index", "zero_typing"}

    @property
    def grows(self) -> bool:
        """Whether the KPI grows as its period does, so that a day's number says nothing against a year's target."""
        return self.measure.kind in {"count", "sum", "distinct"}

    @cached_property
    def yardstick(self) -> Yardstick | None:
        """The target as exact numbers; None where there is no target."""
        if self.target is None:
            return None
        return Yardstick(
            polarity=self.polarity,
            value=Fraction(self.target.value or 0),
            low=Fraction(self.target.low or 0),
            high=Fraction(self.target.high or 0),
            zero_attainment=Fraction(self.zero_attainment or 0),
            tolerance=Fraction(self.tolerance),
            baseline=None if self.target.baseline is None else Fraction(self.target.baseline),
        )

    @cached_property
    def freshness_days(self) -> int | None:
        """After how many days without data the KPI is stale; None for never."""
        return None if self.freshness is None else days(self.freshness).days

    @cached_property
    def maturing_days(self) -> int:
        """How many days a period's figure may still be taken back: the longest `reopened_within` of its terms, or 0."""
        terms = (*self.measure.numerators, *self.measure.denominators)
        return max((days(term.reopened_within).days for term in terms if term.reopened_within is not None), default=0)


def _value_problem(target: Target) -> str:
    if target.low is not None or target.high is not None:
        return "`low` and `high` belong to polarity band"
    if target.value is None:
        return "`value` is missing"
    if target.baseline is not None:
        return "`baseline` is the value itself: there is no way to go" if target.baseline == target.value else ""
    if Fraction(target.value) <= 0:
        return f"`value` is above zero, not {target.value}: attainment divides by it; use a band to aim at zero"
    return ""


def _band_problem(target: Target) -> str:
    if target.baseline is not None or target.phase is not None:
        return "`baseline` and `phase` belong to a single `value`"
    if target.low is None or target.high is None:
        return "a band has `low` and `high`"
    low, high = Fraction(target.low), Fraction(target.high)
    if not 0 <= low <= high:
        return f"expected 0 <= low <= high, not {target.low} and {target.high}"
    if target.value is not None and not low <= Fraction(target.value) <= high:
        return f"`value` {target.value} lies outside the band"
    return ""


class DepartmentDef(Model):
    """One department of the city."""

    id: KebabId
    title: Text
    vision_block: KebabId | None = None
    verified: bool = False
    note: Annotated[str, StringConstraints(max_length=500)] | None = None


class CatalogueDef(Model):
    """A catalogue file: KPIs, departments and their duties, and what those look up: business calendars, reference tables."""

    note: Annotated[str, StringConstraints(max_length=2000)] | None = None
    kpis: tuple[KpiDef, ...] = ()
    departments: tuple[DepartmentDef, ...] = ()
    calendars: tuple[BusinessCalendarDef, ...] = ()
    references: tuple[ReferenceDef, ...] = ()
    duties: tuple[DutyDef, ...] = ()
