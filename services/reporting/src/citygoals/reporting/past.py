"""The past: the cells as they were at a position, from the checkpoint before it and the positions replayed on top.

Nothing read here ever changes (a position is written once), so no snapshot is needed and everything can be kept.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from citygoals.reporting.addresses import Addresses
from citygoals.reporting.cells import CITY, ROLLING, BusyDays, LastDay, Slice, Span, Tally, Totals, rolling_tally
from citygoals.reporting.packed import Columns, unpack, unpack_chunk
from citygoals.reporting.queries import SQL, reachable, totals_of
from citygoals.reporting.store import bucket_of
from citygoals.shared.figures import Cell
from citygoals.shared.period import Period
from citygoals.shared.postgres import Connection, Pool

CHUNKS_MAX = 48
BUCKETS_A_STEP = 3  # how many months one look further back takes

Run = tuple[int, int]  # half-open, in ordinals
Column = dict[int, Cell]  # one series: by start
Overlay = dict[tuple[int, int], tuple[int, ...]]  # numerator, denominator, events by series and start

assert CHUNKS_MAX >= BUCKETS_A_STEP


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


class PastSource:
    """The cells at one past position."""

    def __init__(self, pool: Pool, addresses: Addresses, chunks: Chunks, *, base: Base, position: int) -> None:
        self._pool = pool
        self._addresses = addresses
        self._chunks = chunks
        self._base = base
        self._position = position
        self._overlays: dict[bool, Overlay] = {}
        self.totals: Totals = base.totals

    async def tally(self, slice_: Slice, period: Period) -> Tally:
        """Read what a slice held for a period."""
        async with reachable(), self._pool.acquire() as connection:
            await self.replay(connection, slices=slice_ != CITY)
            start, end = period.start.toordinal(), period.end.toordinal()
            days = self._addresses.in_slice(slice_, "day")
            last = _by_name(days, await self._last(connection, slice_.dimension, days.values(), end))
            busy = {kpi: BusyDays([day], is_whole=False) for kpi, day in last.items()}
            if period.grain == ROLLING:
                found = await self._columns(connection, slice_.dimension, days.values(), (start, end), days=True)
                return rolling_tally(period, _span(days, found), busy)
            wanted = self._addresses.in_slice(slice_, period.grain)
            is_day = period.grain == "day"
            held = await self._columns(connection, slice_.dimension, wanted.values(), (start, start + 1), days=is_day)
            return Tally(period, {kpi: held[number][start] for kpi, number in wanted.items() if held[number]}, busy)

    async def run(self, slice_: Slice, *, grain: str, first: date, end: date) -> Span:
        """Read a slice's cells that start in [first, end): by KPI, by start."""
        return await self._read_span(self._addresses.in_slice(slice_, grain), slice_.dimension, grain, first, end)

    async def span(self, kpi: str, *, grain: str, dimension: str, first: date, end: date) -> Span:
        """Read one KPI's cells that start in [first, end): by member, by start."""
        return await self._read_span(self._addresses.of_kpi(kpi, grain, dimension), dimension, grain, first, end)

    async def last_days_of(self, slice_: Slice, *, before: date) -> dict[str, LastDay]:
        """Read, for each KPI of a slice, the last day before `before` with events."""
        return await self._read_last(self._addresses.in_slice(slice_, "day"), slice_.dimension, before)

    async def last_days(self, kpi: str, *, dimension: str, before: date) -> dict[str, LastDay]:
        """Read, for each member, the last day before `before` with events."""
        return await self._read_last(self._addresses.of_kpi(kpi, "day", dimension), dimension, before)

    async def _read_last(self, wanted: Mapping[str, int], dimension: str, before: date) -> dict[str, LastDay]:
        async with reachable(), self._pool.acquire() as connection:
            await self.replay(connection, slices=dimension != CITY.dimension)
            return _by_name(wanted, await self._last(connection, dimension, wanted.values(), before.toordinal()))

    async def _read_span(self, wanted: Mapping[str, int], dimension: str, grain: str, first: date, end: date) -> Span:
        async with reachable(), self._pool.acquire() as connection:
            await self.replay(connection, slices=dimension != CITY.dimension)
            run = first.toordinal(), end.toordinal()
            return _span(wanted, await self._columns(connection, dimension, wanted.values(), run, days=grain == "day"))

    async def replay(self, connection: Connection, *, slices: bool) -> None:
        """Read what changed after the base, once; city-wide questions leave the sliced cells where they are."""
        if slices in self._overlays or True in self._overlays:
            return
        overlay: Overlay = {}
        totals = self._base.totals
        for row in await connection.fetch(SQL.read_changes, self._base.position, self._position, slices):
            for body in (row["city"], row["slices"]):
                if body:
                    series, starts, *values = unpack(body)
                    overlay.update(zip(zip(series, starts, strict=True), zip(*values, strict=True), strict=True))
            if row["totals"] is not None:
                step = totals_of(row["totals"])
                totals = totals.after(step.events, step.by_type)
        self._overlays[slices] = overlay
        self.totals = totals

    async def _columns(
        self, connection: Connection, dimension: str, wanted: Iterable[int], run: Run, *, days: bool
    ) -> dict[int, Column]:
        """Read the wanted series' cells that start in the run."""
        buckets = [bucket_of(date.fromordinal(day), days=days) for day in (run[0], run[1] - 1)]
        keys = await self._keys(connection, dimension, (buckets[0], buckets[1]), days=days)
        return await self._fill(connection, wanted, keys, run)

    async def _last(
        self, connection: Connection, dimension: str, wanted: Iterable[int], end: int
    ) -> dict[int, LastDay]:
        """Find each series' last day with events before `end`, looking further back as long as one is missing."""
        keys = await self._keys(connection, dimension, (1, end), days=True)
        missing, found = set(wanted), {}
        while missing and end > 1:
            step, keys = keys[:BUCKETS_A_STEP], keys[BUCKETS_A_STEP:]
            start = step[-1].bucket if keys else 1
            for number, column in (await self._fill(connection, missing, step, (start, end))).items():
                busy = [at for at, cell in column.items() if cell.events > 0]
                if busy:
                    found[number] = LastDay(date.fromordinal(max(busy)), column[max(busy)])
            missing -= found.keys()
            end = start
        return found

    async def _keys(self, connection: Connection, dimension: str, buckets: Run, *, days: bool) -> list[ChunkKey]:
        """Return the chunks of a closed run of buckets, newest bucket first."""
        rows = await connection.fetch(SQL.find_chunks, dimension, days, self._base.position, *buckets)
        return [ChunkKey(dimension, days, row["bucket"], row["position"]) for row in rows]

    async def _fill(
        self, connection: Connection, wanted: Iterable[int], keys: Iterable[ChunkKey], run: Run
    ) -> dict[int, Column]:
        """Return the wanted series' cells in the run: from the chunks, and over them what was replayed."""
        found: dict[int, Column] = {number: {} for number in wanted}
        for key in keys:
            chunk = await self._chunks.get(connection, key)
            for number in found.keys() & chunk.keys():
                starts, *values = chunk[number]
                low, high = bisect_left(starts, run[0]), bisect_left(starts, run[1])
                cells = map(Cell, *(column[low:high] for column in values))
                found[number].update(zip(starts[low:high], cells, strict=True))
        for (number, at), cell in self._overlay.items():
            if number in found and run[0] <= at < run[1]:
                found[number][at] = Cell(*cell)
        return found

    @property
    def _overlay(self) -> Overlay:
        return self._overlays[True] if True in self._overlays else self._overlays[False]


T = TypeVar("T")


def _by_name(numbers: Mapping[str, int], found: Mapping[int, T]) -> dict[str, T]:
    return {name: found[number] for name, number in numbers.items() if number in found}


def _span(numbers: Mapping[str, int], found: Mapping[int, Column]) -> Span:
    return {
        name: {date.fromordinal(at): cell for at, cell in sorted(found[number].items())}
        for name, number in sorted(numbers.items()) if found[number]
    }  # fmt: skip
