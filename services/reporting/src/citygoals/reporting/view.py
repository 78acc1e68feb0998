"""One period at one position, as an answer needs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from citygoals.reporting.cells import Mark, Totals
from citygoals.reporting.definitions import Definitions
from citygoals.reporting.questions import Misread, Unknown
from citygoals.reporting.sheet import Row, Sheet
from citygoals.shared.errors import Unavailable
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import CityCalendar, Period
from citygoals.shared.plan import PlanDef


@dataclass(frozen=True, slots=True)
class View:
    """One period at one position: everything in it belongs together, and nothing in it changes any more."""

    mark: Mark
    today: date
    period: Period
    definitions: Definitions
    totals: Totals
    sheet: Sheet
    rows: Mapping[str, Row]

    def nodes(self, plan: PlanDef) -> Mapping[str, Row]:
        """Return the nodes over these very figures; the sheet may be asked only until its owner awaits."""
        assert self.sheet.rows is self.rows, "nodes were asked of a sheet that has moved on"
        return self.sheet.nodes(plan)


def choose(definitions: Definitions, version: str | None, today: date) -> PlanDef:
    """Return the plan that a version names, or the one in force. Raises Unknown, Unavailable."""
    found = definitions.in_force(today) if version is None else definitions.version(version)
    if found is not None:
        return found
    if version is None:
        raise Unavailable("no plan has been applied yet")
    raise Unknown(f"no such plan version: {version[:40]!r}", allowed=[one.plan.version for one in definitions.plans])


def known_kpi(definitions: Definitions, kpi: str) -> KpiDef:
    """Return a KPI of the catalogue. Raises Unknown."""
    found = definitions.kpis.get(kpi)
    if found is None:
        raise Unknown(f"no such KPI: {kpi[:40]!r}", allowed=list(definitions.kpis))
    return found


def parse_period(calendar: CityCalendar, period: str | None, today: date) -> Period:
    """Return the period that a label names, by default the fiscal year of today. Raises Misread."""
    try:
        return calendar.containing(today, "fiscal_year") if period is None else calendar.parse(period, today)
    except ValueError as error:
        raise Misread(str(error)) from error
