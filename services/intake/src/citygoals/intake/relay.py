"""The relay of one lane: the journal's rows to EVENTS, in order, each at least once.

Rows come from memory while the relay keeps up, else from the journal. The cursor moves after the broker's
acknowledgement, so a crash between the two repeats rows; their message ids and their numbers make that harmless.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from time import monotonic

import msgspec
import structlog

from citygoals.intake.lanes import Fenced, Lease
from citygoals.shared.bus import Bus
from citygoals.shared.errors import Unavailable
from citygoals.shared.events import event_subject
from citygoals.shared.outage import is_away
from citygoals.shared.postgres import Pool, Statements
from citygoals.shared.telemetry import INTAKE_RELAY, hop_span
from citygoals.shared.topology import EVENTS
from citygoals.shared.verdict import retry_delay_s

log = structlog.get_logger(__name__)

PAGE_ROWS = 1000
MEMORY_ROWS_MAX = 20_000
CURSOR_EVERY_S = 0.1
PATIENCE_S = 5.0
MARK_EVERY_S = 1.0
TRACED_MAX = 100  # spans of one batch; more would cost more than they tell

_NOWHERE = -1
HEADERS = {"content-type": "application/cloudevents+json"}


class _Routing(msgspec.Struct):
    """What publishing needs to know of an admitted body."""

    type: str
    traceparent: str | None = None


_routing = msgspec.json.Decoder(_Routing)


# Subject, body, message id, headers: as `Bus.publish_batch` takes them.
Row = tuple[str, bytes, str, Mapping[str, str]]


def headers_for(traceparent: str | None) -> Mapping[str, str]:
    """Return the headers of an admitted event on EVENTS."""
    return HEADERS if traceparent is None else {**HEADERS, "traceparent": traceparent}


class Relay:
    """Publishes one lane while this process holds it."""

    def __init__(self, bus: Bus, pool: Pool, sql: Statements, lease: Lease) -> None:
        self._bus, self._pool, self._sql, self.lease = bus, pool, sql, lease
        self._next = lease.relayed_seq  # the first row that the broker has not acknowledged
        self._committed = lease.next_seq  # the first row that does not exist yet
        self._chunk: list[Row] = []  # being published: rows from _next on
        self._memory: list[Row] = []  # the rows after those
        self._reach = self._next  # the row after the last one in memory
        self._moved = self._next
        self._wake = asyncio.Event()
        self._moved_on = asyncio.Event()
        self._marks: deque[tuple[int, float]] = deque([(self._committed - 1, monotonic())])

    @property
    def lag(self) -> int:
        """Rows that are committed and not yet published."""
        return self._committed - self._next

    def lag_s(self) -> float:
        """Return for how many seconds the oldest unpublished row has waited, to about a second."""
        while self._marks and self._marks[0][0] < self._next:
            self._marks.popleft()
        return monotonic() - self._marks[0][1] if self._marks and self.lag else 0.0

    def offer(self, first_seq: int, rows: Sequence[Row]) -> None:
        """Take rows that have just been committed; what does not fit is read from the journal when its turn comes."""
        if first_seq == self._reach and len(self._memory) + len(rows) <= MEMORY_ROWS_MAX:
            self._memory.extend(rows)
            self._reach += len(rows)
        self.reach(first_seq + len(rows))

    def reach(self, next_seq: int) -> None:
        """Learn that all rows below `next_seq` are committed."""
        if next_seq <= self._committed:
            return
        self._committed = next_seq
        now = monotonic()
        if not self._marks or now - self._marks[-1][1] > MARK_EVERY_S:
            self._marks.append((next_seq - 1, now))
        self._wake.set()

    async def run(self) -> None:
        """Publish until cancelled. Raises Fenced when the lane is somebody else's."""
        failures = 0
        while True:
            try:
                await self._idle()
                await self._publish_next()
                failures = 0
            except Exception as error:
                if not is_away(error):
                    raise
                failures += 1
                log.warning("relay waits", lane=self.lease.lane, lag=self.lag, error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(retry_delay_s(min(failures, 4)))

    async def finish(self, patience_s: float) -> None:
        """Wait at most so long until everything that is committed is published."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while self.lag:
                    self._moved_on.clear()
                    await self._moved_on.wait()

    async def move_cursor(self) -> None:
        """Store how far the broker has acknowledged. Raises Fenced."""
        at = self._next
        if at == self._moved:
            return
        if await self._pool.fetchval(self._sql.move_cursor, self.lease.lane, self.lease.epoch, at) is None:
            raise Fenced(f"lane {self.lease.lane}, epoch {self.lease.epoch}")
        self._moved = at

    async def _idle(self) -> None:
        while not self.lag:
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), CURSOR_EVERY_S if self._moved != self._next else None)
            except TimeoutError:
                await self.move_cursor()

    async def _publish_next(self) -> None:
        chunk = self._chunk = self._chunk or self._from_memory() or await self._from_journal()
        if not chunk:
            raise Unavailable(f"the journal has no row {self._next} of lane {self.lease.lane} yet")
        with ExitStack() as spans:
            for headers in [row[3] for row in chunk if row[3] is not HEADERS][:TRACED_MAX]:
                spans.enter_context(hop_span(INTAKE_RELAY, headers["traceparent"]))
            await self._bus.publish_batch(EVENTS, chunk, patience_s=PATIENCE_S)
        self._next += len(chunk)
        self._chunk = []
        self._moved_on.set()
        if self._next - self._moved >= PAGE_ROWS:
            await self.move_cursor()

    def _from_memory(self) -> list[Row]:
        chunk = self._memory[:PAGE_ROWS]
        del self._memory[:PAGE_ROWS]
        return chunk

    async def _from_journal(self) -> list[Row]:
        self._reach = _NOWHERE  # rows that are offered during the read may be part of what is read
        rows = await self._pool.fetch(self._sql.read_page, self.lease.lane, self._next, PAGE_ROWS)
        self._reach = self._next + len(rows)
        self.reach(self._reach)
        return [_row(row["key"].hex, row["body"]) for row in rows]


def _row(key: str, body: bytes) -> Row:
    routing = _routing.decode(body)
    return event_subject(routing.type), body, key, headers_for(routing.traceparent)
