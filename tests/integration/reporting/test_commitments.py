"""What is committed is what figures are held against, at every position and in every answer; drafts stay inside."""

from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pytest
from citygoals.reporting.commitments import Commitments
from citygoals.reporting.questions import Unknown
from citygoals.reporting.what_if import WhatIf
from citygoals.shared import commitment as promise
from citygoals.shared import narrative as prose
from citygoals.shared.commitment import Commitment, CommittedTarget
from citygoals.shared.moves import Act, Illegal
from citygoals.shared.narrative import NarrativeText
from citygoals.shared.records import dump
from hypothesis import given, settings
from hypothesis import strategies as st
from integration.reporting.conftest import Service, Shelf, forget, shelf_over
from integration.reporting.test_consistency import faults
from unit.reporting.city import DEFINITIONS, Contribution, ToyCity

ANN = Act(at=datetime(2026, 9, 1, tzinfo=UTC), by="Ann", key="the secret name of a key", reason="because")


def committed(*moves: Any, department: str = "library", **aims: str) -> Commitment:
    targets = tuple(CommittedTarget(kpi=kpi.replace("_", "-"), value=value) for kpi, value in aims.items())
    record = promise.proposed(department, "FY2027", targets, ANN)
    for state in moves:
        record = promise.moved(record, state, ANN)
    return record


def narrative(kpi: str, period: str, *moves: Any) -> prose.Narrative:
    record = prose.drafted(kpi, period, NarrativeText(en=f"About {kpi}"), ANN)
    for state in moves:
        record = prose.moved(record, state, ANN)
    return record


def told(city: ToyCity, **records: Any) -> Any:
    return city.define({part: [dump(one) for one in ones] for part, ones in records.items()})


def by_id(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["id"]: one for one in rows}


@pytest.fixture
async def city(shelf: Shelf) -> ToyCity:
    """A city at position 2: the library's LI-03 is at 0.9, in this fiscal year and in the last."""
    city = ToyCity()
    days = (city.today, date(2026, 8, 20))
    await shelf.apply(
        city.define(),
        city.change(
            [Contribution("LI-03", day, number < 9, 1, "library", "1") for day in days for number in range(10)]
        ),
    )
    return city


async def test_a_signature_moves_figures_and_nodes_in_its_position_and_nothing_before_it(
    shelf: Shelf, city: ToyCity
) -> None:
    reviewed = committed("reviewed", LI_03="0.95")
    await shelf.apply(told(city, commitments=[reviewed]))
    before = await shelf.model.snapshot()
    await shelf.apply(told(city, commitments=[promise.moved(reviewed, "signed", ANN)]))
    after = await shelf.model.snapshot()
    assert after["as_of"]["position"] == before["as_of"]["position"] + 1 == 4
    rows = [by_id(snapshot["kpis"])["LI-03"] for snapshot in (before, after)]
    shown = [(row["target"]["value"], row["status"]) for row in rows]
    assert shown == [("0.9", "ON_TRACK"), ("0.95", "OFF_TRACK")]
    assert rows[1]["attainment"] == {"numerator": 18, "denominator": 19}
    assert rows[1]["committed"]["commitment"] == "library-fy2027"
    assert rows[1]["committed"]["catalogue_target"] == rows[0]["target"]
    nodes = [by_id(snapshot["nodes"])["strategy-2"]["attainment"] for snapshot in (before, after)]
    assert nodes == ["1.000000000000", "0.947368421053"]
    assert faults(after) == []
    past = await shelf.model.snapshot(as_of="3")
    assert (past["kpis"], past["nodes"]) == (before["kpis"], before["nodes"])
    year_before = by_id((await shelf.model.snapshot(period="FY2026"))["kpis"])["LI-03"]
    assert (year_before["target"]["value"], year_before["committed"]) == ("0.9", None)
    months = (await shelf.model.series("LI-03", first="2026-08-01"))["items"]
    assert [row["target"]["value"] for row in months] == ["0.9", "0.95", "0.95", "0.95"]
    assert by_id((await shelf.model.department("library"))["figures"])["LI-03"] == rows[1]
    part = (await shelf.model.series("LI-03", by="district", first="2026-11-01"))["items"]
    assert [row["target"]["value"] for row in part] == ["0.95"]


async def test_whoever_reads_it_again_reads_the_same(shelf: Shelf, city: ToyCity) -> None:
    await shelf.apply(
        told(city, commitments=[committed("reviewed", "signed", LI_03="0.95")]),
        told(city, narratives=[narrative("LI-03", "FY2027", "submitted", "approved")]),
        city.change([Contribution("LI-03", city.today, 1, 1, "library", "1")]),
    )
    again = shelf_over(shelf.pool)
    async with shelf.moments.at(None) as moment:
        again.present.jump(moment.mark, moment.definitions, moment.totals)
    assert await again.model.snapshot() == await shelf.model.snapshot()
    mine, theirs = Commitments(shelf.model), Commitments(again.model)
    for as_of in (None, "2", "3", "4"):
        assert await mine.commitments(as_of=as_of) == await theirs.commitments(as_of=as_of)
        assert await mine.narratives(as_of=as_of) == await theirs.narratives(as_of=as_of)


async def test_an_amendment_in_thought_is_the_amendment_that_comes(shelf: Shelf, city: ToyCity) -> None:
    signed = committed("reviewed", "signed", LI_03="0.95")
    await shelf.apply(told(city, commitments=[signed]))
    thought = await shelf.model.what_if(WhatIf.model_validate({"targets": {"LI-03": "0.92"}}))
    elsewhere = await shelf.model.what_if(WhatIf.model_validate({"targets": {"LI-03": "0.92"}, "period": "FY2026"}))
    await shelf.apply(
        told(city, commitments=[promise.amended(signed, [CommittedTarget(kpi="LI-03", value="0.92")], [], ANN)])
    )
    after = await shelf.model.snapshot()
    assert (thought["kpis"], thought["nodes"]) == (after["kpis"], after["nodes"])
    assert by_id(elsewhere["kpis"])["LI-03"]["target"]["value"] == "0.92", (
        "a year without one: the catalogue's, in thought"
    )
    none = await shelf.model.what_if(WhatIf.model_validate({"targets": {"LI-03": None}}))
    assert by_id(none["kpis"])["LI-03"]["committed"] is None


async def test_a_commitment_answers_with_its_history_and_its_figures(shelf: Shelf, city: ToyCity) -> None:
    signed = committed("reviewed", "signed", LI_03="0.95", IT_05="20")
    amended = promise.amended(signed, [CommittedTarget(kpi="LI-03", value="0.92")], ["IT-05"], ANN)
    court = committed(department="municipal-court", MC_01="0.7")
    await shelf.apply(told(city, commitments=[signed, court]), told(city, commitments=[amended]))
    asked = Commitments(shelf.model)
    one = await asked.commitment("library-fy2027")
    assert [row["id"] for row in one["figures"]] == ["LI-03"]
    assert (one["state"], one["in_force"], one["signed"]["by"], one["locked"]) == ("signed", True, "Ann", None)
    (amendment,) = one["amendments"]
    assert [change["kpi"] for change in amendment["changes"]] == ["IT-05", "LI-03"]
    assert [change["after"] and change["after"]["value"] for change in amendment["changes"]] == [None, "0.92"]
    assert one["history"][-1] == amendment
    then = await asked.commitment("library-fy2027", as_of="3")
    assert (then["amendments"], len(then["figures"]), then["as_of"]["position"]) == ([], 2, 3)
    assert then["figures"][0]["target"]["value"] == "0.95"
    with pytest.raises(Unknown):
        await asked.commitment("library-fy2027", as_of="2")
    every = await asked.commitments()
    assert [row["id"] for row in every["items"]] == ["library-fy2027", "municipal-court-fy2027"]
    assert [row["id"] for row in (await asked.commitments(state="proposed"))["items"]] == ["municipal-court-fy2027"]
    assert (await asked.commitments(department="library", fiscal_year="FY2028"))["items"] == []


async def test_over_http_and_on_the_pages(service: Service) -> None:
    city = ToyCity()
    signed = committed("reviewed", "signed", LI_03="0.95")
    hidden = promise.amended(signed, [CommittedTarget(kpi="X-99", value="77")], [], ANN)
    kpis = [{**one, "department": "library"} if one["id"] == "X-99" else one for one in DEFINITIONS["kpis"]]
    await service.kpi.publish(
        city.define({**DEFINITIONS, "kpis": kpis}),
        city.change([Contribution("LI-03", city.today, 9, 10, "library", "1")]),
        told(city, commitments=[promise.moved(hidden, "locked", ANN)]),
        told(
            city,
            narratives=[
                narrative("LI-03", "FY2027", "submitted", "approved"), narrative("LI-03", "2026-11", "submitted"),
                narrative("X-99", "FY2027", "submitted", "approved"),
            ],
        ),
    )  # fmt: skip
    await service.at(4)
    for path in (
        "/v1/commitments",
        "/v1/commitments/library-fy2027",
        "/v1/narratives",
        "/departments/library",
        "/kpis/LI-03",
    ):
        for query in ("", "?as_of=4", "?lang=es"):
            answer = await service.http.get(path + query)
            assert answer.status_code == 200, (path, answer.text[:300])
            assert "X-99" not in answer.text, path
            assert ANN.key not in answer.text, path
    public = await service.get("/v1/commitments/library-fy2027")
    whole = await service.get("/v1/commitments/library-fy2027", key="analyst")
    assert ([row["kpi"] for row in public["targets"]], len(public["amendments"])) == (["LI-03"], 0)
    assert ([row["kpi"] for row in whole["targets"]], len(whole["amendments"])) == (["LI-03", "X-99"], 1)
    assert whole["history"][0]["key"] == ANN.key
    assert [row["id"] for row in (await service.get("/v1/narratives"))["items"]] == ["LI-03-FY2027"]
    assert (await service.get("/v1/narratives", kpi="LI-03", period="2026-11"))["items"] == []
    assert len((await service.get("/v1/narratives", key="analyst"))["items"]) == 2
    assert (await service.get("/v1/narratives/LI-03-FY2027"))["text"] == {"en": "About LI-03", "es": None}
    await service.get("/v1/narratives/LI-03-2026-11", status=404)
    await service.get("/v1/commitments/nobody-fy2027", status=404)
    await service.get("/v1/commitments/library-fy2027", status=404, as_of=2)
    first = await service.get("/v1/commitments", limit=1)
    assert first["next"] is None
    page = (await service.http.get("/kpis/LI-03")).text
    assert "About LI-03" in page
    assert "Signed by Ann" in page
    assert "About LI-03" not in (await service.http.get("/kpis/LI-03?period=2026-11")).text
    department = (await service.http.get("/departments/library")).text
    assert "at least 95%" in department
    assert "Signed by Ann" in department
    for period, is_there in (
        ("all", True),
        ("2026-11", True),
        ("last-30d", True),
        ("FY2028", False),
        ("FY2026", False),
    ):
        shown = await service.http.get(f"/departments/library?period={period}")
        assert (shown.status_code, "Signed by Ann" in shown.text) == (200, is_there), period
    assert (await service.http.get("/departments/library?period=0001-01-01")).status_code < 500
    past = (await service.http.get("/departments/library?as_of=2")).text
    assert "has committed itself to no targets" in past


@settings(max_examples=6)
@given(st.integers(0, 2**32))
async def test_whatever_is_promised_in_whatever_order_a_position_stays_what_it_was(shelf: Shelf, seed: int) -> None:
    await forget(shelf.pool)
    writer, city, chance = shelf_over(shelf.pool), ToyCity(), Random(seed)
    await writer.apply(city.define())
    record = committed(LI_03="0.95", IT_05="20")
    seen: dict[int, Any] = {}
    for _ in range(25):
        record = moved_on(record, chance)
        await writer.apply(told(city, commitments=[record]) if chance.random() < 0.7 else city.random(chance))
        seen[city.position] = await writer.model.snapshot()
        figures = by_id(seen[city.position]["kpis"])
        held = known_of(writer, "library-fy2027")
        aims = {one.kpi: one.value for one in held.targets} if held and held.state in promise.IN_FORCE else {}
        assert figures["LI-03"]["target"]["value"] == aims.get("LI-03", "0.9")
        assert faults(seen[city.position]) == []
    for position in chance.sample(sorted(seen), 8):
        past = await writer.model.snapshot(as_of=str(position))
        assert {**past, "as_of": None} == {**seen[position], "as_of": None}


def moved_on(record: Commitment, chance: Random) -> Commitment:
    """The record after something that somebody tried; as it was where that is not allowed."""
    try:
        if chance.random() < 0.3:
            aim = CommittedTarget(kpi="LI-03", value=chance.choice(("0.5", "0.8", "0.99")))
            return promise.amended(record, [aim], [], ANN)
        return promise.moved(record, chance.choice(promise.LEGAL[record.state] or ("locked",)), ANN)  # type: ignore[arg-type]  # a state
    except Illegal:
        return record


def known_of(shelf: Shelf, identity: str) -> Commitment | None:
    return shelf.present.definitions.records["commitments"].get(identity)
