"""KPIs and departments as data."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from citygoals.shared.measure import MeasureDef
from citygoals.shared.model import DaysText, DecimalText, KebabId, KpiId, Model, PositiveDecimalText, Text
from citygoals.shared.period import GRAINS

Basis = Literal["day", "week", "month", "quarter", "half", "fiscal_year", "all"]
Unit = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class Target(Model):
    """What is to be reached: a `value`, or for a band `low` and `high`.

    Written as the plain fraction or number: 0.65 for 65 %. `basis` is the period that the target was set for.
    """

    value: DecimalText | None = None
    low: DecimalText | None = None
    high: DecimalText | None = None
    basis: Basis | None = None


class KpiDef(Model):
    """One KPI of the catalogue."""

    id: KpiId
    title: Text
    description: Text | None = None
    department: KebabId | None = None
    scope: Literal["department", "city"] = "department"
    measure: MeasureDef
    unit: Unit
    decimals: Annotated[int, Field(ge=0, le=12, strict=True)] = 2
    polarity: Literal["up", "down", "band"] = "up"
    target: Target | None = None
    tolerance: DecimalText = "0.05"
    zero_attainment: DecimalText | None = None
    absence_means: Literal["zero", "unknown"] = "unknown"
    freshness: DaysText | None = None
    internal: bool = False
    sample: bool = False
    source: str | None = None
    tags: tuple[KebabId, ...] = ()


class DepartmentDef(Model):
    """One department of the city."""

    id: KebabId
    title: Text
    vision_block: KebabId | None = None
    verified: bool = False
    note: str | None = None


class CatalogueDef(Model):
    """A catalogue file: KPIs, departments, or both."""

    kpis: tuple[KpiDef, ...] = ()
    departments: tuple[DepartmentDef, ...] = ()
