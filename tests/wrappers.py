"""Handlers wrapped so that what goes wrong one day goes wrong now: delivered twice, and failing at random."""

import random
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from citygoals.shared.errors import Unavailable

T = TypeVar("T")


class Duplicator(Generic[T]):
    """Runs the handler twice with the same thing: an idempotent handler does not notice."""

    def __init__(self, handler: Callable[[T], Awaitable[object]]) -> None:
        self._handler = handler

    async def __call__(self, thing: T) -> None:
        await self._handler(thing)
        await self._handler(thing)


class RandomFail(Generic[T]):
    """Fails a share of the calls, half of them before the handler has run and half after."""

    def __init__(self, handler: Callable[[T], Awaitable[object]], *, share: float, seed: int) -> None:
        self._handler = handler
        self._share = share
        self._random = random.Random(seed)
        self.failures = 0

    async def __call__(self, thing: T) -> None:
        draw = self._random.random()
        if draw < self._share / 2:
            self.failures += 1
            raise Unavailable("before the handler")
        await self._handler(thing)
        if draw < self._share:
            self.failures += 1
            raise Unavailable("after the handler")
