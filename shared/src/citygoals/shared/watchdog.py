"""A thread that watches the event loop: a loop that stands still answers no probe and cannot say so itself."""

import asyncio
import faulthandler
import os
import sys
import threading
from collections.abc import Callable
from time import monotonic

from prometheus_client import Gauge

EXIT_FROZEN = 71
BEAT_S = 0.5
STACKS_AFTER_S = 5.0
EXIT_AFTER_S = 30.0

assert BEAT_S < STACKS_AFTER_S < EXIT_AFTER_S

LOOP_LAG = Gauge("citygoals_loop_lag_seconds", "How late the event loop's last heartbeat was")


class Watchdog:
    """Beats on the loop, listens on a thread: stacks to stderr after 5 s of silence, exit after 30 s."""

    def __init__(self, on_frozen: Callable[[], None], *, stacks_after_s: float, exit_after_s: float) -> None:
        self._on_frozen = on_frozen
        self._stacks_after_s = stacks_after_s
        self._exit_after_s = exit_after_s
        self._last = monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="loop-watchdog", daemon=True)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin, from within the loop."""
        self._last = monotonic()
        self._beat(loop)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        now = monotonic()
        LOOP_LAG.set(max(0.0, now - self._last - BEAT_S))
        self._last = now
        if not self._stopped.is_set():
            loop.call_later(BEAT_S, self._beat, loop)

    def _listen(self) -> None:
        has_dumped = False
        while not self._stopped.wait(min(1.0, self._stacks_after_s / 2)):
            silent_s = monotonic() - self._last
            if silent_s < self._stacks_after_s:
                has_dumped = False
            elif not has_dumped:
                has_dumped = True
                sys.stderr.write(
                    f'{{"level":"critical","event":"event loop stands still","silent_s":{silent_s:.1f}}}\n'
                )
                faulthandler.dump_traceback(file=sys.stderr)
            if silent_s >= self._exit_after_s:
                self._on_frozen()
                return


def exit_frozen() -> None:
    """End the process at once: the supervisor's new one will work."""
    os._exit(EXIT_FROZEN)


def watch_loop(
    on_frozen: Callable[[], None] = exit_frozen,
    *,
    stacks_after_s: float = STACKS_AFTER_S,
    exit_after_s: float = EXIT_AFTER_S,
) -> Watchdog:
    """Watch the running loop until `.stop()`."""
    watchdog = Watchdog(on_frozen, stacks_after_s=stacks_after_s, exit_after_s=exit_after_s)
    watchdog.start(asyncio.get_running_loop())
    return watchdog
