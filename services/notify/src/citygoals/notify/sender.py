"""The sender: takes due notices, hands them to the channel, and writes down how it went, in this order."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from prometheus_client import Counter, Gauge

from citygoals.notify.channels import Channel
from citygoals.notify.delivery import TERMINAL, Accepted, Next, State, Unreachable, next_step, outage_pause_s
from citygoals.notify.store import Claim, Failure, Store
from citygoals.shared.clock import Clock
from citygoals.shared.verdict import is_passing, retry_delay_s

log = structlog.get_logger()

POLL_S = 1.0
"""How often due notices are looked for when no handler announces any: retries, and what other replicas wrote down."""

COUNT_S = 5.0

DELIVERIES = Counter("citygoals_notify_deliveries", "Attempts to deliver, by outcome", ["outcome"])
WAITING = Gauge("citygoals_notify_waiting", "Notices that are not finished, by state", ["state"])
OLDEST_S = Gauge("citygoals_notify_oldest_waiting_seconds", "Age of the oldest notice that is not finished")
CHANNEL_UP = Gauge("citygoals_notify_channel_up", "1 when the channel could be reached at the last attempt")


@dataclass(slots=True, kw_only=True)
class Sender:
    """One sender; several may run against one store."""

    store: Store
    channel: Channel
    clock: Clock
    lease: timedelta
    """How long a claim lasts: longer than the channel's longest delivery, or two senders would have one notice."""
    at_once: int
    has_mail: asyncio.Event = field(default_factory=asyncio.Event)
    outages: int = 0
    """How many times in a row the channel could not be reached."""

    async def run(self, stop: asyncio.Event) -> None:
        """Send until told to stop, then finish what is under way. Survives a database or a channel that is away."""
        failures = 0
        while not stop.is_set():
            self.has_mail.clear()
            try:
                tried = await self.send_due()
            except Exception as error:
                if not is_passing(error):
                    raise
                failures += 1
                log.warning("cannot look for due notices", error=type(error).__name__)
                await _pause(stop, retry_delay_s(failures))
                continue
            failures = 0
            if self.outages:
                await _pause(stop, outage_pause_s(self.outages))
            elif not tried:
                await _pause(self.has_mail, POLL_S)

    async def send_due(self) -> int:
        """Try the notices that are due now, a handful at once; returns how many were tried.

        A crash after the channel accepted and before `mark_sent` leaves the notice claimed: when the claim lapses it is
        sent again, with the same bytes and Message-ID, which is how the receiver knows that it is the same.
        """
        claims = await self.store.claim(self.at_once, now=self.clock.now(), lease=self.lease)
        if claims:
            out_of_reach = await asyncio.gather(*(self._deliver(claim) for claim in claims))
            self.outages = self.outages + 1 if all(out_of_reach) else 0
            CHANNEL_UP.set(0 if self.outages else 1)
        return len(claims)

    async def _deliver(self, claim: Claim) -> bool:
        """Deliver one notice; returns True if the channel was out of reach."""
        outcome = await self.channel.deliver(claim.parcel)
        DELIVERIES.labels(type(outcome).__name__.lower()).inc()
        if isinstance(outcome, Accepted):
            await _insist(lambda: self.store.mark_sent(claim.parcel.id, now=self.clock.now()))
            return False
        age = self.clock.now() - claim.parcel.created_at
        step = next_step(outcome, attempts=claim.parcel.attempts + 1, age=age)
        # Never the server's words: they often repeat the recipient's address.
        log.warning(
            "notice not delivered", notice=str(claim.parcel.id), outcome=type(outcome).__name__, state=step.state
        )
        await _insist(lambda: self.store.mark_failed(claim, self._failure(step)))
        return isinstance(outcome, Unreachable)

    def _failure(self, step: Next) -> Failure:
        now = self.clock.now()
        return Failure(
            state=step.state,
            costs_attempt=step.costs_attempt,
            due_at=now + timedelta(seconds=step.delay_s),
            reason=step.reason,
            finished_at=now if step.state in TERMINAL else None,
        )


async def count_waiting(store: Store, clock: Clock, stop: asyncio.Event) -> None:
    """Keep the gauges of what waits, until told to stop; an unreachable database leaves them as they are."""
    while not stop.is_set():
        try:
            waiting = await store.waiting()
        except Exception as error:
            if not is_passing(error):
                raise
        else:
            for state in State:
                if state not in TERMINAL:
                    WAITING.labels(state.value).set(waiting.get(state.value, (0, None))[0])
            ages = [(clock.now() - oldest).total_seconds() for _, oldest in waiting.values()]
            OLDEST_S.set(max(ages, default=0))
        await _pause(stop, COUNT_S)


async def _insist(write: Callable[[], Awaitable[bool]]) -> None:
    """Repeat a write for as long as the database is away: what the channel said must not be forgotten."""
    attempt = 0
    while True:
        try:
            await write()
        except Exception as error:
            if not is_passing(error):
                raise
            attempt += 1
            await asyncio.sleep(retry_delay_s(attempt))
        else:
            return


async def _pause(until: asyncio.Event, seconds: float) -> None:
    """Wait for the event, or so many seconds, whichever is first."""
    try:
        async with asyncio.timeout(seconds):
            await until.wait()
    except TimeoutError:
        return
