"""Duties over HTTP and at ticks: each stage is announced once, in the tick's own commit, whoever writes the ticks."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from citygoals.kpi.api import Registry
from citygoals.kpi.app import build_http
from citygoals.kpi.applier import Applier
from citygoals.kpi.definitions import CATALOGUE_APPLIED
from citygoals.kpi.rebuild import Rebuilds
from citygoals.kpi.standing import read_state
from citygoals.kpi.ticks import strike
from citygoals.shared.clock import FixedClock
from citygoals.shared.keys import create_key
from citygoals.shared.plan import load_catalogue
from citygoals.shared.postgres import Connection, Pool
from integration.kpi.conftest import Archive, Running, assert_identical
from unit.kpi.samples import CALENDAR
from unit.shared.a_city_with_duties import DUTIES, OFFICES, at

CITY = load_catalogue(OFFICES + DUTIES, "city.yaml").model_dump(mode="json", exclude={"note"})
MEMO = "review-memo:police:winter"
HOUR = timedelta(hours=1)


def duties_told(archive: Archive, position: int) -> list[dict[str, Any]]:
    return [json.loads(m.body) for m in archive.messages[position] if m.subject == "city.kpi.v1.duty"]


def stages(archive: Archive, first: int = 1) -> list[tuple[str, str, int | None]]:
    told = [
        event["data"]
        for position in sorted(archive.messages)
        if position >= first
        for event in duties_told(archive, position)
    ]
    return [(data["id"], data["stage"], data["days_before"]) for data in told]


async def begun(connection: Connection, clock: FixedClock, archive: Archive, instant: str) -> Applier:
    clock.instant = at(instant)
    applier = await Applier.begin(connection, CALENDAR, clock, archive.hand_over)
    await strike(applier, clock)
    return applier


async def strike_hourly(applier: Applier, clock: FixedClock, until: str) -> None:
    while clock.now() < at(until):
        clock.advance(HOUR)
        await strike(applier, clock)


async def test_each_stage_is_told_once_in_the_commit_of_its_tick(
    connection: Connection, pool: Pool, clock: FixedClock, archive: Archive
) -> None:
    applier = await begun(connection, clock, archive, "2026-12-06T12:00")
    await applier.define(CATALOGUE_APPLIED, CITY)
    await strike_hourly(applier, clock, "2026-12-08T12:00")
    assert stages(archive) == [(MEMO, "today", 0), (MEMO, "overdue", None)]
    ((event,),) = [told for position in archive.messages if (told := duties_told(archive, position))][:1]
    assert (event["type"], event["source"], event["subject"]) == ("city.kpi.duty.v1", "/city-goals/kpi", MEMO)
    assert event["id"] == f"duty:{MEMO}:2026-12-07T17:00:00.000000Z:0"
    stored = await pool.fetch(
        "SELECT position, body FROM outbox WHERE subject = 'city.kpi.v1.duty' ORDER BY position, ordinal"
    )
    assert [json.loads(row["body"])["data"]["position"] for row in stored] == [row["position"] for row in stored]
    assert event["data"]["due"] == "2026-12-07T17:00:00.000000Z"
    assert event["data"]["department_title"] == {"en": "Police", "es": "Police"}
    assert (event["data"]["state"], event["data"]["days_left"], event["data"]["backfill"]) == ("due_soon", 0, False)
    await assert_identical(pool)


async def test_another_tenure_goes_on_where_the_last_one_stopped(
    connection: Connection, clock: FixedClock, archive: Archive
) -> None:
    applier = await begun(connection, clock, archive, "2026-12-07T14:00")
    await applier.define(CATALOGUE_APPLIED, CITY)
    await strike_hourly(applier, clock, "2026-12-07T15:00")
    assert stages(archive) == [(MEMO, "today", 0)]
    for instant in ("2026-12-07T15:00", "2026-12-07T15:59", "2026-12-07T17:00", "2026-12-07T18:00", "2026-12-07T18:30"):
        await begun(connection, clock, archive, instant)
    assert stages(archive) == [(MEMO, "today", 0), (MEMO, "overdue", None)]


async def test_the_next_tenure_knows_which_kpis_were_whose_and_since_when(
    connection: Connection, clock: FixedClock, archive: Archive
) -> None:
    applier = await begun(connection, clock, archive, "2027-03-10T12:00")
    await applier.define(CATALOGUE_APPLIED, CITY)
    clock.advance(HOUR)
    await applier.define(CATALOGUE_APPLIED, {**CITY, "kpis": [{**CITY["kpis"][1], "department": "police"}]})
    clock.advance(HOUR)
    await applier.define(CATALOGUE_APPLIED, {**CITY, "kpis": [{**CITY["kpis"][0], "title": {"en": "Other"}}]})
    known = applier.state.definitions.rosters
    assert [(one.since, one.kpis) for one in known] == [
        (at("2027-03-10T12:00"), {"court": ("C-1", "C-2")}),
        (at("2027-03-10T13:00"), {"court": ("C-1",), "police": ("C-2",)}),
    ]
    assert (await read_state(connection, CALENDAR, clock.now())).definitions.rosters == known


async def test_after_days_without_a_tick_the_last_stage_is_told_and_not_all(
    connection: Connection, clock: FixedClock, archive: Archive
) -> None:
    applier = await begun(connection, clock, archive, "2026-11-26T12:00")
    await applier.define(CATALOGUE_APPLIED, CITY)
    await begun(connection, clock, archive, "2026-12-10T12:00")
    assert [word for word in stages(archive) if word[0] == MEMO] == [(MEMO, "overdue", None)]
    follow_up = "review-follow-up:police:winter"
    assert (follow_up, "before", 7) in stages(archive)
    (data,) = [event["data"] for event in duties_told(archive, 3) if event["data"]["id"] == follow_up]
    assert data["days_left"] == 1, "how much is left is said as it is at the tick"


async def test_what_was_due_long_ago_is_old_news(connection: Connection, clock: FixedClock, archive: Archive) -> None:
    applier = await begun(connection, clock, archive, "2027-06-01T12:00")
    await applier.define(CATALOGUE_APPLIED, CITY)
    await strike_hourly(applier, clock, "2027-06-03T12:00")
    assert stages(archive) == [], "what is overdue as the city begins was told by nobody, and is told to nobody"
    await begun(connection, clock, archive, "2028-01-20T12:00")
    told = {event["data"]["id"]: event["data"] for event in duties_told(archive, max(archive.messages))}
    assert told["report:court:FY2027-H2"]["backfill"] is True  # due on 29 September
    assert told["annual:court:FY2027"]["backfill"] is False  # due on 31 January, told from 1 January


class Client:
    def __init__(self, http: httpx.AsyncClient, keys: dict[str, str]) -> None:
        self.http, self.keys = http, keys

    async def ask(self, method: str, path: str, *, role: str | None = "staff", **more: Any) -> httpx.Response:
        headers = {} if role is None else {"authorization": f"Bearer {self.keys[role]}"}
        return await self.http.request(method, path, headers=headers, **more)

    async def duties(self, **query: str) -> list[dict[str, Any]]:
        answer = await self.ask("GET", "/v1/duties", params=query)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


@pytest.fixture
async def client(
    kpi: Running, pool: Pool, database: Any, clock: FixedClock, pool_for: Callable[..., Awaitable[Pool]]
) -> AsyncIterator[Client]:
    """A city at 10 March 2027, noon UTC, whose half year has just ended."""
    rebuilds = Rebuilds(pool, CALENDAR)
    app = build_http(Registry(kpi.leadership, pool, CALENDAR), rebuilds)
    admin = await asyncpg.create_pool(database.dsn(), min_size=1, max_size=1)
    keys = {role: (await create_key(admin, role))[0] for role in ("staff", "analyst")}
    admin.terminate()
    clock.instant = at("2027-03-10T12:00")
    await kpi.leadership.applier.tick(clock.now())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://kpi") as http:
        told = Client(http, keys)
        assert (await told.ask("POST", "/v1/kpis?file=duties.yaml", content=OFFICES + DUTIES)).status_code == 200
        yield told
    await rebuilds.close()


SAID = {"by": "Ana", "reason": "The memo went out by mail."}


async def test_duties_are_listed_by_state_and_department(client: Client) -> None:
    states = {item["id"]: item["state"] for item in await client.duties()}
    assert states[MEMO] == "overdue"
    assert states["review-memo:police:spring"] == "due_soon"
    assert states["report:court:FY2027-H1"] == "upcoming"
    assert {item["id"] for item in await client.duties(state="overdue", department="police")} == {
        MEMO, "review-follow-up:police:winter",
    }  # fmt: skip
    assert await client.duties(department="nobody") == []
    assert (await client.ask("GET", "/v1/duties?state=soon")).status_code == 422
    definitions = (await client.ask("GET", "/v1/duty-definitions")).json()["items"]
    assert [one["id"] for one in definitions] == ["annual", "promise", "report", "review"]


async def test_a_duty_is_done_by_a_statement_and_once(client: Client, kpi: Running, clock: FixedClock) -> None:
    position = kpi.leadership.applier.state.position
    answer = await client.ask("POST", f"/v1/duties/{MEMO}/done", json=SAID)
    assert answer.status_code == 200, answer.text
    assert answer.json()["position"] == position + 1
    duty = answer.json()["duty"]
    assert (duty["state"], duty["late"]) == ("done", True)
    assert duty["done"] == {"at": "2027-03-10T12:00:00.000000Z", "how": "statement", **SAID}
    again = await client.ask("POST", f"/v1/duties/{MEMO}/done", json=SAID)
    assert (again.status_code, again.json()["done"]["by"]) == (409, "Ana")
    assert kpi.leadership.applier.state.position == position + 1
    assert [item["id"] for item in await client.duties(state="done")] == [MEMO]


@pytest.mark.parametrize(
    ("duty", "said", "status"),
    [
        ("report:court:FY2027-H2", SAID, 409),  # the half is not over
        ("review-memo:police:summer", SAID, 404),
        ("nothing", SAID, 404),
        (MEMO, {"by": "Ana"}, 422),
        (MEMO, {"by": " ", "reason": "because"}, 422),
        (MEMO, {**SAID, "at": "2026-12-07T10:00:00Z"}, 422),
    ],
)
async def test_what_cannot_be_done_is_refused_and_changes_nothing(
    client: Client, kpi: Running, duty: str, said: dict[str, str], status: int
) -> None:
    position = kpi.leadership.applier.state.position
    answer = await client.ask("POST", f"/v1/duties/{duty}/done", json=said)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert kpi.leadership.applier.state.position == position


async def test_duties_are_for_staff(client: Client) -> None:
    for method, path in (("GET", "/v1/duties"), ("POST", f"/v1/duties/{MEMO}/done"), ("GET", "/v1/duty-definitions")):
        assert (await client.ask(method, path, role=None, json=SAID)).status_code == 401
        assert (await client.ask(method, path, role="analyst", json=SAID)).status_code == 403


async def test_a_retired_duty_is_nobodys(client: Client) -> None:
    retired = DUTIES.replace("    kind: meeting\n", "    kind: meeting\n    retired: true\n")
    assert (await client.ask("POST", "/v1/kpis?file=duties.yaml", content=retired)).status_code == 200
    assert {item["duty"] for item in await client.duties()} == {"report", "annual", "promise"}


async def test_a_wrong_file_names_its_lines_and_changes_nothing(client: Client) -> None:
    wrong = DUTIES.replace("calendar: offices", "calendar: office").replace("[court, police]", "[court, polis]")
    answer = await client.ask("POST", "/v1/kpis?file=duties.yaml", content=wrong)
    assert answer.status_code == 422
    assert [(error["line"], error["reason"]) for error in answer.json()["errors"]] == [
        (7, "no calendar `office` in the catalogue"),
        (29, "no department `polis` in the catalogue"),
    ]
