"""The drafter: computes what was asked for beside the stream, and switches it on when little is left to take in.

It belongs to a tenure, as its applier does. What was asked for is in the database, and so is how far it is: the next
tenure goes on with it. Drafts are taken one at a time, in the order in which they were asked for.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import Any

import orjson
import structlog

from citygoals.kpi import draft_store
from citygoals.kpi.applier import Applier
from citygoals.kpi.attempts import Stopped, attempt
from citygoals.kpi.definitions import CATALOGUE_APPLIED, Definitions, remeasured, with_cells
from citygoals.kpi.draft_store import Overtaken
from citygoals.kpi.drafting import Drafting, counts_of
from citygoals.kpi.merging import Wish
from citygoals.kpi.standing import KnownDefinitions
from citygoals.kpi.store import SQL
from citygoals.kpi.waiting import wait
from citygoals.shared.ending import end
from citygoals.shared.kpi import KpiDef
from citygoals.shared.postgres import Connection, Pool

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0
NEAR_POSITIONS = 20
"""So few may be left to the position that switches a draft on."""

ROUNDS_MAX = 20
"""A stream that is faster than catching up with it is not chased for ever."""


class Drafter:
    """Takes orders for drafts, and works on them while it runs."""

    def __init__(self, pool: Pool, applier: Applier) -> None:
        self._pool = pool
        self._applier = applier
        self._wake = asyncio.Event()
        self._news = asyncio.Event()
        self._ready: set[int] = set()
        self._past = KnownDefinitions()
        self._stop = asyncio.Event()
        self.hands = asyncio.Lock()
        """Held by whoever switches a draft on, gives it up or looks into it: one of them at a time."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work on drafts until told to stop."""
        self._stop = stop
        await self._tidy()
        waking = asyncio.create_task(self._wake_at(stop))
        try:
            while not stop.is_set():
                if not await self._work():
                    await wait(self._wake, LOOK_EVERY_S)
                    self._wake.clear()
        finally:
            await end(waking)

    async def _tidy(self) -> None:
        """Delete what is left of drafts that are ended."""
        await self._pool.execute(SQL.end_rebuilds)
        for row in await self._pool.fetch(SQL.read_leftovers):
            await self._forget(row["draft"])

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    async def ask(self, data: Mapping[str, Any], *, activate: bool) -> int:
        """Take an order for a draft of a checked catalogue and return its id."""
        draft = int(await self._pool.fetchval(SQL.ask_draft, "catalogue", orjson.dumps(data), activate))
        self._wake.set()
        return draft

    async def is_behind_another(self, data: Mapping[str, Any]) -> bool:
        """Say whether a draft that is on its way defines some of the same, so that this must come after it."""
        mine = _names(data)
        rows = await self._pool.fetch(SQL.read_open_drafts)
        return any(row["activate"] and not mine.isdisjoint(_names(orjson.loads(row["data"]))) for row in rows)

    async def activate(self, draft: int) -> bool:
        """Have an open draft switched on as soon as it is ready; False says that it is not open."""
        found = await self._pool.fetchval(SQL.activate_draft, draft) is not None
        self._wake.set()
        return found

    async def retry(self, draft: int) -> bool:
        """Have a draft that failed tried again, from nothing; False says that it has not failed."""
        found = await self._pool.fetchval(SQL.retry_draft, draft) is not None
        self._wake.set()
        return found

    async def discard(self, draft: int) -> bool:
        """Give up a draft that is open or failed, and what was computed of it; False says that it is neither."""
        async with self.hands, self._pool.acquire() as connection, connection.transaction():
            if not await draft_store.end_draft(connection, draft, "discarded"):
                return False
            await draft_store.forget(connection, draft)
        self._tell()
        return True

    async def wish(self, row: Any) -> Wish:
        """Return what a draft is to define, from its row."""
        data = orjson.loads(row["data"])
        if row["since"] is None:
            return Wish(data)
        async with self._pool.acquire() as connection:
            return Wish(data, await self._past(connection, until=row["since"]))

    def is_ready(self, draft: int) -> bool:
        """Say whether an open draft waits for being activated."""
        return draft in self._ready

    def doubt(self, draft: int) -> None:
        """Have a draft looked at again that was ready: what holds now may be something else."""
        self._ready.discard(draft)
        self._wake.set()

    async def settled(self, draft: int, wait_s: float) -> Any:
        """Return the draft's row, once it is ended or ready, or after the time."""
        deadline = monotonic() + wait_s
        while True:
            news = self._news
            async with self._pool.acquire() as connection:
                row = await draft_store.read_draft(connection, draft)
            is_settled = row["state"] != "open" or (not row["activate"] and self.is_ready(draft))
            left = deadline - monotonic()
            if is_settled or left <= 0:
                return row
            await wait(news, left)

    async def _work(self) -> bool:
        """Work on the first open draft that is not ready yet; say whether there was one."""
        rows = await self._pool.fetch(SQL.read_open_drafts)
        row = next((row for row in rows if row["activate"] or row["id"] not in self._ready), None)
        if row is None:
            return False
        reason = await attempt(self._pool, row["id"], partial(self._draft, row), self._stop)
        if reason is not None:
            await self._end(row["id"], "failed", error=reason)
        self._tell()
        return True

    async def _draft(self, row: Any) -> None:
        """Compute a draft and, where that is wanted, switch it on. Raises Stopped, Overtaken, Clashing."""
        wish, known = await self.wish(row), self._applier.state.definitions
        data = wish.settled_onto(known) if row["activate"] else wish.onto(known).data
        after = known.after(CATALOGUE_APPLIED, data, 0)
        kpis = with_cells(remeasured(known, after))
        async with self._pool.acquire() as connection:
            drafting = await self.drafting(connection, row["id"], kpis, after)
            await drafting.compute()
            await self._near(drafting)
        if row["activate"]:
            async with self.hands:
                await self._switch_on(row["id"], counts_of(kpis, after), wish)
        else:
            self._ready.add(row["id"])

    async def drafting(self, connection: Connection, draft: int, kpis: list[KpiDef], after: Definitions) -> Drafting:
        """Go on with a draft where it was left, or begin it: anew if something else is to be counted now."""
        counts = counts_of(kpis, after)
        progress = await draft_store.read_progress(connection, draft)
        if progress is None or progress.counts != counts:
            progress = await draft_store.begin(connection, draft, counts, self._applier.state.position)
        return Drafting(connection, kpis, after.ready(self._applier.calendar), progress, self._step)

    async def _near(self, drafting: Drafting) -> None:
        """Catch up with the stream until little is left."""
        for _ in range(ROUNDS_MAX):
            position = self._applier.state.position
            if position - drafting.progress.position <= NEAR_POSITIONS:
                return
            await drafting.follow(position)

    async def _switch_on(self, draft: int, counts: str, wish: Wish) -> None:
        async with self._pool.acquire() as connection:
            row = await draft_store.read_draft(connection, draft)
            if row["state"] != "open":
                raise Overtaken(f"draft {draft} is {row['state']}")
        began = monotonic()
        position = await self._applier.switch_on(draft, counts, wish)
        if position is None:
            await self._end(draft, "unchanged", position=self._applier.state.position)
        else:
            log.info("draft switched on", draft=draft, position=position, stream_held_s=round(monotonic() - began, 3))
            await self._forget(draft)

    async def _end(self, draft: int, state: str, *, position: int | None = None, error: str | None = None) -> None:
        async with self._pool.acquire() as connection:
            await draft_store.end_draft(connection, draft, state, position=position, error=error)
        await self._forget(draft)

    async def _forget(self, draft: int) -> None:
        self._ready.discard(draft)
        async with self._pool.acquire() as connection:
            await draft_store.forget(connection, draft)

    def _step(self, _: int) -> None:
        if self._stop.is_set():
            raise Stopped

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _names(data: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return what a catalogue defines: (part, id) of everything in it."""
    return {(part, item["id"]) for part, items in data.items() for item in items or ()}
