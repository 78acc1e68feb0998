"""Reporting's settings: the service's own, on top of those that every service has."""

from pydantic import Field

from citygoals.shared.settings import ServiceSettings


class ReportingSettings(ServiceSettings):
    """What the reporting service needs to know."""

    checkpoint_positions: int = Field(
        default=5000, ge=1, le=1_000_000, description="Write a checkpoint at least after this many positions"
    )
    checkpoint_bytes: int = Field(
        default=16 << 20, ge=1024, le=1 << 30, description="... or after this many bytes of compressed history"
    )
    history_days: int | None = Field(
        default=None, ge=1, description="Days for which every past position can be read; unset: for ever"
    )
    synthetic: bool = Field(
        default=False, description="Say on every page that events behind the numbers are made up for a demonstration"
    )
