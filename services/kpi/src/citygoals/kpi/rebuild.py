"""Rebuilding: all cells computed anew from the ledger beside the stream, and compared with the stored ones at one position.

A rebuild is a draft of what holds already. It is discarded once compared; if it differs and that was asked for, its
cells take the place of the stored ones, in one position. They do not where the ledger itself is damaged: cells that
followed from what is left of it would be wrong, and the stored ones may be all that still tells what there was.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import uuid4

import structlog

from citygoals.kpi import damage, draft_store, store
from citygoals.kpi.attempts import said
from citygoals.kpi.comparing import counted_entries, differing_cells, differing_counts
from citygoals.kpi.definitions import with_cells
from citygoals.kpi.draft_store import Overtaken
from citygoals.kpi.drafting import Drafting, counts_of
from citygoals.kpi.leader import Leadership
from citygoals.kpi.standing import read_definitions
from citygoals.shared.ending import end
from citygoals.shared.errors import Malformed
from citygoals.shared.outage import is_away
from citygoals.shared.period import CityCalendar
from citygoals.shared.postgres import Connection, Pool

log = structlog.get_logger(__name__)

KEPT = 20
ATTEMPTS = 5
"""How often a rebuild begins again because a formula changed meanwhile, or a process that folded died."""


@dataclass(slots=True, kw_only=True)
class Rebuild:
    """One comparison, running or done.

    `switched` is the position at which its cells became the stored ones; `damage` is what is wrong with the ledger itself.
    """

    id: str
    switch: bool = False
    status: str = "running"
    position: int | None = None
    entries: int = 0
    entries_total: int | None = None
    entries_per_s: int | None = None
    cells: int | None = None
    identical: bool | None = None
    different: int | None = None
    differences: list[dict[str, Any]] = field(default_factory=list)
    switched: int | None = None
    damage: str | None = None
    error: str | None = None
    began: float = field(default_factory=monotonic)
    ended: float | None = None

    @property
    def is_to_switch(self) -> bool:
        """Whether stored cells are to be put right, and can be."""
        return self.switch and bool(self.different) and self.damage is None

    def to_dict(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        took_ms = round(((self.ended or monotonic()) - self.began) * 1000)
        shown = (
            "id", "switch", "status", "position", "entries", "entries_total", "entries_per_s", "cells", "identical",
            "different", "differences", "switched", "damage", "error",
        )  # fmt: skip
        return {**{name: getattr(self, name) for name in shown}, "took_ms": took_ms}


class Rebuilds:
    """The comparisons of this process: one at a time, the last few kept."""

    def __init__(self, pool: Pool, calendar: CityCalendar, leadership: Leadership | None = None) -> None:
        self._pool = pool
        self._calendar = calendar
        self._leadership = leadership
        self._known: dict[str, Rebuild] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    def start(self, *, switch: bool = False) -> Rebuild:
        """Begin a comparison, or return the one that is not done yet, if the same was asked of it.

        With `switch`, what differs is put right afterwards. Raises Unavailable where another process would have to.
        """
        for one in self._known.values():
            if (one.status, one.switch) == ("running", switch):
                return one
        if switch and self._leadership is not None:
            _ = self._leadership.applier
        rebuild = Rebuild(id=uuid4().hex, switch=switch)
        self._known[rebuild.id] = rebuild
        for old in list(self._known)[:-KEPT]:
            del self._known[old]
        task = asyncio.create_task(self._run(rebuild))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return rebuild

    def find(self, identity: str) -> Rebuild | None:
        """Return a comparison of this process by its id."""
        return self._known.get(identity)

    async def close(self) -> None:
        """End those that are not done."""
        await end(*self._tasks)

    async def _run(self, rebuild: Rebuild) -> None:
        try:
            async with self._turn:
                await verify(self._pool, self._calendar, rebuild, self._leadership)
            rebuild.status = "done"
        except Exception as error:
            log.exception("rebuild failed", rebuild=rebuild.id)
            rebuild.status, rebuild.error = "failed", rebuild.damage or _reason(error)
        finally:
            rebuild.ended = monotonic()


def _reason(error: Exception) -> str:
    return f"the database went away ({said(error)}); begin it again" if is_away(error) else said(error)


async def verify(pool: Pool, calendar: CityCalendar, rebuild: Rebuild, leadership: Leadership | None = None) -> None:
    """Fill in `rebuild`, and where it asks for that and differs, put its cells in the place of the stored ones.

    Raises Malformed for a ledger that cannot be read, once `rebuild.damage` says where.
    """
    try:
        await _verify(pool, calendar, rebuild, leadership)
    except Malformed:
        async with pool.acquire() as connection:
            rebuild.damage = await damage.unreadable(connection, calendar)
        raise


async def _verify(pool: Pool, calendar: CityCalendar, rebuild: Rebuild, leadership: Leadership | None) -> None:
    async with _draft(pool, rebuild) as draft, pool.acquire() as connection:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                counts = await _computed(connection, calendar, rebuild, draft)
                if rebuild.is_to_switch and leadership is not None:
                    told = {"rebuild": rebuild.id, "compared_at": rebuild.position, "differences": rebuild.different}
                    rebuild.switched = await leadership.applier.restate(draft, counts, told)
            except Overtaken:
                if attempt == ATTEMPTS:
                    raise
            else:
                return


@asynccontextmanager
async def _draft(pool: Pool, rebuild: Rebuild) -> AsyncIterator[int]:
    """Give the rebuild a draft to compute in, and leave nothing of it; after an outage the next tenure tidies up."""
    draft = await pool.fetchval(store.SQL.ask_draft, "rebuild", b"{}", rebuild.switch)
    try:
        yield draft
    finally:
        try:
            async with pool.acquire() as connection, connection.transaction():
                await draft_store.forget(connection, draft)
                await draft_store.end_draft(connection, draft, "discarded")
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("rebuild not tidied up", rebuild=rebuild.id, reason=str(error))


async def _computed(connection: Connection, calendar: CityCalendar, rebuild: Rebuild, draft: int) -> str:
    """Compute all cells and compare them at the position of one snapshot; return what was counted. Raises Overtaken."""
    began = monotonic()
    definitions = await read_definitions(connection)
    kpis = with_cells(definitions.kpis.values())
    header, counts = await store.read_header(connection), counts_of(kpis, definitions)
    rebuild.entries, rebuild.entries_total = 0, header.events_total

    def advance(entries: int) -> None:
        rebuild.entries += entries

    progress = await draft_store.begin(connection, draft, counts, header.position)
    drafting = Drafting(connection, kpis, definitions.ready(calendar), progress, advance)
    await drafting.follow((await store.read_header(connection)).position)
    async with connection.transaction(isolation="repeatable_read"):
        await connection.execute("SET LOCAL statement_timeout = 0")
        known = await read_definitions(connection)
        if counts_of(with_cells(known.kpis.values()), known) != counts:
            raise Overtaken("a formula changed while the rebuild ran")
        rebuild.position = (await store.read_header(connection)).position
        await drafting.follow(rebuild.position)
        await _compare(connection, rebuild, draft, [kpi.id for kpi in kpis])
    assert rebuild.entries_total is not None
    rebuild.entries_per_s = round(rebuild.entries_total / max(monotonic() - began, 1e-3))
    return counts


async def _compare(connection: Connection, rebuild: Rebuild, draft: int, kpis: list[str]) -> None:
    counted = await counted_entries(connection)
    rebuild.entries = rebuild.entries_total = sum(counted.values())
    rebuild.cells = await connection.fetchval(store.SQL.count_draft_cells, draft)
    rebuild.different, shown = await differing_cells(connection, draft, kpis)
    counts = await differing_counts(connection, counted)
    rebuild.differences = [*counts, *shown]
    rebuild.identical = not rebuild.differences
    rebuild.damage = damage.lost(counts)
