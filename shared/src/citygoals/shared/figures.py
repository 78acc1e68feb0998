"""Figures: what the cells of a KPI say for a period. One pure function, in integers, for every service."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple, Protocol

from citygoals.shared.attainment import BASELINING, NO_DATA, STALE, Ratio
from citygoals.shared.exact import quotient_text
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import Period


class Cell(NamedTuple):
    """The integers of one cell. `events` is the number of entries whose facts give it something other than (0, 0).

    A cell without events is no cell: whatever was counted there has been taken back. A count or a sum has no
    denominator of its own, so that of its cells is not looked at.
    """

    numerator: int
    denominator: int
    events: int


class Figure(NamedTuple):
    """One KPI in one period, exact. `numerator` and `denominator` are None where there is no data."""

    kpi: KpiDef
    period: Period
    numerator: int | None
    denominator: int | None
    events: int
    attainment: Ratio | None
    status: str
    preliminary: bool
    has_target: bool

    @property
    def value(self) -> str | None:
        """The value in the KPI's unit with its decimals, rounded half-even; None where nothing can be divided."""
        if self.numerator is None or not self.denominator:
            return None
        scale = 100 if self.kpi.unit == "%" else 1
        sign = 1 if self.denominator > 0 else -1
        return quotient_text(sign * self.numerator * scale, sign * self.denominator, self.kpi.decimals)

    def to_dict(self) -> dict[str, Any]:
        """Return the figure as the contract writes it: decimals as strings, fractions in lowest terms."""
        kpi, attainment = self.kpi, self.attainment
        return {
            "id": kpi.id,
            "title": kpi.title.en,
            "department": kpi.department,
            "numerator": self.numerator,
            "denominator": self.denominator,
            "value": self.value,
            "unit": kpi.unit,
            "target": _target(kpi) if self.has_target else None,
            "attainment": None if attainment is None else attainment._asdict(),
            "status": self.status,
            "period": self.period.label,
            "events": self.events,
            "preliminary": self.preliminary,
            "decimals": kpi.decimals,
            "labels": kpi.title.labels(),
            "zero_attainment": kpi.zero_attainment,
            "sample": kpi.sample,
        }


def figure(kpi: KpiDef, cell: Cell | None, *, period: Period, today: date, last_day: date | None) -> Figure:
    """Return the KPI's figure for the period.

    `cell` is the sum of the KPI's cells in the period, `today` the city's day, `last_day` the last day up to the
    period's end on which the KPI had data.
    """
    numerator, denominator, events = _integers(kpi, cell, is_future=period.start > today)
    yardstick = kpi.yardstick if _target_applies(kpi, period) else None
    attainment = None
    if numerator is None or not denominator:
        status = NO_DATA
    elif yardstick is None:
        status = BASELINING
    else:
        attainment = yardstick.attainment(numerator, denominator)
        status = yardstick.status(attainment)
    if status != NO_DATA and _is_stale(kpi, period, today, last_day):
        status = STALE
    return Figure(
        kpi=kpi,
        period=period,
        numerator=numerator,
        denominator=denominator,
        events=events,
        attainment=attainment,
        status=status,
        preliminary=_is_preliminary(kpi, period, today, last_day),
        has_target=yardstick is not None,
    )


class HasStatus(Protocol):
    """A figure or a node."""

    @property
    def status(self) -> str:
        """Its status, one of attainment.STATUSES."""
        ...


class Crossing(NamedTuple):
    """One figure or node that entered another status between two positions."""

    id: str
    before: str
    after: str


def crossings(before: Mapping[str, HasStatus], after: Mapping[str, HasStatus]) -> list[Crossing]:
    """Return what is in both and has another status now, by id. What is new or gone has crossed nothing."""
    return [
        Crossing(name, before[name].status, after[name].status)
        for name in sorted(after)
        if name in before and before[name].status != after[name].status
    ]


def _integers(kpi: KpiDef, cell: Cell | None, *, is_future: bool) -> tuple[int | None, int | None, int]:
    if cell is not None and cell.events:
        return cell.numerator, 1 if kpi.is_additive else cell.denominator, cell.events
    if kpi.is_additive and kpi.absence_means == "zero" and not is_future:
        return 0, 1, 0
    return None, None, 0


def _target_applies(kpi: KpiDef, period: Period) -> bool:
    """A count grows with its period, so it is held against a target only in the kind of period that it is set for."""
    basis = None if kpi.target is None else kpi.target.basis
    return not kpi.is_additive or basis is None or basis == period.grain


def _is_stale(kpi: KpiDef, period: Period, today: date, last_day: date | None) -> bool:
    if kpi.freshness_days is None:
        return False
    return last_day is None or (min(today, period.last) - last_day).days > kpi.freshness_days


def _is_preliminary(kpi: KpiDef, period: Period, today: date, last_day: date | None) -> bool:
    """Whether something in the period can still be taken back, as a closing can within 30 days."""
    if not kpi.maturing_days or last_day is None or last_day < period.start:
        return False
    return (today - last_day).days <= kpi.maturing_days


def _target(kpi: KpiDef) -> dict[str, str | None] | None:
    if kpi.target is None:
        return None
    return {
        "value": kpi.target.value,
        "polarity": kpi.polarity,
        "tolerance": kpi.tolerance,
        "low": kpi.target.low,
        "high": kpi.target.high,
        "basis": kpi.target.basis,
    }
