"""A formula that changes while events flow: no gap, no mixed figure; computed beside the stream, looked at, given up, gone on with."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from brokers import wait_until
from citygoals.kpi import draft_store
from citygoals.kpi.api import Registry
from citygoals.kpi.app import build_http
from citygoals.kpi.definitions import CATALOGUE_APPLIED, CATALOGUE_PARTS, remeasured
from citygoals.kpi.draft_store import Overtaken
from citygoals.kpi.drafting import Drafting, counts_of
from citygoals.kpi.rebuild import Rebuilds
from citygoals.shared.changeset import Changeset, assemble, decode_changeset
from citygoals.shared.keys import create_key
from citygoals.shared.kpi import KpiDef
from citygoals.shared.postgres import Pool
from integration.kpi.conftest import (
    NOW,
    Archive,
    Intake,
    Running,
    assert_identical,
    catalogue,
    events_total,
    read_cells,
    read_key_counts,
    stored_cells,
)
from integration.kpi.test_kinds import apply_shuffled
from integration.kpi.test_kinds import catalogue as of_kinds
from patience import PATIENCE_S
from unit.kpi.kinds import KPIS as KINDS
from unit.kpi.kinds import busy
from unit.kpi.samples import CALENDAR, body
from unit.kpi.samples import kpi as a_kpi

RATE = 1_000
PAST = 15_000
DATA = {"department": "municipal-court", "service_code": "x", "amount_minor": 1}


def counting(channel: str, **more: Any) -> KpiDef:
    """The KPI whose formula changes: payments by one channel."""
    where = f"data.channel == '{channel}'"
    return a_kpi("CHANGING", {"kind": "count", "event": "city.payment.settled.v1", "where": where}, **more)


def whole(*kpis: KpiDef) -> dict[str, Any]:
    """The data of an entry that applies the KPIs, with every part of a catalogue."""
    return {part: [] for part in CATALOGUE_PARTS} | catalogue(kpis)


def mixed(intake: Intake, first: int, last: int, lane: int = 1) -> list[bytes]:
    """Payments, every third of them by phone."""
    return [
        intake.admit(
            body("payment.settled", {"payment_id": f"p-{n}", **DATA, "channel": "web" if n % 3 else "phone"}, at=NOW, identity=f"e-{n}"),
            lane,
        )
        for n in range(first, last + 1)
    ]  # fmt: skip


async def until_counted(pool: Pool, count: int) -> None:
    async def is_there() -> bool:
        return await events_total(pool) == count

    await wait_until(is_there)


async def until_more_is_counted(pool: Pool, count: int) -> None:
    """Wait until so many more events are counted than are now."""
    before = await events_total(pool)

    async def is_more() -> bool:
        return await events_total(pool) >= before + count

    await wait_until(is_more)


async def changesets(pool: Pool) -> list[Changeset]:
    """Every changeset, from the archive that readers follow."""
    rows = await pool.fetch(
        "SELECT position, body FROM outbox WHERE subject LIKE '%changeset' ORDER BY position, ordinal"
    )
    parts: dict[int, list[bytes]] = {}
    for row in rows:
        parts.setdefault(row["position"], []).append(row["body"])
    return [assemble(map(decode_changeset, bodies)) for bodies in parts.values()]


async def truth(pool: Pool) -> dict[int, dict[str, int]]:
    """How many payments of each channel there are up to each position, counted from the ledger's bodies alone."""
    counts = {"web": 0, "phone": 0}
    upto: dict[int, dict[str, int]] = {}
    for row in await pool.fetch("SELECT position, type, body FROM ledger ORDER BY position"):
        if row["type"] == "city.payment.settled.v1":
            counts[orjson.loads(row["body"])["data"]["channel"]] += 1
        upto[row["position"]] = dict(counts)
    return upto


async def assert_never_mixed(pool: Pool) -> None:
    """At every position that a reader can have, every cell of the KPI is that of its definition at that position."""
    expected, told = await truth(pool), await changesets(pool)
    assert [one.position for one in told] == list(range(1, len(told) + 1)), "no gap in the positions"
    cells: dict[Any, int] = {}
    lanes: dict[str, int] = {}
    channel = ""
    for one in told:
        for lane, after in one.lanes.items():
            assert after > lanes.get(lane, 1)
            lanes[lane] = after
        for kpi in (one.definitions or {}).get("kpis", ()):
            if kpi["id"] == "CHANGING":
                channel = "web" if "'web'" in kpi["measure"]["where"] else "phone"
        cells |= {cell[1:5]: cell.numerator for cell in one.cells if cell.kpi == "CHANGING"}
        if channel:
            known = {(grain, dimension): number for (grain, _, dimension, _), number in cells.items() if number}
            upto = expected[one.position][channel]
            assert set(known.values()) <= {upto}, f"position {one.position} counts {channel}"
            assert not upto or len(known) == 2 * 7, "the city's and the department's cells of every grain"


async def test_a_formula_changes_while_a_thousand_events_a_second_come(
    kpi: Running, intake: Intake, pool: Pool
) -> None:
    drafter = kpi.leadership.drafter
    for first in range(1, PAST, 1000):
        await intake.publish(mixed(intake, first, first + 999))
    await until_counted(pool, PAST)
    await kpi.leadership.applier.define(CATALOGUE_APPLIED, catalogue([counting("web")]))

    last, enough = PAST, asyncio.Event()

    async def flow() -> None:
        nonlocal last
        began = asyncio.get_running_loop().time()
        while not enough.is_set():
            await intake.publish(mixed(intake, last + 1, last + RATE // 20))
            last += RATE // 20
            await asyncio.sleep(max(0.0, began + (last - PAST) / RATE - asyncio.get_running_loop().time()))

    flowing = asyncio.create_task(flow())
    positions = []
    for number in range(3):
        await until_more_is_counted(pool, RATE)
        draft = await drafter.ask(whole(counting("web" if number % 2 else "phone")), activate=True)
        row = await drafter.settled(draft, PATIENCE_S)
        assert row["state"] == "applied", row["error"]
        positions.append(row["position"])
        assert not flowing.done(), "it was switched on while events flowed"
    await until_more_is_counted(pool, RATE)
    enough.set()
    await flowing
    await until_counted(pool, last)
    assert positions == sorted(set(positions))
    await assert_never_mixed(pool)
    await assert_identical(pool)
    assert await pool.fetchval("SELECT count(*) FROM draft_cell") == 0, "nothing half is left over"


@pytest.mark.parametrize(("size", "pages"), [(1, 10_000), (3, 10_000), (100_000, 1), (20, 1)])
async def test_a_draft_begun_at_any_position_and_followed_gives_the_cells_of_a_rebuild(
    applier: Any, archive: Archive, pool: Pool, monkeypatch: pytest.MonkeyPatch, size: int, pages: int
) -> None:
    """Every kind of measure, in pages and slices of a few entries, each put into the database at once; also apart."""
    for name in ("PAGE_ENTRIES", "SLICE_POSITIONS", "HELD_CELLS_MAX"):
        monkeypatch.setattr(f"citygoals.kpi.drafting.{name}", size)
    monkeypatch.setattr("citygoals.kpi.drafting.PAGES_HERE", pages)
    known = applier.state.definitions
    after = known.after(CATALOGUE_APPLIED, of_kinds(KINDS), 0)
    kpis = [one for one in remeasured(known, after) if not one.is_derived]
    await apply_shuffled(applier, busy(Random(3), 12))
    for until in (0, 4, applier.state.position):
        async with pool.acquire() as connection:
            progress = await draft_store.begin(connection, 7, counts_of(kpis, after), until)
            drafting = Drafting(connection, kpis, after.ready(CALENDAR), progress)
            await drafting.compute()
            resumed = await draft_store.read_progress(connection, 7)
            assert resumed is not None
            await Drafting(connection, kpis, after.ready(CALENDAR), resumed).follow(applier.state.position)
            drafted = await connection.fetch(
                "SELECT * FROM draft_cell WHERE (numerator, denominator, events) <> (0, 0, 0)"
            )
            keys = await connection.fetch("SELECT * FROM draft_key_count WHERE items <> 0")
            if until == 0:
                await applier.define(CATALOGUE_APPLIED, of_kinds(KINDS))
            names = [one.id for one in kpis]
            assert {tuple(row)[1:6]: tuple(row)[6:] for row in drafted} == await read_cells(connection, names)
            assert len(keys) == len(await read_key_counts(connection, names)) > 0
            with pytest.raises(Overtaken):
                await drafting.follow(applier.state.position + 1)
    await assert_identical(pool)


class Client:
    """Staff at kpi's HTTP side."""

    def __init__(self, http: httpx.AsyncClient, key: str) -> None:
        self._http, self._headers = http, {"authorization": f"Bearer {key}"}

    async def __call__(self, method: str, path: str, status: int = 200, **more: Any) -> dict[str, Any]:
        answer = await self._http.request(method, path, headers=self._headers, **more)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found | ({"location": answer.headers["location"]} if status == 202 else {})


@pytest.fixture
async def ask(kpi: Running, pool: Pool, database: Any) -> AsyncIterator[Client]:
    rebuilds = Rebuilds(pool, CALENDAR, kpi.leadership)
    app = build_http(Registry(kpi.leadership, pool, CALENDAR), rebuilds)
    admin = await asyncpg.create_pool(database.dsn(), min_size=1, max_size=1)
    key, _ = await create_key(admin, "staff")
    admin.terminate()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kpi") as http:
        yield Client(http, key)
    await rebuilds.close()


def file_of(*kpis: KpiDef) -> bytes:
    return orjson.dumps({"kpis": [one.model_dump(mode="json", exclude={"version"}) for one in kpis]})


async def until(ask: Client, draft: str, state: str) -> dict[str, Any]:
    async def is_so() -> bool:
        return bool((await ask("GET", draft))["state"] == state)

    await wait_until(is_so)
    return await ask("GET", draft)


async def test_a_quick_change_answers_with_its_position_and_a_slow_one_with_where_to_look(
    ask: Client, intake: Intake, pool: Pool
) -> None:
    await intake.publish(mixed(intake, 1, 300))
    await until_counted(pool, 300)
    first = await ask("POST", "/v1/kpis", content=file_of(counting("web")))
    assert first["applied"] is True
    assert (await ask("POST", "/v1/kpis", content=file_of(counting("web")))) == first | {"applied": False}
    pending = await ask("POST", "/v1/kpis?wait=0", 202, content=file_of(counting("phone")))
    assert pending["applied"] is False
    assert pending["location"] == f"/v1/drafts/{pending['pending']['id']}"
    assert pending["kpis"] == pending["pending"]["kpis"] == ["CHANGING"]
    retitled = counting("phone", decimals=0)
    last = await ask("POST", "/v1/kpis", content=file_of(retitled))
    done = await until(ask, pending["location"], "applied")
    assert first["position"] < done["position"] < last["position"], "in the order in which they were asked for"
    assert (await ask("GET", "/v1/kpis/CHANGING"))["version"] == done["position"], "a new look is no new formula"
    versions = (await ask("GET", "/v1/kpis/CHANGING/versions"))["items"]
    assert [(one["version"], one["until"]) for one in versions] == [
        (done["position"], None), (first["position"], done["position"]),
    ]  # fmt: skip
    assert ["'web'" in one["definition"]["measure"]["where"] for one in versions] == [False, True]
    await ask("GET", "/v1/kpis/NEVER/versions", 404)
    assert [one["id"] for one in (await ask("GET", "/v1/drafts"))["items"]][-1] == 1
    await ask("GET", "/v1/drafts/99", 404)
    await assert_identical(pool)


async def test_old_and_new_stand_side_by_side_until_one_is_chosen(ask: Client, intake: Intake, pool: Pool) -> None:
    await intake.publish(mixed(intake, 1, 300))
    await until_counted(pool, 300)
    await ask("POST", "/v1/kpis", content=file_of(counting("web")))
    held = await ask("POST", "/v1/kpis?activate=false", 202, content=file_of(counting("phone")))
    await intake.publish(mixed(intake, 301, 600))
    await until_counted(pool, 600)
    found = await until(ask, held["location"], "ready")
    (pair,) = found["side_by_side"]["figures"]
    assert (pair["id"], pair["old"]["numerator"], pair["new"]["numerator"]) == ("CHANGING", 400, 200)
    assert (pair["old"]["events"], pair["new"]["events"]) == (400, 200)
    assert await stored_cells(pool, "CHANGING") == {(0, ""): (400, 0, 400), (1, "municipal-court"): (400, 0, 400)}
    other = await ask("POST", "/v1/kpis?activate=false", 202, content=file_of(counting("kiosk")))
    gone = await ask("DELETE", other["location"])
    assert gone["state"] == "discarded"
    assert await ask("DELETE", other["location"]) == gone
    await ask("POST", f"{other['location']}/activate", 409)
    done = await ask("POST", f"{held['location']}/activate")
    assert done["applied"] is True
    assert (await ask("POST", f"{held['location']}/activate"))["position"] == done["position"]
    await ask("DELETE", held["location"], 409)
    assert await stored_cells(pool, "CHANGING") == {(0, ""): (200, 0, 200), (1, "municipal-court"): (200, 0, 200)}
    assert await pool.fetchval("SELECT count(*) FROM draft_cell") == 0
    await assert_identical(pool)


async def test_a_held_draft_follows_what_else_changes_what_it_counts(ask: Client, intake: Intake, pool: Pool) -> None:
    await intake.publish(mixed(intake, 1, 30))
    await until_counted(pool, 30)
    held = await ask(
        "POST",
        "/v1/kpis?activate=false",
        202,
        content=file_of(counting("phone"), counting("web").model_copy(update={"id": "B"})),
    )
    assert {one["old"] for one in (await ask("GET", held["location"]))["side_by_side"]["figures"]} == {None}
    await ask("POST", "/v1/kpis", content=file_of(counting("phone")))  # half of it is so already
    found = await until(ask, held["location"], "ready")
    if "side_by_side" not in found:
        found = await until(ask, held["location"], "ready")
    assert [one["id"] for one in found["side_by_side"]["figures"]] == ["B"]
    assert (await ask("POST", f"{held['location']}/activate"))["applied"] is True
    await assert_identical(pool)


async def test_a_rebuild_puts_right_what_was_tampered_with(
    ask: Client, kpi: Running, intake: Intake, pool: Pool, database: Any
) -> None:
    await intake.publish(mixed(intake, 1, 300))
    await until_counted(pool, 300)
    admin = await asyncpg.connect(database.dsn())
    await admin.execute("UPDATE kpi.cell SET numerator = numerator + 1 WHERE kpi = 'ONLINE' AND grain = 6")
    await admin.close()

    async def rebuilt(wish: dict[str, Any]) -> dict[str, Any]:
        begun = await ask("POST", "/v1/rebuilds", 202, json=wish)
        return await done_rebuild(ask, begun["location"])

    found = await rebuilt({"verify": False})
    assert (found["identical"], found["different"], found["switched"]) == (False, 2, None)
    found = await rebuilt({"verify": False, "switch": True})
    assert found["switched"] == kpi.leadership.applier.state.position
    told = (await changesets(pool))[-1]
    assert (told.position, {(cell.kpi, cell.grain) for cell in told.cells}) == (found["switched"], {("ONLINE", "all")})
    (entry,) = await pool.fetch("SELECT type, body FROM ledger WHERE position = $1", told.position)
    assert (entry["type"], orjson.loads(entry["body"])["data"]["differences"]) == ("city.kpi.restated.v1", 2)
    again = await rebuilt({"switch": True})
    assert (again["identical"], again["switched"]) == (True, None)
    assert again["entries_per_s"] > 0
    await assert_identical(pool)


async def done_rebuild(ask: Client, where: str) -> dict[str, Any]:
    async def is_done() -> bool:
        return bool((await ask("GET", where))["status"] != "running")

    await wait_until(is_done)
    return await ask("GET", where)


async def test_the_next_tenure_goes_on_with_a_draft(
    kpi: Running, pool: Pool, intake: Intake, pool_for: Callable[..., Awaitable[Pool]], clock: Any
) -> None:
    """What was asked for outlives whoever was asked; what is left of an ended draft or rebuild does not."""
    await intake.publish(mixed(intake, 1, 300))
    await until_counted(pool, 300)
    kpi.stop.set()
    await kpi.task
    insert = "INSERT INTO draft (kind, data, activate) VALUES ($1, $2, true) RETURNING id"
    draft = await pool.fetchval(insert, "catalogue", orjson.dumps(whole(counting("phone"))))
    rebuild = await pool.fetchval(insert, "rebuild", b"{}")
    for left in (rebuild, 77):
        await pool.execute("INSERT INTO draft_progress (draft, counts, until) VALUES ($1, '', 1)", left)
    clock.advance(timedelta(seconds=1))
    kpi.stop.clear()
    kpi.task = asyncio.create_task(kpi.leadership.run(kpi.stop))

    async def is_applied() -> bool:
        return bool(await pool.fetchval("SELECT state = 'applied' FROM draft WHERE id = $1", draft))

    await wait_until(is_applied)
    await wait_until(lambda: _is_empty(pool))
    assert await stored_cells(pool, "CHANGING") == {(0, ""): (100, 0, 100), (1, "municipal-court"): (100, 0, 100)}
    await assert_identical(pool)


async def _is_empty(pool: Pool) -> bool:
    return bool(await pool.fetchval("SELECT count(*) = 0 FROM draft_progress"))
