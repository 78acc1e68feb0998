"""The relay: the outbox onto the KPI stream, in the order of positions, at least once; readers know repeats by position.

It keeps a cursor. What the applier hands over is published from memory when it continues from the cursor; whatever was
missed (a restart, a broker that was away for long) is read from the outbox.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from time import monotonic
from typing import NamedTuple

import structlog

from citygoals.kpi.announcements import Announcement
from citygoals.kpi.store import SQL
from citygoals.kpi.waiting import wait
from citygoals.shared.bus import Bus, Outgoing
from citygoals.shared.errors import Unavailable
from citygoals.shared.postgres import Pool
from citygoals.shared.telemetry import KPI_RELAY, hop_span
from citygoals.shared.topology import KPI
from citygoals.shared.verdict import retry_delay_s

log = structlog.get_logger(__name__)

HEADERS = {"content-type": "application/cloudevents+json"}
PAGE_MESSAGES = 100
HANDED_MAX = 500
"""Positions that wait in memory; more are read from the outbox when their turn comes."""
CURSOR_EVERY_S = 0.5
LOOK_EVERY_S = 1.0


class Handed(NamedTuple):
    """One position as the applier hands it over."""

    position: int
    messages: Sequence[Announcement]
    traces: Sequence[str]


class Relay:
    """Publishes what positions announce."""

    def __init__(self, bus: Bus, pool: Pool) -> None:
        self._bus = bus
        self._pool = pool
        self._handed: deque[Handed] = deque()
        self._wake = asyncio.Event()
        self._place = (0, 0)
        self._saved = (0, 0)
        self._saved_at = 0.0
        self._is_behind = True

    @property
    def position(self) -> int:
        """The last position of which something has been published."""
        return self._place[0]

    def hand_over(self, position: int, messages: Sequence[Announcement], traces: Sequence[str]) -> None:
        """Take what a commit announces; the applier calls this, and never waits for the broker."""
        if len(self._handed) >= HANDED_MAX:
            self._handed.clear()
            self._is_behind = True
        self._handed.append(Handed(position, messages, traces))
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until told to stop, and until everything handed over by then is out."""
        row = await self._pool.fetchrow(SQL.read_cursor)
        assert row is not None, "the migration puts the row there and nobody may delete it"
        self._place = self._saved = (row["position"], row["ordinal"])
        while not (stop.is_set() and not self._handed and not self._is_behind):
            if await self._publish_next():
                await self._save(lazily=True)
            elif not stop.is_set():
                await self._save(lazily=False)
                await self._rest()
        await self._save(lazily=False)

    async def _publish_next(self) -> bool:
        """Publish a page; say whether there was one."""
        if not self._is_behind:
            return await self._publish_handed()
        rows = await self._pool.fetch(SQL.read_outbox, *self._place, PAGE_MESSAGES)
        self._is_behind = len(rows) == PAGE_MESSAGES
        if rows:
            messages = [Outgoing(row["subject"], row["body"], row["msg_id"], HEADERS) for row in rows]
            await self._publish(messages, [trace for row in rows for trace in row["traces"]])
            self._place = (rows[-1]["position"], rows[-1]["ordinal"])
        return bool(rows)

    async def _publish_handed(self) -> bool:
        taken: list[Handed] = []
        expected = self.position + 1
        while self._handed and sum(len(one.messages) for one in taken) < PAGE_MESSAGES:
            one = self._handed.popleft()
            if one.position == expected:
                taken.append(one)
                expected += 1
            elif one.position > expected:
                self._is_behind = True
                self._handed.clear()
        if taken:
            messages = [Outgoing(*message, HEADERS) for one in taken for message in _outgoing(one)]
            await self._publish(messages, [trace for one in taken for trace in one.traces])
            self._place = (taken[-1].position, len(taken[-1].messages))
        return bool(taken) or self._is_behind

    async def _publish(self, messages: list[Outgoing], traces: Sequence[str]) -> None:
        with ExitStack() as spans:
            for trace in traces:
                spans.enter_context(hop_span(KPI_RELAY, trace))
            attempt = 0
            while True:
                try:
                    await self._bus.publish_batch(KPI, messages)
                except Unavailable as error:
                    attempt += 1
                    log.warning("changesets not published", error=str(error), attempt=attempt)
                    await asyncio.sleep(retry_delay_s(attempt))
                else:
                    return

    async def _save(self, *, lazily: bool) -> None:
        """Move the cursor. Without waiting for the disk: losing it only repeats what readers recognise."""
        if self._place == self._saved or (lazily and monotonic() < self._saved_at + CURSOR_EVERY_S):
            return
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL synchronous_commit = off")
            await connection.execute(SQL.move_cursor, *self._place)
        self._saved, self._saved_at = self._place, monotonic()

    async def _rest(self) -> None:
        await wait(self._wake, LOOK_EVERY_S)
        self._wake.clear()


def _outgoing(one: Handed) -> list[tuple[str, bytes, str]]:
    return [(message.subject, message.body, message.msg_id) for message in one.messages]
