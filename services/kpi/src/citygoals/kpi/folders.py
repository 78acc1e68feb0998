"""Who folds the pages of a draft: this process, or for a large ledger some of its own, which leave it to the stream.

A worker gets the bodies of whole facts, sums up what they give, and hands the sums over when asked. It has no connection
to anything, runs with less priority than whoever applies, and ends with the process that began it.
"""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import accumulate
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import NamedTuple, Protocol

from citygoals.kpi.calendars import Calendars
from citygoals.kpi.changes import Engine
from citygoals.kpi.deltas import Changes
from citygoals.kpi.entries import Entry, EntryReader
from citygoals.shared.business_def import BusinessCalendarDef
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import CityCalendar

STEP_ENTRIES = 250
"""As many are decoded at a time; between two steps the stream has its turn."""

WORKERS = 2
WAITING_MAX = 2
"""So many pages wait for a worker: enough to keep it busy."""

PART_CHANGES = 10_000
"""So many cells are handed over at a time."""

NICENESS = 5


class Bodies(NamedTuple):
    """Bodies of entries, end to end, and how long each is: one value for the driver, and one to hand to a process."""

    joined: bytes
    lengths: Sequence[int]

    def apart(self) -> list[bytes]:
        """Return each of them."""
        ends = accumulate(self.lengths)
        return [self.joined[end - length : end] for end, length in zip(ends, self.lengths, strict=True)]


class Folder(Protocol):
    """Takes in pages of whole facts and tells what they come to."""

    @property
    def held(self) -> int:
        """How many sums it holds."""
        ...

    async def take(self, bodies: Bodies) -> None:
        """Take in the bodies of whole facts."""
        ...

    def changes(self) -> AsyncIterator[Changes]:
        """Yield, in parts, what everything since the last time comes to."""
        ...


class Here:
    """Folds in this process, in small steps."""

    def __init__(self, engine: Engine, reader: EntryReader) -> None:
        self._engine = engine
        self._reader = reader

    @property
    def held(self) -> int:
        """How many sums it holds."""
        return self._engine.held

    async def read(self, bodies: Sequence[bytes]) -> list[Entry]:
        """Return the entries in the bodies."""
        entries: list[Entry] = []
        for first in range(0, len(bodies), STEP_ENTRIES):
            entries += map(self._reader.read, bodies[first : first + STEP_ENTRIES])
            await asyncio.sleep(0)
        return entries

    async def take(self, bodies: Bodies) -> None:
        """Take in the bodies of whole facts."""
        for _ in self._engine.take(await self.read(bodies.apart()), {}):
            await asyncio.sleep(0)

    async def changes(self) -> AsyncIterator[Changes]:
        """Yield what everything since the last time comes to."""
        yield await asyncio.to_thread(self._engine.take_changes)


class Worker:
    """One process that folds."""

    def __init__(self, kpis: Iterable[KpiDef], calendars: Calendars) -> None:
        arguments = (list(kpis), calendars.city, calendars.definitions)
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), _begin, arguments)
        self._waiting: list[asyncio.Future[int]] = []
        self.held = 0

    @property
    def waiting(self) -> int:
        """How many pages it has been given and not folded."""
        return len(self._waiting)

    async def take(self, bodies: Bodies) -> None:
        """Give it a page; wait while it has enough."""
        loop = asyncio.get_running_loop()
        self._waiting.append(loop.run_in_executor(self._pool, _take, bodies))
        while len(self._waiting) > WAITING_MAX or (self._waiting and self._waiting[0].done()):
            self.held = await self._waiting.pop(0)

    async def changes(self) -> AsyncIterator[Changes]:
        """Yield, in parts, what everything since the last time comes to."""
        for page in self._waiting:
            await page
        self._waiting, self.held = [], 0
        loop = asyncio.get_running_loop()
        while (part := await loop.run_in_executor(self._pool, _changes)) is not None:
            yield part

    async def close(self) -> None:
        """End the process, once it has folded what it is at; what became of pages that nobody waits for is dropped."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
        await asyncio.gather(*self._waiting, return_exceptions=True)


class Apart:
    """Folds in processes of its own."""

    def __init__(self, kpis: Sequence[KpiDef], calendars: Calendars) -> None:
        self._workers = [Worker(kpis, calendars) for _ in range(WORKERS)]

    @property
    def held(self) -> int:
        """How many sums the workers hold."""
        return sum(worker.held for worker in self._workers)

    async def take(self, bodies: Bodies) -> None:
        """Give a page to the worker that has least to do."""
        await min(self._workers, key=lambda worker: worker.waiting).take(bodies)

    async def changes(self) -> AsyncIterator[Changes]:
        """Yield, in parts, what each worker has: all of it at once would be a hundred megabytes here."""
        for worker in self._workers:
            async for part in worker.changes():
                yield part

    async def close(self) -> None:
        """End the processes."""
        await asyncio.gather(*(worker.close() for worker in self._workers))


_mine: list[tuple[Engine, EntryReader]] = []  # a worker's own, in its process
_parts: list[Iterator[Changes]] = []  # what is being handed over


def _begin(kpis: list[KpiDef], city: CityCalendar, definitions: list[BusinessCalendarDef]) -> None:
    """Make a worker ready: it hears no signal that is meant for whoever began it, and does not outlive that one."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    Thread(target=_end_with_parent, daemon=True).start()
    gc.set_threshold(100_000, 20, 20)  # as in the service itself: nothing here is in cycles
    _mine.append((Engine(kpis, Calendars.of(city, definitions)), EntryReader(city)))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _take(bodies: Bodies) -> int:
    engine, reader = _mine[0]
    for _ in engine.take(list(map(reader.read, bodies.apart())), {}):
        pass
    return engine.held


def _changes() -> Changes | None:
    """Return a part of what everything comes to, None after the last one."""
    if not _parts:
        _parts.append(_mine[0][0].take_changes().parts(PART_CHANGES))
    part = next(_parts[0], None)
    if part is None:
        _parts.clear()
    return part
