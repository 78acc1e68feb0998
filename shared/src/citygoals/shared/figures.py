"""Figures: what the cells of a KPI say for a period. One pure function, in integers, for every service."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import Period


class Cell(NamedTuple):
    """The integers of one cell."""

    numerator: int
    denominator: int
    events: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One KPI in one period."""

    kpi: KpiDef
    period: Period
    numerator: int | None
    denominator: int | None
    events: int
    attainment: Fraction | None
    status: str
    preliminary: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the figure as the contract writes it."""
        raise NotImplementedError


def figure(kpi: KpiDef, cell: Cell | None, *, period: Period, today: date, last_day: date | None) -> Figure:
    """Return the KPI's figure for the period."""
    raise NotImplementedError
