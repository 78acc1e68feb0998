"""Drafting: cells computed anew from the ledger, as inactive ones, while events go on flowing.

The ledger up to a position never changes, so it is read page by page without any snapshot, which would keep PostgreSQL
from tidying up behind the stream: first every fact whole, up to a fixed position, then what came since, position by
position. Each step puts its cells and how far it is in one transaction, so a draft can be gone on with at any time.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from typing import Any, NamedTuple

import orjson
from asyncpg.pgproto.pgproto import UUID

from citygoals.kpi import draft_store
from citygoals.kpi.calendars import Calendars
from citygoals.kpi.changes import Engine, by_fact
from citygoals.kpi.definitions import Definitions, counted_by
from citygoals.kpi.draft_store import Progress, WorkerDied
from citygoals.kpi.entries import Entry, EntryReader
from citygoals.kpi.facts import RULES
from citygoals.kpi.folders import Apart, Bodies, Folder, Here
from citygoals.kpi.store import SQL
from citygoals.shared.kpi import KpiDef
from citygoals.shared.postgres import Connection

PAGE_ENTRIES = 2_000
PAGES_HERE = 20
"""So many are folded in this process; a larger ledger is worth the second that other processes take to begin."""

SLICE_POSITIONS = 1_000
HELD_CELLS_MAX = 60_000
"""From so many sums on they are put into the database: some thirty megabytes."""

HERE_LESS = 4
"""In this process, which has other things in memory, a fourth of them is enough."""


class Page(NamedTuple):
    """Entries of whole facts, the last of these, and whether they are the last of all; `fact` is None where there are none."""

    bodies: Bodies
    fact: UUID | None
    is_last: bool


NO_PAGE = Page(Bodies(b"", ()), None, is_last=True)


Advance = Callable[[int], None]
"""Told how many entries a step has taken in."""


def counts_of(kpis: Iterable[KpiDef], definitions: Definitions) -> str:
    """Return what tells one thing to count from another: what the KPIs' cells depend on, and the code that counts."""
    what = [(kpi.id, *map(_plain, counted_by(kpi, definitions))) for kpi in sorted(kpis, key=lambda kpi: kpi.id)]
    return sha256(orjson.dumps([version("citygoals-kpi"), RULES, what])).hexdigest()


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


class Drafting:
    """One draft in the making, on one connection."""

    def __init__(
        self, connection: Connection, kpis: Iterable[KpiDef], calendars: Calendars, progress: Progress,
        advance: Advance = lambda _: None,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._kpis = list(kpis)
        self._calendars = calendars
        self._engine = Engine(self._kpis, calendars)
        self._reader = EntryReader(calendars.city)
        self._here = Here(self._engine, self._reader)
        self._advance = advance
        self._taken = 0
        self.progress = progress

    async def compute(self) -> None:
        """Take in all facts up to the position that the draft begins with. Raises Overtaken."""
        if self.progress.is_whole:
            return
        fact = await self._take_pages(self._here, self.progress.fact, PAGES_HERE)
        if fact is None:
            await self._put(self._here, replace(self.progress, position=self.progress.until))
        else:
            await self._put(self._here, replace(self.progress, fact=fact))
            await self._compute_apart(fact)

    async def _compute_apart(self, fact: UUID) -> None:
        apart = Apart(self._kpis, self._calendars)
        try:
            await self._take_pages(apart, fact)
            await self._put(apart, replace(self.progress, position=self.progress.until))
        except BrokenProcessPool as error:
            raise WorkerDied("a process that folded has died: was it short of memory? kpi.log may say more") from error
        finally:
            await apart.close()

    async def _take_pages(self, folder: Folder, fact: UUID, pages: int | None = None) -> UUID | None:
        """Take in facts after a fact, page by page; return where it ended if there may be more."""
        page = await self._fact_page(fact)
        while page.fact is not None:
            fact = page.fact
            following = asyncio.create_task(self._nothing() if page.is_last else self._fact_page(fact))
            try:
                await folder.take(page.bodies)
            finally:
                after = await following
            self._advanced(len(page.bodies.lengths))
            page, pages = after, None if pages is None else pages - 1
            if pages == 0 and page.fact is not None:
                return fact
            if folder.held >= (HELD_CELLS_MAX // HERE_LESS if folder is self._here else HELD_CELLS_MAX):
                await self._put(folder, replace(self.progress, fact=fact))
        return None

    async def follow(self, position: int) -> None:
        """Take in what came after what is in, up to a position. Raises Overtaken."""
        await self.compute()
        while self.progress.position < position:
            end, types = await self._slice_end(position), list(self._engine.fact_types)
            rows = await self._connection.fetch(SQL.read_slice, self.progress.position, end, types)
            entries = await self._here.read([row["body"] for row in rows])
            for _ in self._engine.take(entries, await self._prior(entries)):
                await asyncio.sleep(0)
            self._advanced(len(entries))
            await self._put(self._here, replace(self.progress, position=end))

    async def _nothing(self) -> Page:
        return NO_PAGE

    async def _fact_page(self, after: UUID) -> Page:
        """Return the next whole facts."""
        size, types = PAGE_ENTRIES, list(self._engine.fact_types)
        while True:
            row = await self._connection.fetchrow(SQL.read_fact_page, after, self.progress.until, types, size)
            assert row is not None, "an aggregate is always a row"
            page = Page(Bodies(row["bodies"], row["lengths"]), row["fact"], row["is_last"])
            if page.fact is not None or page.is_last:
                return page
            size *= 4  # one fact alone fills it

    async def _slice_end(self, position: int) -> int:
        """Return up to which position to go at once: as many entries as a page has, but at least one position."""
        first = self.progress.position
        last = min(position, first + SLICE_POSITIONS)
        total = 0
        for row in await self._connection.fetch(SQL.count_by_position, first, last):
            total += row["entries"]
            if total > PAGE_ENTRIES and row["position"] > first + 1:
                return int(row["position"]) - 1
        return last

    async def _prior(self, entries: Iterable[Entry]) -> dict[bytes, list[Entry]]:
        facts = [UUID(fact) for fact in {entry.fact for entry in entries if self._engine.reads(entry)}]
        rows = await self._connection.fetch(SQL.read_facts_at, facts, self.progress.position)
        return by_fact(self._reader.read(row["body"]) for row in rows)

    def _advanced(self, entries: int) -> None:
        self._taken += entries
        self._advance(entries)

    async def _put(self, folder: Folder, after: Progress) -> None:
        after = replace(after, entries=self.progress.entries + self._taken)
        # Following the stream never ends, and the pages that are folded here come before those at which a worker dies.
        gets_on = not self.progress.is_whole and (folder is not self._here or after.is_whole)
        await draft_store.put(self._connection, self.progress, after, folder.changes(), gets_on=gets_on)
        self.progress, self._taken = after, 0
