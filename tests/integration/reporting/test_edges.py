"""Questions at the edges of what can be asked: never a 500, always told what to do; numbers of any size come whole."""

import json
from random import Random
from typing import Any

import httpx
import pytest
from brokers import wait_until
from integration.reporting.conftest import Service
from integration.reporting.test_live import listening, take
from patience import PATIENCE_S
from unit.reporting.city import Contribution, ToyCity

HUGE = 10**23 + 7

WRONG = [
    ("/v1/departments/%00", 404),
    ("/v1/kpis/%00", 404),
    ("/v1/nodes/%00", 404),
    ("/v1/kpis?as_of=0001-01-01T00:00:00Z", 404),
    ("/v1/kpis?as_of=0001-01-01", 404),
    ("/v1/kpis?as_of=9999-12-31T23:59:59Z", 404),
    ("/v1/kpis?as_of=9999-12-31", 404),
    ("/v1/kpis?as_of=2026-11-21T12:00:00", 400),
    ("/v1/kpis?as_of=", 400),
    ("/v1/kpis?as_of=-1", 400),
    ("/v1/kpis?as_of=99999999999999999999", 400),
    ("/v1/kpis?as_of=9999999999999999999", 404),
    ("/v1/kpis?period=", 400),
    ("/v1/kpis?period=FY0000", 400),
    ("/v1/kpis?period=2025-W53", 400),
    ("/v1/kpis?period=2026-02-29", 400),
    ("/v1/kpis?period=last-0d", 400),
    ("/v1/kpis?period=last-9999d", 400),
    ("/v1/kpis?period=last-30d@0001-01-02", 400),
    ("/v1/kpis/MC-01/series?to=FY0000", 400),
    ("/v1/kpis/MC-01/series?from=FY0000", 400),
    ("/v1/kpis/MC-01/series?from=all", 400),
    ("/v1/kpis/MC-01/series?to=all", 400),
    ("/v1/kpis/MC-01/series?from=2026-11-02&to=2026-11-01", 400),
    ("/v1/kpis/MC-01/series?by=city", 400),
    ("/v1/kpis?cursor=%00", 400),
    ("/v1/kpis?cursor=bm8", 400),
    ("/v1/kpis?cursor=WzIsLTFd", 400),
    ("/v1/kpis?limit=0", 422),
    ("/v1/kpis?limit=1001", 422),
]


@pytest.fixture
async def city(service: Service) -> ToyCity:
    city = ToyCity()
    await service.kpi.publish(city.define(), city.change([Contribution("MC-01", city.today, 1, 2, "library", "1")]))
    await service.at(2)
    return city


@pytest.mark.parametrize(("path", "status"), WRONG)
async def test_a_question_out_of_this_world_is_a_problem(
    service: Service, city: ToyCity, path: str, status: int
) -> None:
    answer = await service.http.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["detail"]


@pytest.mark.parametrize("period", ["2026-W53", "2026-11-21", "2024-02-29", "FY0001", "FY9999", "9999-12", "9999-12-31",
                                    "9999-W52", "0001-01", "last-1d", "last-3660d@2026-11-21", "all"])  # fmt: skip
async def test_periods_to_the_ends_of_the_calendar(service: Service, city: ToyCity, period: str) -> None:
    for path in ("/v1/snapshot", "/v1/departments/library", "/v1/kpis/SR-09"):
        answer = await service.get(path, period=period)
        assert answer["period"].startswith(period)


async def test_numbers_of_any_size_are_written_whole(service: Service, city: ToyCity) -> None:
    """A measurement may be 10**12 with 12 decimals: over the target that is beyond what 64 bits hold."""
    before = await service.get("/v1/snapshot")
    async with listening(service.url) as stream:
        await service.kpi.publish(city.change([Contribution("IT-05", city.today, HUGE, 10**12)]))
        (message,) = await take(stream, city.position)
    assert message["data"]["kpis"][0]["numerator"] == HUGE
    assert message["data"]["kpis"][0]["attainment"] == {"numerator": HUGE, "denominator": 30 * 10**12}
    for as_of in ({}, {"as_of": city.position}):
        figure = await service.get("/v1/kpis/IT-05", **as_of)
        assert (figure["numerator"], figure["denominator"], figure["value"]) == (HUGE, 10**12, "100000000000.00")
        snapshot = await service.get("/v1/snapshot", **as_of)
        assert figure["attainment"] in [one["attainment"] for one in snapshot["kpis"]]
    assert (await service.get("/v1/snapshot", as_of=2))["kpis"] == before["kpis"]
    items = (await service.get("/v1/kpis/IT-05/series", grain="month"))["items"]
    assert items[-1]["numerator"] == HUGE


async def test_head_of_the_live_stream_ends(service: Service, city: ToyCity) -> None:
    async with httpx.AsyncClient(
        base_url=service.url, limits=httpx.Limits(max_connections=1), timeout=PATIENCE_S
    ) as http:
        head = await http.head("/v1/live")
        assert (head.status_code, head.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
        assert (await http.get("/v1/kpis/MC-01")).status_code == 200, "the connection is free again"
    await wait_until(lambda: service.parts.live.listeners == 0)


async def test_pages_of_other_sites_may_ask(service: Service, city: ToyCity) -> None:
    """With a key, or to revalidate, a browser asks first whether it may; and it must be able to read a refusal."""
    wanted = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET",
              "Access-Control-Request-Headers": "authorization,if-none-match,last-event-id"}  # fmt: skip
    for path in ("/v1/snapshot", "/v1/kpis/MC-01/events", "/v1/live"):
        allowed = await service.http.options(path, headers=wanted)
        assert (allowed.status_code, allowed.content) == (204, b"")
        assert allowed.headers["access-control-allow-origin"] == "*"
        assert "GET" in allowed.headers["access-control-allow-methods"]
        assert set(wanted["Access-Control-Request-Headers"].split(",")) <= {
            name.strip().lower() for name in allowed.headers["access-control-allow-headers"].split(",")
        }
    for path in ("/v1/kpis/NO-1", "/v1/kpis?period=x", "/v1/kpis?limit=0", "/v1/kpis/MC-01/events", "/v1/nowhere"):
        refused = await service.http.get(path, headers={"Origin": "https://elsewhere.example"})
        assert refused.headers.get_list("access-control-allow-origin") == ["*"], path
    answer = await service.http.get("/v1/kpis")
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]


async def test_a_list_of_tags_weak_or_strong_is_304(service: Service, city: ToyCity) -> None:
    for headers in ({}, {"Authorization": f"Bearer {service.keys['analyst']}"}):
        tag = (await service.http.get("/v1/kpis", headers=headers)).headers["etag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}', f'"a",W/{tag} , "b"', "*"):
            answer = await service.http.get("/v1/kpis", headers={**headers, "If-None-Match": known})
            assert (answer.status_code, answer.content) == (304, b""), known
            assert answer.headers["x-citygoals-position"] == "2"
        for other in ('"1-2026-11-21"', "nonsense", '""', tag.strip('"')):
            answer = await service.http.get("/v1/kpis", headers={**headers, "If-None-Match": other})
            assert answer.status_code == 200, other


async def test_who_sees_the_same_has_the_same_tag_and_nobody_else(service: Service, city: ToyCity) -> None:
    answers = {}
    for role in ("publisher", "analyst", "staff"):
        answers[role] = await service.http.get("/v1/kpis", headers={"Authorization": f"Bearer {service.keys[role]}"})
    public = await service.http.get("/v1/kpis")
    assert answers["publisher"].headers["etag"] == public.headers["etag"]
    assert answers["publisher"].content == public.content
    assert answers["analyst"].headers["etag"] == answers["staff"].headers["etag"] != public.headers["etag"]
    assert answers["analyst"].headers["cache-control"].startswith("private")
    assert public.headers["vary"] == "Authorization"
    tag = {"If-None-Match": public.headers["etag"], "Authorization": f"Bearer {service.keys['analyst']}"}
    assert (await service.http.get("/v1/kpis", headers=tag)).status_code == 200


async def test_effects_of_a_measurement_of_another_year(service: Service, city: ToyCity) -> None:
    """A latest value has cells by day only; its fiscal year must be told from those."""
    day = city.today.replace(month=3)
    await service.kpi.publish(city.change([Contribution("IT-05", day, 25, 1)]))
    await service.at(city.position)
    service.kpi.replies["entry"] = {
        "found": True, "position": city.position, "kpis": ["IT-05"], "type": "city.measurement.recorded.v1",
    }  # fmt: skip
    answer = await service.get("/v1/effects", key="analyst", source="/systems/demo", id="1")
    moved: list[Any] = [(one["id"], one["period"]) for one in answer["kpis"]]
    assert ("IT-05", "FY2026") in moved, json.dumps(moved)


@pytest.mark.parametrize("name", ["FIN-02", "IT-05"])
@pytest.mark.parametrize("by", [None, "department", "district", "channel"])
async def test_a_series_in_pages_is_the_whole_series(
    service: Service, city: ToyCity, name: str, by: str | None
) -> None:
    random = Random(5)
    await service.kpi.publish(*[city.random(random) for _ in range(60)])
    await service.at(city.position)
    run = {"grain": "week", "from": "2026-10-01", "to": "2026-12-31", **({"by": by} if by else {})}
    whole = await service.get(f"/v1/kpis/{name}/series", limit=1000, **run)
    assert whole["next"] is None
    assert len(whole["items"]) >= 14
    found: list[Any] = []
    cursor: dict[str, str] = {}
    for _ in range(100):
        page = await service.get(f"/v1/kpis/{name}/series", limit=3, **run, **cursor)
        assert len(page["items"]) <= 3
        found += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == whole["items"]
