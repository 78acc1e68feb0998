"""What goes on inside the synthetic city: court, shelters, trucks, permits, records, projects, people. Pure."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from citygoals.local.demo_counter import SITES
from citygoals.local.demo_scene import DISTRICTS, Happening, Scene, Story

_OUTCOMES = (
    ("adoption", 0.42), ("return_to_owner", 0.18), ("transfer", 0.22), ("release", 0.09),
    ("euthanasia", 0.05), ("died", 0.03), ("other", 0.01),
)  # fmt: skip
_DECISIONS = (("issued", 0.85), ("denied", 0.10), ("withdrawn", 0.05))
_ANSWERS = (("released", 0.79), ("no_records", 0.10), ("denied", 0.06), ("withdrawn", 0.05))
_ACCOUNTS = (("cityofsample", "facebook", 9000), ("cityofsample", "instagram", 6000), ("samplecity311", "x", 3000))
_EMPLOYERS = ("police", "fire", "streets-maintenance", "parks-recreation", "library", "information-technology")
_ROUTES, _STOPS = 3, 1_000
_POSITIONS = 300
_YEARLY_TURNOVER = 0.11
_LEVY_DAY = (9, 15)
_LEVY_MINOR_PER_EVENT = 1_080_000  # of what the story tells in a day: so that a year of it pays about the whole levy


def incident(scene: Scene) -> Iterator[Happening]:
    """Tell an incident: who was sent, and when they arrived."""
    at, district = scene.when(), scene.chance.choice(DISTRICTS)
    number = f"I{scene.name}"
    for unit in range(2 if scene.often(0.25) else 1):
        data: dict[str, Any] = {"incident_id": number, "unit_id": f"engine-{scene.chance.randint(1, 30)}"}
        yield scene.event("dispatch", "unit.dispatched", at, data | {"district": district})
        arrived = at + timedelta(seconds=max(45, int(scene.chance.gauss(185 + 60 * unit, 42))))
        yield scene.event("dispatch", "unit.arrived", arrived, data | {"district": district})
        scene.name += "-more"
        at += timedelta(seconds=30)


def case(scene: Scene) -> Iterator[Happening]:
    """Tell a case that came to the court, and one from before that it is done with."""
    kind = scene.chance.choice(("traffic", "traffic", "ordinance"))
    yield scene.event("court", "case.filed", scene.when(), {"case_id": f"K{scene.name}", "case_type": kind})
    if scene.often(0.98):
        yield scene.event("court", "case.disposed", scene.when(), {"case_id": f"old-K{scene.name}"})


def animal(scene: Scene) -> Iterator[Happening]:
    """Tell how an animal left the shelter."""
    outcome = scene.one_of(_OUTCOMES)
    yield scene.event("shelter", "animal.outcome", scene.when(), {"animal_id": f"A{scene.name}", "outcome": outcome})


def load(scene: Scene) -> Iterator[Happening]:
    """Tell what was found in a load of recycling."""
    kilograms = scene.chance.randint(4_000, 9_000)
    dirty = int(kilograms * min(max(scene.chance.gauss(0.19, 0.05), 0), 1))
    data = {"load_id": f"L{scene.name}", "kilograms": kilograms, "contaminated_kilograms": dirty}
    yield scene.event("recycling", "load.inspected", scene.when(), data)


def permit(scene: Scene) -> Iterator[Happening]:
    """Tell a permit from its request to the decision."""
    at, asked = scene.when(), {"permit_id": f"B{scene.name}"}
    kind = scene.chance.choice(("building", "electrical", "plumbing", "sign"))
    channel = scene.chance.choice(("web", "web", "counter"))
    yield scene.event("permits", "permit.submitted", at, {**asked, "permit_type": kind, "channel": channel})
    decision = {"decision": scene.one_of(_DECISIONS)}
    yield scene.event("permits", "permit.decided", scene.later(at, days=5.5), asked | decision)


def records(scene: Scene) -> Iterator[Happening]:
    """Tell a request for public records: now and then the clerk has to ask what is meant, and rarely is late."""
    at, asked = scene.when(), {"request_id": f"Q{scene.name}"}
    channel = scene.one_of((("web", 0.78), ("app", 0.1), ("email", 0.06), ("counter", 0.04), ("mail", 0.02)))
    kind = scene.chance.choice(("police-report", "permit-file", "contract", "email"))
    yield scene.event("clerk", "records_request.received", at, {**asked, "record_type": kind, "channel": channel})
    if scene.often(0.1):
        at += timedelta(hours=scene.chance.randint(4, 30))
        yield scene.event("clerk", "records_request.clarification_requested", at, asked)
        at += timedelta(hours=scene.chance.randint(10, 120))
        yield scene.event("clerk", "records_request.clarified", at, asked)
    at += timedelta(hours=scene.chance.randint(20, 210) + (240 if scene.often(0.02) else 0))
    yield scene.event("clerk", f"records_request.{scene.one_of(_ANSWERS)}", at, asked)


def project(scene: Scene) -> Iterator[Happening]:
    """Tell a department's request for software, as far as it gets."""
    at, asked = scene.when(), {"request_id": f"J{scene.name}"}
    kind = scene.chance.choice(("software", "web", "licensing", "customization", "upgrade"))
    data: dict[str, Any] = {**asked, "kind": kind, "department": scene.chance.choice(_EMPLOYERS)}
    yield scene.event("it", "project_request.submitted", at, data)
    at = scene.later(at, days=2)
    yield scene.event("it", "project_request.interviewed", at, asked)
    at = scene.later(at, days=6)
    if scene.often(0.12):
        yield scene.event("it", "project_request.declined", at, {**asked, "reason": "another system does it"})
        return
    yield scene.event("it", "project_request.aligned", at, {**asked, "nodes": ["strategy-5-2", "strategy-6-5"]})
    at = scene.later(at, days=5)
    yield scene.event("it", "project_request.validated", at, asked)


def leaving(scene: Scene) -> Iterator[Happening]:
    """Tell that somebody left a shelter program."""
    data = {"client_ref": f"X{scene.name}", "to_stable_housing": scene.often(0.61)}
    yield scene.event("shelters", "client.exited", scene.when(), data)


def daily(story: Story, day: date) -> Iterator[Happening]:
    """Tell what a day brings whatever its size: counters, routes, sites, people, and once a year the levy."""
    yield from _social(story, day)
    yield from _routes(story, day)
    yield from _sites(story, day)
    yield from _people(story, day)
    if (day.month, day.day) == _LEVY_DAY:
        data: dict[str, Any] = {"levy_id": f"levy-{day.year}", "department": "tax-office"}
        data |= {"amount_minor": story.per_day * _LEVY_MINOR_PER_EVENT, "currency": "USD"}
        yield _scene(story, day, "levy", 9 * 3600).event("tax", "levy.certified", story.at(day, 9 * 3600), data)


def _scene(story: Story, day: date, name: str, seconds: int) -> Scene:
    return Scene(story, day, story.chance(f"{name}:{day}"), f"{name}-{day:%y%m%d}", story.at(day, seconds))


def _social(story: Story, day: date) -> Iterator[Happening]:
    """Each account's counters at the end of a day; counters grow from the first day on."""
    days = (day - story.first_day).days + 1
    for account, platform, growth in _ACCOUNTS:
        scene = _scene(story, day, platform, 23 * 3600 + 1800)
        impressions = int(growth * (days + scene.chance.uniform(0, 0.3)))
        interactions = int(growth * 0.0245 * (days + scene.chance.uniform(0, 0.4)))
        data: dict[str, Any] = {"account": account, "platform": platform}
        data |= {"impressions": impressions, "interactions": interactions}
        yield scene.event("social", "social.snapshot", scene.when(), data)


def _routes(story: Story, day: date) -> Iterator[Happening]:
    for route in range(_ROUTES if day.weekday() < 5 else 0):
        scene = _scene(story, day, f"route-{route + 1}", 15 * 3600 + 600 * route)
        data: dict[str, Any] = {"route_id": scene.name, "stops": int(scene.chance.gauss(_STOPS, 60))}
        yield scene.event("collection", "route.completed", scene.when(), data)


def _sites(story: Story, day: date) -> Iterator[Happening]:
    """All sites come up on the first day; every other day one is down for an hour or two."""
    for number, site in enumerate(SITES if day == story.first_day else ()):
        scene = _scene(story, day, site, 60 + number)
        yield scene.event("wifi", "wifi.site_status", scene.when(), {"site_id": site, "up": True})
    scene = _scene(story, day, "outage", 0)
    if day > story.first_day and scene.often(0.5):
        down = story.at(day, scene.chance.randint(6 * 3600, 18 * 3600))
        site = scene.chance.choice(SITES)
        yield scene.event("wifi", "wifi.site_status", down, {"site_id": site, "up": False})
        scene.name += "-over"
        up = down + timedelta(minutes=scene.chance.randint(20, 160))
        yield scene.event("wifi", "wifi.site_status", up, {"site_id": site, "up": True})


def _people(story: Story, day: date) -> Iterator[Happening]:
    """All positions are filled on the first day; who leaves is followed some weeks later."""
    for number in range(_POSITIONS if day == story.first_day else 0):
        scene = _scene(story, day, f"position-{number}", 3600 + number)
        yield scene.event("people", "position.filled", scene.when(), _position(number))
    scene = _scene(story, day, "leaver", 17 * 3600)
    if day > story.first_day and scene.often(_POSITIONS * _YEARLY_TURNOVER / 365):
        data = _position(day.toordinal() * 7 % _POSITIONS)  # not twice within most of a year
        yield scene.event("people", "position.separated", scene.when(), data)
        filled = scene.when() + timedelta(days=scene.chance.randint(20, 60))
        yield scene.event("people", "position.filled", filled, data)


def _position(number: int) -> dict[str, Any]:
    return {"position_id": f"N{number}", "department": _EMPLOYERS[number % len(_EMPLOYERS)]}
