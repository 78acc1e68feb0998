"""Attempts at a draft: one that breaks off again and again without getting on is given up, and told of.

A process that dies can say nothing, so whoever begins leaves its name on the draft first, and takes it off when it lets go.
"""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import structlog

from citygoals.kpi.draft_store import Overtaken, WorkerDied
from citygoals.kpi.merging import Clashing
from citygoals.kpi.store import SQL, Fenced
from citygoals.kpi.waiting import wait
from citygoals.shared.outage import is_away
from citygoals.shared.postgres import Pool
from citygoals.shared.verdict import retry_delay_s

log = structlog.get_logger(__name__)

ATTEMPTS_MAX = 8
"""What kills its process or fills the disk does so again and again; somebody who kills kpi while it computes soon stops."""

PROCESS = uuid4()


class Stopped(Exception):  # noqa: N818 - it is no error
    """The tenure is to end; the draft is gone on with in another one."""


async def attempt(pool: Pool, draft: int, work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> str | None:
    """Work on an open draft once. Return why it is to be given up, None where it is not.

    After one that broke off, the stream has the machine to itself for a while. Raises what ends the tenure.
    """
    begun = await pool.fetchrow(SQL.begin_attempt, draft, PROCESS)
    if begun is None:
        return None
    if begun["attempts"] >= ATTEMPTS_MAX:
        return _given_up(draft, begun["attempts"], begun["error"])
    try:
        reason = await _outcome(draft, work)
    except WorkerDied as error:
        broken = await _break_off(pool, draft, str(error))
        if broken >= ATTEMPTS_MAX:
            return _given_up(draft, broken, str(error))
        await wait(stop, retry_delay_s(broken))
        return None
    except Exception as error:
        if not isinstance(error, Fenced):
            await _try_to_count(pool, draft, error)
        raise
    await pool.execute(SQL.let_go_of_draft, draft)
    return reason


async def _outcome(draft: int, work: Callable[[], Awaitable[None]]) -> str | None:
    """Return why the draft cannot be applied, however often it is tried; None where it can. Raises what may pass."""
    try:
        await work()
    except Stopped:
        log.info("draft waits for the next tenure", draft=draft)
    except WorkerDied:
        raise
    except Overtaken as error:
        log.info("draft overtaken", draft=draft, reason=str(error))
    except Clashing as error:
        log.info("draft clashes", draft=draft, reason=str(error))
        return str(error)
    except Exception as error:
        if is_away(error) or isinstance(error, Fenced):
            raise
        log.exception("draft failed", draft=draft)
        return said(error)
    return None


async def _break_off(pool: Pool, draft: int, reason: str) -> int:
    """Write down that the attempt broke off; return how many did since the draft last got on."""
    broken = int(await pool.fetchval(SQL.break_off_attempt, draft, reason) or 0)
    log.warning("draft broke off", draft=draft, attempts=broken, reason=reason)
    return broken


async def _try_to_count(pool: Pool, draft: int, error: Exception) -> None:
    """Count an attempt that ends the tenure, if that can be written down: a full disk can, an outage cannot."""
    try:
        await _break_off(pool, draft, said(error))
    except Exception as another:  # noqa: BLE001 - what ends the tenure is the first
        log.warning("attempt not counted", draft=draft, reason=said(another))


def _given_up(draft: int, broken: int, reason: str) -> str:
    log.error("draft given up", draft=draft, attempts=broken, reason=reason)
    return f"given up after {broken} attempts: {reason}"


def said(error: BaseException) -> str:
    """Return an error in words; of several that came together, the first."""
    if isinstance(error, BaseExceptionGroup):
        return said(error.exceptions[0])
    return f"{type(error).__name__}: {error}"
