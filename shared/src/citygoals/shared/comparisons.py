"""Kinds of measures made of other figures: change over time, an index of KPIs, the share of KPIs that feed themselves."""

from functools import cached_property
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from citygoals.shared.flows import CountMeasure, MeanMeasure, RatioMeasure, SumMeasure
from citygoals.shared.model import KpiId, Model, PositiveDecimalText
from citygoals.shared.terms import Term, Termless


class ChangeMeasure(Model):
    """By how much a flow changed: over the same elapsed days of the fiscal year before, or over the period before."""

    is_daily: ClassVar[bool] = True

    kind: Literal["change"]
    of: Annotated[CountMeasure | SumMeasure | RatioMeasure | MeanMeasure, Field(discriminator="kind")]
    against: Literal["fiscal_year_before", "period_before"] = "fiscal_year_before"

    @cached_property
    def numerators(self) -> tuple[Term, ...]:
        """Those of what is compared."""
        return self.of.numerators

    @cached_property
    def denominators(self) -> tuple[Term, ...]:
        """Those of what is compared."""
        return self.of.denominators


class IndexPart(Model):
    """One KPI of an index and how much it weighs."""

    kpi: KpiId
    weight: PositiveDecimalText = "1"


class _Derived(Termless):
    """A measure that has no cells of its own."""

    is_daily: ClassVar[bool] = False


class IndexMeasure(_Derived):
    """The weighted mean of what other KPIs attain, each capped; null where less than half of the weight has a value."""

    kind: Literal["index"]
    parts: Annotated[tuple[IndexPart, ...], Field(min_length=1)]
    cap: PositiveDecimalText = "1.25"


class ZeroTypingMeasure(_Derived):
    """The share of KPIs of the catalogue that nobody has to type: all but those of recorded measurements."""

    kind: Literal["zero_typing"]
