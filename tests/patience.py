"""How long tests wait: until something is so, and never so briefly that a busy machine is judged in the city's place."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

PATIENCE_S = 60.0  # for what takes a moment on an idle machine; who waits in vain has found a mistake

T = TypeVar("T")
_SAMPLE_S = 0.05


def wait_for(condition: Callable[[], T], *, what: str = "it", timeout_s: float = PATIENCE_S, pause_s: float = 0.1) -> T:
    """Return the first true answer of `condition()`; fail after `timeout_s` seconds. For tests without an event loop."""
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s in vain for {what}"
        time.sleep(pause_s)
    return answer


@contextmanager
def within(limit_s: float, what: str) -> Iterator[None]:
    """Hold that what is done inside takes less than a promised limit, on this machine as busy as it is now.

    A promise such as "within ten seconds" is one about a machine that has nothing else to do.
    """
    busy = busyness()
    began = time.monotonic()
    yield
    took_s = time.monotonic() - began
    if took_s >= limit_s:
        busy = max(busy, busyness())
        assert took_s < limit_s * busy, f"{what} took {took_s:.1f} s, at {busy:.1f} times the usual load"


def busyness() -> float:
    """Return how long this machine takes for a second's worth of work: 1 if it has nothing else to do, else more."""
    began, cpu = time.monotonic(), time.thread_time()
    while time.thread_time() - cpu < _SAMPLE_S:
        pass
    return max(1.0, (time.monotonic() - began) / _SAMPLE_S)
