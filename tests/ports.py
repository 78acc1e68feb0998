"""Ports for the servers of tests: each process that runs tests takes from a range of its own.

All ranges lie below the ports that the system gives to clients, so that nothing else takes one between the look and the use.
"""

import contextlib
import itertools
import os
import socket
from collections.abc import Iterable

CITY_OFFSETS = (0, 1, 2, 3, 22, 32)

_FIRST, _RANGES, _SINGLES = 10_000, 100, 120
_BASES = tuple(_SINGLES + group + base for group in (0, 50) for base in range(0, 20, 4))  # no two share a port
_SIZE = 220

assert max(_BASES) + max(CITY_OFFSETS) < _SIZE
assert _FIRST + _RANGES * _SIZE <= 32_768

_start = _FIRST + os.getpid() % _RANGES * _SIZE
_singles = itertools.cycle(range(_SINGLES))
_bases = itertools.cycle(_BASES)


def free_port() -> int:
    """Return a port of this process's range that nobody listens on."""
    for offset in itertools.islice(_singles, _SINGLES):
        if _is_free(_start + offset, (0,)):
            return _start + offset
    raise RuntimeError(f"every port from {_start} to {_start + _SINGLES} is taken")


def free_port_base() -> int:
    """Return a base whose six ports are free."""
    for offset in itertools.islice(_bases, len(_BASES)):
        if _is_free(_start + offset, CITY_OFFSETS):
            return _start + offset
    raise RuntimeError(f"no six free ports from {_start + _SINGLES} on")


def _is_free(base: int, offsets: Iterable[int]) -> bool:
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
        for offset in offsets:
            stack.enter_context(socket.socket()).bind(("127.0.0.1", base + offset))
        return True
    return False
