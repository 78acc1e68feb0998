"""An internal KPI is nowhere in what the public reads: not its figure, not its name, not its weight in a node."""

from typing import Any

import pytest
from integration.reporting.conftest import Service
from integration.reporting.test_consistency import faults
from integration.reporting.test_live import listening, take
from unit.reporting.city import KPIS, Contribution, ToyCity

INTERNAL = "X-99"


@pytest.fixture
async def city(service: Service) -> ToyCity:
    """A city whose internal KPI has a target, data, and a node that it shares with a public one."""
    city = ToyCity()
    kpis = [{**one, "target": {"value": "5"}} if one["id"] == INTERNAL else one for one in KPIS]
    day = city.today
    await service.kpi.publish(
        city.define(),
        city.define({"kpis": kpis}),
        city.change(
            [Contribution("LI-03", day, 9, 10, "library", "1"), Contribution(INTERNAL, day, 1, 0, "library", "1")]
        ),
    )
    await service.at(3)
    return city


def nodes(snapshot: dict[str, Any]) -> dict[str, Any]:
    return {one["id"]: one for one in snapshot["nodes"]}


async def test_no_public_answer_names_it(service: Service, city: ToyCity) -> None:
    paths = ("/v1/snapshot", "/v1/snapshot?as_of=3", "/v1/snapshot?period=last-9d", "/v1/kpis", "/v1/plan", "/v1/plan?plan=1",
             "/v1/nodes/strategy-2", "/v1/nodes/goal-2", "/v1/departments", "/v1/departments/library", "/",
             "/plan/strategy-2", "/departments/library")  # fmt: skip
    for path in paths:
        for key in ({}, {"Authorization": f"Bearer {service.keys['publisher']}"}):
            answer = await service.http.get(path, headers=key)
            assert answer.status_code == 200, path
            assert INTERNAL not in answer.text, path
    for path in (
        f"/v1/kpis/{INTERNAL}",
        f"/v1/kpis/{INTERNAL}/series",
        f"/v1/kpis/{INTERNAL}?as_of=3",
        f"/kpis/{INTERNAL}",
    ):
        assert (await service.http.get(path)).status_code == 404, path


async def test_the_public_can_recompute_every_node_without_it(service: Service, city: ToyCity) -> None:
    for question in ({}, {"as_of": 3}, {"period": "2026-11"}):
        public = await service.get("/v1/snapshot", **question)
        whole = await service.get("/v1/snapshot", key="analyst", **question)
        assert faults(public) == faults(whole) == []
        mine, theirs = nodes(public)["strategy-2"], nodes(whole)["strategy-2"]
        assert (mine["attainment"], mine["coverage"]) == ("1.000000000000", {"numerator": 1, "denominator": 1})
        assert [link["kpi"] for link in mine["links"]] == ["LI-03"]
        assert (theirs["attainment"], theirs["coverage"]) == ("0.600000000000", {"numerator": 2, "denominator": 2})
        assert nodes(public)["strategy-1"] == nodes(whole)["strategy-1"], "what is not above it is the same"


async def test_what_is_made_of_kpis_is_made_of_those_that_the_public_sees(service: Service, city: ToyCity) -> None:
    made = [
        {**KPIS[0], "id": "Z-01", "measure": {"kind": "zero_typing"}},
        {**KPIS[0], "id": "Z-02", "measure": {"kind": "zero_typing"}, "internal": True},
        {**KPIS[0], "id": "I-01", "measure": {"kind": "index", "parts": [{"kpi": "LI-03"}, {"kpi": INTERNAL}]}},
    ]
    targeted = [{**one, "target": {"value": "5"}} if one["id"] == INTERNAL else one for one in KPIS]
    await service.kpi.publish(city.define({"kpis": [*targeted, *made]}))
    await service.at(city.position)
    public, whole = await service.get("/v1/snapshot"), await service.get("/v1/snapshot", key="analyst")
    shown = {one["id"]: one for one in public["kpis"]}
    assert shown["Z-01"]["denominator"] == len(shown) - 2, (
        "all that the public sees but the two that are made of others"
    )
    assert (shown["I-01"]["numerator"], shown["I-01"]["denominator"]) == (1, 1), "the part of the library alone"
    theirs = {one["id"]: one for one in whole["kpis"]}
    assert {name: theirs[name] for name in shown} == shown, "one figure, whoever asks"
    assert theirs["Z-02"]["denominator"] == shown["Z-01"]["denominator"] + 1
    assert INTERNAL not in (await service.http.get("/v1/kpis/I-01")).text
    assert (await service.http.get("/kpis/I-01")).status_code == 200
    assert INTERNAL not in (await service.http.get("/kpis/I-01")).text


async def test_the_live_stream_is_the_publics(service: Service, city: ToyCity) -> None:
    async with listening(service.url) as stream:
        await service.kpi.publish(city.change([Contribution(INTERNAL, city.today, 1, 0)]))
        (hidden,) = await take(stream, city.position)
        await service.kpi.publish(city.change([Contribution("LI-03", city.today, 0, 10)]))
        (seen,) = await take(stream, city.position)
    assert (hidden["data"]["kpis"], hidden["data"]["nodes"]) == ([], [])
    assert INTERNAL not in str(seen)
    now = nodes(await service.get("/v1/snapshot"))
    assert [one for one in seen["data"]["nodes"] if one != now[one["id"]]] == []
    async with listening(service.url, 3) as stream:
        assert await take(stream, city.position) == [hidden, seen]


async def test_a_kpi_that_becomes_internal_is_gone_at_that_position(service: Service, city: ToyCity) -> None:
    async with listening(service.url) as stream:
        kpis = [{**one, "internal": one["id"] in {INTERNAL, "LI-03"}} for one in KPIS]
        await service.kpi.publish(city.define({"kpis": kpis}))
        (message,) = await take(stream, city.position)
    assert message["data"]["gone"]["kpis"] == ["LI-03"]
    assert "LI-03" not in (await service.http.get("/v1/snapshot")).text
    assert (await service.get("/v1/kpis/LI-03", as_of=3))["id"] == "LI-03", "the past is as it was published"
