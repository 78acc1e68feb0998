"""The synthetic city's report: last month is published once it is counted, and then two things about it turn out otherwise."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from typing import Any

from citygoals.local.client import City
from citygoals.local.demo import day_of
from citygoals.local.demo_scene import Happening, Scene, Story

REASON_KPI = "FIN-02"
BY = "Synthetic city manager"
_MIDDLE_DAY = 15
_LOOK_EVERY_S = 0.1
_PATIENCE_S = 10.0

Send = Callable[[Iterable[Happening]], None]


def report(city: City, story: Story, today: date, send: Send) -> bool:
    """Publish the month before, restate and explain it; say whether all of it is done. May be begun again at any step.

    Nothing is published before everything that was sent is counted: what came later would be a restatement.
    """
    if not _is_counted(city):
        return False
    answer = city.ask("kpi", "/v1/publications", role="staff", method="POST", json=draft(today))
    publication = answer["publication"]
    if not publication["reasons"]:
        for one in afterthoughts(story, today):  # each at a position of its own
            send([one])
            if not _becomes_counted(city):
                return False
        path = f"/v1/publications/{publication['id']}/reasons"
        city.ask("kpi", path, role="staff", method="POST", json=reason())
    return True


def draft(today: date) -> dict[str, Any]:
    """Return what is published: the month before."""
    month = _month_before(today).strftime("%Y-%m")
    return {
        "id": f"synthetic-{month}",
        "title": {"en": f"Monthly report {month} (synthetic)", "es": f"Informe mensual {month} (sintético)"},
        "period": month,
        "note": {"en": "Made up for a demonstration.", "es": "Inventado para una demostración."},
        "by": BY,
    }


def reason() -> dict[str, Any]:
    """Return why the month's share of online payments was restated."""
    text = {
        "en": "Made up: a branch sent a payment late, and a payment posted twice was voided.",
        "es": "Inventado: una sucursal envió un pago tarde y se anuló un pago registrado dos veces.",
    }
    return {"kpi": REASON_KPI, "reason": text, "by": BY}


def afterthoughts(story: Story, today: date) -> list[Happening]:
    """Return what is learned of the month before after its report: a late payment, and one that is voided."""
    first = _month_before(today)
    day, learned = first.replace(day=_MIDDLE_DAY), story.at(today.replace(day=1), 0)
    scene = Scene(story, day, story.chance(f"late:{first}"), f"late-{first:%y%m}", story.at(day, 11 * 3600))
    late: dict[str, Any] = {"payment_id": f"P{scene.name}", "department": "municipal-court", "service_code": "citation"}
    late |= {"channel": "web", "amount_minor": 14_500, "currency": "USD"}
    twice = next(one for one in _paid(story, first) if one["data"]["channel"] == "counter")
    voided = {"payment_id": twice["data"]["payment_id"], "reason": "posted twice"}
    return [
        scene.event("payments", "payment.settled", learned, late, echo=scene.when()),
        scene.event("payments", "payment.voided", learned, voided),
    ]


def _paid(story: Story, first: date) -> Iterator[dict[str, Any]]:
    """Yield what was paid in the second half of a month, without the echoes of the year before."""
    for number in range(_MIDDLE_DAY, 29):
        day = first.replace(day=number)
        payments = (one.event for one in day_of(story, day) if one.event["type"] == "city.payment.settled.v1")
        yield from (one for one in payments if one["time"].startswith(str(day)))


def _month_before(today: date) -> date:
    return (today.replace(day=1) - timedelta(days=1)).replace(day=1)


def _becomes_counted(city: City) -> bool:
    deadline = time.monotonic() + _PATIENCE_S
    while not (is_counted := _is_counted(city)) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
    return is_counted


def _is_counted(city: City) -> bool:
    """Say whether reporting shows everything that intake has accepted."""
    accepted = sum(one["accepted"] for one in city.ask("intake", "/v1/status")["systems"])
    answer = city.once("GET", city.url("reporting") + "/v1/snapshot?period=all")[0]
    return answer is not None and answer.is_success and bool(answer.json()["totals"]["events"] >= accepted)
