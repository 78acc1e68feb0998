"""One event, one commit: the worked example of the KPI mathematics through the public doors, and readers under load."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from e2e import oracle
from e2e.city import City, event

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
    deadline = time.monotonic() + 30
    while not {kpi["id"] for kpi in city.get("/v1/snapshot")["kpis"]} >= set(expected):
        assert time.monotonic() < deadline, "the definitions did not arrive"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def example(city: City, tmp_path_factory: pytest.TempPathFactory) -> City:
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


def figure(snapshot: dict[str, Any], kpi: str) -> tuple[int, int, str]:
    found = next(item for item in snapshot["kpis"] if item["id"] == kpi)
    return found["numerator"], found["denominator"], found["status"]


def node(snapshot: dict[str, Any], identity: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in snapshot["nodes"] if item["id"] == identity)
    return found


def test_the_worked_example(example: City) -> None:
    before = example.get("/v1/snapshot")
    assert figure(before, "MC-01") == (4159, 6399, "NEAR")
    assert node(before, "objective")["attainment"] == "0.976610568158"

    last = payment(example, 6399, online=True)
    example.publish([last])
    example.wait_for_events(6401)
    after = example.get("/v1/snapshot")
    assert figure(after, "MC-01") == (4160, 6400, "ON_TRACK")
    objective = node(after, "objective")
    assert objective["attainment"] == "0.976666666667"
    assert objective["coverage"] == {"numerator": 3, "denominator": 4}
    assert objective["status"] == "NEAR"
    assert after["as_of"]["position"] == before["as_of"]["position"] + 1

    then = example.get("/v1/snapshot", as_of=before["as_of"]["position"])
    assert (then["kpis"], then["nodes"]) == (before["kpis"], before["nodes"])
    moved = example.get("/v1/effects", role="analyst", source=last["source"], id=last["id"])
    assert (moved["previous"], moved["position"]) == (before["as_of"]["position"], after["as_of"]["position"])
    for kind, names in (("kpis", {"MC-01"}), ("nodes", {"objective", "city"})):
        told = {item["id"]: (item["before"], item["after"]) for item in moved[kind]}
        assert told.keys() >= names
        ends = [{item["id"]: item for item in snapshot[kind]} for snapshot in (before, after)]
        assert told == {name: (ends[0][name], ends[1][name]) for name in told}


async def _read(city: City, stop: asyncio.Event, seen: list[dict[str, Any]]) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        last = 0
        while not stop.is_set():
            snapshot = (await client.get(city.endpoints["reporting"] + "/v1/snapshot")).json()
            position = snapshot["as_of"]["position"]
            assert position >= last, "a reader went back in time"
            last = position
            seen.append({"position": position, "wrong": oracle.mixtures(snapshot)})
            await asyncio.sleep(0.04)


async def _write(city: City, count: int, seconds: float) -> None:
    """Paced: 5 events at a time, evenly over the seconds."""
    headers = city.key("publisher") | {"content-type": "application/cloudevents-batch+json"}
    started, step = time.monotonic(), 5
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        for first in range(0, count, step):
            batch = [payment(city, n, online=n % 3 != 0, prefix="load") for n in range(first, first + step)]
            answer = await client.post(city.endpoints["intake"] + "/v1/events", content=json.dumps(batch))
            assert answer.json()["accepted"] == step
            await asyncio.sleep(max(0.0, started + seconds * (first + step) / count - time.monotonic()))


@pytest.mark.campaign
@pytest.mark.timeout(400)
async def test_no_reader_ever_sees_a_mixture(example: City) -> None:
    already = example.get("/v1/snapshot", period="all")["totals"]["events"]
    stop, seen = asyncio.Event(), list[dict[str, Any]]()
    readers = [asyncio.create_task(_read(example, stop, seen)) for _ in range(3)]
    await _write(example, 20_000, 80.0)
    await asyncio.to_thread(example.wait_for_events, already + 20_000)
    stop.set()
    await asyncio.gather(*readers)
    positions = {read["position"] for read in seen}
    print(f"{len(seen)} reads over {len(positions)} positions")
    assert [read for read in seen if read["wrong"]] == []
    assert len(seen) >= 2_000
    assert len(positions) >= 500
