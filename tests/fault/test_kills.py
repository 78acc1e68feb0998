"""`kill -9` of every process of the city, again and again, while events flow: nothing lost, nothing counted twice."""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from e2e import oracle
from e2e.city import City, event, running_city

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1200)]

EVENTS, BATCH, PACE_S, KILLS = 20_000, 20, 150.0, 36
TARGETS = ("intake", "kpi", "notify", "reporting", "nats", "postgres")
PROGRESS_S = 30.0


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with running_city(tmp_path_factory.mktemp("victim") / "data") as city:
        yield city


class Publisher(threading.Thread):
    """A well-behaved city system: paced, and it repeats a batch until it has a receipt for it."""

    def __init__(self, city: City, events: list[dict[str, Any]]) -> None:
        super().__init__(daemon=True)
        self.city, self.events = city, events
        self.accepted = self.duplicates = self.sent = 0
        self.rejected: list[Any] = []

    def run(self) -> None:
        started = time.monotonic()
        for first in range(0, len(self.events), BATCH):
            self._send(self.events[first : first + BATCH])
            self.sent = first + BATCH
            time.sleep(max(0.0, started + PACE_S * self.sent / len(self.events) - time.monotonic()))

    def _send(self, batch: list[dict[str, Any]]) -> None:
        headers = self.city.key("publisher") | {"content-type": "application/cloudevents-batch+json"}
        while True:
            try:
                url = self.city.endpoints["intake"] + "/v1/events"
                answer = httpx.post(url, content=json.dumps(batch), headers=headers, timeout=20)
            except httpx.HTTPError:
                time.sleep(0.2)
                continue
            if answer.status_code == 202:
                receipt = answer.json()
                self.accepted += receipt["accepted"]
                self.duplicates += receipt["duplicates"]
                self.rejected += receipt["rejected"]
                return
            assert answer.status_code in (429, 503), (answer.status_code, answer.text[:300])
            time.sleep(0.2)


def payments_and_requests(city: City, seed: int) -> list[dict[str, Any]]:
    """Payments of two departments, and requests that open, close, reopen and close again; seeded."""
    chance = random.Random(seed)
    base = datetime.now(UTC) - timedelta(hours=6)
    events: list[dict[str, Any]] = []
    while len(events) < EVENTS:
        number = len(events)
        at = base + timedelta(seconds=chance.randrange(3600))
        if chance.random() < 0.6:
            data: dict[str, Any] = {
                "payment_id": f"p{number}",
                "department": chance.choice(["municipal-court", "tax-office"]),
                "service_code": "bill",
                "channel": chance.choice(["web", "app", "counter"]),
                "amount_minor": chance.randrange(1, 100_000),
                "currency": "USD",
            }
            events.append(event(city, "payment.settled", f"p{number}", at.isoformat(), data))
            continue
        request = {"service_request_id": f"r{number}"}
        opened = request | {"service_code": "pothole", "department": "streets-maintenance", "channel": "app"}
        steps = [("opened", opened), ("closed", request | {"reason": "resolved"})]
        if chance.random() < 0.3:
            steps += [("reopened", request), ("closed", request | {"reason": "resolved"})]
        for minutes, (fact, data) in enumerate(steps):
            when = (at + timedelta(minutes=10 * minutes)).isoformat()
            events.append(event(city, f"service_request.{fact}", f"r{number}-{minutes}", when, data))
    del events[EVENTS:]
    chance.shuffle(events)
    return events


def total(city: City) -> int:
    """Events counted so far, or -1 while the reader is down."""
    try:
        answer = httpx.get(city.endpoints["reporting"] + "/v1/snapshot", params={"period": "all"}, timeout=5)
    except httpx.HTTPError:
        return -1
    return int(answer.json()["totals"]["events"]) if answer.status_code == 200 else -1


def wait_for_progress(city: City, beyond: int, what: str) -> None:
    deadline = time.monotonic() + PROGRESS_S
    while total(city) <= beyond:
        assert time.monotonic() < deadline, f"no progress within {PROGRESS_S} s after {what}"
        time.sleep(0.1)


def wait_until_readable(city: City) -> int:
    deadline = time.monotonic() + PROGRESS_S
    while (counted := total(city)) < 0:
        assert time.monotonic() < deadline, f"reporting was not readable for {PROGRESS_S} s"
        time.sleep(0.1)
    return counted


def kill(city: City, name: str) -> int:
    pid = int(city.processes()[name]["pid"])
    os.kill(pid, signal.SIGKILL)
    return pid


def test_nothing_is_lost_and_nothing_counted_twice(victim: City) -> None:
    seed = int(os.environ.get("CITYGOALS_FAULT_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    events = payments_and_requests(victim, seed)
    publisher = Publisher(victim, events)
    publisher.start()
    order = [*TARGETS * (KILLS // len(TARGETS))]
    chance.shuffle(order)
    for number, name in enumerate(order):
        while publisher.sent < EVENTS * (number + 1) / (len(order) + 2) and publisher.is_alive():
            time.sleep(0.05)
        before = wait_until_readable(victim)
        print(f"{publisher.sent:6} sent, {before:6} counted: kill {name} (pid {kill(victim, name)})", flush=True)
        assert publisher.is_alive(), "all events were sent before the last kill: the run does not count"
        wait_for_progress(victim, before, f"the kill of {name}")
    publisher.join(600)
    assert not publisher.is_alive()

    snapshot = victim.wait_for_events(EVENTS, timeout_s=120)
    assert publisher.rejected == []
    assert publisher.accepted + publisher.duplicates == EVENTS
    assert snapshot["totals"] == {"events": EVENTS, "by_type": dict(Counter(item["type"] for item in events))}
    check_figures(snapshot, events)
    assert oracle.mixtures(snapshot) == []
    assert "identical" in victim.cli("kpi", "rebuild", "--verify", "--data", str(victim.folder)).stdout


def check_figures(snapshot: dict[str, Any], events: list[dict[str, Any]]) -> None:
    """A few figures by a plain count over what was sent."""
    kpis = {kpi["id"]: kpi for kpi in snapshot["kpis"]}
    paid = [item["data"] for item in events if item["type"] == "city.payment.settled.v1"]
    online = sum(data["channel"] in ("web", "app") for data in paid)
    court = [data for data in paid if data["department"] == "municipal-court"]
    court_online = sum(data["channel"] in ("web", "app") for data in court)
    opened = {
        item["data"]["service_request_id"]
        for item in events
        if item["type"].endswith("opened.v1") and "reopened" not in item["type"]
    }
    assert (kpis["FIN-02"]["numerator"], kpis["FIN-02"]["denominator"]) == (online, len(paid))
    assert (kpis["MC-01"]["numerator"], kpis["MC-01"]["denominator"]) == (court_online, len(court))
    assert kpis["SR-08"]["numerator"] == len(opened)
