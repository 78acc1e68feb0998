"""The past: the cells as they were at a position, from the checkpoint before it and what was changed on top.

Nothing read here ever changes (a position is written once), so no snapshot is needed and everything can be kept.
"""

import re
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date

from citygoals.reporting.addresses import Addresses
from citygoals.reporting.cells import CITY, CITY_MEMBER, BusyDays, Run, Slice, Span, Totals
from citygoals.reporting.packed import Columns, unpack, unpack_chunk
from citygoals.reporting.queries import SQL, reachable, totals_of
from citygoals.reporting.store import bucket_of
from citygoals.shared.cells import NO_CELL, Cell
from citygoals.shared.postgres import Connection, Pool

CHUNKS_MAX = 96
BUCKETS_A_STEP = 3  # how many months one look further back takes

Column = dict[int, Cell]  # one series' cells by start

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


@dataclass(frozen=True, slots=True)
class Replay:
    """One dimension's cells at a past position, over a connection: chunks, and `changed` since, by series and start."""

    connection: Connection
    chunks: Chunks
    base: int
    dimension: str
    changed: Mapping[int, Column]

    async def columns(self, firsts: Mapping[int, int], end: int, *, days: bool) -> dict[int, Column]:
        """Return the wanted series' cells that start before `end`, each from a first of its own on."""
        found: dict[int, Column] = {number: {} for number in firsts}
        first = min(firsts.values(), default=end)
        if first >= end:
            return found
        for key in await self._keys(*(_bucket(day, days=days) for day in (first, end - 1)), days=days):
            chunk = await self.chunks.get(self.connection, key)
            for number in found.keys() & chunk.keys():
                starts, *values = chunk[number]
                low, high = bisect_left(starts, firsts[number]), bisect_left(starts, end)
                cells = map(Cell, *(column[low:high] for column in values))
                found[number].update(zip(starts[low:high], cells, strict=True))
        for number, column in found.items():
            changed = self.changed.get(number, {})
            column.update({at: cell for at, cell in changed.items() if firsts[number] <= at < end})
        return found

    async def last_days(self, wanted: Iterable[int], end: int) -> dict[int, int]:
        """Return each series' last day with data before `end`, looking further back as long as one is missing."""
        keys = await self._keys(1, end, days=True)
        missing, found = set(wanted), {}
        while missing and end > 1:
            step, keys = keys[:BUCKETS_A_STEP], keys[BUCKETS_A_STEP:]
            start = step[-1].bucket if keys else 1
            chunks = [await self.chunks.get(self.connection, key) for key in step]
            for number in missing:
                last = self._last(number, [chunk[number] for chunk in chunks if number in chunk], start, end)
                if last is not None:
                    found[number] = last
            missing -= found.keys()
            end = start
        return found

    def _last(self, number: int, chunks: Iterable[Columns], start: int, end: int) -> int | None:
        """Return the last day with data in a run; what changed since the base counts as it is now."""
        changed = self.changed.get(number, {})
        days = [at for at, cell in changed.items() if start <= at < end and cell != NO_CELL]
        for starts, *values in chunks:
            for index in range(bisect_left(starts, end) - 1, -1, -1):
                if starts[index] not in changed and any(column[index] for column in values):
                    days.append(starts[index])
                    break
        return max(days, default=None)

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

    async def cells(self, slice_: Slice, runs: Iterable[Run], *, grain: str, end: date, today: date) -> Span:
        """Read the cells of one grain that start in the KPIs' runs, each up to, not including, `end`."""
        names: dict[int, tuple[str, str]] = {}
        firsts: dict[int, int] = {}
        for run in runs:
            for (member, series), number in self._addresses.of_kpi(run.kpi, grain, slice_.dimension).items():
                if slice_.member in (None, member):
                    waits = run.hours is not None and re.search(run.hours, series) is not None
                    names[number] = member, series
                    firsts[number] = (max(run.first, today) if waits else run.first).toordinal()
        async with self._replayed(slice_.dimension) as replay:
            columns = await replay.columns(firsts, end.toordinal(), days=grain == "day")
        found: Span = {}
        for number, (member, series) in sorted(names.items(), key=lambda item: item[1]):
            if columns[number]:
                line = {date.fromordinal(at): cell for at, cell in sorted(columns[number].items())}
                found.setdefault(member, {})[series] = line
        return found

    async def last_days(self, series: Collection[str], *, before: date) -> dict[str, BusyDays]:
        """Read the last day before `before` on which each of the city's series had data."""
        numbers = self._days_of(series)
        async with self._replayed(CITY.dimension) as replay:
            found = await replay.last_days(numbers.values(), before.toordinal())
        return {
            name: BusyDays([date.fromordinal(found[number])], is_whole=False)
            for name, number in numbers.items() if number in found
        }  # fmt: skip

    async def dates(self, series: Collection[str], *, first: date, end: date) -> dict[str, Sequence[date]]:
        """Read the days in [first, end) on which each of the city's series had data, and the last one before."""
        numbers = self._days_of(series)
        firsts = dict.fromkeys(numbers.values(), first.toordinal())
        async with self._replayed(CITY.dimension) as replay:
            last = await replay.last_days(numbers.values(), first.toordinal())
            inside = await replay.columns(firsts, end.toordinal(), days=True)
        found = {}
        for name, number in numbers.items():
            days = [last[number]] if number in last else []
            days += sorted(at for at, cell in inside[number].items() if cell != NO_CELL)
            if days:
                found[name] = [date.fromordinal(at) for at in days]
        return {**found}

    def _days_of(self, series: Collection[str]) -> dict[str, int]:
        """Return the numbers of the city's series of days."""
        named = ((name, self._addresses.ids.get((name, "day", CITY.dimension, CITY_MEMBER))) for name in series)
        return {name: number for name, number in named if number is not None}

    @asynccontextmanager
    async def _replayed(self, dimension: str) -> AsyncIterator[Replay]:
        async with reachable(), self._pool.acquire() as connection:
            await self.replay(connection, dimension)
            yield Replay(connection, self._chunks, self._base.position, dimension, self._changed[dimension])

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


def _bucket(day: int, *, days: bool) -> int:
    return bucket_of(date.fromordinal(day), days=days)
