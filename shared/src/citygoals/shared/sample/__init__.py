"""The sample city: its plans, departments, KPI catalogue and what the KPIs look up, all labelled as a sample."""

from functools import cache
from importlib.resources import files

from citygoals.shared.business_def import BusinessCalendarDef
from citygoals.shared.duty_def import DutyDef
from citygoals.shared.kpi import CatalogueDef, DepartmentDef, KpiDef
from citygoals.shared.plan import PlanDef, load_catalogue, load_plan
from citygoals.shared.population import ReferenceDef

DEPARTMENT_FILES = ("departments.yaml",)

CATALOGUE_FILES = ("calendars.yaml", "populations.yaml", "budget.yaml", "duties.yaml", "kpis.yaml")
"""In the order in which they are applied: what KPIs look up goes before them."""

PLAN_FILES = ("plan_2020.yaml", "plan_five_pillars.yaml", "plan.yaml")
"""In the order in which they are applied: of the plans in effect on a day the one applied last is in force."""


def text_of(name: str) -> str:
    """Return the text of a sample file."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def load_sample() -> tuple[PlanDef, list[KpiDef], list[DepartmentDef]]:
    """Return the sample plan in force, KPI catalogue and departments. They are read once and never change."""
    catalogue = _catalogue()
    return load_plans()[-1], list(catalogue.kpis), list(catalogue.departments)


def load_looked_up() -> tuple[list[BusinessCalendarDef], list[ReferenceDef]]:
    """Return the sample's business calendars and reference tables."""
    catalogue = _catalogue()
    return list(catalogue.calendars), list(catalogue.references)


def load_duties() -> list[DutyDef]:
    """Return the sample's duties."""
    return list(_catalogue().duties)


@cache
def load_plans() -> tuple[PlanDef, ...]:
    """Return every plan of the sample, in the order in which they are applied."""
    return tuple(load_plan(text_of(name), name) for name in PLAN_FILES)


@cache
def _catalogue() -> CatalogueDef:
    """Read the files as if they were one."""
    own = [load_catalogue(text_of(name), name) for name in DEPARTMENT_FILES]
    names = {department.id for part in own for department in part.departments}
    own += [load_catalogue(text_of(name), name, departments=names) for name in CATALOGUE_FILES]
    return CatalogueDef(
        kpis=tuple(kpi for part in own for kpi in part.kpis),
        departments=tuple(department for part in own for department in part.departments),
        calendars=tuple(calendar for part in own for calendar in part.calendars),
        references=tuple(reference for part in own for reference in part.references),
        duties=tuple(duty for part in own for duty in part.duties),
    )
