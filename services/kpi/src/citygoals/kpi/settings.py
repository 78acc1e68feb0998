"""What kpi needs to know."""

from citygoals.shared.settings import ServiceSettings


class KpiSettings(ServiceSettings):
    """Settings of kpi: those of every service."""
