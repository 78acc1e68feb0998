"""Rebuilds of what was tampered with: cells and counts of keys are put right, a damaged ledger is told of and left alone."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from citygoals.kpi import damage
from citygoals.kpi.drafting import Drafting
from citygoals.shared.postgres import Pool
from integration.kpi.conftest import Intake, Running, assert_identical, read_cells, read_key_counts
from integration.kpi.test_drafts import Client, ask, done_rebuild, file_of, mixed, until_counted
from unit.kpi.samples import kpi as a_kpi

__all__ = ["ask"]

PAYERS = a_kpi("PAYERS", {"kind": "distinct", "event": "city.payment.settled.v1", "key": "data.payment_id"})
Tampering = asyncpg.Connection


@pytest.fixture
async def admin(database: Any) -> AsyncIterator["Tampering[Any]"]:
    """Somebody who writes into the database by hand."""
    connection = await asyncpg.connect(database.dsn(), server_settings={"search_path": "kpi"})
    yield connection
    await connection.close()


@pytest.fixture(autouse=True)
async def paid(ask: Client, intake: Intake, pool: Pool) -> None:
    await intake.publish(mixed(intake, 1, 30))
    await until_counted(pool, 30)
    await ask("POST", "/v1/kpis", content=file_of(PAYERS))


async def rebuilt(ask: Client, **wish: bool) -> dict[str, Any]:
    begun = await ask("POST", "/v1/rebuilds", 202, json=wish)
    return await done_rebuild(ask, begun["location"])


async def test_cells_and_counts_of_keys_are_put_right_in_one_position(
    ask: Client, pool: Pool, admin: "Tampering[Any]", kpi: Running
) -> None:
    before = await read_cells(pool, ["PAYERS"]), await read_key_counts(pool, ["PAYERS"])
    await admin.execute("DELETE FROM cell WHERE kpi = 'PAYERS' AND grain = 0")
    await admin.execute("UPDATE key_count SET items = items + 1 WHERE kpi = 'PAYERS' AND grain = 6")
    await admin.execute("INSERT INTO cell VALUES ('PAYERS/made-up', 0, '2026-09-01', 0, '', 1, 2, 3)")
    position = kpi.leadership.applier.state.position
    done = await rebuilt(ask, switch=True)
    assert (done["identical"], done["switched"], done["damage"]) == (False, position + 1, None)
    assert (await read_cells(pool, ["PAYERS"]), await read_key_counts(pool, ["PAYERS"])) == before
    await assert_identical(pool)


async def test_two_that_want_the_same_share_one_and_others_have_their_own(
    ask: Client, pool: Pool, admin: "Tampering[Any]"
) -> None:
    await admin.execute("UPDATE cell SET numerator = numerator + 1 WHERE kpi = 'PAYERS' AND grain = 6")
    wishes = [{"verify": True}, {"switch": True}, {"switch": True}, {"verify": True}]
    looking, switching, joined, looking_too = [
        (await ask("POST", "/v1/rebuilds", 202, json=wish))["location"] for wish in wishes
    ]
    assert (looking, switching) == (looking_too, joined)
    assert looking != switching
    looked, switched = await done_rebuild(ask, looking), await done_rebuild(ask, switching)
    assert (looked["identical"], looked["switched"], switched["identical"]) == (False, None, False)
    assert switched["switched"] is not None
    await assert_identical(pool)


async def test_cells_do_not_follow_a_ledger_that_has_lost_entries(
    ask: Client, pool: Pool, admin: "Tampering[Any]", kpi: Running
) -> None:
    before, position = await read_cells(pool, ["PAYERS"]), kpi.leadership.applier.state.position
    await admin.execute("DELETE FROM ledger WHERE lane = 1 AND seq > 28")
    done = await rebuilt(ask, switch=True)
    assert (done["status"], done["identical"], done["switched"]) == ("done", False, None)
    assert "city.payment.settled.v1 has 28 of 30, lane 1 has 28 of 30; restore a backup" in done["damage"]
    assert await read_cells(pool, ["PAYERS"]) == before, "they still say what there was"
    assert kpi.leadership.applier.state.position == position


@pytest.mark.parametrize("body", [b"{", b"\\377\\376", b"another's"])
async def test_an_entry_that_cannot_be_read_is_named(
    ask: Client, pool: Pool, admin: "Tampering[Any]", monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(damage, "PAGE_ENTRIES", 7)
    before = await read_cells(pool, ["PAYERS"])
    if body == b"another's":
        body = await pool.fetchval("SELECT body FROM ledger WHERE lane = 1 AND seq = 3")
        await admin.execute("UPDATE ledger SET body = '{' WHERE lane = 1 AND seq = 5")
    await admin.execute("UPDATE ledger SET body = $1 WHERE lane = 1 AND seq = 12", body)
    done = await rebuilt(ask, switch=True)
    assert (done["status"], done["switched"], done["error"]) == ("failed", None, done["damage"])
    assert "number 12 of lane 1 at position" in done["damage"]
    assert done["damage"].endswith("restore a backup")
    assert await read_cells(pool, ["PAYERS"]) == before
    assert await pool.fetchval("SELECT count(*) FROM draft WHERE state = 'open'") == 0
    assert await pool.fetchval("SELECT count(*) FROM draft_cell") == 0


async def test_a_rebuild_whose_session_is_gone_says_so_and_the_next_one_is_whole(
    ask: Client, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut_off(drafting: Drafting) -> None:
        await drafting._connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patch:
        patch.setattr(Drafting, "compute", cut_off)
        failed = await rebuilt(ask, switch=True)
    assert (failed["status"], failed["damage"], failed["switched"]) == ("failed", None, None)
    assert failed["error"].startswith("the database went away")
    assert failed["error"].endswith("begin it again")
    assert await pool.fetchval("SELECT count(*) FROM draft WHERE state = 'open'") == 0
    again = await rebuilt(ask, switch=True)
    assert (again["status"], again["identical"], again["id"] != failed["id"]) == ("done", True, True)
