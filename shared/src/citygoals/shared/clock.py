"""The clock, as a thing that is handed in: pure code never asks the machine for the time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Whatever can say what time it is, in UTC."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)


@dataclass(slots=True)
class FixedClock:
    """A clock that stands still until it is told to move: for tests and for replays."""

    instant: datetime

    def __post_init__(self) -> None:
        if self.instant.utcoffset() is None:
            raise ValueError("a clock needs an instant with an offset, for example datetime(2026, 11, 21, tzinfo=UTC)")
        self.instant = self.instant.astimezone(UTC)

    def now(self) -> datetime:
        """Return the instant it was set to."""
        return self.instant

    def advance(self, step: timedelta) -> None:
        """Move forward (or, with a negative step, back)."""
        self.instant += step
