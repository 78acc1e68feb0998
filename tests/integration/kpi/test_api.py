"""The HTTP side: definitions are checked whole, applied once, and never half; rebuilds say what they found."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest
from brokers import wait_until
from citygoals.kpi.api import Registry
from citygoals.kpi.app import build_http
from citygoals.kpi.rebuild import Rebuilds
from citygoals.shared.keys import create_key
from citygoals.shared.plan import InvalidFile, load_catalogue, load_plan
from citygoals.shared.postgres import Pool
from citygoals.shared.sample import CATALOGUE_FILES, DEPARTMENT_FILES, load_sample, text_of
from integration.kpi.conftest import Running
from unit.kpi.samples import CALENDAR

KPI_FILE = """
kpis:
  - id: NEW-01
    title: {en: Payments}
    measure: {kind: count, event: city.payment.settled.v1, where: "data.channel == 'web'"}
    unit: payments
"""

NOTHING_ELSE: dict[str, Any] = {"departments": [], "calendars": [], "references": [], "duties": []}


class Client:
    def __init__(self, http: httpx.AsyncClient, keys: dict[str, str]) -> None:
        self.http, self.keys = http, keys

    async def ask(self, method: str, path: str, *, role: str | None = "staff", **more: Any) -> httpx.Response:
        headers = {} if role is None else {"authorization": f"Bearer {self.keys[role]}"}
        return await self.http.request(method, path, headers=headers, **more)


@pytest.fixture
async def client(
    kpi: Running, pool: Pool, database: Any, pool_for: Callable[..., Awaitable[Pool]]
) -> AsyncIterator[Client]:
    rebuilds = Rebuilds(pool, CALENDAR)
    app = build_http(Registry(kpi.leadership, pool, CALENDAR), rebuilds)
    admin = await asyncpg.create_pool(database.dsn(), min_size=1, max_size=1)
    keys = {role: (await create_key(admin, role))[0] for role in ("staff", "admin", "analyst")}
    admin.terminate()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://kpi") as http:
        yield Client(http, keys)
    await rebuilds.close()


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
async def test_more_than_a_changeset_can_tell_is_refused_and_nothing_stops(
    client: Client, kpi: Running, query: str
) -> None:
    head, one = KPI_FILE.lstrip().split("\n", 1)
    many = "\n".join([head, *(one.replace("NEW-01", f"NEW-{number:04d}") for number in range(1500))])
    tenure = kpi.leadership.applier
    answer = await client.ask("POST", f"/v1/kpis{query}", content=many)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert kpi.leadership.applier is tenure, "the tenure went on"
    assert (await client.ask("GET", "/v1/kpis/NEW-0001")).status_code == 404


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("analyst", 403), ("staff", 200), ("admin", 200)])
async def test_definitions_are_for_staff(client: Client, role: str | None, status: int) -> None:
    for path in ("/v1/plan", "/v1/kpis", "/v1/departments"):
        answer = await client.ask("GET", path, role=role)
        assert answer.status_code == status
        assert ("application/problem+json" in answer.headers["content-type"]) is (status != 200)


async def test_anybody_may_read_the_schemas(client: Client) -> None:
    for name in ("plan", "kpi"):
        answer = await client.ask("GET", f"/v1/schemas/{name}", role=None)
        assert answer.json()["$schema"].endswith("2020-12/schema")


async def test_the_sample_city_applies_and_reads_back(client: Client) -> None:
    files = {"departments": DEPARTMENT_FILES, "kpis": CATALOGUE_FILES, "plan": ["plan.yaml"]}
    for path, names in files.items():
        for name in names:
            answer = await client.ask("POST", f"/v1/{path}", content=text_of(name))
            assert answer.status_code == 200, answer.text
            assert answer.json()["applied"] is True
    for part, ids in (("calendars", "city-offices"), ("references", "population")):
        assert ids in {item["id"] for item in (await client.ask("GET", f"/v1/{part}")).json()["items"]}
    plan, kpis, departments = load_sample()
    items = (await client.ask("GET", "/v1/kpis")).json()["items"]
    assert {kpi.id for kpi in kpis} <= {item["id"] for item in items}
    assert [item["id"] for item in (await client.ask("GET", "/v1/departments")).json()["items"]] == [
        d.id for d in departments
    ]
    (version,) = (await client.ask("GET", "/v1/plan")).json()["items"]
    assert (version["id"], version["version"], version["in_force"]) == (plan.id, plan.version, True)
    assert (await client.ask("GET", f"/v1/kpis/{kpis[0].id}")).json()["title"]["en"] == kpis[0].title.en
    assert (await client.ask("GET", "/v1/kpis/NOPE")).status_code == 404


async def test_the_same_file_again_changes_nothing(client: Client) -> None:
    first = (await client.ask("POST", "/v1/kpis", content=KPI_FILE)).json()
    assert first == {"applied": True, "position": 3, "kpis": ["NEW-01"], "warnings": [], **NOTHING_ELSE}
    assert (await client.ask("POST", "/v1/kpis", content=KPI_FILE)).json() == {**first, "applied": False}


async def test_a_dry_run_changes_nothing(client: Client, kpi: Running) -> None:
    answer = await client.ask("POST", "/v1/kpis", params={"dry_run": "true"}, content=KPI_FILE)
    assert answer.json() == {"applied": False, "dry_run": True, "kpis": ["NEW-01"], "warnings": [], **NOTHING_ELSE}
    doubtful = KPI_FILE.replace("city.payment.settled", "city.payment.setled")
    answer = await client.ask("POST", "/v1/kpis", params={"dry_run": "true"}, content=doubtful)
    assert "did you mean `city.payment.settled.v1`?" in answer.json()["warnings"][0]
    assert kpi.leadership.applier.state.position == 2
    assert (await client.ask("GET", "/v1/kpis/NEW-01")).status_code == 404


async def test_what_may_be_misspelled_is_warned_of_when_it_is_applied_too(client: Client) -> None:
    doubtful = KPI_FILE.replace("city.payment.settled", "city.payment.setled")
    answer = (await client.ask("POST", "/v1/kpis", content=doubtful)).json()
    assert answer["applied"]
    assert "did you mean `city.payment.settled.v1`?" in answer["warnings"][0]


async def test_every_mistake_of_a_file_is_named(client: Client, kpi: Running) -> None:
    wrong = KPI_FILE.replace("== 'web'", "==").replace("unit: payments", "unti: payments")
    answer = await client.ask("POST", "/v1/kpis", params={"file": "mine.yaml"}, content=wrong)
    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert {(error["file"], error["line"]) for error in errors} >= {("mine.yaml", 5), ("mine.yaml", 6)}
    assert all({"file", "line", "pointer", "reason"} == set(error) for error in errors)
    assert kpi.leadership.applier.state.position == 2
    with pytest.raises(InvalidFile):
        load_catalogue(wrong, "mine.yaml")


async def test_a_condition_that_calls_what_does_not_exist_is_named(client: Client) -> None:
    wrong = KPI_FILE.replace("data.channel == 'web'", "data.channel.shout() == 'WEB'")
    answer = await client.ask("POST", "/v1/kpis", content=wrong)
    assert answer.status_code == 422
    assert "shout" in answer.json()["errors"][0]["reason"]


@pytest.mark.parametrize("body", [b"\xff\xfe", b"kpis: [", b"- 1", b""])
async def test_what_is_no_file_is_refused(client: Client, body: bytes) -> None:
    for path in ("/v1/plan", "/v1/kpis", "/v1/departments"):
        assert (await client.ask("POST", path, content=body)).status_code in (400, 422)


async def test_a_plan_may_name_kpis_that_come_later(client: Client) -> None:
    plan = text_of("plan.yaml")
    answer = (await client.ask("POST", "/v1/plan", content=plan)).json()
    assert answer["applied"]
    linked = {link.kpi for link in load_plan(plan, "plan.yaml").links}
    assert {warning.split()[2] for warning in answer["warnings"]} == linked


async def test_a_rebuild_is_identical(client: Client, database: Any) -> None:
    admin = await asyncpg.connect(database.dsn())
    async with admin.transaction():
        await admin.execute("LOCK TABLE kpi.cell")  # so that it takes its time
        begun = await client.ask("POST", "/v1/rebuilds", json={"verify": True})
        assert begun.status_code == 202
        again = await client.ask("POST", "/v1/rebuilds", json={"verify": True})
    await admin.close()
    assert again.json()["id"] == begun.json()["id"], "one at a time"

    async def is_done() -> bool:
        return bool((await client.ask("GET", begun.headers["location"])).json()["status"] == "done")

    await wait_until(is_done)
    done = (await client.ask("GET", begun.headers["location"])).json()
    assert done | {"took_ms": 0} == {
        "id": again.json()["id"], "status": "done", "position": 2, "entries": 0, "entries_total": 0, "cells": 0, "identical": True,
        "differences": [], "error": None, "took_ms": 0, "different": 0, "entries_per_s": 0, "switch": False,
        "switched": None, "damage": None,
    }  # fmt: skip
    wrong: list[Any] = [[], {"verify": "no"}, {"verify": True, "switch": True}]
    for wish in wrong:
        assert (await client.ask("POST", "/v1/rebuilds", json=wish)).status_code == 422
    assert (await client.ask("GET", "/v1/rebuilds/99")).status_code == 404


async def test_a_rebuild_finds_what_was_tampered_with(client: Client, kpi: Running, database: Any) -> None:
    admin = await asyncpg.connect(database.dsn())
    await admin.execute("INSERT INTO kpi.cell VALUES ('ONLINE', 0, '2026-09-01', 0, '', 1, 2, 3)")
    await admin.close()
    begun = await client.ask("POST", "/v1/rebuilds", json={"verify": True})
    await asyncio.sleep(0)

    async def is_done() -> bool:
        return bool((await client.ask("GET", begun.headers["location"])).json()["status"] == "done")

    await wait_until(is_done)
    done = (await client.ask("GET", begun.headers["location"])).json()
    assert done["identical"] is False
    assert done["differences"] == [
        {"kpi": "ONLINE", "grain": "day", "start": "2026-09-01", "city": "", "stored": ["1", "2", "3"], "rebuilt": None}
    ]


async def test_a_standby_says_so(client: Client, kpi: Running) -> None:
    kpi.stop.set()
    await wait_until(lambda: not kpi.leadership.is_leader)
    answer = await client.ask("POST", "/v1/kpis", content=KPI_FILE)
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    assert (await client.ask("GET", "/v1/kpis")).status_code == 200
