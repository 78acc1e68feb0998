"""What KPIs are held against in a fiscal year: the targets of its commitments in force, else the catalogue's. Pure.

A target in force replaces the number aimed at and, where it says so, the tolerance. What else the catalogue says of the
target stays: the kind of period that it is set for, how it is spread over it, where the way began.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from citygoals.shared.commitment import IN_FORCE, Commitment, CommittedTarget
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import CityCalendar, Period


@dataclass(frozen=True, slots=True)
class Committed:
    """A KPI as a department has committed itself to it for a fiscal year, which is named by the year that it ends in."""

    year: int
    commitment: str
    kpi: KpiDef

    def holds_in(self, period: Period, calendar: CityCalendar) -> bool:
        """Say whether the whole period lies in the fiscal year: of one that begins earlier or ends later it says nothing."""
        return self.year == calendar.fiscal_year_of(period.start) == calendar.fiscal_year_of(period.last)


CommittedKpis = Mapping[str, tuple[Committed, ...]]
"""By KPI, one for each fiscal year that has one."""


def committed_kpis(kpis: Mapping[str, KpiDef], commitments: Iterable[Commitment]) -> CommittedKpis:
    """Return the KPIs as committed.

    A commitment says nothing of a KPI that its department has no more, nor with a target that the KPI, as it is counted
    today, cannot have.
    """
    found: dict[str, tuple[Committed, ...]] = {}
    for commitment in commitments:
        if commitment.state in IN_FORCE:
            for target in commitment.targets:
                kpi = _fitting(kpis.get(target.kpi), commitment, target)
                if kpi is not None:
                    one = Committed(int(commitment.fiscal_year[2:]), commitment.id, kpi)
                    found[kpi.id] = (*found.get(kpi.id, ()), one)
    return found


def committed_in(committed: CommittedKpis, kpi: str, period: Period, calendar: CityCalendar) -> Committed | None:
    """Return the KPI as committed for the fiscal year that the period lies in, None where it is not."""
    return next((one for one in committed.get(kpi, ()) if one.holds_in(period, calendar)), None)


def as_committed(kpi: KpiDef, target: CommittedTarget, *, sample: bool = False) -> KpiDef:
    """Return the KPI with the target in the place of its own. Raises ValidationError for one that it cannot have."""
    dump = kpi.model_dump(mode="json")
    own: dict[str, Any] = dump["target"] or {"basis": "fiscal_year" if kpi.grows else None}
    aim = target.model_dump(include={"value", "low", "high"})
    tolerance = dump["tolerance"] if target.tolerance is None else target.tolerance
    return KpiDef.model_validate({**dump, "target": {**own, **aim}, "tolerance": tolerance, "sample": sample})


def _fitting(kpi: KpiDef | None, commitment: Commitment, target: CommittedTarget) -> KpiDef | None:
    if kpi is None or kpi.department != commitment.department:
        return None
    try:
        return as_committed(kpi, target, sample=commitment.sample)
    except ValidationError:
        return None
