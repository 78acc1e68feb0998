"""What kpi needs to know."""

from pydantic import Field

from citygoals.shared.settings import ServiceSettings


class KpiSettings(ServiceSettings):
    """Settings of kpi."""

    history_days: int | None = Field(
        default=None, ge=1, description="As reporting's: a publication pins no position older than that; unset: any"
    )
