"""What the plan, the KPIs and the departments were at a position. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

from citygoals.shared.kpi import DepartmentDef, KpiDef
from citygoals.shared.plan import PlanDef


@dataclass(frozen=True, slots=True)
class Revision:
    """What one position changed in the definitions, as the models dump; None is unchanged."""

    position: int
    plan: Mapping[str, Any] | None = None
    kpis: Iterable[Mapping[str, Any]] | None = None
    departments: Iterable[Mapping[str, Any]] | None = None

    @classmethod
    def of(cls, position: int, definitions: Mapping[str, Any]) -> "Revision":
        """Read the `definitions` member of a changeset."""
        return cls(position, definitions.get("plan"), definitions.get("kpis"), definitions.get("departments"))


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

    @cached_property
    def public(self) -> "Definitions":
        """The definitions as the public sees them: no internal KPI, and none in the plans.

        A node over an internal figure could not be recomputed from a public answer, or would give the figure away; so
        the public's nodes are rolled up without it.
        """
        kpis = {name: kpi for name, kpi in self.kpis.items() if not kpi.internal}
        if len(kpis) == len(self.kpis):
            return self
        internal = self.kpis.keys() - kpis.keys()
        return replace(self, kpis=kpis, plans=tuple(_without(one, internal) for one in self.plans))

    def after(self, revision: Revision) -> "Definitions":
        """Return the definitions with a later revision on top."""
        kpis, departments, plans = self.kpis, self.departments, self.plans
        if revision.kpis is not None:
            kpis = {kpi.id: kpi for kpi in map(KpiDef.model_validate, revision.kpis)}
        if revision.departments is not None:
            departments = {item.id: item for item in map(DepartmentDef.model_validate, revision.departments)}
        if revision.plan is not None:
            plan = PlanDef.model_validate(revision.plan)
            kept = (one for one in plans if (one.plan.id, one.plan.version) != (plan.id, plan.version))
            plans = (*kept, AppliedPlan(revision.position, plan))
        return Definitions(revision.position, kpis, departments, plans)

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


def _without(applied: AppliedPlan, kpis: Collection[str]) -> AppliedPlan:
    links = tuple(link for link in applied.plan.links if link.kpi not in kpis)
    return replace(applied, plan=applied.plan.model_copy(update={"links": links}))


NOTHING = Definitions(0, {}, {}, ())


def _is_effective(plan: PlanDef, today: date) -> bool:
    return plan.effective.from_ <= today and (plan.effective.to is None or today < plan.effective.to)
