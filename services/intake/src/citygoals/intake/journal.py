"""The journal's writer: group commit.

One task writes. While it waits for the disk, further requests queue up, and the next transaction takes them all: a
lone event waits for nothing, and a busy door pays for one commit per thousand events.
"""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg
import structlog

from citygoals.intake.commit import Committed, Offer, Terms, commit
from citygoals.intake.keeper import Keeper
from citygoals.intake.lanes import Fenced
from citygoals.intake.numbering import Outcome
from citygoals.shared.clock import Clock
from citygoals.shared.errors import Unavailable
from citygoals.shared.outage import is_away
from citygoals.shared.postgres import Pool, Statements, transaction

log = structlog.get_logger(__name__)

GROUP_ROWS_MAX = 2000
RACE_ATTEMPTS = 5
PATIENCE_S = 8.0
# Another writer was faster with the same event, or waited for us while we waited for it: the next attempt sees it.
_RACES = (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Overloaded(Unavailable):
    """More events wait for the journal than it may hold; come back in a moment."""


@dataclass(slots=True)
class _Waiting:
    offer: Offer
    done: asyncio.Future[list[Outcome]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def answer(self, outcomes: list[Outcome]) -> None:
        if not self.done.done():  # the asker may have gone away
            self.done.set_result(outcomes)

    def refuse(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Journal:
    """Takes offers, answers each after its transaction is durable."""

    def __init__(self, pool: Pool, sql: Statements, keeper: Keeper, clock: Clock, *, queue_rows_max: int) -> None:
        self._pool, self._sql, self._keeper, self._clock = pool, sql, keeper, clock
        self._queue_rows_max = queue_rows_max
        self._queue: deque[_Waiting] = deque()
        self._queued_rows = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._is_closed = False

    async def admit(self, offer: Offer) -> list[Outcome]:
        """Write an offer; return what became of its admitted events once that is durable.

        Raises:
            Overloaded: the queue is full; nothing was written.
            Unavailable: the database is away, or says nothing for PATIENCE_S; the offer may or may not be written,
                repeating it is harmless.
        """
        if self._is_closed:
            raise Unavailable("intake is leaving")
        if self._queued_rows and self._queued_rows + offer.size > self._queue_rows_max:
            raise Overloaded(f"{self._queued_rows} events wait for the journal")
        waiting = _Waiting(offer)
        self._queue.append(waiting)
        self._queued_rows += offer.size
        self._idle.clear()
        self._wake.set()
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await waiting.done
        except TimeoutError as error:
            raise Unavailable("the journal does not answer") from error

    @property
    def queued_rows(self) -> int:
        """Rows that wait or are being written."""
        return self._queued_rows

    async def run(self) -> None:
        """Write until cancelled; whatever waits then is told that it was not written."""
        try:
            while True:
                await self._next_group()
        finally:
            self._is_closed = True
            for waiting in self._queue:
                waiting.refuse(Unavailable("intake is leaving"))

    async def close(self, patience_s: float) -> None:
        """Wait for so long at most until everything that is queued is written."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), patience_s)

    async def _next_group(self) -> None:
        while not self._queue:
            self._idle.set()
            self._wake.clear()
            await self._wake.wait()
        group = self._take_group()
        try:
            await self._settle(group)
        except asyncio.CancelledError:
            await self._fail(group, Unavailable("intake is leaving"))
            raise
        finally:
            self._queued_rows -= sum(waiting.offer.size for waiting in group)

    def _take_group(self) -> list[_Waiting]:
        group = [self._queue.popleft()]
        rows = group[0].offer.size
        while self._queue and rows + self._queue[0].offer.size <= GROUP_ROWS_MAX:
            group.append(self._queue.popleft())
            rows += group[-1].offer.size
        return group

    async def _settle(self, group: list[_Waiting]) -> None:
        try:
            committed = await self._write([waiting.offer for waiting in group])
        except Exception as error:  # noqa: BLE001 - every asker gets it
            await self._fail(group, error)
            return
        for waiting, outcomes in zip(group, committed.outcomes, strict=True):
            waiting.answer(outcomes)

    async def _fail(self, group: list[_Waiting], error: Exception) -> None:
        if is_away(error):
            log.warning("journal unavailable", requests=len(group), error=f"{type(error).__name__}: {error}")
            error = Unavailable("the journal is not available")
        elif len(group) > 1:
            log.error("group failed, trying one by one", requests=len(group), error=type(error).__name__)
            for waiting in group:
                await self._settle([waiting])
            return
        for waiting in group:
            waiting.refuse(error)

    async def _write(self, offers: list[Offer]) -> Committed:
        for attempt in range(1, RACE_ATTEMPTS + 1):
            relay = await self._keeper.writing()
            try:
                async with transaction(self._pool) as connection:
                    terms = Terms(relay.lease, self._keeper.lanes.lease, self._clock.now())
                    committed = await commit(connection, self._sql, terms, offers)
            except Fenced:
                await self._keeper.lost(relay)
            except _RACES:
                if attempt == RACE_ATTEMPTS:
                    raise
            else:
                relay.offer(committed.first_seq, committed.rows)
                return committed
        raise Unavailable("no lane could be kept")
