"""A small city with duties: the definitions and records that they are made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from citygoals.shared.business_def import BusinessCalendarDef
from citygoals.shared.duty_def import DutyDef
from citygoals.shared.kpi import DepartmentDef, KpiDef
from citygoals.shared.period import CityCalendar
from citygoals.shared.plan import load_catalogue
from citygoals.shared.records import NO_RECORDS, Records, with_records
from citygoals.shared.rosters import Rosters, owned, with_roster

CITY = CityCalendar("America/Denver", 9)
FOUNDED = datetime(2026, 8, 1, tzinfo=UTC)

OFFICES = """\
departments:
  - {id: court, title: {en: Municipal Court}}
  - {id: police, title: {en: Police}}
  - {id: unassigned, title: {en: Nobody yet}}
calendars:
  - id: offices
    title: {en: City offices}
    hours:
      monday: ["08:00-17:00"]
      tuesday: ["08:00-17:00"]
      wednesday: ["08:00-17:00"]
      thursday: ["08:00-17:00"]
      friday: ["08:00-17:00"]
    holidays:
      - {date: 2027-09-06, title: {en: Labor Day}}
      - {date: 2027-03-26, title: {en: Good Friday}}
kpis:
  - {id: C-1, title: {en: One}, department: court, unit: n, measure: {kind: count, event: city.payment.settled.v1}}
  - {id: C-2, title: {en: Two}, department: court, unit: n, measure: {kind: count, event: city.payment.settled.v1}}
  - {id: C-3, title: {en: Ours}, department: court, unit: n, internal: true, measure: {kind: count, event: city.payment.settled.v1}}
"""

DUTIES = """\
duties:
  - id: report
    kind: report
    title: {en: Half-year report, es: Informe semestral}
    grain: half
    due: {business_days: 20}
    calendar: offices
    from: 2026-09-01
  - id: annual
    kind: report
    title: {en: Annual report}
    departments: [court]
    grain: fiscal_year
    due: {on: 01-31}
    from: 2026-09-01
  - id: promise
    kind: commit
    title: {en: Targets}
    departments: [court]
    from: 2027-09-01
  - id: review
    kind: meeting
    title: {en: Performance meeting}
    memo_before: PT48H
    follow_up: {days: 2}
    from: 2026-09-01
    meetings:
      - {id: winter, at: "2026-12-09T10:00", departments: [police]}
      - {id: spring, at: "2027-03-15T09:00", departments: [court, police]}
      - {id: autumn, at: "2027-11-08T09:00", departments: [court]}
"""


@dataclass(frozen=True)
class City:
    """What `duties` asks of the definitions."""

    duties: Mapping[str, DutyDef]
    departments: Mapping[str, DepartmentDef]
    calendars: Mapping[str, BusinessCalendarDef]
    rosters: Rosters
    records: Records = field(default_factory=lambda: NO_RECORDS)

    def with_records(self, **parts: Any) -> "City":
        dumped = {part: [one.model_dump(mode="json") for one in records] for part, records in parts.items()}
        return replace(self, records=with_records(self.records, dumped))

    def with_kpis(self, since: datetime, *kpis: KpiDef) -> "City":
        return replace(self, rosters=with_roster(self.rosters, owned(kpis), since))


def a_city(duties: str = DUTIES) -> City:
    read = load_catalogue(OFFICES + duties, "city.yaml")
    named = ({one.id: one for one in part} for part in (read.duties, read.departments, read.calendars))
    duties_, departments, calendars = named
    return City(duties_, departments, calendars, with_roster((), owned(read.kpis), FOUNDED))  # type: ignore[arg-type]


def at(text: str) -> datetime:
    """Read an instant of UTC, like 2027-03-26T23:00."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
