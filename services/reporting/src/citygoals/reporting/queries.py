"""Reading the present from the database: position, definitions and cells in one snapshot."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from citygoals.reporting.cells import BUSY_DAYS_KEPT, CITY, BusyDays, Mark, Needs, Run, Slice, Source, Span, Totals
from citygoals.reporting.definitions import DEFINED, NOTHING, Definitions, Revision
from citygoals.reporting.tally import Tally, read_tally
from citygoals.shared.cells import Cell
from citygoals.shared.errors import Unavailable
from citygoals.shared.outage import is_away
from citygoals.shared.period import CityCalendar, Period
from citygoals.shared.postgres import Connection, Pool, Statements, load_sql, snapshot
from citygoals.shared.reading import Almanac

SQL = load_sql("citygoals.reporting")
DEFINITIONS_MAX = 8


@dataclass(frozen=True, slots=True)
class Moment:
    """One position, and where its cells can be read."""

    mark: Mark
    definitions: Definitions
    almanac: Almanac
    totals: Totals
    source: Source

    async def tally(self, slice_: Slice, period: Period) -> Tally:
        """Read what a slice holds for a period."""
        return await read_tally(self.source, slice_, Needs(self.definitions.kpis, period, self.almanac))


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
            parts = {name: _json(row[name]) for name in (*DEFINED, "records", "roster")}
            found = found.after(Revision(row["position"], at=row["recorded_at"], **parts))
        return found


def _json(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


def totals_of(text: str) -> Totals:
    """Read totals as the tables keep them."""
    fields = orjson.loads(text)
    return Totals(fields["events"], fields["by_type"])


class PresentSource:
    """The present cells, over a connection that is inside one snapshot."""

    def __init__(self, connection: Connection, sql: Statements = SQL) -> None:
        self._connection = connection
        self._sql = sql

    async def cells(self, slice_: Slice, runs: Iterable[Run], *, grain: str, end: date, today: date) -> Span:
        """Read the cells of one grain that start in the KPIs' runs, each up to, not including, `end`."""
        wanted = [(run.kpi, run.first.toordinal(), run.hours) for run in runs]
        columns = [list(column) for column in zip(*wanted, strict=True)] or [[], [], []]
        days = end.toordinal(), today.toordinal()
        found: Span = {}
        for row in await self._connection.fetch(self._sql.read_cells, *slice_, grain, *columns, *days):
            member, series, starts, numerators, denominators, events = row
            cells = map(Cell, map(int, numerators.split()), map(int, denominators.split()), events)
            found.setdefault(member, {})[series] = dict(zip(map(date.fromordinal, starts), cells, strict=True))
        return found

    async def last_days(self, series: Collection[str], *, before: date) -> dict[str, BusyDays]:
        """Read the last days before `before` on which each of the city's series had data.

        One day more than is kept, to know whether there are older ones.
        """
        days = await self._last_days(series, before, BUSY_DAYS_KEPT + 1)
        return {name: BusyDays(found[-BUSY_DAYS_KEPT:], len(found) <= BUSY_DAYS_KEPT) for name, found in days.items()}

    async def dates(self, series: Collection[str], *, first: date, end: date) -> dict[str, Sequence[date]]:
        """Read the days in [first, end) on which each of the city's series had data, and the last one before."""
        found = await self._last_days(series, first, 1)
        run = first.toordinal(), end.toordinal()
        for row in await self._connection.fetch(self._sql.read_dates, list(series), *run):
            found.setdefault(row["series"], []).append(date.fromordinal(row["start"]))
        return {**found}

    async def _last_days(self, series: Collection[str], before: date, most: int) -> dict[str, list[date]]:
        found: dict[str, list[date]] = {}
        rows = await self._connection.fetch(self._sql.read_last_days, list(series), before.toordinal(), most)
        for row in rows:
            found.setdefault(row["series"], []).insert(0, date.fromordinal(row["start"]))
        return found


class Queries:
    """Moments of the present."""

    def __init__(self, pool: Pool, book: DefinitionsBook, calendar: CityCalendar, sql: Statements = SQL) -> None:
        self._pool = pool
        self._book = book
        self._calendar = calendar
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
            source = PresentSource(connection, self._sql)
            almanac = definitions.almanac(self._calendar, mark.tick)
            yield Moment(mark, definitions, almanac, totals_of(row["totals"]), source)

    async def city_tally(self, period: Period) -> tuple[int, Tally]:
        """Read the city's tally of a period and the position that it is of."""
        async with self.present() as moment:
            return moment.mark.position, await moment.tally(CITY, period)
