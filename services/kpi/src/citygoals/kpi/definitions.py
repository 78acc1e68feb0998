"""Definitions: plan versions, the KPI catalogue and the departments, as the entries of lane 0 tell them. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import orjson

from citygoals.kpi.filters import condition
from citygoals.kpi.measures import Measure
from citygoals.shared.changeset import PART_MAX_BYTES
from citygoals.shared.definition_file import DefinitionFile, Path, Problem
from citygoals.shared.kpi import CatalogueDef, DepartmentDef, KpiDef
from citygoals.shared.plan import InvalidFile, PlanDef, load_catalogue, load_plan

PLAN_APPLIED = "city.plan.applied.v1"
CATALOGUE_APPLIED = "city.catalogue.applied.v1"
TOLD_MAX_BYTES = PART_MAX_BYTES - 16 * 1024
"""A changeset tells changed definitions whole, in its first part, which carries lanes and totals as well."""

DEFINITION_TYPES = (PLAN_APPLIED, CATALOGUE_APPLIED)


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

    def after(self, event_type: str, data: Mapping[str, Any], position: int) -> "Definitions":
        """Return the definitions with what an entry of lane 0 applies; other entries define nothing."""
        if event_type == PLAN_APPLIED:
            return self.with_plan(PlanDef.model_validate(data["plan"]), position)
        if event_type == CATALOGUE_APPLIED:
            return self.with_catalogue(CatalogueDef.model_validate(data))
        return self

    def with_plan(self, plan: PlanDef, position: int) -> "Definitions":
        """Return the definitions with one more plan version, the last word; the same version again replaces itself."""
        kept = (one for one in self.plans if (one.plan.id, one.plan.version) != (plan.id, plan.version))
        return Definitions((*kept, AppliedPlan(position, plan)), self.kpis, self.departments)

    def with_catalogue(self, catalogue: CatalogueDef) -> "Definitions":
        """Return the definitions with the file's KPIs and departments; the others stay as they are."""
        kpis = {**self.kpis, **{kpi.id: kpi for kpi in catalogue.kpis}}
        departments = {**self.departments, **{item.id: item for item in catalogue.departments}}
        return Definitions(self.plans, dict(sorted(kpis.items())), departments)

    def in_force(self, today: date) -> PlanDef | None:
        """Return the plan applied last among those in effect on the city's today, or else the one applied last."""
        plans = [one.plan for one in self.plans]
        effective = [plan for plan in plans if _is_effective(plan, today)]
        found = effective or plans
        return found[-1] if found else None

    def changed_since(self, before: "Definitions") -> dict[str, Any] | None:
        """Return what a changeset says about the change: each changed part whole, as its models dump."""
        changed: dict[str, Any] = {}
        if self.plans != before.plans:
            changed["plan"] = self.plans[-1].plan.model_dump(mode="json")
        if self.kpis != before.kpis:
            changed["kpis"] = [kpi.model_dump(mode="json") for kpi in self.kpis.values()]
        if self.departments != before.departments:
            changed["departments"] = [item.model_dump(mode="json") for item in self.departments.values()]
        return changed or None


def told_bytes(before: Definitions, event_type: str, data: Mapping[str, Any]) -> int:
    """Return how long the definitions are as a changeset tells them, once an entry of lane 0 has been applied."""
    return len(orjson.dumps(before.after(event_type, data, 0).changed_since(before)))


def remeasured(before: Definitions, after: Definitions) -> list[KpiDef]:
    """Return the KPIs whose cells must be computed anew: new ones, and those that now count something else."""
    return [
        kpi for kpi in after.kpis.values() if kpi.id not in before.kpis or _counts(kpi) != _counts(before.kpis[kpi.id])
    ]


def _counts(kpi: KpiDef) -> tuple[Any, ...]:
    return kpi.measure, kpi.department, kpi.scope


def _is_effective(plan: PlanDef, today: date) -> bool:
    return plan.effective.from_ <= today and (plan.effective.to is None or today < plan.effective.to)


def read_plan(text: str, name: str) -> dict[str, Any]:
    """Return the data of the entry that applies a plan file. Raises InvalidFile."""
    return {"plan": load_plan(text, name).model_dump(mode="json")}


def read_catalogue(text: str, name: str, known: Definitions) -> dict[str, Any]:
    """Return the data of the entry that applies a catalogue file. Raises InvalidFile."""
    catalogue = load_catalogue(text, name, departments=known.departments)
    try:
        for kpi in catalogue.kpis:
            Measure(kpi)
    except ValueError:
        file = DefinitionFile(text, name)
        raise file.invalid(_bad_conditions(file.data, ())) from None
    return catalogue.model_dump(mode="json", exclude={"note"})


def _bad_conditions(value: Any, path: Path) -> Iterator[Problem]:
    """Yield every `where` below the value that is no condition."""
    steps: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        steps = value.items()
    elif isinstance(value, list):
        steps = enumerate(value)
    for step, inner in steps:
        if step == "where" and isinstance(inner, str):
            try:
                condition(inner)
            except ValueError as error:
                yield Problem((*path, step), str(error))
        else:
            yield from _bad_conditions(inner, (*path, step))


def read_departments(text: str, name: str, known: Definitions) -> dict[str, Any]:
    """Return the data of the entry that applies a file of departments alone. Raises InvalidFile."""
    data = read_catalogue(text, name, known)
    if data["kpis"]:
        reason = "KPIs are applied as a catalogue, not with the departments alone"
        raise InvalidFile([{"file": name, "line": 1, "pointer": "/kpis", "reason": reason}])
    return data


def missing_kpis(plan: PlanDef, known: Definitions) -> list[str]:
    """Return the KPIs that the plan links and the catalogue does not have: they count as KPIs without data."""
    return sorted({link.kpi for link in plan.links} - set(known.kpis))
