"""A formula that is computed when kpi or PostgreSQL is killed: gone on with or begun again, and never half of it."""

import asyncio
import signal
from typing import Any

import asyncpg
import orjson
import pytest
from brokers import wait_until
from citygoals.shared.postgres import create_pool
from integration.kpi.conftest import Intake, assert_identical
from integration.kpi.test_drafts import assert_never_mixed, counting, mixed, until_counted, whole
from integration.kpi.test_restarts import Town, intake, town

__all__ = ["intake", "town"]

COUNT = 12_000
ASK = "INSERT INTO kpi.draft (kind, data, activate) VALUES ('catalogue', $1, $2) RETURNING id"


async def asked(town: Town, channel: str, *, activate: bool) -> int:
    """Write down what was asked for, as a kpi that was killed right after it had answered has left it."""
    admin = await asyncpg.connect(town.postgres.dsn)
    try:
        return int(await admin.fetchval(ASK, orjson.dumps(whole(counting(channel))), activate))
    finally:
        await admin.close()


async def seen(town: Town, question: str, *values: Any) -> Any:
    """Ask the database, also while it is away."""
    try:
        connection = await asyncpg.connect(town.postgres.dsn)
    except (OSError, asyncpg.PostgresError):
        return None
    try:
        return await connection.fetchval(question, *values)
    finally:
        await connection.close()


async def until_seen(town: Town, question: str, *values: Any) -> None:
    async def is_so() -> bool:
        return bool(await seen(town, question, *values))

    await wait_until(is_so)


async def filled(town: Town, intake: Intake) -> None:
    for first in range(1, COUNT, 1000):
        await intake.publish(mixed(intake, first, first + 999))
    pool = await create_pool(town.dsn(), "kpi")
    await until_counted(pool, COUNT)
    pool.terminate()


async def whole_and_never_mixed(town: Town, count: int) -> None:
    pool = await create_pool(town.dsn(), "kpi")
    try:
        await until_counted(pool, count)
        await assert_never_mixed(pool)
        await assert_identical(pool)
        assert await pool.fetchval("SELECT count(*) FROM draft_cell") == 0
    finally:
        pool.terminate()


@pytest.mark.fault
async def test_kpi_is_killed_again_and_again_while_it_computes(town: Town, intake: Intake) -> None:
    await filled(town, intake)
    first = await asked(town, "web", activate=True)
    await until_seen(town, "SELECT state = 'applied' FROM kpi.draft WHERE id = $1", first)

    async def flow() -> None:
        for start in range(COUNT + 1, COUNT + 4001, 50):
            await intake.publish(mixed(intake, start, start + 49))
            await asyncio.sleep(0.05)

    flowing = asyncio.create_task(flow())
    draft = await asked(town, "phone", activate=True)
    for _ in range(3):
        begun = "SELECT EXISTS (SELECT FROM kpi.draft_progress WHERE draft = $1) OR state <> 'open' FROM kpi.draft WHERE id = $1"
        await until_seen(town, begun, draft)
        town.end_kpi(signal.SIGKILL)
        town.start_kpi()
    await until_seen(town, "SELECT state = 'applied' FROM kpi.draft WHERE id = $1", draft)
    await flowing
    await whole_and_never_mixed(town, COUNT + 4000)


@pytest.mark.fault
async def test_postgres_is_killed_while_a_draft_is_held(town: Town, intake: Intake) -> None:
    await filled(town, intake)
    draft = await asked(town, "phone", activate=False)
    done = "SELECT position >= until FROM kpi.draft_progress WHERE draft = $1"
    await until_seen(town, done, draft)
    await asyncio.to_thread(town.restart_postgres)
    await until_seen(town, done, draft)  # its tables came back empty, so it was begun again
    await until_seen(town, "UPDATE kpi.draft SET activate = true WHERE id = $1 RETURNING activate", draft)
    await until_seen(town, "SELECT state = 'applied' FROM kpi.draft WHERE id = $1", draft)
    await whole_and_never_mixed(town, COUNT)


async def test_postgres_is_killed_while_a_draft_is_computed(town: Town, intake: Intake) -> None:
    await filled(town, intake)
    draft = await asked(town, "phone", activate=True)
    for _ in range(2):
        begun = "SELECT EXISTS (SELECT FROM kpi.draft_progress WHERE draft = $1) OR state <> 'open' FROM kpi.draft WHERE id = $1"
        await until_seen(town, begun, draft)
        await asyncio.to_thread(town.restart_postgres)
    await until_seen(town, "SELECT state = 'applied' FROM kpi.draft WHERE id = $1", draft)
    assert await seen(town, "SELECT attempts < 3 FROM kpi.draft WHERE id = $1", draft), (
        "an outage is not the draft's fault"
    )
    await whole_and_never_mixed(town, COUNT)
