"""What the plan, the KPIs, the departments and their duties were at a position. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, TypeVar

from pydantic import TypeAdapter

from citygoals.shared.business_def import BusinessCalendarDef
from citygoals.shared.committed import CommittedKpis, committed_kpis
from citygoals.shared.derived import public_index
from citygoals.shared.duty_def import CommitDutyDef, DutyDef, MeetingDutyDef, ReportDutyDef
from citygoals.shared.elapsed import hours_into_day
from citygoals.shared.kpi import DepartmentDef, KpiDef
from citygoals.shared.period import CityCalendar
from citygoals.shared.plan import PlanDef
from citygoals.shared.population import ReferenceDef
from citygoals.shared.reading import Almanac, Now
from citygoals.shared.records import NO_RECORDS, RECORDS, Records, all_of, with_records
from citygoals.shared.rosters import Owned, Rosters, owned, read_roster, with_roster

DEFINED = ("plan", "kpis", "departments", "calendars", "references", "duties")
"""What a changeset's definitions may hold, each part whole."""

COUNTED = ("plans", "kpis", "departments", "calendars", "references")
"""What figures and nodes come from, besides commitments."""

Named = TypeVar("Named", KpiDef, DepartmentDef, BusinessCalendarDef, ReferenceDef)
Dump = Mapping[str, Any]

_DUTY: TypeAdapter[ReportDutyDef | CommitDutyDef | MeetingDutyDef] = TypeAdapter(DutyDef)


@dataclass(frozen=True, slots=True)
class Revision:
    """What one position changed in the definitions, as the models dump; None is unchanged.

    `roster` is which public KPIs departments have from the instant `at` on.
    """

    position: int
    plan: Dump | None = None
    kpis: Iterable[Dump] | None = None
    departments: Iterable[Dump] | None = None
    calendars: Iterable[Dump] | None = None
    references: Iterable[Dump] | None = None
    duties: Iterable[Dump] | None = None
    records: Mapping[str, Iterable[Dump]] | None = None
    roster: Mapping[str, Iterable[str]] | None = None
    at: datetime | None = None

    @classmethod
    def of(cls, position: int, definitions: Dump, at: datetime) -> "Revision":
        """Read the `definitions` member of a changeset that was recorded at an instant."""
        parts: dict[str, Any] = {name: definitions.get(name) for name in DEFINED}
        return cls(position, records=records_of(definitions), roster=roster_of(definitions), at=at, **parts)


@dataclass(frozen=True, slots=True)
class AppliedPlan:
    """A plan version and the position at which it was applied."""

    position: int
    plan: PlanDef


@dataclass(frozen=True)
class Definitions:
    """Everything that holds at a position; `position` is where the last change was (0: nothing yet)."""

    position: int
    kpis: Mapping[str, KpiDef]
    departments: Mapping[str, DepartmentDef]
    plans: tuple[AppliedPlan, ...]
    calendars: Mapping[str, BusinessCalendarDef] = field(default_factory=dict)
    references: Mapping[str, ReferenceDef] = field(default_factory=dict)
    duties: Mapping[str, DutyDef] = field(default_factory=dict)
    records: Records = field(default_factory=lambda: NO_RECORDS)
    rosters: Rosters = ()

    def almanac(self, calendar: CityCalendar, tick: datetime) -> Almanac:
        """Return what figures look up besides cells, when a tick says what time it is."""
        now = Now(calendar.local_day(tick), hours_into_day(calendar, tick))
        return Almanac(calendar, now, self.references, self.committed)

    @cached_property
    def committed(self) -> CommittedKpis:
        """The KPIs as departments have committed themselves to them."""
        return committed_kpis(self.kpis, all_of(self.records, "commitments"))

    @cached_property
    def public(self) -> "Definitions":
        """The definitions as the public sees them: no internal KPI, and none in the plans.

        A node over an internal figure could not be recomputed from a public answer, or would give the figure away; so
        the public's nodes are rolled up without it. Nor is it a part of an index.
        """
        kpis = {name: kpi for name, kpi in self.kpis.items() if not kpi.internal}
        if len(kpis) == len(self.kpis):
            return self
        internal = self.kpis.keys() - kpis.keys()
        kpis = {name: public_index(kpi, internal) for name, kpi in kpis.items()}
        return replace(self, kpis=kpis, plans=tuple(_without(one, internal) for one in self.plans))

    def after(self, revision: Revision) -> "Definitions":
        """Return the definitions with a later revision on top."""
        plans = self.plans
        if revision.plan is not None:
            plan = PlanDef.model_validate(revision.plan)
            kept = (one for one in plans if (one.plan.id, one.plan.version) != (plan.id, plan.version))
            plans = (*kept, AppliedPlan(revision.position, plan))
        kpis = _read(KpiDef, revision.kpis, self.kpis)
        return Definitions(
            revision.position,
            kpis if kpis is self.kpis else {name: kpi for name, kpi in kpis.items() if not kpi.retired},
            _read(DepartmentDef, revision.departments, self.departments),
            plans,
            _read(BusinessCalendarDef, revision.calendars, self.calendars),
            _read(ReferenceDef, revision.references, self.references),
            _read_duties(revision.duties, self.duties),
            with_records(self.records, revision.records) if revision.records else self.records,
            _with_roster(self.rosters, revision),
        )

    def counts_like(self, before: "Definitions") -> bool:
        """Say whether all that figures and nodes come from is the very same, as it is when only narratives change."""
        is_same = self.records["commitments"] is before.records["commitments"]
        return is_same and all(getattr(self, name) is getattr(before, name) for name in COUNTED)

    def in_force(self, today: date) -> PlanDef | None:
        """Return the plan applied last among those in effect on the city's today, or else the one applied last."""
        effective = [one.plan for one in self.plans if _is_effective(one.plan, today)]
        return effective[-1] if effective else self.plans[-1].plan if self.plans else None

    def version(self, name: str) -> PlanDef | None:
        """Return the plan that `version`, or `id@version` where two plans share one, names."""
        named = [one.plan for one in self.plans if name in (one.plan.version, f"{one.plan.id}@{one.plan.version}")]
        return named[-1] if named else None

    def has_plan(self, name: str | None) -> bool:
        """Whether there is a plan of that name, or with None any plan at all."""
        return bool(self.plans) if name is None else self.version(name) is not None


def records_of(definitions: Dump) -> dict[str, Any] | None:
    """Return the changed records of a changeset's definitions, None where there are none."""
    return {part: definitions[part] for part in RECORDS if part in definitions} or None


def roster_of(definitions: Dump) -> Owned | None:
    """Return which public KPIs departments have by a changeset's definitions, None where no KPI changes."""
    kpis = definitions.get("kpis")
    return None if kpis is None else owned(map(KpiDef.model_validate, kpis))


def _with_roster(before: Rosters, revision: Revision) -> Rosters:
    if revision.roster is None or revision.at is None:
        return before
    return with_roster(before, read_roster(revision.roster), revision.at)


def _read(model: type[Named], dumps: Iterable[Dump] | None, before: Mapping[str, Named]) -> Mapping[str, Named]:
    return before if dumps is None else {item.id: item for item in map(model.model_validate, dumps)}


def _read_duties(dumps: Iterable[Dump] | None, before: Mapping[str, DutyDef]) -> Mapping[str, DutyDef]:
    return before if dumps is None else {duty.id: duty for duty in map(_DUTY.validate_python, dumps)}


def _without(applied: AppliedPlan, kpis: Collection[str]) -> AppliedPlan:
    return replace(applied, plan=applied.plan.without(kpis))


NOTHING = Definitions(0, {}, {}, ())


def _is_effective(plan: PlanDef, today: date) -> bool:
    return plan.effective.from_ <= today and (plan.effective.to is None or today < plan.effective.to)
