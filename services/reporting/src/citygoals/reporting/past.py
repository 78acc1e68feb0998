"""The past: the cells as they were at a position, from the checkpoint before it and what was changed on top.

Nothing read here ever changes (a position is written once), so no snapshot is needed and everything can be kept.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from citygoals.reporting.addresses import Addresses
from citygoals.reporting.cells import ROLLING, BusyDays, LastDay, Slice, Span, Tally, Totals, rolling_tally
from citygoals.reporting.packed import Columns, unpack, unpack_chunk
from citygoals.reporting.queries import SQL, reachable, totals_of
from citygoals.reporting.store import bucket_of
from citygoals.shared.figures import Cell
from citygoals.shared.period import Period
from citygoals.shared.postgres import Connection, Pool

CHUNKS_MAX = 48
BUCKETS_A_STEP = 3  # how many months one look further back takes

Run = tuple[int, int]  # half-open, in ordinals
Column = dict[int, Cell]  # one series' cells by start

assert CHUNKS_MAX >= BUCKETS_A_STEP

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ChunkKey:
    """Which chunk: its dimension and kind, its bucket, the checkpoint that wrote it."""

    dimension: str
    days: bool
    bucket: int
    position: int


class Chunks:
    """Decoded chunks; neighbouring positions share most of theirs."""

    def __init__(self) -> None:
        self._known: OrderedDict[ChunkKey, dict[int, Columns]] = OrderedDict()

    async def get(self, connection: Connection, key: ChunkKey) -> dict[int, Columns]:
        """Return a chunk by series."""
        if key not in self._known:
            body = await connection.fetchval(SQL.read_chunk, key.dimension, key.days, key.bucket, key.position)
            self._known[key] = unpack_chunk(body)
            if len(self._known) > CHUNKS_MAX:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


@dataclass(frozen=True, slots=True)
class Base:
    """What a position stands on: the checkpoint before it (0: none), and the totals there."""

    position: int
    totals: Totals


@dataclass(frozen=True, slots=True)
class Reading:
    """One dimension's cells at a past position, over a connection: chunks, and `changed` since, by series and start."""

    connection: Connection
    chunks: Chunks
    base: int
    dimension: str
    changed: Mapping[int, Column]

    async def columns(self, wanted: Iterable[int], run: Run, *, days: bool) -> dict[int, Column]:
        """Return the wanted series' cells that start in the run."""
        found: dict[int, Column] = {number: {} for number in wanted}
        for key in await self._keys(*(_bucket(day, days=days) for day in (run[0], run[1] - 1)), days=days):
            chunk = await self.chunks.get(self.connection, key)
            for number in found.keys() & chunk.keys():
                starts, *values = chunk[number]
                low, high = bisect_left(starts, run[0]), bisect_left(starts, run[1])
                cells = map(Cell, *(column[low:high] for column in values))
                found[number].update(zip(starts[low:high], cells, strict=True))
        for number, column in found.items():
            column.update({at: cell for at, cell in self.changed.get(number, {}).items() if run[0] <= at < run[1]})
        return found

    async def last_days(self, wanted: Iterable[int], end: int) -> dict[int, LastDay]:
        """Return each series' last day with events before `end`, looking further back as long as one is missing."""
        keys = await self._keys(1, end, days=True)
        missing, found = set(wanted), {}
        while missing and end > 1:
            step, keys = keys[:BUCKETS_A_STEP], keys[BUCKETS_A_STEP:]
            start = step[-1].bucket if keys else 1
            chunks = [await self.chunks.get(self.connection, key) for key in step]
            for number in missing:
                last = self._last(number, [chunk[number] for chunk in chunks if number in chunk], (start, end))
                if last is not None:
                    found[number] = last
            missing -= found.keys()
            end = start
        return found

    def _last(self, number: int, chunks: Iterable[Columns], run: Run) -> LastDay | None:
        """Return the last day with events in the run; what changed since the base counts as it is now."""
        changed = self.changed.get(number, {})
        days = {at: cell for at, cell in changed.items() if run[0] <= at < run[1] and cell.events > 0}
        for starts, *values in chunks:
            for index in range(bisect_left(starts, run[1]) - 1, -1, -1):
                if starts[index] not in changed and values[2][index] > 0:
                    days[starts[index]] = Cell(*(column[index] for column in values))
                    break
        return LastDay(date.fromordinal(max(days)), days[max(days)]) if days else None

    async def _keys(self, first: int, last: int, *, days: bool) -> list[ChunkKey]:
        """Return the chunks of a closed run of buckets, newest bucket first."""
        rows = await self.connection.fetch(SQL.find_chunks, self.dimension, days, self.base, first, last)
        return [ChunkKey(self.dimension, days, row["bucket"], row["position"]) for row in rows]


class PastSource:
    """The cells at one past position."""

    def __init__(self, pool: Pool, addresses: Addresses, chunks: Chunks, *, base: Base, position: int) -> None:
        self._pool = pool
        self._addresses = addresses
        self._chunks = chunks
        self._base = base
        self._position = position
        self._changed: dict[str, Mapping[int, Column]] = {}
        self.totals: Totals = base.totals

    async def tally(self, slice_: Slice, period: Period) -> Tally:
        """Read what a slice held for a period."""
        start, end = period.start.toordinal(), period.end.toordinal()
        days, wanted = self._addresses.in_slice(slice_, "day"), self._addresses.in_slice(slice_, period.grain)
        async with self._reading(slice_.dimension) as reading:
            last = _by_name(days, await reading.last_days(days.values(), end))
            busy = {kpi: BusyDays([day], is_whole=False) for kpi, day in last.items()}
            if period.grain == ROLLING:
                return rolling_tally(
                    period, _span(days, await reading.columns(days.values(), (start, end), days=True)), busy
                )
            is_day = period.grain == "day"
            held = await reading.columns(wanted.values(), (start, start + 1), days=is_day)
            return Tally(period, {kpi: held[number][start] for kpi, number in wanted.items() if held[number]}, busy)

    async def run(self, slice_: Slice, *, grain: str, first: date, end: date) -> Span:
        """Read a slice's cells that start in [first, end): by KPI, by start."""
        numbers = self._addresses.in_slice(slice_, grain)
        return await self._read_span(numbers, slice_.dimension, _run(first, end), days=grain == "day")

    async def span(self, kpi: str, *, grain: str, dimension: str, first: date, end: date) -> Span:
        """Read one KPI's cells that start in [first, end): by member, by start."""
        numbers = self._addresses.of_kpi(kpi, grain, dimension)
        return await self._read_span(numbers, dimension, _run(first, end), days=grain == "day")

    async def last_days_of(self, slice_: Slice, *, before: date) -> dict[str, LastDay]:
        """Read, for each KPI of a slice, the last day before `before` with events."""
        numbers = self._addresses.in_slice(slice_, "day")
        async with self._reading(slice_.dimension) as reading:
            return _by_name(numbers, await reading.last_days(numbers.values(), before.toordinal()))

    async def last_days(self, kpi: str, *, dimension: str, before: date) -> dict[str, LastDay]:
        """Read, for each member, the last day before `before` with events."""
        numbers = self._addresses.of_kpi(kpi, "day", dimension)
        async with self._reading(dimension) as reading:
            return _by_name(numbers, await reading.last_days(numbers.values(), before.toordinal()))

    async def _read_span(self, numbers: Mapping[str, int], dimension: str, run: Run, *, days: bool) -> Span:
        async with self._reading(dimension) as reading:
            return _span(numbers, await reading.columns(numbers.values(), run, days=days))

    @asynccontextmanager
    async def _reading(self, dimension: str) -> AsyncIterator[Reading]:
        async with reachable(), self._pool.acquire() as connection:
            await self.replay(connection, dimension)
            yield Reading(connection, self._chunks, self._base.position, dimension, self._changed[dimension])

    async def replay(self, connection: Connection, dimension: str) -> None:
        """Read what changed in a dimension after the base, once; and the totals with it."""
        if dimension in self._changed:
            return
        latest: dict[tuple[int, int], tuple[int, ...]] = {}
        totals = self._base.totals
        for row in await connection.fetch(SQL.read_changes, self._base.position, self._position, dimension):
            series, starts, *values = unpack(row["body"])
            latest.update(zip(zip(series, starts, strict=True), zip(*values, strict=True), strict=True))
            if row["totals"] is not None:
                step = totals_of(row["totals"])
                totals = totals.after(step.events, step.by_type)
        changed: dict[int, Column] = {}
        for (number, start), cell in latest.items():
            changed.setdefault(number, {})[start] = Cell(*cell)
        self._changed[dimension] = changed
        self.totals = totals


def _run(first: date, end: date) -> Run:
    return first.toordinal(), end.toordinal()


def _bucket(day: int, *, days: bool) -> int:
    return bucket_of(date.fromordinal(day), days=days)


def _by_name(numbers: Mapping[str, int], found: Mapping[int, T]) -> dict[str, T]:
    return {name: found[number] for name, number in numbers.items() if number in found}


def _span(numbers: Mapping[str, int], found: Mapping[int, Column]) -> Span:
    return {
        name: {date.fromordinal(at): cell for at, cell in sorted(found[number].items())}
        for name, number in sorted(numbers.items()) if found[number]
    }  # fmt: skip
