"""What every kind of figure is, by a plain reading of docs/measures.md: events in, integers out.

Slow and obvious; its dates are counted day by day, and it shares no code with the product.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/Denver")
HOLIDAY = date(2026, 3, 9)
DAY = timedelta(days=1)

THING: dict[str, str | tuple[str, ...]] = {
    "service_request": "service_request_id", "permit": "permit_id", "wifi": "site_id", "position": "position_id",
    "unit": "incident_id", "session": "session_id", "call": "call_id", "payment": "payment_id",
    "measurement": "measure_id", "survey": ("survey_id", "respondent_ref"),
}  # fmt: skip
RANKS = ["opened", "submitted", "settled", "filled", "dispatched", "answered", "assigned", "paused", "resumed", "closed",
         "merged", "reopened", "decided", "separated", "arrived", "abandoned", "voided"]  # fmt: skip

Event = dict[str, Any]
Numbers = tuple[int, int] | None


class City:
    """All that has happened, by thing; seen by the whole city or by one department, district or channel."""

    def __init__(
        self,
        bodies: Iterable[bytes],
        department: str | None = None,
        district: str | None = None,
        channel: str | None = None,
    ) -> None:
        self.things: dict[str, list[list[Event]]] = defaultdict(list)
        grouped: dict[tuple[str, tuple[str, ...]], list[Event]] = defaultdict(list)
        for body in bodies:
            event = json.loads(body)
            _, domain, event["fact"], _ = event["type"].split(".")
            event["at"] = datetime.fromisoformat(event["time"])
            event["day"] = event["at"].astimezone(ZONE).date()
            thing = THING[domain]
            named = (thing,) if isinstance(thing, str) else thing
            grouped[domain, tuple(event["data"][name] for name in named)].append(event)
        for (domain, _), events in grouped.items():
            events.sort(key=lambda e: (e["at"], RANKS.index(e["fact"]) if e["fact"] in RANKS else 0, e["id"]))
            if (
                (department is None or owner(domain, events) == department)
                and (district is None or str(place(domain, events, "district")) == district)
                and (channel is None or place(domain, events, "channel") == channel)
            ):
                self.things[domain].append(events)


def first(events: list[Event], fact: str) -> Event | None:
    return next((event for event in events if event["fact"] == fact), None)


def anchor(domain: str, events: list[Event]) -> Event | None:
    anchors = {"service_request": "opened", "permit": "submitted", "payment": "settled", "unit": "dispatched"}
    if domain in anchors:
        return first(events, anchors[domain])
    return events[-1] if domain in ("session", "call", "survey") else events[0]


def owner(domain: str, events: list[Event]) -> Any:
    begun = anchor(domain, events)
    assigned = [event for event in events if event["fact"] == "assigned"]
    return None if begun is None else (assigned or [begun])[-1]["data"].get("department")


def place(domain: str, events: list[Event], name: str) -> Any:
    begun = anchor(domain, events)
    return None if begun is None else begun["data"].get(name)


def closing(events: list[Event]) -> Event | None:
    """The closing that stands."""
    standing: Event | None = None
    for event in events:
        if event["fact"] in ("closed", "merged") and standing is None:
            standing = event
        elif event["fact"] == "reopened":
            standing = None
    return standing


def pauses(events: list[Event]) -> list[tuple[datetime, datetime | None]]:
    found: list[tuple[datetime, datetime | None]] = []
    begun = None
    for event in events:
        if event["fact"] == "paused" and begun is None:
            begun = event["at"]
        elif event["fact"] == "resumed" and begun is not None:
            found.append((begun, event["at"]))
            begun = None
    return found if begun is None else [*found, (begun, None)]


def is_open(day: date) -> bool:
    return day.weekday() < 5 and day != HOLIDAY


def at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), ZONE).astimezone(UTC)


def two_business_days_after(start: Event, events: list[Event]) -> datetime | None:
    day, left = start["day"], 2
    while left:
        day += DAY
        if day > date(2032, 1, 1):
            return None  # an open pause
        just_before = at(day, 17) - timedelta(microseconds=1)
        stands = any(begin <= just_before and (end is None or just_before < end) for begin, end in pauses(events))
        left -= is_open(day) and not stands
    return at(day, 17)


def business_seconds(start: datetime, end: datetime) -> int:
    total, day = timedelta(), start.astimezone(ZONE).date()
    while day <= end.astimezone(ZONE).date():
        for opens, closes in ((8, 12), (13, 17)) if is_open(day) else ():
            total += max(timedelta(), min(end, at(day, closes)) - max(start, at(day, opens)))
        day += DAY
    return total // timedelta(seconds=1)


Due = tuple[datetime, datetime | None, Any, date]


def request_dues(city: City) -> list[Due]:
    """Due at, ended at, district, day of the start."""
    found = []
    for events in city.things["service_request"]:
        opened, closed = first(events, "opened"), closing(events)
        if opened is None:
            continue
        if closed is not None and (closed["fact"] == "merged" or closed["data"]["reason"] == "duplicate"):
            continue
        due = two_business_days_after(opened, events)
        if due is not None:
            ended = None if closed is None else closed["at"]
            found.append((due, ended, opened["data"].get("district"), opened["day"]))
    return found


def permit_dues(city: City) -> list[Due]:
    found = []
    for events in city.things["permit"]:
        submitted, decided = first(events, "submitted"), first(events, "decided")
        if submitted is not None and submitted["data"]["permit_type"] != "none":
            given = submitted["data"].get("due_at")
            due = submitted["at"] + timedelta(hours=48) if given in (None, "soon") else datetime.fromisoformat(given)
            found.append((due, None if decided is None else decided["at"], None, submitted["day"]))
    return found


class Window:
    """A period as days, and the instant up to which things are known to have come due."""

    def __init__(self, start: date, end: date, now: datetime, *, is_rolling: bool = False) -> None:
        self.start, self.end, self.now, self.is_rolling = start, end, now, is_rolling
        self.today = now.astimezone(ZONE).date()
        self.until = min(end, self.today + DAY)
        self.over = min(end, self.today)

    def holds(self, day: date) -> bool:
        return self.start <= day < self.end


def local(instant: datetime) -> date:
    return instant.astimezone(ZONE).date()


def has_come(due: datetime, window: Window) -> bool:
    return due <= window.now


def on_time(dues: list[Due], window: Window) -> Numbers:
    base = [due for due in dues if window.holds(local(due[0])) and has_come(due[0], window)]
    good = [due for due in base if due[1] is not None and due[1] <= due[0]]
    return (len(good), len(base)) if base else None


def overdue(dues: list[Due], window: Window) -> Numbers:
    late = [due for due in dues if due[1] is None or due[1] > due[0]]
    if window.start >= window.until or not any(min(due[3], local(due[0])) < window.until for due in dues):
        return None  # nothing had a deadline yet
    there = [
        due
        for due in late
        if local(due[0]) < window.until
        and (has_come(due[0], window) or due[1] is not None)
        and not (due[1] is not None and local(due[1]) < window.until)
    ]
    return len(there), 1


def evenness(dues: list[Due], window: Window) -> Numbers:
    shares = []
    for district in (1, 2):
        numbers = on_time([due for due in dues if due[2] == district], window)
        if numbers is not None:
            shares.append(Fraction(*numbers))
    return None if len(shares) < 2 else (max(shares) - min(shares)).as_integer_ratio()


def passages(events: list[Event], enters: Any, leaves: Any) -> list[tuple[Event, int]]:
    found, is_in = [], False
    for event in events:
        if (leaves if is_in else enters)(event):
            is_in = not is_in
            found.append((event, 1 if is_in else -1))
    return found


def open_requests(city: City, window: Window) -> Numbers:
    moves: list[tuple[date, int]] = []
    for events in city.things["service_request"]:
        opened, closed = first(events, "opened"), closing(events)
        if opened is None:
            continue
        if closed is not None and events.index(closed) < events.index(opened):
            continue  # over before it began, by somebody's clock: it is not open
        moves += [(opened["day"], 1)] if closed is None else [(opened["day"], 1), (closed["day"], -1)]
    if window.start >= window.until or not any(day < window.until for day, _ in moves):
        return None
    return sum(sign for day, sign in moves if day < window.until), 1


def midnight(day: date) -> datetime:
    return at(day, 0)


def minutes_in(things: list[list[Event]], enters: Any, leaves: Any, run: tuple[date, date]) -> int:
    """Minutes of the run in which a thing was in, each passage at its whole minute."""
    total, begin, end = timedelta(), midnight(run[0]), midnight(run[1])
    for events in things:
        since: datetime | None = None
        for event, sign in passages(events, enters, leaves):
            moment = event["at"].replace(second=0, microsecond=0)
            if sign > 0:
                since = moment
            elif since is not None:
                total += max(timedelta(), min(moment, end) - max(since, begin))
                since = None
        if since is not None:
            total += max(timedelta(), end - max(since, begin))
    return total // timedelta(minutes=1)


def known_run(things: list[list[Event]], enters: Any, leaves: Any, window: Window) -> tuple[date, date] | None:
    days = [event["day"] for events in things for event, _ in passages(events, enters, leaves)]
    run = (max(window.start, min(days, default=date.max)), window.over)
    return run if days and run[0] < run[1] else None


def availability(city: City, window: Window) -> Numbers:
    sites = city.things["wifi"]
    is_up, is_down = (lambda e: e["data"]["up"]), (lambda e: not e["data"]["up"])
    always, never = (lambda _: True), (lambda _: False)
    run = known_run(sites, always, never, window)
    planned = 0 if run is None else minutes_in(sites, always, never, run)
    return (minutes_in(sites, is_up, is_down, run), planned) if run and planned else None


def is_fact(fact: str) -> Callable[[Event], bool]:
    return lambda event: bool(event["fact"] == fact)


def turnover(city: City, window: Window) -> Numbers:
    jobs = city.things["position"]
    filled, left = is_fact("filled"), is_fact("separated")
    run = known_run(jobs, filled, left, window)
    stock = 0 if run is None else minutes_in(jobs, filled, left, run)
    if run is None or not stock:
        return None
    gone = sum(left(event) and run[0] <= event["day"] < run[1] for events in jobs for event in events)
    return gone * ((midnight(run[1]) - midnight(run[0])) // timedelta(minutes=1)), stock


def paid(city: City) -> list[Event]:
    """Settled and not voided."""
    found = (first(events, "settled") for events in city.things["payment"] if first(events, "voided") is None)
    return [event for event in found if event is not None]


def same_days_a_year_before(window: Window) -> tuple[date, date]:
    """Of a month or a fiscal year, whole where it is over; of other days, as many days into the year before."""
    year = window.start.year + (window.start.month >= 9)
    elapsed, whole = (window.until - window.start).days, (window.end - window.start).days
    if whole >= 28 and not window.is_rolling:
        begin = window.start.replace(year=window.start.year - 1)
        end = window.end.replace(year=window.end.year - 1)
        return begin, end if window.until >= window.end else min(end, begin + elapsed * DAY)
    begin = date(year - 2, 9, 1) + (window.start - date(year - 1, 9, 1))
    return begin, begin + elapsed * DAY


def change(city: City, window: Window) -> Numbers:
    begin, end = same_days_a_year_before(window)
    days = [event["day"] for event in paid(city)]
    now, then = (sum(a <= day < b for day in days) for a, b in ((window.start, window.until), (begin, end)))
    return (now - then, then) if then else None


def online_change(city: City, window: Window, before: tuple[date, date]) -> Numbers:
    elapsed = (window.until - window.start).days
    end = before[1] if window.until >= window.end else min(before[1], before[0] + elapsed * DAY)
    parts = []
    for begin, stop in ((window.start, window.until), (before[0], end)):
        there = [event["data"]["channel"] == "web" for event in paid(city) if begin <= event["day"] < stop]
        parts.append((sum(there), len(there)))
    (n, d), (m, e) = parts
    return (n * e - m * d, m * d) if m * d else None


def closing_times(city: City, window: Window) -> list[tuple[datetime, datetime]]:
    pairs = []
    for events in city.things["service_request"]:
        opened, closed = first(events, "opened"), closing(events)
        if opened is not None and closed is not None and window.holds(closed["day"]):
            pairs.append((opened["at"], closed["at"]))
    return pairs


def nearest_rank(values: list[int], share: Fraction) -> int | None:
    rank = max(1, -(-len(values) * share.numerator // share.denominator))
    return sorted(values)[rank - 1] if values else None


def percentiles(city: City, window: Window) -> dict[str, int | None]:
    pairs = closing_times(city, window)
    seconds = [max(0, (end - begin) // timedelta(seconds=1)) for begin, end in pairs]
    clocked = [business_seconds(begin, end) if end > begin else 0 for begin, end in pairs]
    held = [min(max(0, wait), 2**63 - 1) for wait in waits(city, window)]
    shares = {"P90": Fraction(9, 10), "CLOCK": Fraction(1, 2), "WAIT": Fraction(1, 4)}
    found = {"P90": seconds, "CLOCK": clocked, "WAIT": held}
    return {name: nearest_rank(found[name], share) for name, share in shares.items()}


def waits(city: City, window: Window) -> list[int]:
    """Of the calls that were answered, as far as is known."""
    calls = [events[-1] for events in city.things["call"] if window.holds(events[-1]["day"])]
    return [call["data"]["wait_s"] for call in calls if call["fact"] == "answered"]


def added_up(values: list[int]) -> Numbers:
    """A sum; where nothing but zeros was added, nobody knows of it."""
    return (sum(values), 1) if any(values) else None


def again(city: City, window: Window) -> Numbers:
    """Closings that were taken back within two days, over all that closed something."""
    reopened, closed = 0, 0
    for events in city.things["service_request"]:
        standing: Event | None = None
        for event in events if first(events, "opened") is not None else ():
            if event["fact"] in ("closed", "merged") and standing is None:
                standing, closed = event, closed + window.holds(event["day"])
            elif event["fact"] == "reopened" and standing is not None:
                soon = event["at"] - standing["at"] < timedelta(days=2, seconds=1)  # whole seconds are counted
                reopened, standing = reopened + (soon and window.holds(standing["day"])), None
    return (reopened, closed) if closed else None


def programs(city: City, window: Window) -> Numbers:
    held = [events[-1] for events in city.things["session"] if window.holds(events[-1]["day"])]
    keys = {str(event["data"]["program_id"]) for event in held if event["data"]["program_id"] != ""}
    return (len(keys), 1) if keys else None


def wish(city: City, window: Window) -> Numbers:
    said = [events[-1]["data"] for events in city.things["survey"] if window.holds(events[-1]["day"])]
    said = [answer for answer in said if answer["survey_id"] == "s"]
    top = [answer for answer in said if answer.get("top_choice") is True]
    rated = [answer["satisfaction"] for answer in said if answer.get("satisfaction") is not None]
    low = [one for one in rated if one < 4]
    return (len(top) * len(low), len(said) * len(rated)) if rated else None


def quick(city: City, window: Window) -> Numbers:
    taken = [
        event["at"] - sent["at"]
        for events in city.things["unit"]
        for event in events
        if (sent := first(events, "dispatched")) and event["fact"] == "arrived" and window.holds(event["day"])
    ]
    return (sum(one <= timedelta(seconds=240) for one in taken), len(taken)) if taken else None


def heads(city: City, window: Window, member: str | None) -> Numbers:
    there = sum(window.holds(event["day"]) for event in paid(city))
    day = min(window.end - DAY, window.today)
    if member is None:
        people = 1200 if day >= date(2026, 6, 1) else 1000 if day >= date(2026, 1, 1) else None
    else:
        people = 300 if member == "1" and day >= date(2026, 1, 1) else None
    return (there * 10, people) if there and people is not None else None


def latest(city: City, window: Window) -> Numbers:
    last = {"2026-03": date(2026, 3, 31), "FY2026": date(2026, 8, 31)}
    told = {
        last[event["data"]["period"]]: event["data"]["value"]
        for events in city.things["measurement"]
        for event in events
    }
    days = [day for day in told if window.holds(day)]
    return (told[max(days)], 1) if days else None
