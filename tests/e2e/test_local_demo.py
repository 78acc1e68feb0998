"""`citygoals up --demo`: a dashboard that is alive within half a minute, and a story that is told once however often it is begun."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from e2e.city import City
from e2e.dashboard_city import Windows, chromium, picture_path
from patience import wait_for
from playwright.async_api import expect
from ports import free_port_base


def start(city: City) -> None:
    city.cli("up", "--data", str(city.folder), "--port-base", str(city.port_base), "--demo", "--detach")
    city.endpoints = json.loads((city.folder / "endpoints.json").read_text())


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    city = City(folder=tmp_path_factory.mktemp("demo") / "data", port_base=free_port_base())
    try:
        start(city)
        city.wait_for_events(14_000, timeout_s=200)
        yield city
    finally:
        city.down()


def sent(city: City) -> dict[str, int]:
    """What intake has seen of the demo, duplicates included."""
    systems = city.get("/v1/status", service="intake")["systems"]
    return next(item for item in systems if item["system"] == "demo")


def wait_until_told(city: City) -> None:
    """The past has been told once it has been told until today."""
    wait_for(lambda: not _told(city).get("told_until", "1970").startswith("1970"), what="the past", timeout_s=200)


def _told(city: City) -> dict[str, str]:
    try:
        said: dict[str, str] = json.loads((city.folder / "demo.json").read_text())
    except FileNotFoundError:
        return {}
    return said


def promised(city: City) -> dict[str, str]:
    """The state of each commitment, once all of them have come to theirs."""

    def are_there() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = city.get("/v1/commitments")["items"]
        return items if len(items) == 4 and any(one["amendments"] for one in items) else []

    items = wait_for(are_there, what="four commitments")
    assert all(one["sample"] for one in items)
    return {one["department"]: one["state"] for one in items}


def test_commitments_are_there_in_every_state_and_labelled(demo: City) -> None:
    states = {"municipal-court": "locked", "library": "signed", "animal-services": "reviewed", "fire": "proposed"}
    assert promised(demo) == states
    wait_until_told(demo)
    figures = {one["id"]: one for one in demo.get("/v1/snapshot")["kpis"]}
    assert (figures["LIB-01"]["target"]["value"], figures["LIB-01"]["sample"]) == ("125", True)
    assert figures["AS-01"]["committed"] is None
    library = demo.get(f"/v1/commitments/library-{figures['LIB-01']['period'].lower()}")
    before = demo.get("/v1/kpis/LIB-01", as_of=library["signed"]["at"])
    assert (before["target"]["value"], before["committed"]) == ("120", None), "the instant before its position"
    said = demo.get("/v1/narratives")["items"]
    assert sorted(one["kpi"] for one in said) == ["FIN-02", "MC-01"]
    assert all(one["sample"] and one["text"]["en"].startswith("Synthetic") for one in said)


def test_figures_are_plausible_and_not_all_alike(demo: City) -> None:
    wait_until_told(demo)
    demo.wait_for_events(sent(demo)["accepted"])
    kpis = demo.get("/v1/snapshot")["kpis"]
    with_data = [kpi for kpi in kpis if kpi["status"] != "NO_DATA"]
    assert len(with_data) >= 10
    assert {kpi["status"] for kpi in kpis} >= {"ON_TRACK", "NEAR", "OFF_TRACK"}


def test_the_trend_has_a_past(demo: City) -> None:
    wait_until_told(demo)
    days = demo.get("/v1/kpis/FIN-02/series", grain="day", limit=1000)["items"]
    assert sum(1 for day in days if day["events"]) >= 30


def test_every_event_says_that_it_is_synthetic(demo: City) -> None:
    items = demo.get("/v1/kpis/SR-08/events", role="analyst", limit=20)["items"]
    assert items
    assert all(item["source"].startswith("/systems/demo/") and "synthetic" in item["id"] for item in items)


def test_last_months_report_was_restated_and_explained(demo: City) -> None:
    wait_until_told(demo)
    items = wait_for(lambda: _explained(demo), what="the reasons", timeout_s=200)
    assert {one["cause"] for one in items} == {"late", "voided"}
    assert all(one["events"]["count"] == 1 for one in items)
    (report,) = demo.get("/v1/reports")["items"]
    assert "synthetic" in report["title"]
    assert not report["preliminary"]


def _explained(demo: City) -> list[dict[str, Any]]:
    """The restatements of the one report there is, once they are explained."""
    for report in demo.get("/v1/reports")["items"]:
        items: list[dict[str, Any]] = demo.get(f"/v1/reports/{report['id']}/restatements", kpi="FIN-02")["items"]
        if items and all(one["reason"] for one in items):
            return items
    return []


@pytest.mark.browser
async def test_a_picture_for_the_documents(demo: City, tmp_path: Path) -> None:
    """CITYGOALS_SCREENSHOT=1 writes it into the documents; every other run only shows that it can be taken."""
    wait_until_told(demo)
    demo.wait_for_events(sent(demo)["accepted"])
    target = picture_path(tmp_path)
    async with chromium() as browser:
        page = await Windows(browser).open()
        await page.goto(demo.endpoints["reporting"])
        await expect(page.locator("[data-live-word]")).to_have_text("Live")
        await page.set_viewport_size({"width": 1280, "height": 2000})
        await page.screenshot(path=target)
    assert target.read_bytes().startswith(b"\x89PNG")


def test_the_pages_say_so_for_ever(demo: City) -> None:
    assert "synthetic" in httpx.get(demo.endpoints["reporting"]).text.lower()
    demo.down()
    demo.up()
    assert "synthetic" in httpx.get(demo.endpoints["reporting"]).text.lower()
    demo.down()
    start(demo)


def test_it_moves(demo: City) -> None:
    wait_until_told(demo)
    before = demo.get("/v1/snapshot", period="all")["totals"]["events"]
    demo.wait_for_events(before + 3)
    assert demo.processes()["demo"]["ready"]


def test_killed_and_begun_again_it_repeats_nothing(demo: City) -> None:
    wait_until_told(demo)
    made = demo.get("/v1/commitments")["items"]
    os.kill(demo.processes()["demo"]["pid"], signal.SIGKILL)
    demo.wait_for_events(demo.get("/v1/snapshot", period="all")["totals"]["events"] + 3)
    demo.down()
    start(demo)
    counts = sent(demo)
    assert counts["rejected"] == 0
    assert counts["duplicates"] <= 10
    assert demo.wait_for_events(counts["accepted"])["totals"]["events"] >= counts["accepted"]
    assert demo.get("/v1/commitments")["items"] == made


def test_forgotten_it_is_told_again_without_double_counting(demo: City) -> None:
    wait_until_told(demo)
    demo.down()
    (demo.folder / "demo.json").unlink()
    start(demo)
    before = sent(demo)
    wait_until_told(demo)
    after = sent(demo)
    assert after["duplicates"] - before["duplicates"] > 10_000
    assert after["accepted"] - before["accepted"] < 500
    assert after["rejected"] == 0
