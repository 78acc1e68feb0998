"""Which position a question is about: the present, a past position, or the newest one recorded by an instant."""

import re
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import asyncpg

from citygoals.reporting.addresses import Addresses
from citygoals.reporting.cells import CITY, Mark, Totals
from citygoals.reporting.packed import unpack
from citygoals.reporting.past import Base, Chunks, PastSource
from citygoals.reporting.present import Present, Step
from citygoals.reporting.queries import SQL, DefinitionsBook, Moment, Queries, reachable, totals_of
from citygoals.reporting.questions import Misread, Unknown
from citygoals.shared.changeset import CellRow
from citygoals.shared.clock import Clock
from citygoals.shared.instants import format_instant, parse_instant
from citygoals.shared.period import CityCalendar
from citygoals.shared.postgres import Connection, Pool

MOMENTS_MAX = 8
POSITION_MAX = 2**63 - 1
_POSITION = re.compile(r"[0-9]{1,19}\Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_SPACED_OFFSET = re.compile(r" (?=[0-9]{2}:[0-9]{2}\Z)")
ALLOWED = "a position like 4711, an instant like 2026-11-21T17:00:00Z, or a day like 2026-11-21 (its end)"


def parse_as_of(text: str, calendar: CityCalendar) -> int | datetime:
    """Return the position or the instant that `as_of` names; a day stands for its last instant in the city."""
    if _POSITION.match(text):
        return min(int(text), POSITION_MAX)
    try:
        if _DAY.match(text):
            day = calendar.containing(date.fromisoformat(text), "day")
            return calendar.bounds(day)[1] - timedelta(microseconds=1)
        # A plus sign in a query string means a space, and few remember to write it as %2B.
        return parse_instant(_SPACED_OFFSET.sub("+", text))
    except (ValueError, OverflowError) as error:
        raise Misread(f"as_of cannot be read: {text[:40]!r}", allowed=ALLOWED) from error


@dataclass(frozen=True, slots=True)
class Reader:
    """What reading needs, in one hand."""

    pool: Pool
    book: DefinitionsBook
    addresses: Addresses
    queries: Queries
    present: Present
    calendar: CityCalendar
    clock: Clock


class Moments:
    """Gives the moment that a question is about."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._chunks = Chunks()
        self._past: OrderedDict[int, Moment] = OrderedDict()

    async def position(self, as_of: str | None) -> int | None:
        """Return the position that `as_of` names; None is the present, whichever it is when it is read.

        Raises Misread, Unknown, Unavailable.
        """
        if as_of is None:
            return None
        asked = parse_as_of(as_of, self._reader.calendar)
        if isinstance(asked, int):
            await self._know(asked)
            return asked
        now, calendar = self._reader.clock.now(), self._reader.calendar
        today = calendar.containing(calendar.local_day(now), "day")
        if asked >= calendar.bounds(today)[1]:  # up to the end of today means: as far as it has come
            raise Unknown("the future is not recorded", now=format_instant(now))
        return await self._position_by(asked)

    async def _position_by(self, instant: datetime) -> int:
        async with reachable(), self._reader.pool.acquire() as connection:
            row = await connection.fetchrow(SQL.find_mark, instant)
            if row is None:
                raise await self._forgotten(connection, f"nothing is known as of {format_instant(instant)}")
        position: int = row["position"]
        await self._reader.present.reached(position)
        return position

    async def _know(self, position: int) -> None:
        """Raise Unknown unless the position is remembered. One from another process may be news here: it is waited for."""
        if position != self._reader.present.position and position not in self._past:
            async with reachable(), self._reader.pool.acquire() as connection:
                await self._read_mark(connection, position)
            await self._reader.present.reached(position)

    async def _read_mark(self, connection: Connection, position: int) -> Mark:
        row: asyncpg.Record | None = await connection.fetchrow(SQL.read_mark, position)
        if row is None:
            is_to_come = position > self._reader.present.position
            said = f"there is no position {position} yet" if is_to_come else f"position {position} is not remembered"
            raise await self._forgotten(connection, said)
        return Mark(row["position"], row["recorded_at"], row["tick"])

    async def _forgotten(self, connection: Connection, detail: str) -> Unknown:
        row = await connection.fetchrow(SQL.read_oldest)
        oldest = (
            None if row is None else {"position": row["position"], "recorded_at": format_instant(row["recorded_at"])}
        )
        return Unknown(detail, oldest=oldest, newest=self._reader.present.position)

    @asynccontextmanager
    async def at(self, position: int | None) -> AsyncIterator[Moment]:
        """Give a stated position, or with None the present one; everything read inside is of that position."""
        if position is not None and position != self._reader.present.position:
            yield await self.past(position)
            return
        async with self._reader.queries.present() as moment:
            if position is None or moment.mark.position == position:
                yield moment
                position = moment.mark.position
            else:  # another one was committed meanwhile
                yield await self.past(position)
        # What was answered to somebody must not be newer than what the next answer is read from.
        await self._reader.present.reached(position)

    async def past(self, position: int) -> Moment:
        """Return a past position's moment. Raises Unknown for one that is not remembered."""
        known = self._past.get(position)
        if known is None:
            known = self._past[position] = await self._read(position)
            if len(self._past) > MOMENTS_MAX:
                self._past.popitem(last=False)
        self._past.move_to_end(position)
        return known

    async def _read(self, position: int) -> Moment:
        reader = self._reader
        async with reachable(), reader.pool.acquire() as connection:
            mark = await self._read_mark(connection, position)
            await reader.addresses.refresh(connection)
            row = await connection.fetchrow(SQL.read_checkpoint, position)
            base = Base(0, Totals()) if row is None else Base(row["position"], totals_of(row["totals"]))
            source = PastSource(reader.pool, reader.addresses, self._chunks, base=base, position=position)
            await source.replay(connection, CITY.dimension)
            definitions = await reader.book.at(connection, position)
        return Moment(mark, definitions, definitions.almanac(reader.calendar, mark.tick), source.totals, source)

    async def steps(self, after: int, until: int, *, is_counted: bool = True) -> list[Step]:
        """Return what each position after one and up to another changed city-wide. Raises Unknown if one is forgotten.

        Where nobody asks how many events there are, counting them (`is_counted`) can be saved.
        """
        reader = self._reader
        before = await self.past(after) if after and is_counted else None
        totals = before.totals if before is not None else Totals()
        found = []
        async with reachable(), reader.pool.acquire() as connection:
            await reader.addresses.refresh(connection)
            for row in await connection.fetch(SQL.read_history, after, until):
                if row["totals"] is not None:
                    changed = totals_of(row["totals"])
                    totals = totals.after(changed.events, changed.by_type)
                definitions = await reader.book.at(connection, row["position"])
                mark = Mark(row["position"], row["recorded_at"], row["tick"])
                found.append(Step(mark, _rows(row["city"], reader.addresses), definitions, totals))
            if len(found) != until - after:
                raise await self._forgotten(connection, f"not every position after {after} is remembered")
        return found


def _rows(body: bytes, addresses: Addresses) -> list[CellRow]:
    rows = []
    for number, start, *values in zip(*unpack(body), strict=True):
        kpi, grain, dimension, member = addresses.name(number)
        rows.append(CellRow(kpi, grain, date.fromordinal(start), dimension, member, *values))
    return rows
