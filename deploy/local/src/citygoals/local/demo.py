"""The synthetic city. Pure: the same seed and day give the same events, with the same ids, on every machine.

Nothing here happened. Every event says so (`synthetic: true`) and comes from below /systems/demo.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from random import Random
from zoneinfo import ZoneInfo

from citygoals.local.demo_counter import call, payment, request, session, wifi
from citygoals.local.demo_office import animal, case, daily, incident, leaving, load, permit, project, records
from citygoals.local.demo_scene import Happening, Scene, Story

_WEEKDAY_WEIGHT = (1.15, 1.1, 1.1, 1.05, 1.1, 0.75, 0.6)

# How often each is told, for each event of a day: one of them gives from one to four events.
_PARTS: tuple[tuple[Callable[[Scene], Iterator[Happening]], float], ...] = (
    (payment, 0.19),
    (call, 0.16),
    (request, 0.05),
    (wifi, 0.07),
    (session, 0.03),
    (incident, 0.024),
    (case, 0.022),
    (animal, 0.02),
    (permit, 0.012),
    (records, 0.01),
    (load, 0.008),
    (leaving, 0.005),
    (project, 0.0035),
)
_LIVELY = (payment, payment, call, call, wifi)


def day_of(story: Story, day: date) -> list[Happening]:
    """Return what begins on a day: also the later steps of what is opened on it."""
    chance = story.chance(day)
    total = story.per_day * _WEEKDAY_WEIGHT[day.weekday()]
    happenings: list[Happening] = []
    for tell, share in _PARTS:
        for number in range(_rounded(total * share, chance)):
            happenings += tell(Scene(story, day, chance, f"{day:%y%m%d}-{number}"))
    return happenings + list(daily(story, day))


def pulse(story: Story, at: datetime) -> list[Happening]:
    """Return the small thing that happens at this very instant, for a dashboard that moves."""
    day = at.astimezone(ZoneInfo(story.zone)).date()
    chance = story.chance(f"{at.timestamp():.0f}")
    scene = Scene(story, day, chance, f"{at:%y%m%dT%H%M%S}", at)
    return [item for item in chance.choice(_LIVELY)(scene) if item.at <= at]


def _rounded(number: float, chance: Random) -> int:
    """Round so that the mean over many days is right."""
    return int(number) + (chance.random() < number % 1)
