"""As published and as now known: what was published never moves, and everything that came later is told with its cause."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from brokers import wait_until
from citygoals.shared import commitment
from citygoals.shared.commitment import CommittedTarget
from citygoals.shared.moves import Act
from citygoals.shared.postgres import Pool
from integration.publications.conftest import HIDDEN, IN_AUGUST, NOW, OPEN, PAST, City, changed
from unit.kpi.samples import body, kpi

REPORT = "/v1/reports/fy2026-council"


def figure(report: dict[str, Any], kpi: str) -> dict[str, Any]:
    (found,) = [one for one in report["kpis"] if one["id"] == kpi]
    return dict(found)


def integers(row: dict[str, Any] | None) -> tuple[int, int]:
    return (0, 0) if row is None else (row["numerator"] or 0, row["denominator"] or 0)


async def published_city(city: City) -> dict[str, Any]:
    """Two payments in August, one of them online, and a report of the year."""
    await city.pay("p1")
    await city.pay("p2", channel="counter")
    await city.publish()
    return dict(await city.read(REPORT))


async def assert_adds_up(city: City, report: str = "fy2026-council") -> None:
    """Of every KPI: each restatement begins where the one before ended, and all of them lead to the figure of now."""
    whole = await city.read(f"/v1/reports/{report}", key="analyst")
    items = await city.restatements(report, key="analyst", limit=3)
    for one in whole["kpis"]:
        mine = [item for item in items if item["kpi"] == one["id"]]
        chain = [integers(one["published"]), *(integers(item["after"]) for item in mine)]
        assert [integers(item["before"]) for item in mine] == chain[:-1], one["id"]
        assert chain[-1] == integers(one["now"])
        sizes = [(item["difference"]["numerator"], item["difference"]["denominator"]) for item in mine]
        total = tuple(map(sum, zip((0, 0), *sizes, strict=True)))
        assert total == (one["difference"]["numerator"], one["difference"]["denominator"])
        kinds = [(part["numerator"], part["denominator"]) for part in one["changes"].values()]
        assert tuple(map(sum, zip(*kinds, strict=True))) == total
        assert sum(part["positions"] for part in one["changes"].values()) == len(mine)


async def test_a_publication_is_the_snapshot_of_its_position_and_never_moves(city: City) -> None:
    report = await published_city(city)
    pinned = report["position"]
    snapshot = await city.read("/v1/snapshot", period=PAST, as_of=pinned)
    assert [one["published"] for one in report["kpis"]] == snapshot["kpis"]
    assert [one["published"] for one in report["nodes"]] == snapshot["nodes"]
    assert (report["published"]["as_of"], report["published"]["plan"]) == (snapshot["as_of"], snapshot["plan"])
    assert [one["now"] for one in report["kpis"]] == snapshot["kpis"], "nothing has happened since"
    assert await city.restatements() == []
    await city.pay("late")
    await city.define(changed("ONLINE", target={"value": "0.9"}))
    await city.plan(version="2", links=[{"kpi": "COURT", "node": "goal-1"}])
    later = await city.read(REPORT)
    assert [one["published"] for one in later["kpis"]] == snapshot["kpis"]
    assert [one["published"] for one in later["nodes"]] == snapshot["nodes"]
    assert later["published"] == report["published"]
    assert (later["published"]["plan"]["version"], later["now"]["plan"]["version"]) == ("1", "2")
    now = await city.read("/v1/snapshot", period=PAST)
    assert [one["now"] for one in later["kpis"]] == now["kpis"]
    assert [one["now"] for one in later["nodes"]] == (await city.read("/v1/snapshot", period=PAST, plan="1"))["nodes"]
    assert await city.read(REPORT, as_of=report["as_of"]["position"]) == report


async def test_each_later_change_is_listed_with_its_cause_and_size(city: City) -> None:
    await published_city(city)
    late = await city.pay("p3")
    voided = await city.tell("payment.voided", NOW, payment_id="p2")
    await city.tell(
        "service_request.opened", service_request_id="s1", department="library", service_code="x", channel="app"
    )
    closed = await city.tell(
        "service_request.closed", IN_AUGUST + timedelta(hours=1), service_request_id="s1", reason="resolved"
    )
    reopened = await city.tell("service_request.reopened", NOW, service_request_id="s1")
    redefined = await city.define(changed("ONLINE", target={"value": "0.9"}))
    await city.plan(version="2")
    items = await city.restatements(key="analyst")
    told = {(one["position"], one["kpi"]): one for one in items}
    online = told[late, "ONLINE"]
    assert (online["cause"], online["is_restatement"], online["kind"]) == ("late", True, "data")
    assert online["difference"] == {"numerator": 1, "denominator": 1, "value": "0.17"}
    assert online["status"] == {"before": "OFF_TRACK", "after": "ON_TRACK"}
    assert [(one["source"], one["id"]) for one in online["events"]["items"]] == [("/systems/demo", "e-3")]
    assert told[voided, "COURT"]["cause"] == "voided"
    assert integers(told[voided, "COURT"]["difference"]) == (-1, 0)
    assert told[closed, "CLOSED"]["cause"] == "late"
    assert told[reopened, "CLOSED"]["cause"] == "corrected"
    assert integers(told[reopened, "CLOSED"]["difference"]) in ((-1, 0), (-1, -1))
    target = told[redefined, "ONLINE"]
    assert (target["cause"], target["redefined"], target["events"]["count"]) == ("redefined", ["target"], 0)
    assert integers(target["difference"]) == (0, 0)
    assert target["before"]["target"] != target["after"]["target"]
    await assert_adds_up(city)
    report = await city.read(REPORT)
    assert figure(report, "ONLINE")["redefined"] == ["target"]
    assert figure(report, "ONLINE")["changes"]["definition"]["positions"] == 1
    assert figure(report, "ONLINE")["is_restated"]
    assert not figure(report, "RATING")["is_restated"]
    assert [one["kpi"] for one in await city.restatements(kpi="COURT")] == ["COURT"] * 2


def sizes(items: list[dict[str, Any]]) -> dict[str, tuple[str, tuple[int, int]]]:
    """The cause and the size of each restatement, by KPI; the events behind each come to exactly that size.

    But for the 1 that a count is over: it comes with the first thing that is counted, and no event gives it.
    """
    for item in items:
        numerator, denominator = map(sum, zip(*map(integers, item["events"]["items"]), strict=True))
        first = 1 if item["before"]["numerator"] is None and denominator == 0 else 0
        assert (numerator, denominator + first) == integers(item["difference"]), item
    return {item["kpi"]: (item["cause"], integers(item["difference"])) for item in items}


async def test_what_becomes_of_a_request_later_is_told_with_its_events(city: City) -> None:
    opened = "service_request.opened"
    await city.define(kpi("LIBRARY", {"kind": "count", "event": f"city.{opened}.v1"}, department="library"))
    for name in ("s1", "s2", "s3"):
        asked: dict[str, Any] = {
            "service_request_id": name,
            "department": "library",
            "service_code": "x",
            "channel": "app",
        }
        await city.tell(opened, **asked)
    later = IN_AUGUST + timedelta(days=1)
    await city.tell("service_request.closed", later, service_request_id="s1", reason="resolved")
    await city.publish()

    async def restated(fact: str, at: datetime = NOW, **data: Any) -> dict[str, tuple[str, tuple[int, int]]]:
        position = await city.tell(fact, at, **data)
        return sizes([one for one in await city.restatements(key="analyst") if one["position"] == position])

    moved = await restated("service_request.assigned", service_request_id="s2", department="fire")
    assert moved == {"LIBRARY": ("corrected", (-1, 0))}
    merged = await restated("service_request.merged", later, service_request_id="s3", into="s1")
    assert (merged["CLOSED"], merged["MERGED"]) == (("late", (1, 0)), ("late", (1, 1))), (
        "a merge closes at its own time"
    )
    assert merged["SECONDS"] == ("late", (86400, 1))
    back = await restated("service_request.assigned", service_request_id="s2", department="library")
    assert back == {"LIBRARY": ("corrected", (1, 0))}
    reopened = await restated("service_request.reopened", service_request_id="s1")
    assert reopened["CLOSED"] == ("corrected", (-1, 0))
    assert reopened["SECONDS"] == ("corrected", (-86400, -1))
    await assert_adds_up(city)


async def test_an_event_that_comes_four_hundred_days_late_restates_the_year_that_it_belongs_to(city: City) -> None:
    long_ago = NOW - timedelta(days=400)  # 31 July 2025
    await city.pay("early", long_ago)
    await city.publish("fy2025", "FY2025")
    await city.publish("month", "2025-07")
    await city.publish("fy2026", PAST)
    late = await city.pay("late", long_ago, channel="counter")
    gone = await city.tell("payment.voided", NOW, payment_id="early")
    for report in ("fy2025", "month"):
        items = await city.restatements(report, key="analyst")
        assert sizes([one for one in items if one["position"] == late])["ONLINE"] == ("late", (0, 1))
        assert sizes([one for one in items if one["position"] == gone])["ONLINE"] == ("voided", (-1, -1))
        await assert_adds_up(city, report)
    assert [one["kpi"] for one in await city.restatements("fy2026", key="analyst")] == [], "another year is as it was"


async def test_what_is_published_while_events_come_is_what_its_position_shows(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citygoals.reporting.follower.FOLLOWED_MAX", 2)  # more publications than fit into memory
    feeding = asyncio.create_task(_feed(city, 60))
    for number in range(6):
        report = await city.publish(f"r-{number}", OPEN if number % 2 else PAST)
        assert report["position"] <= city.position
    await feeding
    for number in range(6):
        report = await city.read(f"/v1/reports/r-{number}")
        past = await city.read("/v1/snapshot", period=report["period"], as_of=report["position"])
        assert [one["published"] for one in report["kpis"]] == past["kpis"]
        assert [one["published"] for one in report["nodes"]] == past["nodes"]
        now = await city.read("/v1/snapshot", period=report["period"])
        assert [one["now"] for one in report["kpis"]] == now["kpis"]
        await assert_adds_up(city, f"r-{number}")


async def _feed(city: City, count: int) -> None:
    for number in range(count):
        data = {"payment_id": f"f{number}", "department": "municipal-court", "service_code": "x", "currency": "USD"}
        paid = {**data, "channel": "web", "amount_minor": 1}
        event = body("payment.settled", paid, at=(NOW, IN_AUGUST)[number % 2], identity=f"f-{number}")
        await city.intake.publish([city.intake.admit(event)])
    await city.pay("last")


async def test_another_formula_is_told_apart_from_data(city: City) -> None:
    await published_city(city)
    await city.pay("p3", channel="counter")
    measure = city.catalogue["ONLINE"].measure.model_dump(mode="json")
    measure["numerator"][0]["where"] = "data.channel == 'counter'"
    await city.define(changed("ONLINE", measure=measure))
    online = figure(await city.read(REPORT), "ONLINE")
    assert (integers(online["published"]), integers(online["now"])) == ((1, 2), (2, 3))
    assert integers(online["changes"]["data"]) == (0, 1)
    assert integers(online["changes"]["definition"]) == (1, 0)
    assert "measure" in online["redefined"]
    await assert_adds_up(city)


async def test_a_formula_that_is_applied_while_events_flow_is_one_restatement(city: City) -> None:
    await published_city(city)
    measure = city.catalogue["ONLINE"].measure.model_dump(mode="json")
    measure["numerator"][0]["where"] = "data.channel == 'counter' || data.channel == 'web'"
    one = changed("ONLINE", measure=measure).model_dump(mode="json", exclude={"version"})
    headers = {"authorization": f"Bearer {city.keys['staff']}"}
    applied = await city.office.post("/v1/kpis", json={"kpis": [one]}, headers=headers)
    assert applied.status_code == 200, applied.text
    (found,) = await city.restatements()
    assert (found["position"], found["cause"], found["redefined"]) == (city.position, "redefined", ["measure"])
    assert integers(found["difference"]) == (1, 0)
    await assert_adds_up(city)


async def test_cells_that_a_rebuild_puts_right_are_a_restatement(city: City, database: Any) -> None:
    await published_city(city)
    admin = await asyncpg.connect(database.dsn())
    await admin.execute("UPDATE kpi.cell SET numerator = numerator + 1 WHERE kpi = 'COURT'")
    await admin.close()
    await city.pay("p3")
    headers = {"authorization": f"Bearer {city.keys['staff']}"}
    before = city.position
    begun = await city.office.post("/v1/rebuilds", json={"switch": True}, headers=headers)
    await wait_until(lambda: city.position > before)
    assert begun.status_code == 202
    late, rebuilt = await city.restatements(kpi="COURT")
    assert (late["cause"], integers(late["difference"])) == ("late", (2, 0))
    assert (rebuilt["cause"], rebuilt["redefined"]) == ("redefined", ["rules"])
    assert (integers(rebuilt["difference"]), rebuilt["events"]["count"]) == ((-1, 0), 0)
    await assert_adds_up(city)


async def test_an_open_period_goes_on_and_that_restates_nothing(city: City) -> None:
    at = NOW - timedelta(hours=2)
    await city.pay("p1", at=at)
    record = await city.publish("so-far", OPEN)
    assert record["is_preliminary"] is True
    city.clock.advance(timedelta(minutes=10))
    went_on = await city.pay("p2", at=NOW + timedelta(minutes=5))
    late = await city.pay("p3", at=at)
    city.clock.advance(timedelta(hours=1))
    told = {(one["position"], one["kpi"]): one for one in await city.restatements("so-far")}
    assert (told[went_on, "COURT"]["cause"], told[went_on, "COURT"]["is_restatement"]) == ("continued", False)
    assert (told[late, "COURT"]["cause"], told[late, "COURT"]["is_restatement"]) == ("late", True)
    report = await city.read("/v1/reports/so-far")
    assert figure(report, "COURT")["is_restated"] is None, "the list tells what went on from what was restated"
    await assert_adds_up(city, "so-far")


async def test_staff_say_why(city: City) -> None:
    await published_city(city)
    first, second = await city.pay("p3"), await city.tell("payment.voided", NOW, payment_id="p1")
    path = "/fy2026-council/reasons"
    await city.post(path, 200, kpi="COURT", reason={"en": "Bank file", "es": "Archivo"}, by="Clerk")
    city.clock.advance(timedelta(minutes=1))
    third = await city.pay("p4")
    await city.post(path, 200, kpi="COURT", position=first, reason="One branch sent it a week late", by="Clerk")
    again = await city.post(path, 200, kpi="COURT", position=first, reason="One branch sent it a week late", by="Clerk")
    assert again["applied"] is False
    reasons = {one["position"]: one["reason"] for one in await city.restatements(kpi="COURT")}
    assert reasons[first]["text"] == "One branch sent it a week late"
    assert (reasons[second]["text"], reasons[second]["labels"]["es"]) == ("Bank file", "Archivo")
    assert reasons[third] is None, "nobody has explained what came later"
    assert {one["reason"] and one["reason"]["text"] for one in await city.restatements(kpi="ONLINE")} == {None}
    report = await city.read(REPORT)
    assert [step["what"] for step in report["history"]] == ["published", "explained", "explained"]
    assert {one["key"].partition(" (")[0] for one in again["publication"]["reasons"]} == {"test"}
    assert "(" not in str(report["reasons"]), "which key it was is for staff"
    await city.post(path, 422, kpi="NOPE", position=10**9, reason="x", by="Clerk")
    await city.post("/nope/reasons", 404, kpi="COURT", reason="x", by="Clerk")


async def test_the_public_sees_no_internal_kpi_and_no_single_event(city: City) -> None:
    await published_city(city)
    await city.tell("payment.voided", payment_id="p1")
    await city.post("/fy2026-council/reasons", 200, kpi=HIDDEN, reason="secret", by="Clerk")
    public, analyst = await city.read(REPORT), await city.read(REPORT, key="analyst")
    assert HIDDEN not in str(public)
    assert figure(analyst, HIDDEN)["now"]["numerator"] == 1
    mine, theirs = await city.restatements(), await city.restatements(key="analyst")
    assert {one["kpi"] for one in theirs} - {one["kpi"] for one in mine} == {HIDDEN}
    assert all("items" not in one["events"] for one in mine)
    assert all(one["events"]["items"] for one in theirs)
    await city.read(f"{REPORT}/restatements", 404, kpi=HIDDEN)
    goal = next(one for one in public["nodes"] if one["id"] == "goal-1")
    assert [link["kpi"] for link in goal["now"]["links"]] == ["ONLINE"]
    await city.define(changed("COURT", internal=True, target={"value": "2"}))
    later = await city.read(REPORT)
    assert figure(later, "COURT")["now"] is None, "what was public then is as it was published"
    await city.read(f"{REPORT}/restatements", 404, kpi="COURT")
    assert "COURT" not in {one["kpi"] for one in await city.restatements()}


async def test_a_withdrawn_publication_stays_listed_with_the_reason(city: City) -> None:
    await published_city(city)
    await city.publish("second", title={"en": "Second", "es": "Segundo"}, note="A note")
    await city.post("/fy2026-council/withdraw", 200, reason="The wrong plan", by="Clerk")
    assert (await city.post("/fy2026-council/withdraw", 200, reason="The wrong plan", by="Clerk"))["applied"] is False
    await city.post("/fy2026-council/withdraw", 409, reason="Another reason", by="Clerk")
    await city.post("/fy2026-council/reasons", 409, kpi="COURT", reason="x", by="Clerk")
    items = (await city.read("/v1/reports"))["items"]
    assert {one["id"]: one["state"] for one in items} == {"second": "published", "fy2026-council": "withdrawn"}
    (withdrawn,) = [one for one in items if one["state"] == "withdrawn"]
    assert (withdrawn["withdrawal"]["reason"]["en"], withdrawn["withdrawal"]["by"]) == ("The wrong plan", "Clerk")
    (second,) = [one for one in items if one["id"] == "second"]
    assert (second["labels"]["es"], second["note"]["en"]) == ("Segundo", "A note")
    page = await city.read("/v1/reports", limit=1)
    rest = await city.read("/v1/reports", limit=1, cursor=page["next"])
    assert [one["id"] for one in (*page["items"], *rest["items"])] == [one["id"] for one in items]


async def test_the_same_again_is_nothing_new_and_another_content_is_refused(city: City) -> None:
    await published_city(city)
    draft = {"id": "fy2026-council", "title": "The year", "period": PAST, "by": "City Manager"}
    position = city.position
    again = await city.post("", 200, **draft)
    assert (again["applied"], city.position) == (False, position)
    await city.post("", 200, **draft, position=again["publication"]["position"])
    await city.post("", 409, **draft, position=again["publication"]["position"] - 1)
    await city.post("", 409, **{**draft, "title": "Another year"})
    assert city.position == position


async def test_a_past_position_can_be_published_later(city: City) -> None:
    position = await city.pay("p1")
    await city.pay("p2", channel="counter")
    await city.plan(version="2", links=[{"kpi": "COURT", "node": "goal-1"}])
    await city.publish("as-of", position=position, plan="1")
    report = await city.read("/v1/reports/as-of")
    assert (report["plan"], integers(figure(report, "ONLINE")["published"])) == ("toy@1", (1, 1))
    assert [one["published"] for one in report["nodes"]] == (
        await city.read("/v1/snapshot", period=PAST, as_of=position)
    )["nodes"]
    assert {one["cause"] for one in await city.restatements("as-of")} == {"late"}
    await assert_adds_up(city, "as-of")


@pytest.mark.parametrize("role", ["analyst"])
async def test_only_staff_publish(city: City, role: str) -> None:
    await city.post("", 403, role=role, id="x", title="x", period=PAST, by="x")
    assert (await city.office.get("/v1/publications")).status_code == 401


async def test_every_mistake_is_named_and_nothing_is_published(city: City) -> None:
    position = city.position
    wrong = await city.post("", 422, id="council", title="x", period="FY2030", plan="nope", position=10**6, by="x")
    assert {one["pointer"] for one in wrong["errors"]} == {"/id", "/period", "/plan", "/position"}
    unreadable = await city.post("", 422, id="Not Kebab", title="", position=-1, by="", more=1)
    pointers = {one["pointer"] for one in unreadable["errors"]}
    assert pointers == {"/id", "/title", "/period", "/position", "/by", "/more"}, (
        "into what was sent, as for mistakes of its sense"
    )
    for period in ("last-30d@2026-08-31", "FY20"):
        await city.post("", 422, id="x", title="x", period=period, by="x")
    assert city.position == position
    await city.read("/v1/reports/x", 404)
    await city.read("/v1/reports/x/restatements", 404)


async def test_mistakes_of_shape_are_named_by_where_they_are(city: City) -> None:
    wrong: dict[str, Any] = {
        "id": "No Id",
        "title": {"es": "El año"},
        "period": "",
        "position": 0,
        "by": " ",
        "nmae": "x",
    }
    said = await city.post("", 422, **wrong)
    assert [one["pointer"] for one in said["errors"]] == ["/id", "/title/en", "/period", "/position", "/by", "/nmae"]
    await city.publish()
    for path, needed in (("reasons", {"/kpi", "/reason", "/by"}), ("withdraw", {"/reason", "/by"})):
        said = await city.post(f"/fy2026-council/{path}", 422)
        assert {one["pointer"] for one in said["errors"]} == needed
    bearer = {"authorization": f"Bearer {city.keys['staff']}"}
    for sent in (b"{", b"[]", b"\xff", b""):
        assert (await city.office.post("/v1/publications", content=sent, headers=bearer)).status_code == 400


async def test_pages_of_restatements_are_of_one_position(city: City) -> None:
    await published_city(city)
    for number in range(7):
        await city.pay(f"late-{number}")
    whole = await city.restatements()
    page = await city.read(f"{REPORT}/restatements", limit=2)
    await city.pay("after")
    found = list(page["items"])
    while page["next"] is not None:
        page = await city.read(f"{REPORT}/restatements", limit=2, cursor=page["next"])
        found += page["items"]
    assert found == whole
    await city.read(f"{REPORT}/restatements", 400, cursor="nonsense")


async def test_a_reporting_service_that_starts_from_nothing_says_the_same(
    city: City, pool_for: Callable[..., Awaitable[Pool]]
) -> None:
    await published_city(city)
    for number in range(12):  # over several checkpoints
        await city.pay(f"p{number + 3}", channel=("web", "counter")[number % 2])
    await city.define(changed("ONLINE", target={"value": "0.4"}))
    await city.tell("payment.voided", NOW, payment_id="p1")
    await city.post("/fy2026-council/reasons", 200, kpi="ONLINE", reason="Late branches", by="Clerk")
    before = [await city.read(REPORT, key="analyst"), await city.restatements(key="analyst")]
    await city.restart()
    assert [await city.read(REPORT, key="analyst"), await city.restatements(key="analyst")] == before
    await city.restart(await pool_for("reporting"), checkpoint_positions=3)
    assert [await city.read(REPORT, key="analyst"), await city.restatements(key="analyst")] == before
    await assert_adds_up(city)


async def test_what_is_made_of_other_kpis_is_restated_with_them(city: City) -> None:
    parts = [{"kpi": "ONLINE", "weight": "1"}, {"kpi": HIDDEN, "weight": "1"}]
    await city.define(kpi("INDEX", {"kind": "index", "parts": parts}), kpi("TYPED", {"kind": "zero_typing"}))
    await published_city(city)
    late = await city.pay("p3")
    told = {(one["position"], one["kpi"]): one for one in await city.restatements(key="analyst")}
    assert (told[late, "INDEX"]["cause"], told[late, "INDEX"]["events"]["count"]) == ("late", 1)
    added = await city.define(kpi("MORE", {"kind": "count", "event": "city.call.answered.v1"}))
    told = {(one["position"], one["kpi"]): one for one in await city.restatements()}
    assert (told[added, "TYPED"]["cause"], told[added, "TYPED"]["redefined"]) == ("redefined", [])
    await assert_adds_up(city)


async def test_a_measurement_that_is_recorded_again_is_a_correction(city: City) -> None:
    await city.tell("measurement.recorded", measure_id="m-1", period="2026-08", value=3)
    await city.publish()
    again = await city.tell("measurement.recorded", NOW, measure_id="m-1", period="2026-08", value=4)
    (one,) = await city.restatements(kpi="LATEST")
    assert (one["position"], one["cause"], one["difference"]["value"]) == (again, "corrected", "1.00")


async def test_the_pages_say_the_same(city: City) -> None:
    await published_city(city)
    await city.pay("p3")
    assert await city.restatements(), "so that reporting is there as well"
    page = await city.reading.get("/reports/fy2026-council?lang=es")
    assert (page.status_code, "Tardío" in page.text) == (200, True)
    shown = await city.reading.get("/kpis/ONLINE?period=FY2026")
    assert "Restated at one position since" in shown.text
    assert "Restated" not in (await city.reading.get("/kpis/ONLINE")).text, "that is another period"
    assert (await city.reading.get("/reports/nope")).status_code == 404
    assert (await city.reading.get("/reports/fy2026-council?after=x")).status_code == 400
    missing = await city.reading.get("/v1/reports/nope")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")


async def test_what_a_department_commits_itself_to_restates_what_was_published(city: City) -> None:
    await published_city(city)
    act = Act(at=NOW, by="Ann", key="k")
    record = commitment.proposed("municipal-court", PAST, (CommittedTarget(kpi="COURT", value="5"),), act)
    for state in ("reviewed", "signed"):
        record = commitment.moved(record, state, act)
    applier = city.kpi.leadership.applier
    position = await applier.record("commitments", lambda _, __: [record])
    (one,) = await city.restatements()
    assert (one["position"], one["kpi"], one["cause"]) == (position, "COURT", "redefined")
    assert one["redefined"] == ["committed"]
    assert (one["before"]["target"]["value"], one["after"]["target"]["value"]) == ("2", "5")
    assert figure(await city.read(REPORT), "COURT")["redefined"] == ["committed"]
    page = (await city.reading.get("/reports/fy2026-council")).text
    assert "Redefined: the target that is committed to." in page


async def test_a_record_makes_nothing_else_anew(city: City) -> None:
    applier = city.kpi.leadership.applier
    engine, board = applier.state.engine, applier.state.board
    await city.publish()
    assert applier.state.engine is engine
    assert applier.state.board.kpis is board.kpis
    assert [one["id"] for one in (await city.read("/v1/reports"))["items"]] == ["fy2026-council"]


async def test_past_the_retention_an_answer_says_how_far_back_one_can_read_and_reports_stay(
    city: City, pool_for: Callable[..., Awaitable[Pool]]
) -> None:
    pool = await pool_for("reporting")
    await published_city(city)
    for number in range(8):
        await city.pay(f"late-{number}")
    before = [(await city.read(REPORT))["kpis"], await city.restatements()]
    await wait_until(lambda: pool.fetchval("SELECT max(position) >= 10 FROM checkpoint"))
    await city.restart(history_days=1)  # all of it was recorded months before the service's own clock
    await wait_until(lambda: _is_forgotten(city, pool), pause_s=0.5)
    said = await city.read("/v1/snapshot", 404, as_of=3)
    assert (said["status"], "not remembered" in said["detail"]) == (404, True)
    assert said["oldest"]["position"] > 3
    oldest = said["oldest"]["position"]
    assert (await city.read("/v1/snapshot", as_of=oldest))["as_of"] == said["oldest"]
    assert (await city.reading.get("/v1/snapshot?as_of=3")).headers["content-type"] == "application/problem+json"
    early = await city.read("/v1/kpis", 404, as_of="2026-08-01")
    assert early["oldest"] == said["oldest"]
    await city.read("/v1/reports", 404, as_of=3)
    assert [(await city.read(REPORT))["kpis"], await city.restatements()] == before
    await city.pay("later")
    await assert_adds_up(city)
    await city.publish("too-late", position=3)
    lost = await city.read("/v1/reports/too-late", 404)
    assert (lost["oldest"]["position"], (await city.reading.get("/reports/too-late")).status_code) == (oldest, 404)
    assert {one["id"] for one in (await city.read("/v1/reports"))["items"]} == {"fy2026-council", "too-late"}
    assert (await city.reading.get("/kpis/ONLINE?period=FY2026")).status_code == 200


@pytest.mark.parametrize("retention", [timedelta(hours=2)])
async def test_a_position_that_nobody_promises_to_remember_is_not_published(city: City) -> None:
    first = city.position
    await city.publish("in-time", position=first)
    hours = [await city.wait(timedelta(hours=1)) for _ in range(3)]
    await city.pay("p1")
    said = await city.post("", 422, id="late", title="Late", period=PAST, by="City Manager", position=hours[0] - 1)
    (error,) = said["errors"]
    assert (error["pointer"], str(hours[0]) in error["detail"]) == ("/position", True)
    assert said["oldest"] == {"position": hours[0], "recorded_at": "2026-09-04T13:00:00.000000Z"}
    both = await city.post("", 422, id="late", title="Late", period="FY2040", by="City Manager", position=first)
    assert {one["pointer"] for one in both["errors"]} == {"/position", "/period"}, "every mistake is named"
    await city.publish("oldest", position=said["oldest"]["position"])
    again: dict[str, Any] = {
        "id": "in-time",
        "title": "The year",
        "period": PAST,
        "by": "City Manager",
        "position": first,
    }
    assert (await city.post("", 200, **again))["applied"] is False, "what is published is not refused later"
    assert [one["id"] for one in (await city.read("/v1/reports"))["items"]] == ["oldest", "in-time"]
    for report in ("oldest", "in-time"):
        await city.read(f"/v1/reports/{report}")


async def _is_forgotten(city: City, pool: Pool) -> bool:
    """Let something happen that no KPI counts, and look (not at the position itself: what was read is remembered)."""
    await city.tell("call.answered", call_id=f"c{city.position}", queue="general", department="library", wait_s=3)
    return bool(await pool.fetchval("SELECT min(position) > 3 FROM history"))


async def test_while_kpi_does_not_answer_the_list_waits_and_the_page_does_not(city: City) -> None:
    await published_city(city)
    await city.pay("p3")
    await city.restatements()
    assert city.kpi_answers is not None
    await city.kpi_answers.close()
    answered = await city.reading.get(f"{REPORT}/restatements?kpi=COURT")
    assert (answered.status_code, "retry-after" in answered.headers) == (503, True)
    assert (await city.reading.get(REPORT)).status_code == 200
    page = await city.reading.get("/reports/fy2026-council?lang=en")
    assert (page.status_code, "Events that cannot be read at the moment" in page.text) == (200, True)
