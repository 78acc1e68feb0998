"""The sample city: a plan, its departments and a KPI catalogue, all labelled as a sample."""

from citygoals.shared.kpi import DepartmentDef, KpiDef
from citygoals.shared.plan import PlanDef


def load_sample() -> tuple[PlanDef, list[KpiDef], list[DepartmentDef]]:
    """Return the sample plan, KPI catalogue and departments."""
    raise NotImplementedError
