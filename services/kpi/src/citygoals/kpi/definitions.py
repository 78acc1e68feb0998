"""Definitions: plans, KPIs, departments, duties, calendars, reference tables, as the entries of lane 0 tell them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, TypeVar

import orjson

from citygoals.kpi.calendars import Calendars
from citygoals.shared.business_def import BusinessCalendarDef
from citygoals.shared.changeset import PART_MAX_BYTES
from citygoals.shared.committed import CommittedKpis, committed_kpis
from citygoals.shared.deadlines import EvennessMeasure, OnTimeMeasure, OverdueMeasure
from citygoals.shared.distributions import PercentileMeasure
from citygoals.shared.duty_def import CommitDutyDef, DutyDef, MeetingDutyDef, ReportDutyDef
from citygoals.shared.kpi import CatalogueDef, DepartmentDef, KpiDef
from citygoals.shared.model import Model
from citygoals.shared.parts import dated_series
from citygoals.shared.period import CityCalendar
from citygoals.shared.plan import PlanDef
from citygoals.shared.population import ReferenceDef
from citygoals.shared.records import NO_RECORDS, RECORD_CHANGED, Records, all_of, changed_records, with_records
from citygoals.shared.rosters import Rosters, owned, with_roster

PLAN_APPLIED = "city.plan.applied.v1"
CATALOGUE_APPLIED = "city.catalogue.applied.v1"
TOLD_MAX_BYTES = PART_MAX_BYTES - 16 * 1024
"""A changeset tells changed definitions whole, in its first part, which carries lanes and totals as well."""

DEFINITION_TYPES = (PLAN_APPLIED, CATALOGUE_APPLIED, *RECORD_CHANGED.values())

CATALOGUE_PARTS = ("kpis", "departments", "calendars", "references", "duties")
"""What a catalogue file holds, by the names in the file, in changesets and here."""

Named = TypeVar(
    "Named", KpiDef, DepartmentDef, BusinessCalendarDef, ReferenceDef, ReportDutyDef | CommitDutyDef | MeetingDutyDef
)


@dataclass(frozen=True, slots=True)
class AppliedPlan:
    """A plan version and the position at which it was applied last."""

    position: int
    plan: PlanDef


@dataclass(frozen=True, slots=True)
class Definitions:
    """Everything that holds at a position."""

    plans: tuple[AppliedPlan, ...] = ()
    kpis: Mapping[str, KpiDef] = field(default_factory=dict)
    departments: Mapping[str, DepartmentDef] = field(default_factory=dict)
    calendars: Mapping[str, BusinessCalendarDef] = field(default_factory=dict)
    references: Mapping[str, ReferenceDef] = field(default_factory=dict)
    duties: Mapping[str, DutyDef] = field(default_factory=dict)
    records: Records = field(default_factory=lambda: NO_RECORDS)
    rosters: Rosters = ()

    def after(
        self, event_type: str, data: Mapping[str, Any], position: int, at: datetime | None = None
    ) -> "Definitions":
        """Return the definitions with what an entry of lane 0 applies; other entries define nothing.

        `at` is when it was recorded: rosters go on from then; without it, as for what is only thought of, they stay.
        """
        if event_type == PLAN_APPLIED:
            return self.with_plan(PlanDef.model_validate(data["plan"]), position)
        if event_type == CATALOGUE_APPLIED:
            after = versioned(self, self.with_catalogue(CatalogueDef.model_validate(data)), position)
            rosters = self.rosters if at is None else with_roster(self.rosters, owned(after.kpis.values()), at)
            return replace(after, rosters=rosters)
        if event_type in RECORD_CHANGED.values():
            return replace(self, records=with_records(self.records, data))
        return self

    def with_plan(self, plan: PlanDef, position: int) -> "Definitions":
        """Return the definitions with one more plan version, the last word; the same version again replaces itself.

        What is the last word already changes nothing when it is said again. An older version said again becomes the
        last word, which decides what is in force.
        """
        if self.plans and self.plans[-1].plan == plan:
            return self
        kept = (one for one in self.plans if (one.plan.id, one.plan.version) != (plan.id, plan.version))
        return replace(self, plans=(*kept, AppliedPlan(position, plan)))

    def with_catalogue(self, catalogue: CatalogueDef) -> "Definitions":
        """Return the definitions with what the file holds; the rest stays as it is. What is retired goes."""
        kpis = {**self.kpis, **_by_id(catalogue.kpis)}
        duties = {**self.duties, **_by_id(catalogue.duties)}
        return replace(
            self,
            kpis={name: kpi for name, kpi in sorted(kpis.items()) if not kpi.retired},
            departments={**self.departments, **_by_id(catalogue.departments)},
            calendars={**self.calendars, **_by_id(catalogue.calendars)},
            references={**self.references, **_by_id(catalogue.references)},
            duties={name: duty for name, duty in sorted(duties.items()) if not duty.retired},
        )

    def ready(self, city: CityCalendar) -> Calendars:
        """Return the calendars that the KPIs count by."""
        return Calendars.of(city, self.calendars.values())

    @property
    def committed(self) -> CommittedKpis:
        """The KPIs as departments have committed themselves to them."""
        return committed_kpis(self.kpis, all_of(self.records, "commitments"))

    def in_force(self, today: date) -> PlanDef | None:
        """Return the plan applied last among those in effect on the city's today, or else the one applied last."""
        plans = [one.plan for one in self.plans]
        effective = [plan for plan in plans if _is_effective(plan, today)]
        found = effective or plans
        return found[-1] if found else None

    def counts_otherwise(self, before: "Definitions") -> bool:
        """Say whether entries may be counted otherwise than before: by other KPIs or other calendars."""
        return self.kpis is not before.kpis or self.calendars is not before.calendars

    def shows_otherwise(self, before: "Definitions") -> bool:
        """Say whether the same cells may come to other figures or nodes than before, commitments aside."""
        named = ("kpis", "calendars", "references", "plans")
        return any(getattr(self, part) is not getattr(before, part) for part in named)

    def commits_otherwise(self, before: "Definitions") -> bool:
        """Say whether other targets may be committed to than before; no other records change a figure."""
        return self.records["commitments"] != before.records["commitments"]

    def changed_since(self, before: "Definitions") -> dict[str, Any] | None:
        """Return what a changeset says about the change: each changed part whole, as its models dump, and the records."""
        changed: dict[str, Any] = {**changed_records(before.records, self.records)}
        if self.plans != before.plans:
            changed["plan"] = self.plans[-1].plan.model_dump(mode="json")
        for part in CATALOGUE_PARTS:
            items: Mapping[str, Model] = getattr(self, part)
            if items != getattr(before, part):
                changed[part] = [item.model_dump(mode="json") for item in items.values()]
        return changed or None


def _by_id(items: Iterable[Named]) -> dict[str, Named]:
    return {item.id: item for item in items}


def told_bytes(before: Definitions, event_type: str, data: Mapping[str, Any]) -> int:
    """Return how long the definitions are as a changeset tells them, once an entry of lane 0 has been applied."""
    return len(orjson.dumps(before.after(event_type, data, 0).changed_since(before)))


def remeasured(before: Definitions, after: Definitions) -> list[KpiDef]:
    """Return the KPIs whose formula is another: new ones, and those that now count something else."""
    if after.kpis is before.kpis and after.calendars is before.calendars:
        return []
    return [
        kpi
        for kpi in after.kpis.values()
        if kpi.id not in before.kpis or counted_by(kpi, after) != counted_by(before.kpis[kpi.id], before)
    ]


def with_cells(kpis: Iterable[KpiDef]) -> list[KpiDef]:
    """Return the KPIs that have cells of their own."""
    return [kpi for kpi in kpis if not kpi.is_derived]


def versioned(before: Definitions, after: Definitions, position: int) -> Definitions:
    """Return the definitions after, each KPI with the position at which its formula became what it is."""
    anew = {kpi.id for kpi in remeasured(before, after)}
    versions = {name: position if name in anew else before.kpis[name].version for name in after.kpis}
    kpis = {name: kpi.model_copy(update={"version": versions[name]}) for name, kpi in after.kpis.items()}
    return replace(after, kpis=kpis)


def counted_by(kpi: KpiDef, definitions: Definitions) -> tuple[Any, ...]:
    """Return what the KPI's cells depend on besides the ledger: a calendar that changes moves what is due by it."""
    named = calendar_of(kpi)
    calendar = None if named is None else definitions.calendars.get(named)
    return kpi.measure, kpi.department, kpi.scope, kpi.also_by, calendar, dated_series(kpi)


def calendar_of(kpi: KpiDef) -> str | None:
    """Return the id of the business calendar that the KPI's measure counts by."""
    measure = kpi.measure
    if isinstance(measure, PercentileMeasure):
        return measure.clock
    if isinstance(measure, OnTimeMeasure | OverdueMeasure | EvennessMeasure):
        return measure.deadline.calendar
    return None


def _is_effective(plan: PlanDef, today: date) -> bool:
    return plan.effective.from_ <= today and (plan.effective.to is None or today < plan.effective.to)


def missing_kpis(plan: PlanDef, known: Definitions) -> list[str]:
    """Return the KPIs that the plan links and the catalogue does not have: they count as KPIs without data."""
    return sorted({link.kpi for link in plan.links} - set(known.kpis))
