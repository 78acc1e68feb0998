"""What the synthetic city's story is made of: from when on it is told, scenes with their chance, and happenings. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

SYSTEM = "demo"
HISTORY_EVENTS = 20_000
DISTRICTS = range(1, 9)

_HISTORY_DAYS_MIN = 90
_PER_DAY_MIN, _PER_DAY_MAX = 40, 400


@dataclass(frozen=True, slots=True)
class Story:
    """What is told: from which day on, how much a day, with which seed, in which zone."""

    first_day: date
    per_day: int
    seed: int = 1
    zone: str = "America/Denver"

    @classmethod
    def beginning(cls, today: date, *, fiscal_month: int, zone: str, seed: int = 1) -> "Story":
        """Return the story of the fiscal year of `today`, and of at least three months."""
        year = today.year if today.month >= fiscal_month else today.year - 1
        first = min(date(year, fiscal_month, 1), today - timedelta(days=_HISTORY_DAYS_MIN))
        per_day = HISTORY_EVENTS // ((today - first).days + 1)
        return cls(first, min(max(per_day, _PER_DAY_MIN), _PER_DAY_MAX), seed, zone)

    def chance(self, name: object) -> Random:
        """Return the chance of one part of the story, the same each time."""
        return Random(f"{self.seed}:{name}")  # noqa: S311 - a story, not a secret

    def at(self, day: date, seconds: int) -> datetime:
        """Return the instant so many seconds of local clock time into a day."""
        return datetime.combine(day, time(), ZoneInfo(self.zone)) + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Happening:
    """One event and the instant at which it is told, which is when it happened except for echoes of the year before."""

    at: datetime
    event: dict[str, Any]


@dataclass(slots=True)
class Scene:
    """Where a happening gets its chance, its names and its hour."""

    story: Story
    day: date
    chance: Random
    name: str
    fixed: datetime | None = None

    def when(self) -> datetime:
        """Return an instant of the day, most likely in the hours when a city is awake."""
        if self.fixed is not None:
            return self.fixed
        hour = min(max(self.chance.gauss(13.0, 3.5), 0.0), 23.9)
        return self.story.at(self.day, int(hour * 3600))

    def often(self, share: float) -> bool:
        """Say yes in that share of the cases."""
        return self.chance.random() < share

    def one_of(self, weighted: Sequence[tuple[str, float]]) -> str:
        """Return one of the names, each as often as its weight says."""
        return self.chance.choices([name for name, _ in weighted], [weight for _, weight in weighted])[0]

    def later(self, at: datetime, *, days: float) -> datetime:
        """Return an instant that many days later in the mean: mostly sooner, now and then much later."""
        return at + timedelta(seconds=int(self.chance.expovariate(1 / (days * 86_400))))

    def event(
        self, domain: str, fact: str, at: datetime, data: dict[str, Any], *, echo: datetime | None = None
    ) -> Happening:
        """Return an event whose id comes from its names alone. An `echo` happened then and is told at `at`."""
        thing = next(iter(data.values()))
        event = {
            "specversion": "1.0",
            "type": f"city.{fact}.v1",
            "source": f"/systems/{SYSTEM}/{domain}",
            "id": f"synthetic-{self.story.seed}-{fact}-{self.name}",
            "subject": str(thing),
            "time": (echo or at).isoformat(timespec="seconds"),
            "datacontenttype": "application/json",
            "data": {**data, "synthetic": True},
        }
        return Happening(at, event)
