"""What residents see of the synthetic city: payments, calls, service requests, programs, Wi-Fi. Pure."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from citygoals.local.demo_scene import DISTRICTS, Happening, Scene

# department, service code, typical amount in cents, share of all payments
_BILLS = (
    ("municipal-court", "citation", 14_500, 0.30),
    ("tax-office", "property-tax", 92_000, 0.20),
    ("environmental-services", "collection-fee", 3_800, 0.25),
    ("planning-inspections", "permit-fee", 21_000, 0.15),
    ("animal-services", "pet-licence", 1_200, 0.10),
)
# How many times its usual share the property tax has in each month: most pay around the new year.
_TAX_SEASON = {9: 0.1, 10: 0.35, 11: 0.9, 12: 4.0, 1: 4.0, 2: 1.0, 3: 0.5, 4: 0.35, 5: 0.35, 6: 0.2, 7: 0.1, 8: 0.1}
_GROWTH = 0.9  # so many online payments of a day had been made on the same day of the year before

# service code, department, mean days to close, days until it is due (None: as the KPI says)
_REQUESTS: tuple[tuple[str, str, float, int | None], ...] = (
    ("pothole", "streets-maintenance", 2.2, None),
    ("street-light", "streets-maintenance", 6.0, None),
    ("missed-collection", "environmental-services", 1.3, 3),
    ("stray-animal", "animal-services", 1.0, 3),
    ("illegal-dumping", "environmental-services", 4.0, 10),
    ("code-violation", "planning-inspections", 6.0, 14),
    ("water-leak", "streets-maintenance", 2.0, 5),
)
_REASONS = ("resolved",) * 15 + ("duplicate", "duplicate", "referred", "no_action", "invalid")

# department, program, capacity
_PROGRAMS = (
    ("parks-recreation", "swim-lessons", 24),
    ("parks-recreation", "after-school", 40),
    ("parks-recreation", "senior-fitness", 20),
    ("parks-recreation", "soccer-clinic", 60),
    ("library", "story-time", 80),
    ("library", "author-talk", 140),
)
SITES = tuple(f"park-{number:02}" for number in range(1, 13))


def payment(scene: Scene) -> Iterator[Happening]:
    """Tell a payment, perhaps its refund, and one like it of the year before."""
    season = _TAX_SEASON[scene.day.month]
    shares = [share * (season if code == "property-tax" else 1) for _, code, _, share in _BILLS]
    department, code, amount, _ = scene.chance.choices(_BILLS, shares)[0]
    channel = _channel(scene, department)
    minor = max(100, int(amount * scene.chance.lognormvariate(0, 0.4)))
    paid, at = f"P{scene.name}", scene.when()
    data: dict[str, Any] = {"payment_id": paid, "department": department, "service_code": code, "channel": channel}
    data |= {"amount_minor": minor, "currency": "USD", "district": scene.chance.choice(DISTRICTS)}
    yield scene.event("payments", "payment.settled", at, data)
    if scene.often(0.008):
        back = {"payment_id": paid, "reversal_id": f"R{scene.name}", "amount_minor": minor, "currency": "USD"}
        yield scene.event("payments", "payment.refunded", at + timedelta(days=scene.chance.randint(1, 9)), back)
    if scene.fixed is None and scene.often(_GROWTH if channel in {"web", "app"} else 1.0):
        scene.name += "-before"
        yield scene.event(
            "payments", "payment.settled", at, data | {"payment_id": f"P{scene.name}"}, echo=_year_before(at)
        )


def _channel(scene: Scene, department: str) -> str:
    """People move online over the year; the court is ahead of the others."""
    ahead = 0.04 if department == "municipal-court" else 0.0
    online = 0.60 + 0.06 * math.tanh((scene.day - scene.story.first_day).days / 60) + ahead
    return scene.chance.choice(("web", "web", "app") if scene.often(online) else ("counter", "mail", "phone"))


def _year_before(at: datetime) -> datetime:
    day = 28 if (at.month, at.day) == (2, 29) else at.day
    return at.replace(year=at.year - 1, day=day)


def call(scene: Scene) -> Iterator[Happening]:
    """Tell a call to 311, or one to the police that is no emergency and that 311 does not take yet."""
    queue = scene.one_of((("general", 0.66), ("spanish", 0.22), ("311-police", 0.085), ("police-non-emergency", 0.035)))
    department = "police" if queue == "police-non-emergency" else "city-manager"
    data: dict[str, Any] = {"call_id": f"C{scene.name}", "queue": queue, "department": department}
    if scene.often(0.055):
        wait = int(scene.chance.expovariate(1 / 45)) + 1
        yield scene.event("calls", "call.abandoned", scene.when(), {**data, "wait_s": wait})
        return
    wait = int(scene.chance.expovariate(1 / (11 if scene.often(0.84) else 330)))  # most at once, some in the rush
    data |= {"wait_s": wait, "resolved_at_first_contact": scene.often(0.72)}
    yield scene.event("calls", "call.answered", scene.when(), data)


def request(scene: Scene) -> Iterator[Happening]:
    """Tell a service request from its opening to its closing, which a few never reach and a few take back."""
    chance = scene.chance
    code, department, days, due_days = chance.choice(_REQUESTS)
    asked = {"service_request_id": f"S{scene.name}"}
    at = scene.when()
    channel = chance.choice(("app", "app", "web", "phone", "phone", "kiosk", "social"))
    opened = {**asked, "service_code": code, "department": department, "channel": channel}
    if due_days is not None:
        opened["due_at"] = (at + timedelta(days=due_days)).isoformat(timespec="seconds")
    yield scene.event("311", "service_request.opened", at, opened | {"district": chance.choice(DISTRICTS)})
    at += timedelta(minutes=chance.randint(5, 600))
    yield scene.event("311", "service_request.acknowledged", at, asked)
    if scene.often(0.06):
        at += timedelta(hours=chance.randint(1, 5))
        yield scene.event("311", "service_request.paused", at, {**asked, "reason": "waiting for the resident"})
        at += timedelta(hours=chance.randint(20, 90))
        yield scene.event("311", "service_request.resumed", at, asked)
    if scene.often(0.98):
        yield from _closing(scene, asked, scene.later(at, days=days))


def _closing(scene: Scene, asked: dict[str, Any], at: datetime) -> Iterator[Happening]:
    chance = scene.chance
    reason = {"reason": chance.choice(_REASONS), "note_sent": scene.often(0.975)}
    yield scene.event("311", "service_request.closed", at, asked | reason)
    if scene.often(0.04):
        at += timedelta(hours=chance.randint(2, 200))
        yield scene.event("311", "service_request.reopened", at, asked)
        scene.name += "-again"
        at += timedelta(hours=chance.randint(4, 100))
        yield scene.event("311", "service_request.closed", at, asked | {"reason": "resolved", "note_sent": True})
    if scene.often(0.3):
        at += timedelta(hours=chance.randint(1, 72))
        yield scene.event("311", "service_request.confirmed", at, asked | {"resolved": scene.often(0.86)})


def wifi(scene: Scene) -> Iterator[Happening]:
    """Tell a session on the city's Wi-Fi."""
    site = scene.chance.choice(SITES)
    data: dict[str, Any] = {
        "site_id": site,
        "minutes": 1 + int(scene.chance.expovariate(1 / 25)),
        "district": 1 + SITES.index(site) % len(DISTRICTS),
    }
    yield scene.event("wifi", "wifi.session", scene.when(), data)


def session(scene: Scene) -> Iterator[Happening]:
    """Tell a session of a program, with who came."""
    department, program, capacity = scene.chance.choice(_PROGRAMS)
    attendees = min(round(capacity * scene.chance.gauss(0.83, 0.12)), capacity + 5)
    data: dict[str, Any] = {"session_id": f"H{scene.name}", "program_id": program, "department": department}
    data |= {"attendees": max(attendees, 0), "capacity": capacity, "district": scene.chance.choice(DISTRICTS)}
    yield scene.event("recreation", "session.held", scene.when(), data)
