"""Figures: what the cells of a KPI say for a period. One pure function, in integers, for every service."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple, Protocol

from citygoals.shared.attainment import BASELINING, NO_DATA, STALE, Ratio
from citygoals.shared.cells import Cell
from citygoals.shared.committed import Committed
from citygoals.shared.derived import derive
from citygoals.shared.exact import quotient_text
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import Period
from citygoals.shared.reading import Almanac, Reading
from citygoals.shared.reckoning import Sum, reckon
from citygoals.shared.targets import yardstick_for

__all__ = ["Cell", "Crossing", "Figure", "crossings", "figure"]


class Figure(NamedTuple):
    """One KPI in one period, exact. `numerator` and `denominator` are None where there is no data.

    `committed` is the KPI as its department committed itself to it for the fiscal year, where it did.
    """

    kpi: KpiDef
    period: Period
    numerator: int | None
    denominator: int | None
    events: int | None
    attainment: Ratio | None
    status: str
    preliminary: bool
    has_target: bool
    committed: Committed | None = None

    @property
    def held(self) -> KpiDef:
        """The KPI with the target that it is held against: the committed one, else the catalogue's."""
        return self.kpi if self.committed is None else self.committed.kpi

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
        kpi, held, attainment = self.kpi, self.held, self.attainment
        return {
            "id": kpi.id,
            "title": kpi.title.en,
            "department": kpi.department,
            "numerator": self.numerator,
            "denominator": self.denominator,
            "value": self.value,
            "unit": kpi.unit,
            "target": _target(held) if self.has_target else None,
            "committed": _committed(self) if self.has_target else None,
            "attainment": None if attainment is None else attainment._asdict(),
            "status": self.status,
            "period": self.period.label,
            "events": self.events,
            "preliminary": self.preliminary,
            "decimals": kpi.decimals,
            "labels": kpi.title.labels(),
            "zero_attainment": kpi.zero_attainment,
            "sample": held.sample,
            "version": kpi.version,
        }


def figure(
    kpi: KpiDef, reading: Reading, *, period: Period, almanac: Almanac, others: Mapping[str, "Figure"] | None = None
) -> Figure:
    """Return the KPI's figure for the period, from what its slice holds.

    `others` are the figures of all KPIs with cells of their own, for the measures that are made of them.
    """
    found = _sum(kpi, reading, period, almanac, others or {})
    committed = almanac.committed_in(kpi.id, period)
    yardstick = yardstick_for(kpi if committed is None else committed.kpi, period, almanac)
    last_day = reading.last_days.get(kpi.id)
    attainment = None
    if found is None or not found.denominator:
        status = NO_DATA
    elif yardstick is None:
        status = BASELINING
    else:
        attainment = yardstick.attainment(found.numerator, found.denominator)
        status = yardstick.status(attainment)
    if status != NO_DATA and _is_stale(kpi, period, almanac.now.day, last_day):
        status = STALE
    return Figure(
        kpi=kpi,
        period=period,
        numerator=None if found is None else found.numerator,
        denominator=None if found is None else found.denominator,
        events=0 if found is None else found.events,
        attainment=attainment,
        status=status,
        preliminary=_is_preliminary(kpi, period, almanac.now.day, last_day),
        has_target=yardstick is not None,
        committed=committed,
    )


def _sum(kpi: KpiDef, reading: Reading, period: Period, almanac: Almanac, others: Mapping[str, "Figure"]) -> Sum | None:
    has_begun = period.start <= almanac.now.day
    if kpi.is_derived:
        return derive(kpi, others) if has_begun else None
    found = reckon(kpi, reading, period, almanac)
    if found is None and kpi.is_number and kpi.absence_means == "zero" and has_begun:
        return Sum(0, 1, 0)
    return found


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


def _is_stale(kpi: KpiDef, period: Period, today: date, last_day: date | None) -> bool:
    if kpi.freshness_days is None or kpi.is_derived:  # what is made of others is as old as they are
        return False
    return last_day is None or (min(today, period.last) - last_day).days > kpi.freshness_days


def _is_preliminary(kpi: KpiDef, period: Period, today: date, last_day: date | None) -> bool:
    """Whether something in the period can still be taken back, as a closing can within 30 days."""
    if not kpi.maturing_days or last_day is None or last_day < period.start:
        return False
    return (today - last_day).days <= kpi.maturing_days


def _committed(figure: Figure) -> dict[str, Any] | None:
    """Return which commitment the target is from, and the catalogue's target in whose place it stands."""
    one = figure.committed
    return None if one is None else {"commitment": one.commitment, "catalogue_target": _target(figure.kpi)}


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
