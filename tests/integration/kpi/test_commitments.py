"""Commitments and narratives through a real kpi: what is signed is what figures are held against, in that one position."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest
from citygoals.kpi.api import Registry
from citygoals.kpi.app import build_http
from citygoals.kpi.applier import Applier
from citygoals.kpi.rebuild import Rebuilds
from citygoals.kpi.standing import read_state
from citygoals.shared.clock import FixedClock
from citygoals.shared.keys import create_key
from citygoals.shared.postgres import Pool
from integration.kpi.conftest import Running, assert_identical
from unit.kpi.samples import CALENDAR

COURT = "municipal-court"
ID = f"{COURT}-fy2027"
FILE = f"""
departments:
  - {{id: {COURT}, title: {{en: Municipal Court}}}}
  - {{id: fire, title: {{en: Fire}}}}
kpis:
  - id: MC-01
    title: {{en: Paid online}}
    department: {COURT}
    measure:
      kind: ratio
      numerator: {{event: city.payment.settled.v1, where: "data.channel == 'web'"}}
      denominator: {{event: city.payment.settled.v1}}
    unit: "%"
    target: {{value: "0.65", basis: fiscal_year}}
    sample: true
  - id: MC-02
    title: {{en: Payments}}
    department: {COURT}
    measure: {{kind: count, event: city.payment.settled.v1}}
    polarity: band
    unit: payments
  - id: FD-01
    title: {{en: Fires}}
    department: fire
    measure: {{kind: count, event: city.incident.closed.v1}}
    unit: fires
  - id: CITY-1
    title: {{en: All payments}}
    measure: {{kind: count, event: city.payment.settled.v1}}
    unit: payments
"""
PROPOSAL: dict[str, Any] = {
    "department": COURT, "fiscal_year": "FY2027", "by": "Ann Court",
    "targets": [{"kpi": "MC-01", "value": "0.80", "note": "Two more counters take cards"}],
}  # fmt: skip


class Office:
    """Asks kpi over HTTP as staff do."""

    def __init__(self, http: httpx.AsyncClient, keys: dict[str, str]) -> None:
        self.http, self.keys = http, keys

    async def ask(
        self, method: str, path: str, body: Any = None, *, role: str = "staff", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        bearer = {"authorization": f"Bearer {self.keys[role]}", **(headers or {})}
        return await self.http.request(method, f"/v1/{path}", headers=bearer, json=body)

    async def move(self, path: str, to: str, *, reason: str | None = None, role: str = "staff") -> httpx.Response:
        said = {} if reason is None else {"reason": reason}
        return await self.ask("POST", f"{path}/transitions", {"to": to, "by": "Bea Review", **said}, role=role)

    async def sign(self) -> None:
        assert (await self.ask("POST", "commitments", PROPOSAL)).status_code == 201
        for to in ("reviewed", "signed"):
            assert (await self.move(f"commitments/{ID}", to)).status_code == 200


@pytest.fixture
async def office(
    kpi: Running, pool: Pool, database: Any, pool_for: Callable[..., Awaitable[Pool]]
) -> AsyncIterator[Office]:
    rebuilds = Rebuilds(pool, CALENDAR)
    app = build_http(Registry(kpi.leadership, pool, CALENDAR), rebuilds)
    admin = await asyncpg.create_pool(database.dsn(), min_size=1, max_size=1)
    keys = {role: (await create_key(admin, role, label=f"the {role}"))[0] for role in ("staff", "admin", "analyst")}
    admin.terminate()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://kpi") as http:
        one = Office(http, keys)
        bearer = {"authorization": f"Bearer {keys['staff']}"}
        assert (await http.post("/v1/kpis", content=FILE, headers=bearer)).json()["applied"]
        yield one
    await rebuilds.close()


def target_of(applier: Applier, kpi: str = "MC-01") -> str | None:
    target = applier.state.board.figures[kpi].held.target
    return None if target is None else target.value


async def test_from_the_proposal_to_an_amendment_with_who_when_and_why(
    office: Office, kpi: Running, pool: Pool
) -> None:
    applier = kpi.leadership.applier
    made = await office.ask("POST", "commitments", PROPOSAL)
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    assert (made.json()["id"], made.json()["state"], made.json()["legal"]) == (
        ID,
        "proposed",
        ["reviewed", "withdrawn"],
    )
    other = {**PROPOSAL, "targets": [{"kpi": "MC-01", "value": "0.75"}]}
    changed = (await office.ask("PUT", f"commitments/{ID}", {"targets": other["targets"], "by": "Ann Court"})).json()
    assert (changed["version"], changed["targets"][0]["value"]) == (2, "0.75")
    assert (await office.move(f"commitments/{ID}", "reviewed")).json()["state"] == "reviewed"
    assert target_of(applier) == "0.65"
    signed = (await office.move(f"commitments/{ID}", "signed")).json()
    assert (signed["applied"], signed["position"]) == (True, applier.state.position)
    assert target_of(applier) == "0.75"
    assert applier.state.board.figures["MC-01"].to_dict()["sample"] is False
    assert (await office.move(f"commitments/{ID}", "locked")).status_code == 403
    assert (await office.move(f"commitments/{ID}", "locked", role="admin")).json()["state"] == "locked"
    amendment = {"targets": [{"kpi": "MC-01", "value": "0.70"}], "by": "Cy Manager", "reason": "the portal came late"}
    assert (await office.ask("POST", f"commitments/{ID}/amendments", amendment)).status_code == 403
    done = await office.ask("POST", f"commitments/{ID}/amendments", amendment, role="admin")
    assert (done.status_code, target_of(applier)) == (200, "0.70")
    history = (await office.ask("GET", f"commitments/{ID}")).json()["history"]
    assert [act["what"] for act in history] == ["proposed", "changed", "moved", "moved", "moved", "amended"]
    assert (history[-1]["by"], history[-1]["reason"]) == ("Cy Manager", "the portal came late")
    assert history[-1]["key"].startswith("the admin (")
    (change,) = history[-1]["changes"]
    assert (change["before"]["value"], change["after"]["value"]) == ("0.75", "0.70")
    await assert_identical(pool)


async def test_the_same_request_twice_changes_nothing(office: Office, kpi: Running) -> None:
    applier = kpi.leadership.applier
    amendment = {"dropped": ["MC-01"], "by": "Cy", "reason": "no data any more"}
    requests = [
        ("POST", "commitments", PROPOSAL),
        ("PUT", f"commitments/{ID}", {"targets": [{"kpi": "MC-01", "value": "0.7"}], "by": "Ann"}),
        ("POST", f"commitments/{ID}/transitions", {"to": "reviewed", "by": "Bea"}),
        ("POST", f"commitments/{ID}/transitions", {"to": "signed", "by": "Ann"}),
        ("POST", f"commitments/{ID}/amendments", amendment),
    ]  # fmt: skip
    for method, path, body in requests:
        first = await office.ask(method, path, body, role="admin")
        again = await office.ask(method, path, body, role="admin")
        assert (first.status_code, again.status_code) == (201 if path == "commitments" else 200, 200), again.text
        assert (first.json()["applied"], again.json()["applied"]) == (True, False)
        assert {**first.json(), "applied": False} == again.json()
    assert target_of(applier) == "0.65", "what was dropped falls back on the catalogue"
    late = await office.ask("POST", "commitments", PROPOSAL)
    assert (late.status_code, late.json()["applied"]) == (200, False), "the first request, once more"
    assert (await office.ask("POST", "commitments", {**PROPOSAL, "by": "Zoe"})).status_code == 409


async def test_who_has_signed_may_send_the_signature_again(office: Office, kpi: Running) -> None:
    await office.sign()
    position = kpi.leadership.applier.state.position
    again = await office.move(f"commitments/{ID}", "signed")
    assert (again.status_code, again.json()["applied"]) == (200, False), again.text
    for to in ("locked", "proposed", "withdrawn"):
        assert (await office.move(f"commitments/{ID}", to, reason="x")).status_code == 403
    assert (await office.move(f"commitments/{ID}", "reviewed")).status_code == 409, "nobody's key allows that"
    assert kpi.leadership.applier.state.position == position


async def test_what_an_amendment_changes_it_does_not_drop(office: Office, kpi: Running) -> None:
    await office.sign()
    position = kpi.leadership.applier.state.position
    both = {"targets": [{"kpi": "MC-01", "value": "0.7"}], "dropped": ["MC-01"], "by": "Cy", "reason": "unsure"}
    refused = await office.ask("POST", f"commitments/{ID}/amendments", both, role="admin")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/dropped/0"]
    assert kpi.leadership.applier.state.position == position


async def test_of_a_period_that_there_is_not_nothing_is_said(office: Office) -> None:
    for period in ("0000-01", "FY0000", "FY0000-Q1", "9999-12", "FY2027-Q2", "2026-13", "all", "2026-09-01"):
        said = {"kpi": "MC-01", "period": period, "text": "Fewer came.", "by": "Ann"}
        refused = await office.ask("POST", "narratives", said)
        assert refused.status_code == 422, (period, refused.text)
        assert {error["pointer"] for error in refused.json()["errors"]} == {"/period"}


async def test_what_a_state_does_not_allow_is_told_with_what_it_does(office: Office) -> None:
    await office.sign()
    again = await office.ask("POST", f"commitments/{ID}/transitions", {"to": "reviewed", "by": "Zoe"}, role="admin")
    assert (again.status_code, again.json()["state"]) == (409, "signed")
    assert again.json()["legal"] == ["locked", "proposed", "withdrawn"]
    put = await office.ask("PUT", f"commitments/{ID}", {"targets": PROPOSAL["targets"], "by": "Ann"})
    assert put.status_code == 409
    assert "amendment" in put.json()["detail"]
    for path in ("commitments/nobody-fy2027", "narratives/MC-01-2026-09"):
        assert (await office.ask("GET", path)).status_code == 404
        assert (await office.move(path, "withdrawn", reason="x")).status_code == 404


async def test_a_stale_edit_is_refused(office: Office, kpi: Running) -> None:
    tag = (await office.ask("POST", "commitments", PROPOSAL)).headers["etag"]
    ours = {"targets": [{"kpi": "MC-01", "value": "0.7"}], "by": "Ann"}
    assert (await office.ask("PUT", f"commitments/{ID}", ours, headers={"if-match": tag})).status_code == 200
    position = kpi.leadership.applier.state.position
    theirs = {"targets": [{"kpi": "MC-01", "value": "0.6"}], "by": "Zoe"}
    stale = await office.ask("PUT", f"commitments/{ID}", theirs, headers={"if-match": tag})
    assert (stale.status_code, stale.json()["version"]) == (412, 2)
    assert kpi.leadership.applier.state.position == position
    assert (await office.ask("PUT", f"commitments/{ID}", ours, headers={"if-match": tag})).status_code == 200, "again"
    assert (await office.ask("PUT", f"commitments/{ID}", theirs, headers={"if-match": "x y"})).status_code == 400


async def test_every_mistake_is_named_at_once_and_changes_nothing(office: Office, kpi: Running) -> None:
    position = kpi.leadership.applier.state.position
    wrong = {
        "department": "nobody", "fiscal_year": "FY2020", "by": "",
        "targets": [
            {"kpi": "NO-1", "value": "1"}, {"kpi": "FD-01", "value": "-3"}, {"kpi": "MC-02", "value": "5"},
            {"kpi": "MC-01", "value": 0.8}, {"kpi": "MC-01", "value": "1"}, {"kpi": "CITY-1", "valu": "1"},
        ],
    }  # fmt: skip
    answer = await office.ask("POST", "commitments", wrong)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    found = {error["pointer"]: error["detail"] for error in answer.json()["errors"]}
    assert found.keys() == {
        "/department", "/fiscal_year", "/by", "/targets/0/kpi", "/targets/1/kpi", "/targets/1/value", "/targets/2/low",
        "/targets/2/kpi", "/targets/3/kpi", "/targets/3/value", "/targets/4/kpi", "/targets/5/kpi", "/targets/5/valu",
    }  # fmt: skip
    assert "FY2026 to FY2029" in found["/fiscal_year"] or "FY2025" in found["/fiscal_year"]
    assert kpi.leadership.applier.state.position == position
    for body, status in (([], 400), ({}, 422), ({"to": ["signed"], "by": 3}, 422)):
        assert (await office.ask("POST", "commitments", body)).status_code == status
    one = {**PROPOSAL, "targets": [{"kpi": "MC-01", "value": "0.8", "note": "a\x00b"}]}
    for body, pointers in ((one, ["/targets/0/note"]), ({**PROPOSAL, "targets": []}, ["/targets"])):
        errors = (await office.ask("POST", "commitments", body)).json()["errors"]
        assert [error["pointer"] for error in errors] == pointers
    await office.ask("POST", "commitments", PROPOSAL)
    unreasoned = await office.move(f"commitments/{ID}", "withdrawn")
    assert [error["pointer"] for error in unreasoned.json()["errors"]] == ["/reason"]
    bare = await office.ask("POST", f"commitments/{ID}/amendments", {}, role="admin")
    assert {error["pointer"] for error in bare.json()["errors"]} == {"/by", "/reason", "/targets"}


async def test_what_the_catalogue_has_overtaken_is_not_signed(office: Office) -> None:
    await office.ask("POST", "commitments", PROPOSAL)
    await office.move(f"commitments/{ID}", "reviewed")
    bearer = {"authorization": f"Bearer {office.keys['staff']}"}
    moved = FILE.replace(
        f"id: MC-01\n    title: {{en: Paid online}}\n    department: {COURT}",
        "id: MC-01\n    title: {en: P}\n    department: fire",
    )
    assert (await office.http.post("/v1/kpis", content=moved, headers=bearer)).json()["applied"]
    refused = await office.move(f"commitments/{ID}", "signed")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/targets/0/kpi")


async def test_of_two_who_move_it_at_once_one_does(office: Office) -> None:
    await office.ask("POST", "commitments", PROPOSAL)
    paths = [
        office.ask("POST", f"commitments/{ID}/transitions", {"to": to, "by": "X", "reason": "y"})
        for to in ("reviewed", "withdrawn")
    ]
    answers = await asyncio.gather(*paths)
    record = (await office.ask("GET", f"commitments/{ID}")).json()
    done = [one.json()["state"] for one in answers if one.status_code == 200]
    assert record["version"] == 1 + len(done)
    assert record["state"] == done[-1]


async def test_a_narrative_is_drafted_returned_approved_and_rewritten(office: Office, pool: Pool) -> None:
    path = "narratives/MC-01-2026-09"
    draft = {
        "kpi": "MC-01",
        "period": "2026-09",
        "text": {"en": "A slow start.", "es": "Un comienzo lento."},
        "by": "Ann",
    }
    made = await office.ask("POST", "narratives", draft)
    assert (made.status_code, made.json()["id"], made.json()["is_public"]) == (201, "MC-01-2026-09", False)
    assert (await office.ask("POST", "narratives", draft)).json()["applied"] is False
    assert (await office.move(path, "approved", role="admin")).status_code == 409
    assert (await office.move(path, "submitted")).status_code == 200
    assert (await office.move(path, "draft")).status_code == 422
    assert (await office.move(path, "draft", reason="say why it was slow")).status_code == 200
    second = {"text": "A slow start: the portal came late.", "by": "Ann"}
    assert (await office.ask("PUT", path, second)).json()["text"] == {"en": second["text"], "es": None}
    await office.move(path, "submitted")
    assert (await office.move(path, "approved")).status_code == 403
    assert (await office.move(path, "approved", role="admin")).json()["is_public"] is True
    assert (await office.ask("PUT", path, {"text": "x", "by": "Ann"})).status_code == 409
    history = (await office.ask("GET", path)).json()["history"]
    assert [act["text"]["en"] for act in history if act["text"]] == ["A slow start.", second["text"]]
    future = {"kpi": "NO", "period": "FY2028", "text": {}, "by": "Ann"}
    errors = (await office.ask("POST", "narratives", future)).json()["errors"]
    assert {error["pointer"] for error in errors} == {"/kpi", "/period", "/text"}
    assert len((await office.ask("GET", "narratives?kpi=MC-01&state=approved")).json()["items"]) == 1
    assert (await office.ask("GET", "narratives?kpi=MC-02")).json()["items"] == []
    await assert_identical(pool)


async def test_they_are_for_staff(office: Office) -> None:
    for path in ("commitments", "narratives"):
        assert (await office.ask("GET", path, role="analyst")).status_code == 403
        assert (await office.ask("POST", path, {}, role="analyst")).status_code == 403
        assert (await office.http.get(f"/v1/{path}")).status_code == 401


async def test_the_next_tenure_knows_them_and_holds_figures_against_them(
    office: Office, kpi: Running, pool: Pool, clock: FixedClock
) -> None:
    await office.sign()
    before = kpi.leadership.applier.state
    async with pool.acquire() as connection:
        state = await read_state(connection, CALENDAR, clock.now())
    assert state.definitions.records == before.definitions.records
    assert state.board.figures == before.board.figures
    held = state.board.figures["MC-01"].held.target
    assert held is not None
    assert held.value == "0.80"


PLAN = {
    "id": "toy", "version": "1", "effective": {"from": "2020-01-01"},
    "nodes": [{"id": "city", "kind": "city", "title": {"en": "City"}}],
}  # fmt: skip
DUTIES = f"""
duties:
  - {{id: half, kind: report, title: {{en: Half}}, grain: half, due: {{days: 20}}, from: 2025-09-01, departments: [{COURT}]}}
  - {{id: year, kind: report, title: {{en: Year}}, grain: fiscal_year, due: {{days: 20}}, from: 2024-09-01}}
"""


async def record_much(office: Office) -> None:
    """Five narratives, publications and drafts at least, and some commitments and duties."""
    for period in ("2026-07", "2026-08", "FY2026", "FY2026-H2", "FY2026-Q4"):
        draft = {"kpi": "MC-01", "period": period, "text": "Fewer came.", "by": "Ann"}
        assert (await office.ask("POST", "narratives", draft)).status_code == 201
    for year in ("FY2026", "FY2027", "FY2028"):
        assert (await office.ask("POST", "commitments", {**PROPOSAL, "fiscal_year": year})).status_code == 201
    assert (await office.ask("POST", "plan", PLAN)).status_code == 200
    for identity in ("b", "a", "d", "c", "e"):
        report = {"id": identity, "title": "The year", "period": "FY2026", "by": "Ann"}
        assert (await office.ask("POST", "publications", report)).status_code == 201
    bearer = {"authorization": f"Bearer {office.keys['staff']}"}
    for channel in ("phone", "mail", "app", "kiosk"):
        assert (
            await office.http.post("/v1/kpis", content=FILE.replace("'web'", f"'{channel}'"), headers=bearer)
        ).is_success
    assert (await office.http.post("/v1/kpis", content=DUTIES, headers=bearer)).is_success


@pytest.mark.parametrize("part", ["commitments", "narratives", "publications", "duties", "drafts"])
async def test_every_list_of_records_comes_in_pages(office: Office, part: str) -> None:
    await record_much(office)
    whole = (await office.ask("GET", part)).json()
    assert (len(whole["items"]) >= 3, whole["next"]) == (True, None)
    page = await office.ask("GET", f"{part}?limit=2")
    seen = page.json()["items"]
    while (following := page.json()["next"]) is not None:
        assert page.headers["link"].endswith('; rel="next"')
        assert f"cursor={following}" in page.headers["link"]
        page = await office.ask("GET", page.headers["link"][len("</v1/") :].partition(">")[0])
        seen += page.json()["items"]
    assert "link" not in page.headers
    assert seen == whole["items"]
    assert (await office.ask("GET", f"{part}?cursor=%C3%BC!")).status_code == 400
    for limit in ("0", "1001", "x"):
        assert (await office.ask("GET", f"{part}?limit={limit}")).status_code == 422


async def test_what_is_added_meanwhile_shifts_no_page(office: Office) -> None:
    await record_much(office)
    first = (await office.ask("GET", "publications?limit=2")).json()
    report = {"id": "later", "title": "The year", "period": "FY2026", "by": "Ann"}
    assert (await office.ask("POST", "publications", report)).status_code == 201
    rest = (await office.ask("GET", f"publications?cursor={first['next']}")).json()
    assert [one["id"] for one in (*first["items"], *rest["items"])] == ["e", "d", "c", "b", "a"]
