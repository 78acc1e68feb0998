"""The main job on real input: 138,736 requests of a real city give 265,665 events, and every figure is exact."""

import json
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from bench import load
from e2e import boston, oracle
from e2e.city import CLI, City, running_city

pytestmark = [pytest.mark.campaign, pytest.mark.realdata, pytest.mark.timeout(1500)]

EVENTS = 265_665


@pytest.fixture(scope="module")
def boston_file(real_data: Path) -> Path:
    return real_data / "boston_open311_2008_2016.csv.xz"


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory, boston_file: Path) -> Iterator[City]:
    """A city that has read the file once."""
    with running_city(tmp_path_factory.mktemp("boston") / "data") as city:
        done = city.cli("import", "open311", str(boston_file), "--data", str(city.folder), timeout=900)
        assert "265,665" in done.stdout or "265665" in done.stdout, done.stdout
        city.wait_for_events(EVENTS, timeout_s=300)
        yield city


def test_every_event_is_counted(imported: City) -> None:
    totals = imported.get("/v1/snapshot", period="all")["totals"]
    assert totals == {"events": EVENTS, "by_type": {boston.OPENED: 138_736, boston.CLOSED: 126_929}}


@pytest.mark.parametrize("grain", ["all", "fiscal_year", "month"])
def test_figures_equal_an_independent_computation(imported: City, boston_file: Path, grain: str) -> None:
    truth = boston.expected(boston.read(boston_file), grain=grain)
    for label in truth.labels():
        kpis = {kpi["id"]: kpi for kpi in imported.get("/v1/snapshot", period=label)["kpis"]}
        opened, closed = truth.opened.get(label, 0), truth.closed.get(label, 0)
        assert kpis["SR-08"]["numerator"] == opened, label
        assert kpis["SR-09"]["numerator"] == closed, label
        assert (kpis["SR-04"]["numerator"], kpis["SR-04"]["denominator"]) == (0, closed), label
        assert (kpis["SR-10"]["numerator"], kpis["SR-10"]["denominator"]) == (truth.seconds.get(label, 0), closed)


def test_the_months_of_the_series_are_the_months_of_the_snapshots(imported: City, boston_file: Path) -> None:
    truth = boston.expected(boston.read(boston_file), grain="month")
    labels = truth.labels()
    query: dict[str, Any] = {"grain": "month", "from": f"{labels[0]}-01", "to": f"{labels[-1]}-01", "limit": 1000}
    items = imported.get("/v1/kpis/SR-09/series", **query)["items"]
    assert {item["period"]: item["numerator"] for item in items if item["numerator"]} == truth.closed


@pytest.mark.parametrize("period", ["all", "FY2012", "2013-07"])
def test_nodes_follow_from_the_kpis(imported: City, period: str) -> None:
    snapshot = imported.get("/v1/snapshot", period=period)
    assert oracle.mixtures(snapshot) == []
    assert any(node["attainment"] is not None for node in snapshot["nodes"])


def test_a_rebuild_is_identical(imported: City) -> None:
    done = imported.cli("kpi", "rebuild", "--verify", "--data", str(imported.folder), timeout=600)
    assert "identical" in done.stdout


def test_importing_again_changes_nothing(imported: City, boston_file: Path) -> None:
    before = imported.get("/v1/snapshot", period="all")
    done = imported.cli("import", "open311", str(boston_file), "--data", str(imported.folder), "--json", timeout=900)
    assert '"duplicates": 265665' in done.stdout, done.stdout
    after = imported.get("/v1/snapshot", period="all")
    assert after["kpis"] == before["kpis"]
    assert after["nodes"] == before["nodes"]
    assert after["totals"] == before["totals"]


def test_interrupted_half_way_and_started_again(
    imported: City, boston_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running_city(tmp_path_factory.mktemp("again") / "data") as city:
        command = [str(CLI), "import", "open311", str(boston_file), "--data", str(city.folder)]
        importing = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while city.get("/v1/snapshot", period="all")["totals"]["events"] < EVENTS // 2:
                assert importing.poll() is None, "the import ended before it could be interrupted"
                time.sleep(0.2)
        finally:
            importing.send_signal(signal.SIGINT)
            importing.wait(30)
        city.cli("import", "open311", str(boston_file), "--data", str(city.folder), timeout=900)
        again = city.wait_for_events(EVENTS, timeout_s=300)
        once = imported.get("/v1/snapshot", period="all")
        assert (again["kpis"], again["nodes"], again["totals"]) == (once["kpis"], once["nodes"], once["totals"])


def payments_at(city: City, rate: int, ended: threading.Event) -> int:
    """Publish so many payments a second until told to end; return how many came in."""
    publisher = city.endpoints["credentials"]["publisher"]
    events = load.make(rate * 600, system=publisher["system"], run=uuid.uuid4().hex, mix="payments")
    headers = {"authorization": f"Bearer {publisher['key']}", "content-type": "application/cloudevents-batch+json"}
    size, began, accepted = rate // 10, time.monotonic(), 0
    with httpx.Client(base_url=city.endpoints["intake"], headers=headers, timeout=60) as door:
        for number, body in enumerate(load.bodies(events, size)):
            if ended.is_set():
                break
            time.sleep(max(0.0, began + number / 10 - time.monotonic()))
            accepted += door.post("/v1/events", content=body).raise_for_status().json()["accepted"]
    return accepted


def test_a_formula_changes_while_a_thousand_events_a_second_come(imported: City, tmp_path: Path) -> None:
    """Every answer counts the closings by the old formula or by the new one, and says which; nothing is lost meanwhile."""
    kpi = imported.get("/v1/kpis/SR-09", service="kpi", role="staff")
    file = tmp_path / "kpis.json"
    file.write_text(
        json.dumps({"kpis": [{**kpi, "measure": {**kpi["measure"], "where": "data.reason == 'resolved'"}}]})
    )
    before = imported.get("/v1/kpis/SR-09", period="all")
    first = imported.get("/v1/snapshot", period="all")["totals"]["events"]
    ended, seen = threading.Event(), []
    with ThreadPoolExecutor(2) as pool:
        flowing = pool.submit(payments_at, imported, 1_000, ended)
        time.sleep(3)
        applying = pool.submit(imported.cli, "kpi", "apply", str(file), "--data", str(imported.folder), timeout=600)
        while not applying.done():
            seen.append(imported.get("/v1/kpis/SR-09", period="all"))
            time.sleep(0.05)
        time.sleep(3)
        ended.set()
        accepted = flowing.result()
    imported.wait_for_events(first + accepted)
    after = imported.get("/v1/kpis/SR-09", period="all")
    assert after["version"] > before["version"]
    assert 0 < after["numerator"] < before["numerator"]
    known = {one["version"]: one["numerator"] for one in (before, after)}
    assert all(known.get(one["version"]) == one["numerator"] for one in seen), "a figure by neither formula"
    past = imported.get("/v1/kpis/SR-09", period="all", as_of=after["version"] - 1)
    assert (past["numerator"], past["version"]) == (before["numerator"], before["version"])
    print(f"{accepted} payments meanwhile, {len(seen)} answers, switched on at position {after['version']}")
    assert "identical" in imported.cli("kpi", "rebuild", "--data", str(imported.folder), timeout=600).stdout
