"""Tasks end, also those that do not hear it the first time."""

import asyncio
import contextlib

import pytest
from citygoals.shared import ending
from citygoals.shared.ending import end, until_first_error


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "TELL_AGAIN_S", 0.1)


async def deaf(times: int) -> None:
    """Go on after the first cancellations, as `asyncio.wait_for` can make a task do."""
    for _ in range(times):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
    await asyncio.sleep(60)


async def fail() -> None:
    await asyncio.sleep(0)
    raise ZeroDivisionError


async def test_a_task_that_does_not_hear_is_told_again() -> None:
    task = asyncio.create_task(deaf(2))
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await end(task)
    assert task.cancelled()


async def test_what_takes_a_moment_to_end_is_not_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    in_order = asyncio.Event()

    async def tidy() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.5)
            in_order.set()

    task = asyncio.create_task(tidy())
    await asyncio.sleep(0)
    await end(task)
    assert in_order.is_set()


async def test_what_has_ended_is_left_alone() -> None:
    task = asyncio.create_task(asyncio.sleep(0, "done"))
    await task
    await end(task)
    assert task.result() == "done"


async def test_the_first_error_ends_the_rest() -> None:
    others = asyncio.all_tasks()
    async with asyncio.timeout(30):
        with pytest.raises(ZeroDivisionError):
            await until_first_error(deaf(1), fail(), asyncio.sleep(60))
    assert asyncio.all_tasks() <= others


async def test_without_an_error_all_run_to_their_end() -> None:
    seen: list[int] = []

    async def note(number: int) -> None:
        await asyncio.sleep(0)
        seen.append(number)

    await until_first_error(note(1), note(2))
    assert sorted(seen) == [1, 2]


async def test_whoever_is_cancelled_takes_its_work_along() -> None:
    others = asyncio.all_tasks()
    whole = asyncio.create_task(until_first_error(deaf(1), asyncio.sleep(60)))
    await asyncio.sleep(0.01)
    async with asyncio.timeout(30):
        await end(whole)
    assert asyncio.all_tasks() <= others
