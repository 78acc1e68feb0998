"""The city of the worked example in the KPI mathematics: two KPIs with data under one objective, and one without."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from e2e.city import City, event
from patience import wait_for

PLAN = """
id: worked-example
version: 2026-01
effective: {from: 2020-09-01}
cap: "1.25"
tolerance: "0.05"
nodes:
  - {id: city, kind: city, title: {en: The city}}
  - {id: objective, kind: objective, parent: city, weight: "1", title: {en: The objective}}
links:
  - {kpi: MC-01, node: objective, weight: "2"}
  - {kpi: EX-93, node: objective, weight: "1"}
  - {kpi: EX-00, node: objective, weight: "1"}
"""

# EX-93 attains 0.93: 93 of 100 sessions' places taken, target 1. EX-00 never has data.
KPIS = """
kpis:
  - id: MC-01
    title: {en: Court payments made online}
    department: municipal-court
    measure:
      kind: ratio
      numerator: {event: city.payment.settled.v1, value: count, where: "data.channel in ['web', 'app']"}
      denominator: {event: city.payment.settled.v1, value: count}
    unit: "%"
    decimals: 2
    polarity: up
    target: {value: "0.65", basis: fiscal_year}
    tolerance: "0.05"
    absence_means: unknown
  - id: EX-93
    title: {en: Places taken}
    department: null
    measure:
      kind: ratio
      numerator: {event: city.session.held.v1, value: data.attendees}
      denominator: {event: city.session.held.v1, value: data.capacity}
    unit: "%"
    decimals: 2
    polarity: up
    target: {value: "1", basis: fiscal_year}
    tolerance: "0.05"
    absence_means: unknown
  - id: EX-00
    title: {en: Never measured}
    department: null
    measure:
      kind: ratio
      numerator: {event: city.survey.response.v1, value: count, where: "data.top_choice"}
      denominator: {event: city.survey.response.v1, value: count}
    unit: "%"
    decimals: 2
    polarity: up
    target: {value: "1", basis: fiscal_year}
    tolerance: "0.05"
    absence_means: unknown
"""


def payment(city: City, number: int, *, online: bool, prefix: str = "p") -> dict[str, Any]:
    at = (datetime.now(UTC) - timedelta(minutes=5)).isoformat(timespec="seconds")
    data = {
        "payment_id": f"{prefix}-{number}",
        "department": "municipal-court",
        "service_code": "citation",
        "channel": "web" if online else "counter",
        "amount_minor": 12_500,
        "currency": "USD",
    }
    return event(city, "payment.settled", f"{prefix}-{number}", at, data)


def apply(city: City, command: str, text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("definitions") / f"{command}.yaml"
    path.write_text(text)
    city.cli(command, "apply", str(path), "--data", str(city.folder))


def wait_for_kpis(city: City, *expected: str) -> None:
    wait_for(lambda: {kpi["id"] for kpi in city.get("/v1/snapshot")["kpis"]} >= set(expected), what="the definitions")


def let_happen(city: City, tmp_path_factory: pytest.TempPathFactory) -> City:
    """6,399 court payments, 4,159 of them online, and one session with 93 of 100 places taken."""
    apply(city, "kpi", KPIS, tmp_path_factory)
    apply(city, "plan", PLAN, tmp_path_factory)
    wait_for_kpis(city, "MC-01", "EX-93", "EX-00")
    at = datetime.now(UTC).isoformat(timespec="seconds")
    session = {
        "session_id": "s-1",
        "program_id": "swim",
        "department": "parks-recreation",
        "attendees": 93,
        "capacity": 100,
    }
    events = [event(city, "session.held", "s-1", at, session)]
    events += [payment(city, number, online=number < 4159) for number in range(6399)]
    receipt = city.publish(events)
    assert (receipt["accepted"], receipt["rejected"]) == (6400, [])
    city.wait_for_events(6400)
    return city
