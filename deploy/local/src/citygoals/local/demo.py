"""The synthetic city. Pure: the same seed and day give the same events, with the same ids, on every machine.

Nothing here happened. Every event says so (`synthetic: true`) and comes from below /systems/demo.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

SYSTEM = "demo"
HISTORY_EVENTS = 20_000
_HISTORY_DAYS_MIN = 90
_PER_DAY_MIN, _PER_DAY_MAX = 40, 400
_DISTRICTS = range(1, 9)
_WEEKDAY_WEIGHT = (1.15, 1.1, 1.1, 1.05, 1.1, 0.75, 0.6)

# department, service code, typical amount in cents, share of all payments
_BILLS = (
    ("municipal-court", "citation", 14_500, 0.30),
    ("tax-office", "property-tax", 92_000, 0.20),
    ("environmental-services", "collection-fee", 3_800, 0.25),
    ("planning-inspections", "permit-fee", 21_000, 0.15),
    ("animal-services", "pet-licence", 1_200, 0.10),
)
# service code, department, mean days to close
_REQUESTS = (
    ("pothole", "streets-maintenance", 3.5),
    ("street-light", "streets-maintenance", 6.0),
    ("missed-collection", "environmental-services", 1.5),
    ("stray-animal", "animal-services", 1.0),
    ("illegal-dumping", "environmental-services", 5.0),
    ("code-violation", "planning-inspections", 8.0),
    ("water-leak", "streets-maintenance", 2.0),
)
_REASONS = ("resolved",) * 15 + ("duplicate", "duplicate", "referred", "no_action", "invalid")
_PROGRAMS = (
    ("swim-lessons", 24),
    ("after-school", 40),
    ("story-time", 30),
    ("senior-fitness", 20),
    ("soccer-clinic", 60),
)
_ACCOUNTS = (("cityofsample", "facebook", 9000), ("cityofsample", "instagram", 6000), ("samplecity311", "x", 3000))
_SITES = tuple(f"park-{number:02}" for number in range(1, 13))


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


@dataclass(frozen=True, slots=True)
class Happening:
    """One event and its instant."""

    at: datetime
    event: dict[str, Any]


def day_of(story: Story, day: date) -> list[Happening]:
    """Return what begins on a day: also the later steps of requests that are opened on it."""
    chance = Random(f"{story.seed}:{day}")  # noqa: S311 - a story, not a secret
    total = story.per_day * _WEEKDAY_WEIGHT[day.weekday()]
    happenings: list[Happening] = []
    for tell, share in _PARTS:
        for number in range(_rounded(total * share, chance)):
            happenings += tell(_Scene(story, day, chance, f"{day:%y%m%d}-{number}"))
    return happenings + list(_social(story, day))


def pulse(story: Story, at: datetime) -> list[Happening]:
    """Return the small thing that happens at this very instant, for a dashboard that moves."""
    day = at.astimezone(ZoneInfo(story.zone)).date()
    chance = Random(f"{story.seed}:{at.timestamp():.0f}")  # noqa: S311 - a story, not a secret
    scene = _Scene(story, day, chance, f"{at:%y%m%dT%H%M%S}", at)
    return [item for item in chance.choice((_payment, _payment, _call, _call, _wifi))(scene) if item.at <= at]


@dataclass(slots=True)
class _Scene:
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
        midnight = datetime.combine(self.day, time(), ZoneInfo(self.story.zone))
        return midnight + timedelta(seconds=int(hour * 3600))

    def event(self, domain: str, fact: str, at: datetime, data: dict[str, Any]) -> Happening:
        """Return an event whose id comes from its names alone."""
        thing = next(iter(data.values()))
        event = {
            "specversion": "1.0",
            "type": f"city.{fact}.v1",
            "source": f"/systems/{SYSTEM}/{domain}",
            "id": f"synthetic-{self.story.seed}-{fact}-{self.name}",
            "subject": str(thing),
            "time": at.isoformat(timespec="seconds"),
            "datacontenttype": "application/json",
            "data": {**data, "synthetic": True},
        }
        return Happening(at, event)


def _payment(scene: _Scene) -> Iterator[Happening]:
    chance = scene.chance
    department, code, amount, _ = chance.choices(_BILLS, [bill[3] for bill in _BILLS])[0]
    # People move online over the year; the court is ahead of the others.
    online = (
        0.60
        + 0.06 * math.tanh((scene.day - scene.story.first_day).days / 60)
        + (0.04 if department == "municipal-court" else 0)
    )
    channel = (
        chance.choice(("web", "web", "app"))
        if chance.random() < online
        else chance.choice(("counter", "mail", "phone"))
    )
    minor = max(100, int(amount * chance.lognormvariate(0, 0.4)))
    paid, at = f"P{scene.name}", scene.when()
    data: dict[str, Any] = {"payment_id": paid, "department": department, "service_code": code, "channel": channel}
    data |= {"amount_minor": minor, "currency": "USD", "district": chance.choice(_DISTRICTS)}
    yield scene.event("payments", "payment.settled", at, data)
    if chance.random() < 0.008:
        back = {"payment_id": paid, "reversal_id": f"R{scene.name}", "amount_minor": minor, "currency": "USD"}
        yield scene.event("payments", "payment.refunded", at + timedelta(days=chance.randint(1, 9)), back)


def _call(scene: _Scene) -> Iterator[Happening]:
    chance = scene.chance
    data: dict[str, Any] = {
        "call_id": f"C{scene.name}",
        "queue": chance.choice(("general", "spanish")),
        "department": "city-manager",
    }
    if chance.random() < 0.07:
        yield scene.event(
            "calls", "call.abandoned", scene.when(), {**data, "wait_s": int(chance.expovariate(1 / 45)) + 1}
        )
        return
    data |= {"wait_s": int(chance.expovariate(1 / 63.5)), "resolved_at_first_contact": chance.random() < 0.72}
    yield scene.event("calls", "call.answered", scene.when(), data)


def _request(scene: _Scene) -> Iterator[Happening]:
    chance = scene.chance
    code, department, days = chance.choice(_REQUESTS)
    asked = {"service_request_id": f"S{scene.name}"}
    at = scene.when()
    channel = chance.choice(("app", "app", "web", "phone", "phone", "kiosk", "social"))
    opened = {**asked, "service_code": code, "department": department, "channel": channel}
    yield scene.event("311", "service_request.opened", at, opened | {"district": chance.choice(_DISTRICTS)})
    at += timedelta(minutes=chance.randint(5, 600))
    yield scene.event("311", "service_request.acknowledged", at, asked)
    at += timedelta(seconds=int(chance.expovariate(1 / (days * 86_400))))
    yield scene.event("311", "service_request.closed", at, {**asked, "reason": chance.choice(_REASONS)})
    if chance.random() < 0.04:
        at += timedelta(hours=chance.randint(2, 200))
        yield scene.event("311", "service_request.reopened", at, asked)
        scene.name += "-again"
        at += timedelta(hours=chance.randint(4, 100))
        yield scene.event("311", "service_request.closed", at, {**asked, "reason": "resolved"})


def _wifi(scene: _Scene) -> Iterator[Happening]:
    site = scene.chance.choice(_SITES)
    data: dict[str, Any] = {
        "site_id": site,
        "minutes": 1 + int(scene.chance.expovariate(1 / 25)),
        "district": 1 + _SITES.index(site) % 8,
    }
    yield scene.event("wifi", "wifi.session", scene.when(), data)


def _session(scene: _Scene) -> Iterator[Happening]:
    program, capacity = scene.chance.choice(_PROGRAMS)
    attendees = min(round(capacity * scene.chance.gauss(0.83, 0.12)), capacity + 5)
    data: dict[str, Any] = {"session_id": f"H{scene.name}", "program_id": program, "department": "parks-recreation"}
    data |= {"attendees": max(attendees, 0), "capacity": capacity, "district": scene.chance.choice(_DISTRICTS)}
    yield scene.event("recreation", "session.held", scene.when(), data)


def _social(story: Story, day: date) -> Iterator[Happening]:
    """Yield each account's counters at the end of a day; counters grow from the first day on."""
    days = (day - story.first_day).days + 1
    at = datetime.combine(day, time(23, 30), ZoneInfo(story.zone))
    for account, platform, daily in _ACCOUNTS:
        chance = Random(f"{story.seed}:{platform}:{day}")  # noqa: S311 - a story, not a secret
        impressions = int(daily * (days + chance.uniform(0, 0.3)))
        interactions = int(daily * 0.0245 * (days + chance.uniform(0, 0.4)))
        scene = _Scene(story, day, chance, f"{platform}-{day:%y%m%d}", at)
        data: dict[str, Any] = {
            "account": account,
            "platform": platform,
            "impressions": impressions,
            "interactions": interactions,
        }
        yield scene.event("social", "social.snapshot", at, data)


def _rounded(number: float, chance: Random) -> int:
    """Round so that the mean over many days is right."""
    return int(number) + (chance.random() < number % 1)


# A request gives about three events, every other part one.
_PARTS: tuple[tuple[Callable[[_Scene], Iterator[Happening]], float], ...] = (
    (_payment, 0.34),
    (_call, 0.28),
    (_request, 0.075),
    (_wifi, 0.11),
    (_session, 0.04),
)
