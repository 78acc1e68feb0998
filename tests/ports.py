"""Ports for the servers of tests: each process that runs tests takes from a range of its own.

All ranges lie below the ports that the system gives to clients, so that nothing else takes one between the look and the use.
A process holds the first port of its range for as long as it lives, which keeps every other one out of it.
"""

import atexit
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


def _claim() -> int:
    """Return the start of a range that no other process of tests has."""
    for number in range(_RANGES):
        start = _FIRST + (os.getpid() + number) % _RANGES * _SIZE
        claim = socket.socket()
        try:
            claim.bind(("127.0.0.1", start))
        except OSError:
            claim.close()
        else:
            atexit.register(claim.close)
            return start
    raise RuntimeError("every range of ports has an owner")


_start = _claim()
_singles = itertools.cycle(range(1, _SINGLES))
_bases = itertools.cycle(_BASES)


def free_port() -> int:
    """Return a port of this process's range that nobody listens on."""
    for offset in itertools.islice(_singles, _SINGLES - 1):
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
