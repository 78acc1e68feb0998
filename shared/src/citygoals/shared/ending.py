"""Ending tasks for sure: whoever does not hear that it is to end is told again."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)

TELL_AGAIN_S = 5.0
"""More than a tidy end takes: telling a task again breaks off what it puts in order."""
TOLD_MAX = 3
"""After so many times a task is left behind, with an error in the log: a service that is leaving must leave."""


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and wait until all of them have ended. Their results and errors stay with them.

    Telling them once is not enough: in Python 3.11 `asyncio.wait_for`, which the clients of our servers use, swallows
    a cancellation that comes together with the answer it waits for, and the task goes on as if nothing had been said.
    Whoever is cancelled while waiting here waits all the same, and then ends.
    """
    going = {task for task in tasks if not task.done()}
    cancelled: asyncio.CancelledError | None = None
    for _ in range(TOLD_MAX):
        if not going:
            break
        for task in going:
            task.cancel()
        try:
            await asyncio.wait(going, timeout=TELL_AGAIN_S)
        except asyncio.CancelledError as error:
            cancelled = error
        going = {task for task in going if not task.done()}
    for task in going:
        log.error("task does not end", task=task.get_name())
    if cancelled is not None:
        raise cancelled


async def until_first_error(*work: Coroutine[Any, Any, None]) -> None:
    """Run all of it at once until all have ended. The first error ends the rest and is raised."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        failed = [task for task in tasks if task.done() and not task.cancelled() and task.exception() is not None]
    finally:
        await end(*tasks)
        for task in tasks:
            if task.done() and not task.cancelled():
                task.exception()  # what failed while it was being ended is looked at, or the loop would complain
    for task in failed:
        task.result()
