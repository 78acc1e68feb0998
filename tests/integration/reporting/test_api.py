"""The JSON API over HTTP: the contract's shapes, positions, pages, keys and refusals."""

from fractions import Fraction
from random import Random
from typing import Any

import pytest
from brokers import wait_until
from integration.reporting.conftest import Service
from unit.reporting.city import DEPARTMENTS, KPIS, PLAN_2, Contribution, ToyCity

PUBLIC = [one["id"] for one in KPIS if not one.get("internal")]
FIGURE = {
    "id", "title", "department", "numerator", "denominator", "value", "unit", "target", "attainment", "status", "period",
    "events",
}  # fmt: skip
NODE = {"id", "kind", "title", "parents", "links", "children", "attainment", "coverage", "status", "unmeasured"}


@pytest.fixture
async def city(service: Service) -> ToyCity:
    """A city of some days: 10 of 20 in the library district 1, and others."""
    city = ToyCity()
    day = city.today
    add = [
        Contribution("MC-01", day, 13, 20, "municipal-court"),
        Contribution("FIN-02", day, 3, 4, "municipal-court", "1"),
        Contribution("FIN-02", day.replace(day=2), 1, 4, "library", "2"),
        Contribution("SR-08", day.replace(month=8), 5, 0, "library"),
        Contribution("SR-08", day, 20, 0, "library", "2"),
        Contribution("IT-05", day.replace(day=3), 25, 1),
        Contribution("IT-05", day.replace(day=9), 30, 1),
        Contribution("X-99", day, 1, 0),
    ]
    await service.kpi.publish(city.define(), city.change(add))
    await service.at(2)
    return city


async def test_a_snapshot_is_as_the_contract_says(service: Service, city: ToyCity) -> None:
    answer = await service.http.get("/v1/snapshot")
    body = answer.json()
    assert answer.headers["x-citygoals-position"] == "2"
    assert answer.headers["etag"] == '"2-2026-11-21"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert body["as_of"] == {"position": 2, "recorded_at": "2026-11-21T12:00:00.500000Z"}
    assert body["period"] == "FY2027"
    assert [one["id"] for one in body["kpis"]] == PUBLIC
    figures = {one["id"]: one for one in body["kpis"]}
    assert all(one.keys() >= FIGURE for one in body["kpis"])
    assert figures["MC-01"] | {} == figures["MC-01"] | {
        "numerator": 13, "denominator": 20, "value": "65.00", "status": "ON_TRACK", "events": 1, "period": "FY2027",
        "attainment": {"numerator": 1, "denominator": 1}, "department": "municipal-court",
    }  # fmt: skip
    assert (figures["SR-08"]["numerator"], figures["SR-08"]["denominator"]) == (20, 1), "August was another fiscal year"
    assert figures["SR-09"]["numerator"] == 0
    assert figures["IT-05"]["value"] == "30.00"
    nodes = {one["id"]: one for one in body["nodes"]}
    assert all(one.keys() >= NODE for one in body["nodes"])
    assert nodes["goal-2"]["unmeasured"] == 1
    assert body["plan"]["version"] == "1"
    assert body["plan"].keys() >= {"id", "version", "cap", "tolerance"}
    assert [one["id"] for one in body["departments"]] == list(DEPARTMENTS)
    assert body["departments"][1]["kpis"] == ["LI-03", "IT-05"]
    assert body["totals"] == {"events": 8, "by_type": {"city.payment.settled.v1": 8}}


async def test_internal_kpis_need_an_analysts_key(service: Service, city: ToyCity) -> None:
    assert "X-99" not in [one["id"] for one in (await service.get("/v1/kpis"))["items"]]
    assert "X-99" not in (await service.get("/v1/kpis/X-99", 404))["allowed"]
    for role in ("analyst", "staff", "admin"):
        assert (await service.get("/v1/kpis/X-99", key=role))["numerator"] == 1
    await service.get("/v1/kpis/X-99", 404, key="publisher")
    await service.get("/v1/kpis/X-99/series", 404)
    answer = await service.http.get("/v1/kpis", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_an_unchanged_answer_is_304(service: Service, city: ToyCity) -> None:
    for path in ("/v1/snapshot", "/v1/kpis/MC-01/series?grain=day", "/v1/departments/library", "/v1/snapshot?as_of=1"):
        for headers in ({}, {"Authorization": f"Bearer {service.keys['analyst']}"}):
            first = await service.http.get(path, headers=headers)
            again = await service.http.get(path, headers=headers)
            assert first.content == again.content
            known = await service.http.get(path, headers={**headers, "If-None-Match": first.headers["etag"]})
            assert (known.status_code, known.content) == (304, b"")
            assert known.headers["etag"] == first.headers["etag"]
    tag = (await service.http.get("/v1/snapshot")).headers["etag"]
    await service.kpi.publish(city.change())
    await service.at(3)
    assert (await service.http.get("/v1/snapshot", headers={"If-None-Match": tag})).status_code == 200


async def test_head_has_the_headers_and_no_body(service: Service, city: ToyCity) -> None:
    answer = await service.http.head("/v1/snapshot")
    assert (answer.status_code, answer.content, answer.headers["x-citygoals-position"]) == (200, b"", "2")
    assert (await service.http.get("/v1/snapshot")).json()["as_of"]["position"] == 2


async def test_lists_come_in_pages_of_one_position(service: Service, city: ToyCity) -> None:
    whole = await service.get("/v1/kpis", limit=1000)
    assert whole["next"] is None
    items: list[Any] = []
    url = "/v1/kpis?limit=2&period=2026-11"
    while url:
        answer = await service.http.get(url)
        page = answer.json()
        assert page["as_of"]["position"] == 2, "every page is of the first page's position"
        items += page["items"]
        await service.kpi.publish(city.change([Contribution("MC-01", city.today, 0, 1)]))
        await service.at(city.position)
        url = answer.links["next"]["url"] if page["next"] else ""
    assert [one["id"] for one in items] == PUBLIC
    assert items[0]["denominator"] == 20
    await service.get("/v1/kpis", 400, cursor="nonsense")
    await service.get("/v1/kpis", 422, limit=1001)


async def test_a_kpi_a_node_a_department_the_plan(service: Service, city: ToyCity) -> None:
    kpi = await service.get("/v1/kpis/MC-01", period="2026-11-21")
    assert kpi["period"] == "2026-11-21"
    assert kpi["definition"]["target"]["value"] == "0.65"
    assert kpi["nodes"] == [{"id": "strategy-1", "title": "strategy-1", "weight": "2"}]
    node = await service.get("/v1/nodes/strategy-1")
    assert [one["id"] for one in node["kpis"]] == ["MC-01", "FIN-02"]
    assert [one["id"] for one in node["path"]] == ["city", "goal-1"]
    goal = await service.get("/v1/nodes/goal-2")
    assert [one["id"] for one in goal["nodes"]] == [one["node"] for one in goal["children"]]
    department = await service.get("/v1/departments/library")
    assert [one["id"] for one in department["figures"]] == ["LI-03", "IT-05"]
    slices = {one["id"]: one for one in department["slices"]}
    assert (slices["FIN-02"]["numerator"], slices["FIN-02"]["denominator"]) == (1, 4)
    assert slices["SR-08"]["numerator"] == 20
    plan = await service.get("/v1/plan")
    assert [one["version"] for one in plan["versions"]] == ["1"]
    assert plan["nodes"] == (await service.get("/v1/snapshot"))["nodes"]
    for path in ("/v1/nodes/nowhere", "/v1/departments/nowhere", "/v1/kpis/NO-1"):
        problem = await service.get(path, 404)
        assert problem["allowed"]


async def test_series(service: Service, city: ToyCity) -> None:
    months = await service.get("/v1/kpis/SR-08/series", **{"grain": "month", "from": "2026-07-01", "to": "2026-11-30"})
    assert [(one["period"], one["numerator"]) for one in months["items"]] == [
        ("2026-07", None), ("2026-08", 5), ("2026-09", None), ("2026-10", None), ("2026-11", 20),
    ]  # fmt: skip
    zeros = await service.get("/v1/kpis/SR-09/series", **{"from": "2026-10-01"})
    assert [one["numerator"] for one in zeros["items"]] == [0, 0]
    latest = await service.get("/v1/kpis/IT-05/series", **{"grain": "week", "from": "2026-11-01", "to": "2026-11-15"})
    assert [one["value"] for one in latest["items"]] == [None, "25.00", "30.00"]
    split = await service.get("/v1/kpis/FIN-02/series", grain="fiscal_year", by="department", **{"from": "FY2027"})
    assert [(one["department"], one["numerator"], one["denominator"]) for one in split["items"]] == [
        ("library", 1, 4), ("municipal-court", 3, 4),
    ]  # fmt: skip
    districts = await service.get("/v1/kpis/FIN-02/series", grain="day", by="district", **{"from": "2026-11-21"})
    assert [(one["district"], one["value"]) for one in districts["items"]] == [("1", "75.00"), ("2", None)][:1]
    channels = await service.get("/v1/kpis/FIN-02/series", grain="day", by="channel", **{"from": "2026-11-21"})
    assert [(one["channel"], one["value"]) for one in channels["items"]] == [("web", "75.00")]
    await service.get("/v1/kpis/FIN-02/series", 400, grain="hour")


async def test_a_series_says_what_is_signal_and_what_is_noise(service: Service, city: ToyCity) -> None:
    question = {"from": "2026-01", "control": "true"}
    whole = await service.get("/v1/kpis/SR-08/series", **question)
    assert whole["control"]["trend"] == "none"
    assert whole["control"]["limits"] is None
    part = await service.get("/v1/kpis/SR-08/series", limit=2, **question)
    assert part["control"] == whole["control"], "of the whole run, whichever page is read"
    assert part["items"] == whole["items"][:2]
    assert part["next"]
    await service.get("/v1/kpis/SR-08/series", 400, by="district", **question)


async def test_rolling_periods(service: Service, city: ToyCity) -> None:
    answer = await service.get("/v1/kpis/FIN-02", period="last-30d@2026-11-21")
    assert (answer["numerator"], answer["denominator"], answer["value"]) == (4, 8, "50.00")
    assert answer["events"] is None
    assert answer["events_note"]
    assert (await service.get("/v1/kpis/FIN-02", period="last-5d"))["events"] == 1
    assert (await service.get("/v1/kpis/IT-05", period="last-15d"))["value"] == "30.00"
    snapshot = await service.get("/v1/snapshot", period="last-30d@2026-11-21")
    assert snapshot["nodes"]


WRONG = [
    ({"period": "FY27"}, 400), ({"period": "2026-13"}, 400), ({"as_of": "soon"}, 400), ({"as_of": "99"}, 404),
    ({"as_of": "0"}, 404), ({"plan": "3"}, 404), ({"as_of": "2001-01-01T00:00:00Z"}, 404),
]  # fmt: skip


async def test_a_wrong_question_is_told_what_is_allowed(service: Service, city: ToyCity) -> None:
    for query, status in WRONG:
        for path in ("/v1/snapshot", "/v1/plan", "/v1/nodes/city"):
            answer = await service.http.get(path, params=query)
            assert answer.status_code == status, (path, query)
            assert answer.headers["content-type"] == "application/problem+json"
            problem = answer.json()
            assert any(word in str(problem) for word in ("2026-11-21", "newest", "allowed")), problem


async def test_the_past_has_its_own_plan_and_catalogue(service: Service, city: ToyCity) -> None:
    await service.kpi.publish(city.define({"plan": PLAN_2, "kpis": KPIS[:2]}))
    await service.at(3)
    now = await service.get("/v1/snapshot")
    assert (now["plan"]["version"], [one["id"] for one in now["kpis"]]) == ("2", ["MC-01", "FIN-02"])
    before = await service.get("/v1/snapshot", as_of=2)
    assert (before["plan"]["version"], [one["id"] for one in before["kpis"]]) == ("1", PUBLIC)
    chosen = await service.get("/v1/snapshot", plan="1")
    assert chosen["plan"]["version"] == "1"
    assert [one["version"] for one in (await service.get("/v1/plan"))["versions"]] == ["1", "2"]
    assert (await service.get("/v1/snapshot", plan="toy@2"))["nodes"] == now["nodes"]
    await service.get("/v1/snapshot", 404, plan="2", as_of=2)


async def test_ops_and_descriptions(service: Service, city: ToyCity) -> None:
    assert (await service.http.get("/live")).status_code == 200
    await wait_until(lambda: service.parts.projection.has_caught_up)
    ready = await service.get("/ready")
    assert all(ready["checks"].values())
    assert "citygoals_reporting_position 2.0" in (await service.http.get("/metrics")).text
    described = await service.get("/openapi.json")
    assert {"/v1/snapshot", "/v1/kpis/{kpi}/events", "/v1/effects", "/v1/live"} <= described["paths"].keys()
    docs = await service.http.get("/docs")
    assert "/v1/snapshot" in docs.text
    await service.get("/v1/nowhere", 404)


async def test_nothing_recorded_yet_is_503(service: Service) -> None:
    for path in ("/v1/snapshot", "/v1/kpis", "/v1/live", "/v1/departments", "/v1/kpis/MC-01/series"):
        answer = await service.http.get(path)
        assert answer.status_code == 503, path
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await service.http.get("/ready")).status_code == 503


async def test_attainments_can_be_recomputed_by_anyone(service: Service, city: ToyCity) -> None:
    random = Random(2)
    for _ in range(10):
        await service.kpi.publish(city.random(random))
    await service.at(city.position)
    body = await service.get("/v1/snapshot", key="analyst")
    figures = {one["id"]: one["attainment"] for one in body["kpis"]}
    cap = Fraction(body["plan"]["cap"])
    nodes = {one["id"]: one for one in body["nodes"]}
    for one in nodes.values():
        links = [(Fraction(link["weight"]), figures[link["kpi"]]) for link in one["links"]]
        parts = [(weight, min(cap, Fraction(**part))) for weight, part in links if part]
        parts += [
            (Fraction(child["weight"]), Fraction(nodes[child["node"]]["attainment"]))
            for child in one["children"] if nodes[child["node"]]["attainment"]
        ]  # fmt: skip
        if one["attainment"] is not None:
            mean = Fraction(sum(weight * part for weight, part in parts)) / sum(weight for weight, _ in parts)
            assert abs(mean - Fraction(one["attainment"])) <= Fraction(1, 2 * 10**12)
