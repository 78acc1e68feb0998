"""kpi killed at each step of a draft: what was committed holds, nothing of the rest does, and the next one goes on."""

import asyncio
import signal

import pytest
from citygoals.shared.postgres import Pool, create_pool
from integration.kpi.conftest import Intake, stored_cells
from integration.kpi.test_draft_restarts import asked, seen, until_seen, whole_and_never_mixed
from integration.kpi.test_drafts import mixed, until_counted
from integration.kpi.test_restarts import Town, intake, town

__all__ = ["intake", "town"]

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]

IS_APPLIED = "SELECT state = 'applied' FROM kpi.draft WHERE id = $1"

BEFORE_THE_COMMIT = ("after:draft_store:put", "after:store:commit_position")
AFTER_IT = ("before:drafter:Drafter._forget",)
SIZE = 30
WEB, PHONE = ("web", SIZE // 3 * 2), ("phone", SIZE // 3)


async def test_kpi_is_killed_at_each_step_of_a_switch(town: Town, intake: Intake) -> None:
    """Each draft changes the formula to the other channel, so that a step that did half of it would be seen."""
    pool = await create_pool(town.dsn(), "kpi")
    await more(intake, pool, 1)
    first = await asked(town, PHONE[0], activate=True)
    await until_seen(town, IS_APPLIED, first)
    holds, other = PHONE, WEB
    for number, step in enumerate((*BEFORE_THE_COMMIT, *AFTER_IT), start=2):
        await more(intake, pool, number)
        draft = await killed(town, step, other[0])
        is_applied = await seen(town, IS_APPLIED, draft)
        assert is_applied == (step in AFTER_IT), step
        count = (other if is_applied else holds)[1] * number
        assert (await stored_cells(pool, "CHANGING"))[0, ""] == (count, 0, count), step
        town.start_kpi()
        await until_seen(town, IS_APPLIED, draft)
        holds, other = other, holds
    pool.terminate()
    await until_seen(town, "SELECT count(*) = 0 FROM kpi.draft_progress")
    await whole_and_never_mixed(town, number * SIZE)


async def more(intake: Intake, pool: Pool, number: int) -> None:
    """Let the next payments come in, and wait until they are counted."""
    await intake.publish(mixed(intake, (number - 1) * SIZE + 1, number * SIZE))
    await until_counted(pool, number * SIZE)


async def killed(town: Town, step: str, channel: str) -> int:
    """Have a kpi work on a draft that will be killed at the step; return the draft once it is."""
    town.end_kpi(signal.SIGKILL)
    town.start_kpi("integration.kpi.killed_at", step)
    draft = await asked(town, channel, activate=True)
    assert town.kpi is not None
    assert await asyncio.to_thread(town.kpi.wait, 60) == -signal.SIGKILL
    return draft
