"""A loop that stands still is noticed by a thread that does not."""

import asyncio
import subprocess
import sys
import time

import pytest
from citygoals.shared.watchdog import EXIT_FROZEN, watch_loop

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
    done = subprocess.run([sys.executable, "-c", FROZEN], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == EXIT_FROZEN
    assert "event loop stands still" in done.stderr
    assert "stuck_here" in done.stderr


async def test_a_turning_loop_is_left_alone(capfd: pytest.CaptureFixture[str]) -> None:
    frozen = []
    watchdog = watch_loop(lambda: frozen.append(1), stacks_after_s=0.8, exit_after_s=1.2)
    began = time.monotonic()
    while time.monotonic() - began < 2:
        await asyncio.sleep(0.05)
    watchdog.stop()
    assert frozen == []
    assert "stands still" not in capfd.readouterr().err
