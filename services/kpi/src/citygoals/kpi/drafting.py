"""Drafting: cells computed anew from the ledger, as inactive ones, while events go on flowing.

The ledger up to a position never changes, so it is read page by page without any snapshot, which would keep PostgreSQL
from tidying up behind the stream: first every fact whole, up to a fixed position, then what came since, position by
position. Each step puts its cells and how far it is in one transaction, so a draft can be gone on with at any time.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import orjson
from asyncpg.pgproto.pgproto import UUID

from citygoals.kpi import draft_store
from citygoals.kpi.calendars import Calendars
from citygoals.kpi.changes import Engine, by_fact
from citygoals.kpi.definitions import Definitions, counted_by
from citygoals.kpi.draft_store import Progress
from citygoals.kpi.entries import Entry, EntryReader
from citygoals.kpi.facts import RULES
from citygoals.kpi.store import SQL
from citygoals.shared.kpi import KpiDef
from citygoals.shared.postgres import Connection

PAGE_ENTRIES = 2_000
STEP_ENTRIES = 250
"""As many are decoded at a time; between two steps the stream has its turn."""

SLICE_POSITIONS = 1_000
HELD_CELLS_MAX = 60_000
"""From so many sums on they are put into the database: some thirty megabytes."""

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
        self._engine = Engine(kpis, calendars)
        self._reader = EntryReader(calendars.city)
        self._advance = advance
        self.progress = progress

    async def compute(self) -> None:
        """Take in all facts up to the position that the draft begins with. Raises Overtaken."""
        if self.progress.is_whole:
            return
        fact, taken = self.progress.fact, 0
        rows, is_last = await self._fact_page(fact)
        while rows:
            fact = rows[-1]["fact"]
            following = None if is_last else asyncio.create_task(self._fact_page(fact))
            try:
                await self._take([row["body"] for row in rows])
            finally:
                page = ([], True) if following is None else await following
            taken += len(rows)
            rows, is_last = page
            if self._engine.held >= HELD_CELLS_MAX:
                await self._put(replace(self.progress, fact=fact, entries=self.progress.entries + taken))
                taken = 0
        done = replace(self.progress, fact=fact, position=self.progress.until, entries=self.progress.entries + taken)
        await self._put(done)

    async def follow(self, position: int) -> None:
        """Take in what came after what is in, up to a position. Raises Overtaken."""
        await self.compute()
        while self.progress.position < position:
            end = await self._slice_end(position)
            types = list(self._engine.fact_types)
            bodies = [
                row["body"] for row in await self._connection.fetch(SQL.read_slice, self.progress.position, end, types)
            ]
            await self._take(bodies, is_new=False)
            await self._put(replace(self.progress, position=end, entries=self.progress.entries + len(bodies)))

    async def _fact_page(self, after: Any) -> tuple[list[Any], bool]:
        """Return the next whole facts, and whether they are the last."""
        size = PAGE_ENTRIES
        while True:
            rows = await self._connection.fetch(
                SQL.read_fact_page, after, self.progress.until, list(self._engine.fact_types), size
            )
            if len(rows) < size:
                return rows, True
            last = rows[-1]["fact"]  # it may go on
            while rows and rows[-1]["fact"] == last:
                rows.pop()
            if rows:
                return rows, False
            size *= 4

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

    async def _take(self, bodies: Sequence[bytes], *, is_new: bool = True) -> None:
        entries: list[Entry] = []
        for first in range(0, len(bodies), STEP_ENTRIES):
            entries += map(self._reader.read, bodies[first : first + STEP_ENTRIES])
            await asyncio.sleep(0)
        prior = {} if is_new else await self._prior(entries)
        for _ in self._engine.take(entries, prior):
            await asyncio.sleep(0)
        self._advance(len(entries))

    async def _prior(self, entries: Iterable[Entry]) -> dict[bytes, list[Entry]]:
        facts = {entry.fact for entry in entries if self._engine.reads(entry)}
        rows = await self._connection.fetch(SQL.read_facts_at, [UUID(fact) for fact in facts], self.progress.position)
        return by_fact(self._reader.read(row["body"]) for row in rows)

    async def _put(self, after: Progress) -> None:
        changes = await asyncio.to_thread(self._engine.take_changes)
        await draft_store.put(self._connection, self.progress, after, changes)
        self.progress = after
