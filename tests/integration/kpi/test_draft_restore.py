"""A backup that is made while drafts are open: after the restore each of them goes on where it was."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import brokers
import orjson
import pytest
from brokers import Database, wait_until
from citygoals.kpi.attempts import Stopped
from citygoals.kpi.definitions import CATALOGUE_APPLIED, Definitions, remeasured
from citygoals.kpi.draft_store import begin
from citygoals.kpi.drafting import Drafting, counts_of
from citygoals.kpi.side_by_side import side_by_side
from citygoals.local import backup
from citygoals.shared import postgres
from citygoals.shared.bus import Bus
from citygoals.shared.clock import FixedClock
from citygoals.shared.kpi import KpiDef
from citygoals.shared.postgres import Pool
from integration.kpi.conftest import Intake, Running, assert_identical, leading, stored_cells
from integration.kpi.test_drafts import counting, mixed, until_counted, whole
from unit.kpi.samples import CALENDAR

ASK = "INSERT INTO draft (kind, data, activate) VALUES ('catalogue', $1, true) RETURNING id"


def named(identity: str, channel: str) -> KpiDef:
    return counting(channel).model_copy(update={"id": identity})


@pytest.fixture
async def restored(database: Database, tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[Pool]]]:
    """Back up and restore the database, as the commands do, and open it there; `up` gives the roles their rights."""
    there = Database(database.server, f"{database.name}_there")
    passwords, pools = there.server.passwords, list[Pool]()

    async def moved() -> Pool:
        await asyncio.to_thread(backup._dump, database.dsn(), tmp_path / "dump")
        await brokers.copy_database(there.server, "template0", there.name)
        await asyncio.to_thread(backup._restore, there.dsn(), tmp_path / "dump")
        await postgres.migrate(there.dsn(), package=brokers.package("access"), schema="access")
        role = {"role": brokers.role("kpi"), "password": passwords["kpi"]}
        await postgres.migrate(there.dsn(), package=brokers.package("kpi"), schema="kpi", **role)
        pools.append(await postgres.create_pool(there.dsn("kpi"), "kpi"))
        return pools[0]

    yield moved
    for pool in pools:
        pool.terminate()
    await brokers.drop_database(there.server, there.name)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("PAGE_ENTRIES", 40), ("HELD_CELLS_MAX", 1)):
        monkeypatch.setattr(f"citygoals.kpi.drafting.{name}", size)


async def half_computed(pool: Pool, known: Definitions, position: int, kpi: KpiDef) -> int:
    """Leave a draft as a kpi does that ends in the middle of it: two pages of it are in."""
    after = known.after(CATALOGUE_APPLIED, whole(kpi), 0)
    changed = [one for one in remeasured(known, after) if one.id == kpi.id]
    draft = int(await pool.fetchval(ASK, orjson.dumps(whole(kpi))))
    pages = iter(range(3))

    def advance(_: int) -> None:
        if next(pages) == 2:
            raise Stopped

    async with pool.acquire() as connection:
        progress = await begin(connection, draft, counts_of(changed, after), position)
        with pytest.raises(Stopped):
            await Drafting(connection, changed, after.ready(CALENDAR), progress, advance).compute()
    return draft


@pytest.mark.usefixtures("small_pages")
async def test_open_drafts_go_on_in_the_restored_city(
    kpi: Running, pool: Pool, intake: Intake, bus_for: Callable[[str], Awaitable[Bus]], clock: FixedClock,
    restored: Callable[[], Awaitable[Pool]],
) -> None:  # fmt: skip
    await intake.publish(mixed(intake, 1, 300))
    await until_counted(pool, 300)
    held = await kpi.leadership.drafter.ask(whole(named("HELD", "web")), activate=False)
    assert (await kpi.leadership.drafter.settled(held, 20))["computed"]
    state = kpi.leadership.applier.state
    kpi.stop.set()
    await wait_until(lambda: not kpi.leadership.is_leader)
    computing = await half_computed(pool, state.definitions, state.position, named("COMPUTING", "phone"))
    waiting = int(await pool.fetchval(ASK, orjson.dumps(whole(named("WAITING", "web")))))

    there = await restored()
    entries = dict(map(tuple, await there.fetch("SELECT draft, entries FROM draft_progress")))
    assert entries.keys() == {held, computing}
    assert 0 < entries[computing] < entries[held] == 300, "what was computed is in the backup"
    clock.advance(timedelta(seconds=1))
    async with leading(there, await bus_for("kpi"), clock) as running:
        await running.until_leading()
        drafter = running.leadership.drafter
        for draft in (computing, waiting):
            assert (await drafter.settled(draft, 20))["state"] == "applied"
        row = await drafter.settled(held, 20)
        assert (row["state"], drafter.is_ready(held), row["error"]) == ("open", True, None)
        (pair,) = (await side_by_side(there, drafter, CALENDAR, held, await drafter.wish(row)))["figures"]
        assert (pair["id"], pair["old"], pair["new"]["numerator"]) == ("HELD", None, 200)
        await drafter.activate(held)
        await wait_until(lambda: "HELD" in running.leadership.applier.state.definitions.kpis)
    counted = {name: (await stored_cells(there, name))[0, ""] for name in ("HELD", "COMPUTING", "WAITING")}
    assert counted == {"HELD": (200, 0, 200), "COMPUTING": (100, 0, 100), "WAITING": (200, 0, 200)}
    await assert_identical(there)
