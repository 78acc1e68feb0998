"""The sample city: a plan, its departments and a KPI catalogue, all labelled as a sample."""

from functools import cache
from importlib.resources import files

from citygoals.shared.kpi import CatalogueDef, DepartmentDef, KpiDef
from citygoals.shared.plan import PlanDef, load_catalogue, load_plan


def text_of(name: str) -> str:
    """Return the text of a sample file: plan.yaml, kpis.yaml or departments.yaml."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def load_sample() -> tuple[PlanDef, list[KpiDef], list[DepartmentDef]]:
    """Return the sample plan, KPI catalogue and departments. They are read once and never change."""
    plan, kpis, departments = _load()
    return plan, list(kpis.kpis), list(departments.departments)


@cache
def _load() -> tuple[PlanDef, CatalogueDef, CatalogueDef]:
    departments = load_catalogue(text_of("departments.yaml"), "departments.yaml")
    names = {department.id for department in departments.departments}
    kpis = load_catalogue(text_of("kpis.yaml"), "kpis.yaml", departments=names)
    return load_plan(text_of("plan.yaml"), "plan.yaml"), kpis, departments
