"""Reading the present from the database: position, definitions and cells in one snapshot."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg
import orjson

from citygoals.reporting.cells import (
    BUSY_DAYS_KEPT,
    CITY,
    ROLLING,
    BusyDays,
    LastDay,
    Mark,
    Slice,
    Source,
    Span,
    Tally,
    Totals,
    rolling_tally,
)
from citygoals.reporting.definitions import NOTHING, Definitions, Revision
from citygoals.shared.errors import Unavailable
from citygoals.shared.figures import Cell
from citygoals.shared.outage import is_away
from citygoals.shared.period import Period
from citygoals.shared.postgres import Connection, Pool, Statements, load_sql, snapshot

SQL = load_sql("citygoals.reporting")
DEFINITIONS_MAX = 8


@dataclass(frozen=True, slots=True)
class Moment:
    """One position, and where its cells can be read."""

    mark: Mark
    definitions: Definitions
    totals: Totals
    source: Source


@asynccontextmanager
async def reachable() -> AsyncIterator[None]:
    """Turn the errors of a database that is away into Unavailable, which every door knows how to say."""
    try:
        yield
    except Exception as error:
        if isinstance(error, Unavailable) or not is_away(error):
            raise
        raise Unavailable("the database does not answer") from error


class DefinitionsBook:
    """Definitions by the position of their last change; reading the models is slow, so a few are kept."""

    def __init__(self, sql: Statements = SQL) -> None:
        self._sql = sql
        self._known: OrderedDict[int, Definitions] = OrderedDict()

    async def at(self, connection: Connection, position: int) -> Definitions:
        """Return what holds at `position`."""
        changed_at = await connection.fetchval(self._sql.find_definitions, position)
        if changed_at is None:
            return NOTHING
        if changed_at not in self._known:
            self._known[changed_at] = await self._read(connection, changed_at)
            if len(self._known) > DEFINITIONS_MAX:
                self._known.popitem(last=False)
        found = self._known[changed_at]
        self._known.move_to_end(changed_at)
        return found

    async def _read(self, connection: Connection, position: int) -> Definitions:
        found = NOTHING
        for row in await connection.fetch(self._sql.read_definitions, position):
            found = found.after(
                Revision(row["position"], *(_json(row[name]) for name in ("plan", "kpis", "departments")))
            )
        return found


def _json(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


def totals_of(text: str) -> Totals:
    """Read totals as the tables keep them."""
    fields = orjson.loads(text)
    return Totals(fields["events"], fields["by_type"])


def _cell(row: asyncpg.Record) -> Cell:
    return Cell(row["numerator"], row["denominator"], row["events"])


def _last(row: asyncpg.Record) -> LastDay:
    return LastDay(date.fromordinal(row["start"]), _cell(row))


def _span(rows: Iterable[asyncpg.Record], name: str) -> Span:
    found: Span = {}
    for row in rows:
        found.setdefault(row[name], {})[date.fromordinal(row["start"])] = _cell(row)
    return found


class PresentSource:
    """The present cells, over a connection that is inside one snapshot."""

    def __init__(self, connection: Connection, sql: Statements = SQL) -> None:
        self._connection = connection
        self._sql = sql

    async def tally(self, slice_: Slice, period: Period) -> Tally:
        """Read what a slice holds for a period."""
        busy = await self._busy_days(slice_, period.end)
        if period.grain == ROLLING:
            return rolling_tally(period, await self.run(slice_, grain="day", first=period.start, end=period.end), busy)
        rows = await self._connection.fetch(self._sql.read_slice, *slice_, period.grain, period.start.toordinal())
        return Tally(period, {row["kpi"]: _cell(row) for row in rows}, busy)

    async def run(self, slice_: Slice, *, grain: str, first: date, end: date) -> Span:
        """Read a slice's cells that start in [first, end): by KPI, by start."""
        rows = await self._connection.fetch(self._sql.read_run, *slice_, grain, first.toordinal(), end.toordinal())
        return _span(rows, "kpi")

    async def span(self, kpi: str, *, grain: str, dimension: str, first: date, end: date) -> Span:
        """Read one KPI's cells that start in [first, end): by member, by start."""
        run = first.toordinal(), end.toordinal()
        return _span(await self._connection.fetch(self._sql.read_span, kpi, grain, dimension, *run), "member")

    async def last_days_of(self, slice_: Slice, *, before: date) -> dict[str, LastDay]:
        """Read, for each KPI of a slice, the last day before `before` with events."""
        rows = await self._connection.fetch(self._sql.read_last_days, *slice_, before.toordinal(), 1)
        return {row["kpi"]: _last(row) for row in rows}

    async def _busy_days(self, slice_: Slice, end: date) -> dict[str, BusyDays]:
        """Read one day more than is kept, to know whether there are older ones."""
        found: dict[str, list[LastDay]] = {}
        for row in await self._connection.fetch(self._sql.read_last_days, *slice_, end.toordinal(), BUSY_DAYS_KEPT + 1):
            found.setdefault(row["kpi"], []).insert(0, _last(row))
        return {kpi: BusyDays(days[-BUSY_DAYS_KEPT:], len(days) <= BUSY_DAYS_KEPT) for kpi, days in found.items()}

    async def last_days(self, kpi: str, *, dimension: str, before: date) -> dict[str, LastDay]:
        """Read, for each member, the last day before `before` with events."""
        rows = await self._connection.fetch(self._sql.read_last_days_before, kpi, dimension, before.toordinal())
        return {row["member"]: _last(row) for row in rows}


class Queries:
    """Moments of the present."""

    def __init__(self, pool: Pool, book: DefinitionsBook, sql: Statements = SQL) -> None:
        self._pool = pool
        self._book = book
        self._sql = sql

    @asynccontextmanager
    async def present(self) -> AsyncIterator[Moment]:
        """Give the newest committed position; everything read inside is of that position.

        Raises Unavailable when the database does not answer or holds no position yet.
        """
        async with reachable(), snapshot(self._pool) as connection:
            row = await connection.fetchrow(self._sql.read_head)
            if row is None:
                raise Unavailable("nothing has been recorded yet")
            mark = Mark(row["position"], row["recorded_at"], row["tick"])
            definitions = await self._book.at(connection, mark.position)
            yield Moment(mark, definitions, totals_of(row["totals"]), PresentSource(connection, self._sql))

    async def city_tally(self, period: Period) -> tuple[int, Tally]:
        """Read the city's tally of a period and the position that it is of."""
        async with self.present() as moment:
            return moment.mark.position, await moment.source.tally(CITY, period)
