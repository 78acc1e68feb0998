"""Who applies: one process, by an advisory lock on a session of its own; the others wait, ready to take over.

The lock says who should; the epoch in the applier's row says whose commits count.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from citygoals.kpi.applier import Applier
from citygoals.kpi.consumer import Consumer
from citygoals.kpi.drafter import Drafter
from citygoals.kpi.relay import Relay
from citygoals.kpi.renewal import renew
from citygoals.kpi.store import Fenced
from citygoals.kpi.ticks import keep_time, strike
from citygoals.kpi.waiting import wait
from citygoals.shared.bus import Bus
from citygoals.shared.clock import Clock
from citygoals.shared.ending import end, until_first_error
from citygoals.shared.errors import Unavailable
from citygoals.shared.outage import is_away
from citygoals.shared.period import CityCalendar
from citygoals.shared.postgres import Connection, Pool
from citygoals.shared.verdict import retry_delay_s

log = structlog.get_logger(__name__)

LOCK_KEY = 0x6B7069  # "kpi"
COMPETE_EVERY_S = 0.5
TENURES_FAILED_MAX = 5
"""After so many failed tenures in a row, an error that nobody foresaw ends the process, and its log says why."""


class Leadership:
    """Competes for the lead, and while it has it applies, ticks and relays."""

    def __init__(self, pool: Pool, bus: Bus, calendar: CityCalendar, clock: Clock) -> None:
        self._pool = pool
        self._bus = bus
        self._calendar = calendar
        self._clock = clock
        self._applier: Applier | None = None
        self._drafter: Drafter | None = None
        self.has_competed = False
        """Whether it is known by now that this process leads, or that another one does."""

    @property
    def is_leader(self) -> bool:
        """Say whether this process applies."""
        return self._applier is not None

    @property
    def applier(self) -> Applier:
        """The applier of the present tenure. Raises Unavailable while another process leads."""
        if self._applier is None:
            raise Unavailable("this process does not apply now; another one does, or is about to")
        return self._applier

    @property
    def drafter(self) -> Drafter:
        """The drafter of the present tenure. Raises Unavailable while another process leads."""
        if self._drafter is None:
            raise Unavailable("this process does not apply now; another one does, or is about to")
        return self._drafter

    async def run(self, stop: asyncio.Event) -> None:
        """Compete and lead until told to stop. A tenure that fails is followed by another one."""
        failed = 0
        while not stop.is_set():
            pause_s = COMPETE_EVERY_S
            try:
                if await self._one_tenure(stop):
                    continue
                failed = 0
            except Exception as error:
                if failed == TENURES_FAILED_MAX and not _is_expected(error):
                    raise
                failed += 1
                pause_s = retry_delay_s(failed)
                log.warning("tenure ended", reason=_reason(error), failed=failed)
            await wait(stop, pause_s)

    async def _one_tenure(self, stop: asyncio.Event) -> bool:
        """Lead if nobody else does; say whether it was so."""
        async with self._pool.acquire() as lock:
            if not await lock.fetchval("SELECT pg_try_advisory_lock($1)", LOCK_KEY):
                self.has_competed = True
                return False
            try:
                async with self._pool.acquire() as connection:
                    await self._lead(lock, connection, stop)
            finally:
                self._applier = self._drafter = None
        return True

    async def _lead(self, lock: Connection, connection: Connection, stop: asyncio.Event) -> None:
        relay = Relay(self._bus, self._pool)
        await renew(connection, self._calendar, self._clock)
        applier = await Applier.begin(connection, self._calendar, self._clock, relay.hand_over)
        await strike(applier, self._clock)
        consumer, drafter = Consumer(self._bus, applier), Drafter(self._pool, applier)
        log.info("leading", position=applier.state.position)
        self._applier, self._drafter, self.has_competed = applier, drafter, True
        applied = asyncio.Event()  # set when nothing more will be handed over, so that the relay ends last
        try:
            await until_first_error(
                _then_set(applied, consumer.consume(stop), keep_time(applier, self._clock, stop), drafter.run(stop)),
                consumer.reconcile(stop),
                relay.run(applied),
                _watch(lock, stop),
            )
        finally:
            self._applier = self._drafter = None


async def _then_set(event: asyncio.Event, *work: Coroutine[Any, Any, None]) -> None:
    await until_first_error(*work)
    event.set()


async def _watch(lock: Connection, stop: asyncio.Event) -> None:
    """End the tenure with an error as soon as the lock's session is gone: somebody else may lead now."""
    gone = asyncio.Event()
    lock.add_termination_listener(lambda _: gone.set())
    waits = [asyncio.create_task(gone.wait()), asyncio.create_task(stop.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(*waits)
    if gone.is_set():
        raise Unavailable("the session that held the lead is gone")


def _is_expected(error: BaseException) -> bool:
    """Say whether a later tenure may simply go well."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_expected(one) for one in error.exceptions)
    return isinstance(error, Fenced) or is_away(error)


def _reason(error: BaseException) -> str:
    inner = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error
    return _reason(inner) if inner is not error else f"{type(error).__name__}: {error}"
