"""An attempt at a draft: what counts against it, what does not, and when it is given up."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import asyncpg
import pytest
from citygoals.kpi import attempts
from citygoals.kpi.attempts import ATTEMPTS_MAX, Stopped, attempt
from citygoals.kpi.draft_store import Overtaken, WorkerDied
from citygoals.kpi.merging import Clashing
from citygoals.kpi.store import Fenced
from citygoals.shared.postgres import Pool

Try = Callable[[Exception | None], Awaitable[str | None]]


@pytest.fixture
async def draft(pool: Pool) -> int:
    ask = "INSERT INTO draft (kind, data, activate) VALUES ('catalogue', '{}', true) RETURNING id"
    return int(await pool.fetchval(ask))


@pytest.fixture
def trying(pool: Pool, draft: int, monkeypatch: pytest.MonkeyPatch) -> Try:
    """Try the draft once: the work ends as it is told."""
    monkeypatch.setattr(attempts, "retry_delay_s", lambda _: 0)

    async def once(end: Exception | None) -> str | None:
        async def work() -> None:
            if end is not None:
                raise end

        return await attempt(pool, draft, work, asyncio.Event())

    return once


async def counted(pool: Pool) -> tuple[int, bool]:
    """How many attempts broke off, and whether somebody's name is on the draft."""
    row = await pool.fetchrow("SELECT attempts, attempted_by FROM draft")
    assert row is not None
    return row["attempts"], row["attempted_by"] is not None


@pytest.mark.parametrize("end", [None, Stopped(), Overtaken("another formula holds now")])
async def test_what_is_nobodys_fault_does_not_count(trying: Try, pool: Pool, end: Exception | None) -> None:
    assert await trying(end) is None
    assert await counted(pool) == (0, False)


@pytest.mark.parametrize(("end", "said"), [(Clashing("target of A"), "target of A"), (KeyError("x"), "KeyError: 'x'")])
async def test_what_will_be_so_again_is_not_tried_again(trying: Try, end: Exception, said: str) -> None:
    assert await trying(end) == said


async def test_a_worker_that_dies_counts_until_it_is_enough(trying: Try, pool: Pool) -> None:
    for number in range(1, ATTEMPTS_MAX):
        assert await trying(WorkerDied("killed")) is None
        assert await counted(pool) == (number, False)
    assert await trying(WorkerDied("killed")) == f"given up after {ATTEMPTS_MAX} attempts: killed"


FULL = asyncpg.DiskFullError("no space left")


@pytest.mark.parametrize("end", [FULL, ExceptionGroup("of the tasks of a commit", [FULL])])
async def test_a_full_disk_ends_the_tenure_and_counts(trying: Try, pool: Pool, end: Exception) -> None:
    for _ in range(ATTEMPTS_MAX):
        with pytest.raises(type(end)):
            await trying(end)
    assert await counted(pool) == (ATTEMPTS_MAX, False)
    assert await trying(None) == f"given up after {ATTEMPTS_MAX} attempts: DiskFullError: no space left"


async def test_a_tenure_that_is_over_does_not_count(trying: Try, pool: Pool) -> None:
    with pytest.raises(Fenced):
        await trying(Fenced("another leads"))
    assert (await counted(pool))[0] == 0
    await trying(None)
    assert await counted(pool) == (0, False), "it was this process that had its name on it"


async def test_a_process_that_died_at_it_counts(trying: Try, pool: Pool) -> None:
    await pool.execute("UPDATE draft SET attempted_by = $1", uuid4())
    await trying(None)
    assert await counted(pool) == (1, False)


async def test_a_draft_that_is_ended_is_not_tried(trying: Try, pool: Pool) -> None:
    await pool.execute("UPDATE draft SET state = 'discarded'")
    assert await trying(AssertionError("nobody works on it")) is None
