"""What would be is what will be: a thought's answer equals the snapshot after the real change."""

from collections.abc import AsyncIterator
from copy import deepcopy
from random import Random
from typing import Any

import pytest
from citygoals.reporting.questions import Misread, Unknown
from citygoals.reporting.what_if import WhatIf
from hypothesis import given, settings
from hypothesis import strategies as st
from integration.reporting.conftest import Service, Shelf, forget, shelf_over
from unit.reporting.city import ToyCity
from unit.reporting.kinds_city import DEFINITIONS, KindsCity

NUMBERS = ("0.25", "1", "3.5")
SAME = ("kpis", "nodes", "departments", "totals", "city_date", "period")


@st.composite
def thoughts(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A question, and the definitions in which it has come true, edited by hand."""
    truth = deepcopy({"plan": DEFINITIONS["plan"], "kpis": DEFINITIONS["kpis"]})
    truth["plan"]["version"] = "2"
    thought: dict[str, Any] = {"period": draw(st.sampled_from([None, "2026-09", "last-60d"]))}
    if draw(st.booleans()):
        thought["plan"] = deepcopy(truth["plan"]) | {"cap": "1.1"}
        truth["plan"]["cap"] = "1.1"
    thought["targets"] = draw(
        st.dictionaries(st.sampled_from([one["id"] for one in truth["kpis"]]), st.sampled_from(NUMBERS), max_size=4)
    )
    for kpi in truth["kpis"]:
        if kpi["id"] in thought["targets"]:
            kpi["target"] = {**(kpi.get("target") or {}), "value": thought["targets"][kpi["id"]]}
    thought["weights"] = draw(st.dictionaries(st.sampled_from(["one", "two"]), st.sampled_from(NUMBERS), max_size=2))
    for node in truth["plan"]["nodes"]:
        node["weight"] = thought["weights"].get(node["id"], "1")
    gone = draw(st.sampled_from(truth["plan"]["links"]))
    truth["plan"]["links"].remove(gone)
    truth["plan"]["links"].append({"kpi": gone["kpi"], "node": "city", "weight": "2"})
    thought["links"] = [{**gone, "weight": None}, {"kpi": gone["kpi"], "node": "city", "weight": "2"}]
    return thought, truth


@settings(max_examples=8)
@given(thoughts(), st.integers(0, 2**32))
async def test_what_would_be_is_what_will_be(
    shelf: Shelf, thought: tuple[dict[str, Any], dict[str, Any]], seed: int
) -> None:
    await forget(shelf.pool)
    writer, city = shelf_over(shelf.pool), KindsCity()
    await writer.apply(city.define(), *city.live(Random(seed), 12, size=60))
    question, truth = thought
    before = await writer.model.snapshot(period=question["period"])
    answer = await writer.model.what_if(WhatIf.model_validate(question))
    assert await writer.model.snapshot(period=question["period"]) == before, "nothing is stored"
    await writer.apply(city.define(truth))
    after = await writer.model.snapshot(period=question["period"])
    assert {name: answer[name] for name in SAME} == {name: after[name] for name in SAME}
    for kind in ("kpis", "nodes"):
        rows = [{one["id"]: one for one in snapshot[kind]} for snapshot in (before, after)]
        moved = {name for name in rows[1] if rows[0].get(name) != rows[1][name]}
        assert {one["id"] for one in answer["changes"][kind]} == moved
        assert all(
            (one["before"], one["after"]) == (rows[0][one["id"]], rows[1][one["id"]]) for one in answer["changes"][kind]
        )


async def test_wrong_thoughts_are_told_what_is_allowed(shelf: Shelf) -> None:
    city = KindsCity()
    await shelf.apply(city.define())
    for wrong in ({"targets": {"NO-1": "1"}}, {"weights": {"nowhere": "1"}}, {"links": [{"kpi": "P90", "node": "no"}]}):
        with pytest.raises(Unknown) as error:
            await shelf.model.what_if(WhatIf.model_validate(wrong))
        assert error.value.allowed["allowed"]
    with pytest.raises(Misread):
        await shelf.model.what_if(WhatIf.model_validate({"targets": {"P90": "0"}}))


async def test_over_http(service: Service) -> None:
    random, city = Random(6), ToyCity()
    await service.kpi.publish(city.define(), *[city.random(random) for _ in range(8)])
    await service.at(city.position)
    answer = await service.http.post("/v1/what-if", json={"targets": {"MC-01": "0.01"}})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert [one["id"] for one in body["changes"]["kpis"]] == ["MC-01"]
    assert "X-99" not in {one["id"] for one in body["kpis"]}, "internal"
    secret = {"links": [{"kpi": "X-99", "node": "strategy-1", "weight": "9"}]}
    public = (await service.http.post("/v1/what-if", json=secret)).json()
    assert public["changes"] == {"kpis": [], "nodes": []}, "an internal figure moves nothing that the public sees"
    assert (await service.http.post("/v1/what-if", json={"targets": {"X-99": "1"}})).status_code == 404
    assert (await service.http.post("/v1/what-if", json={"colour": "red"})).status_code == 422
    for content in (b"x" * (1 << 21), in_pieces()):
        answer = await service.http.post("/v1/what-if", content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 413


async def in_pieces() -> AsyncIterator[bytes]:
    for _ in range(400):
        yield b" " * 10_000
