"""Down to the events and back up: asked of kpi with the answer's own position; before and after from our own history."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from citygoals.shared.bus import Bus
from integration.reporting.conftest import Kpi, Service, running
from patience import PATIENCE_S
from unit.kpi.kinds import busy
from unit.reporting.city import Contribution, ToyCity
from unit.reporting.kinds_city import KindsCity

ITEM = {
    "source": "/systems/demo", "id": "1", "type": "city.payment.settled.v1", "subject": None,
    "time": "2026-11-21T12:00:00Z", "position": 2, "numerator": 13, "denominator": 20,
}  # fmt: skip


def entry(position: int, *kpis: str) -> dict[str, Any]:
    return {
        "found": True, "position": position, "previous": position - 1, "lane": 1, "seq": 7, "kpis": list(kpis),
        "type": "city.payment.settled.v1", "recorded_at": "2026-11-21T12:00:00.500000Z",
    }  # fmt: skip


@pytest.fixture
async def city(service: Service) -> ToyCity:
    city = ToyCity()
    day = city.today
    await service.kpi.publish(
        city.define(),
        city.change([Contribution("MC-01", day, 4159, 6399, "municipal-court")]),
        city.change(
            [Contribution("MC-01", day, 1, 1, "municipal-court"), Contribution("SR-08", day.replace(month=3), 1, 0)]
        ),
    )
    await service.at(3)
    return city


def last_asked(service: Service) -> dict[str, Any]:
    """The last question about events; in between, reporting asks for positions by itself."""
    return [question for question in service.kpi.asked if "from" not in question][-1]


async def test_events_behind_a_figure(service: Service, city: ToyCity) -> None:
    service.kpi.replies["lineage"] = {"items": [ITEM], "next": "theirs"}
    path = "/v1/kpis/MC-01/events"
    first = await service.get(path, key="analyst", period="2026-11", limit=1)
    assert first["items"] == [ITEM]
    assert last_asked(service) == {
        "kpi": "MC-01", "grain": "month", "start": "2026-11-01", "position": 3, "cursor": None, "limit": 1,
    }  # fmt: skip
    await service.kpi.publish(city.change())
    await service.at(4)
    service.kpi.replies["lineage"] = {"items": [], "next": None}
    last = await service.get(path, key="analyst", period="2026-11", limit=1, cursor=first["next"])
    assert last_asked(service)["cursor"] == "theirs"
    assert last_asked(service)["position"] == last["as_of"]["position"] == 3, "the next page is of the same position"
    await service.get(path, key="staff", as_of=2)
    assert last_asked(service) | {"position": 2, "grain": "fiscal_year"} == last_asked(service)


async def test_days_up_to_a_stated_one_are_explained_as_any_period_is(service: Service, city: ToyCity) -> None:
    service.kpi.replies["lineage"] = {"items": [ITEM], "next": None}
    answer = await service.get("/v1/kpis/MC-01/events", key="analyst", period="last-30d@2026-11-21")
    assert (answer["items"], answer["period"]) == ([ITEM], "last-30d@2026-11-21")
    assert last_asked(service) == {
        "kpi": "MC-01", "grain": "rolling", "start": "2026-10-23", "end": "2026-11-22", "position": 3, "cursor": None,
        "limit": 100,
    }  # fmt: skip


async def test_numbers_too_big_for_the_bus_are_numbers_again(service: Service, city: ToyCity) -> None:
    service.kpi.replies["lineage"] = {"items": [{**ITEM, "numerator": str(10**30), "denominator": "1"}], "next": None}
    (item,) = (await service.get("/v1/kpis/MC-01/events", key="analyst"))["items"]
    assert (item["numerator"], item["denominator"]) == (10**30, 1)


async def test_single_events_need_an_analysts_key(service: Service, city: ToyCity) -> None:
    for path in ("/v1/kpis/MC-01/events", "/v1/effects?source=/s&id=1"):
        await service.get(path, 401)
        await service.get(path, 403, key="publisher")
        answer = await service.http.get(path)
        assert answer.headers["www-authenticate"]
    assert not [question for question in service.kpi.asked if "kpi" in question or "source" in question]


async def test_wrong_questions_are_refused_here(service: Service, city: ToyCity) -> None:
    await service.get("/v1/kpis/NO-1/events", 404, key="analyst")
    await service.get("/v1/kpis/MC-01/events", 400, key="analyst", period="last-0d@2026-11-21")
    await service.get("/v1/effects", 422, key="analyst")


async def test_effects_of_an_event(service: Service, city: ToyCity) -> None:
    """The worked example of the contract: one payment takes MC-01 from NEAR to ON_TRACK, and its nodes with it."""
    service.kpi.replies["entry"] = entry(3, "MC-01")
    question = {"source": "/systems/demo", "id": "1"}
    answer = await service.get("/v1/effects", key="analyst", **question)
    assert last_asked(service) == question
    assert (answer["position"], answer["previous"], answer["periods"]) == (3, 2, ["FY2026", "FY2027"])
    assert answer["event"]["id"] == "1"
    moved = {(one["id"], one["period"]): one for one in answer["kpis"]}
    assert moved.keys() == {("MC-01", "FY2027"), ("SR-08", "FY2026")}
    court = moved["MC-01", "FY2027"]
    assert (court["before"]["status"], court["after"]["status"]) == ("NEAR", "ON_TRACK")
    assert (court["before"]["numerator"], court["after"]["numerator"]) == (4159, 4160)
    assert court["of_event"]
    assert not moved["SR-08", "FY2026"]["of_event"]
    for kind, names in (("kpis", answer["kpis"]), ("nodes", answer["nodes"])):
        for period in answer["periods"]:
            before, after = [
                {
                    one["id"]: one
                    for one in (await service.get("/v1/snapshot", key="analyst", period=period, as_of=at))[kind]
                }
                for at in (2, 3)
            ]
            differing = {
                name for name in after if {**before[name], "last_event": 0} != {**after[name], "last_event": 0}
            }
            assert {one["id"] for one in names if one["period"] == period} == differing
            assert all(one["before"] == before[one["id"]] for one in names if one["period"] == period)
            assert all(one["after"] == after[one["id"]] for one in names if one["period"] == period)
    only = await service.get("/v1/effects", key="analyst", period="2026-03", **question)
    assert [one["period"] for one in only["kpis"]] == ["2026-03"]
    rolling = await service.get("/v1/effects", key="analyst", period="last-7d", **question)
    assert rolling["periods"] == ["last-7d@2026-11-21"]
    assert [(one["id"], one["period"]) for one in rolling["kpis"]] == [("MC-01", "last-7d@2026-11-21")]
    await service.get("/v1/effects", 400, key="analyst", period="lately", **question)


async def test_effects_of_what_stays_reach_the_years_after(service: Service) -> None:
    """A request opened in one fiscal year is still open in the next, and a year is held against the one before."""
    city = KindsCity()
    opened = next(one for one in busy(Random(1), 1) if one.type.endswith("opened.v1"))
    city.tick += timedelta(days=100)
    await service.kpi.publish(city.define(), city.take([opened]), city.take([], hours=1))
    await service.at(3)
    service.kpi.replies["entry"] = entry(2, "OPEN", "LATE")
    answer = await service.get("/v1/effects", key="analyst", source="/systems/demo", id="1")
    assert answer["periods"] == ["FY2026", "FY2027"]
    moved = {one["id"]: (one["before"]["numerator"], one["after"]["numerator"])
             for one in answer["kpis"] if one["period"] == "FY2027"}  # fmt: skip
    assert moved["OPEN"] == (None, 1)
    service.kpi.replies["entry"] = entry(3)
    assert (await service.get("/v1/effects", key="analyst", source="/s", id="2"))["periods"] == ["FY2027"]


async def test_effects_of_the_first_position_and_of_none(service: Service, city: ToyCity) -> None:
    question = {"source": "/systems/demo", "id": "1"}
    service.kpi.replies["entry"] = entry(1)
    answer = await service.get("/v1/effects", key="analyst", **question)
    assert {one["before"] for one in answer["kpis"]} == {None}
    assert {one["before"] for one in answer["nodes"]} == {None}
    service.kpi.replies["entry"] = {"found": False}
    await service.get("/v1/effects", 404, key="analyst", **question)
    service.kpi.replies["entry"] = entry(3)
    await service.get("/v1/effects", 404, key="analyst", as_of=2, **question)


async def test_an_event_that_kpi_has_counted_and_we_have_not_read_yet(
    service: Service, city: ToyCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citygoals.reporting.present.REACH_TIMEOUT_S", 0.2)
    service.kpi.replies["entry"] = entry(9)
    problem = await service.get("/v1/effects", 503, key="analyst", source="/systems/demo", id="1")
    assert "not yet readable" in problem["detail"]


async def test_kpi_away_is_503(
    settings: Any, pool: Any, bus_for: Any, keys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx  # noqa: PLC0415

    bus: Bus = await bus_for("kpi")
    kpi, city = Kpi(bus), ToyCity()
    await kpi.publish(city.define(), city.random(Random(1)))
    async with (
        running(settings, pool, await bus_for("reporting")) as (_, url),
        httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as http,
    ):
        service = Service(_, kpi, url, http, keys)
        await service.at(2)
        for path, query in (("/v1/kpis/MC-01/events", {}), ("/v1/effects", {"source": "/s", "id": "1"})):
            problem = await service.get(path, 503, key="analyst", **query)
            assert "city.ask.kpi" in problem["detail"]
        assert (await service.get("/v1/snapshot"))["as_of"]["position"] == 2, "reading goes on"
