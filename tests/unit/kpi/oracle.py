"""The cells of the sample catalogue by a plain reading of the contract: slow, obvious, and sharing no code with the product.

Only the calendar is borrowed; it has tests of its own.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from citygoals.shared.period import GRAINS, CityCalendar

Parts = tuple[str, date, int, int]  # KPI, day, numerator, denominator

THING = {
    "payment": ("payment_id",), "service_request": ("service_request_id",), "session": ("session_id",),
    "feedback": ("feedback_id",), "social": ("account", "platform"), "measurement": ("measure_id",),
}  # fmt: skip
AFTER = {  # what comes later when two things happened at the same instant
    "payment": ["settled", "refunded", "charged_back", "voided"],
    "service_request": [
        "opened",
        "assigned",
        "acknowledged",
        "paused",
        "resumed",
        "closed",
        "merged",
        "reopened",
        "confirmed",
    ],
}


def cells(
    bodies: Iterable[bytes], calendar: CityCalendar
) -> dict[tuple[str, str, date, str, str], tuple[int, int, int]]:
    """Every cell that is not zero."""
    things: dict[tuple[Any, ...], dict[tuple[str, str], dict[str, Any]]] = defaultdict(dict)
    for body in bodies:
        event = json.loads(body)
        _, domain, fact, _ = event["type"].split(".")
        if domain in THING:
            event["fact"], event["at"] = fact, datetime.fromisoformat(event["time"])
            event["day"] = calendar.local_day(event["at"])
            whose = "" if domain == "measurement" else event["namespace"]  # a measurement is the city's
            thing = (domain, whose, *(event["data"][name] for name in THING[domain]))
            things[thing][event["source"], event["id"]] = event
    total: dict[tuple[str, str, date, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for (domain, *_), events in things.items():
        for key, (numerator, denominator) in _of_thing(domain, list(events.values()), calendar).items():
            for place, number in enumerate((numerator, denominator, len(events))):
                total[key][place] += number
    return {key: (n, d, e) for key, (n, d, e) in total.items() if n or d or e}


def _of_thing(domain: str, events: list[dict[str, Any]], calendar: CityCalendar) -> dict[Any, tuple[int, int]]:
    order = AFTER.get(domain, [])
    events.sort(key=lambda e: (e["at"], order.index(e["fact"]) if order else 0, e["source"], e["id"]))
    department, district, parts = _TELLERS[domain](events, calendar)
    sums: dict[Any, list[int]] = defaultdict(lambda: [0, 0])
    for kpi, day, numerator, denominator in parts:
        if kpi == "COURT" and department != "municipal-court":
            continue
        for grain in ("day",) if kpi == "LATEST" else GRAINS:
            start = calendar.containing(day, grain).start
            for dimension, member in (("city", ""), ("department", department), ("district", district)):
                if member is not None:
                    sums[kpi, grain, start, dimension, str(member)][0] += numerator
                    sums[kpi, grain, start, dimension, str(member)][1] += denominator
    return {key: (n, d) for key, (n, d) in sums.items() if n or d}


def _payment(events: list[dict[str, Any]], _: CityCalendar) -> tuple[Any, Any, list[Parts]]:
    settled = [event for event in events if event["fact"] == "settled"]
    if not settled:
        return None, None, []
    first = settled[0]
    day, data = first["day"], first["data"]
    voided = [event["day"] for event in events if event["fact"] == "voided"]
    if voided:
        return data["department"], data.get("district"), [("VOIDED", voided[0], 1, 0)]
    parts: list[Parts] = [("COURT", day, 1, 0), ("ONLINE", day, data["channel"] != "counter", 1)]
    parts.append(("NET", day, data["amount_minor"], 0))
    seen = set()
    for event in events:
        if event["fact"] in ("refunded", "charged_back") and event["data"]["reversal_id"] not in seen:
            seen.add(event["data"]["reversal_id"])
            parts.append(("NET", event["day"], -event["data"]["amount_minor"], 0))
    return data["department"], data.get("district"), parts


def _request(events: list[dict[str, Any]], _: CityCalendar) -> tuple[Any, Any, list[Parts]]:
    opened = [event for event in events if event["fact"] == "opened"]
    if not opened:
        return None, None, []
    department = ([opened[0]] + [event for event in events if event["fact"] == "assigned"])[-1]["data"]["department"]
    parts: list[Parts] = [("OPENED", opened[0]["day"], 1, 0)]
    closed: dict[str, Any] | None = None
    for event in events:
        if event["fact"] in ("closed", "merged") and closed is None:
            closed = event
        elif event["fact"] == "reopened" and closed is not None:
            quick = event["at"] - closed["at"] <= timedelta(days=2)
            parts.append(("REOPENED", closed["day"], int(quick), 1))
            closed = None
    if closed is not None:
        seconds = max(0, int((closed["at"] - opened[0]["at"]).total_seconds()))
        parts += [
            ("CLOSED", closed["day"], 1, 0),
            ("REOPENED", closed["day"], 0, 1),
            ("SECONDS", closed["day"], seconds, 1),
        ]
        if closed["fact"] == "merged":
            parts.append(("MERGED", closed["day"], 1, 0))
    return department, opened[0]["data"].get("district"), parts


def _session(events: list[dict[str, Any]], _: CityCalendar) -> tuple[Any, Any, list[Parts]]:
    data = events[-1]["data"]
    return data["department"], data.get("district"), [("PARKS", events[-1]["day"], data["attendees"], data["capacity"])]


def _feedback(events: list[dict[str, Any]], _: CityCalendar) -> tuple[Any, Any, list[Parts]]:
    rating = events[-1]["data"].get("rating")
    return None, None, [("RATING", events[-1]["day"], rating, 1)] if isinstance(rating, int) else []


def _social(events: list[dict[str, Any]], _: CityCalendar) -> tuple[Any, Any, list[Parts]]:
    parts: list[Parts] = []
    before = {"impressions": 0, "interactions": 0}
    for event in events:
        now = event["data"]
        grown = [now[name] - before[name] for name in ("interactions", "impressions")]
        parts.append(("SOCIAL", event["day"], *grown))
        before = now
    return None, None, parts


def _measurement(events: list[dict[str, Any]], calendar: CityCalendar) -> tuple[Any, Any, list[Parts]]:
    by_day = dict(_measured(events, calendar))
    return None, None, [("LATEST", day, *pair) for day, pair in by_day.items()]


def _measured(events: list[dict[str, Any]], calendar: CityCalendar) -> Iterator[tuple[date, tuple[int, int]]]:
    for event in events:
        data = event["data"]
        if data["measure_id"] == "m-1" and data["period"] not in ("nonsense", "all"):
            if "value" in data:
                pair = Fraction(data["value"]).as_integer_ratio()
            else:
                pair = data["numerator"], data["denominator"]
            yield calendar.parse(data["period"], date(2026, 1, 1)).end - timedelta(days=1), pair


_TELLERS: Any = {
    "payment": _payment, "service_request": _request, "session": _session,
    "feedback": _feedback, "social": _social, "measurement": _measurement,
}  # fmt: skip
