"""A loop that stands still is noticed by a thread that does not."""

import asyncio
import subprocess
import sys
import time

import pytest
from citygoals.shared.watchdog import BEAT_S, EXIT_FROZEN, watch_loop
from patience import PATIENCE_S

FROZEN = """
import asyncio, time
from citygoals.shared.watchdog import watch_loop
async def main():
    watch_loop(stacks_after_s=0.3, exit_after_s=1.0)
    await asyncio.sleep(0)
    def stuck_here():
        time.sleep(60)
    stuck_here()
asyncio.run(main())
"""


def test_a_frozen_loop_shows_its_stack_and_ends_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FROZEN], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == EXIT_FROZEN
    assert "event loop stands still" in done.stderr
    assert "stuck_here" in done.stderr


async def test_a_turning_loop_is_left_alone(capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(20):
        frozen = asyncio.Event()
        watchdog = watch_loop(frozen.set, stacks_after_s=1.2, exit_after_s=1.6)
        longest_s = await turning(2.0)
        watchdog.stop()
        said = capfd.readouterr().err
        if longest_s < 1.2 - 2 * BEAT_S:
            assert not frozen.is_set()
            assert "stands still" not in said
            return
        # Nobody left the loop alone: it was this machine that stood still meanwhile, and once more is tried.
    pytest.fail("the machine is too busy to let any loop turn")


async def turning(seconds: float) -> float:
    """Let the loop turn for so long; return its longest pause."""
    began = last = time.monotonic()
    longest_s = 0.0
    while last - began < seconds:
        await asyncio.sleep(0.05)
        now = time.monotonic()
        longest_s, last = max(longest_s, now - last), now
    return longest_s
