"""The projection: parts of changesets in, positions out, each applied once, whole and in order; acknowledged after commit."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import structlog
from prometheus_client import Counter, Gauge, Histogram

from citygoals.reporting.assembler import Assembler
from citygoals.reporting.present import Present
from citygoals.reporting.queries import Queries
from citygoals.reporting.store import Applied, Store
from citygoals.shared.bus import Batch, Bus, batches
from citygoals.shared.changeset import Changeset, Part, decode_changeset
from citygoals.shared.errors import Malformed, Unavailable
from citygoals.shared.telemetry import PROJECT, batch_span
from citygoals.shared.topology import KPI
from citygoals.shared.verdict import retry_delay_s

log = structlog.get_logger(__name__)

DURABLE = "reporting-projection"
CHANGESETS = "city.ask.kpi.changesets"
BATCH_PARTS = 64
PAGE_POSITIONS = 200
RECONCILE_EVERY_S = 30.0
WAITING_FOR_PARTS_S = 2.0
STARTING_S = 0.1
WATCH_EVERY_S = 1.0
ASK_TIMEOUT_S = 10.0

assert WAITING_FOR_PARTS_S < RECONCILE_EVERY_S

POSITION = Gauge("citygoals_reporting_position", "Position that this process answers from")
BEHIND = Gauge(
    "citygoals_reporting_positions_behind", "Positions that kpi has and reporting had not when last compared"
)
LAG = Histogram(
    "citygoals_reporting_lag_seconds", "From kpi's record of a position to its visibility here",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600),
)  # fmt: skip
GAPS = Counter("citygoals_reporting_gaps_total", "Times that positions were missing and asked for")
REFUSED = Counter("citygoals_reporting_parts_refused_total", "Parts that could not be read and went to quarantine")


class Projection:
    """Follows the KPI stream. Two things may call it at once, the stream and the reconciler; a lock makes them take turns."""

    def __init__(self, bus: Bus, store: Store, present: Present, queries: Queries) -> None:
        self._bus = bus
        self._store = store
        self._present = present
        self._queries = queries
        self._assembler = Assembler(0)
        self._taken: list[Changeset] = []
        self._turn = asyncio.Lock()
        self._failures = 0
        self.is_started = False
        self.has_caught_up = False
        """Whether everything was applied that kpi had when it was asked: what happened until then is known."""

    async def follow(self, stop: asyncio.Event) -> None:
        """Apply what the stream brings until told to stop."""
        await self._start(stop)
        async with batches(self._bus, KPI, DURABLE, size=BATCH_PARTS, stop=stop) as incoming:
            async for batch in incoming:
                async with self._settled(batch):
                    await self._take_in([part async for part in self._readable(batch)])

    async def reconcile(self, stop: asyncio.Event) -> None:
        """Compare with kpi now and then: finds what the stream lost without anything after it to show the gap."""
        while not stop.is_set():
            try:
                if self.is_started:
                    await self.catch_up()
            except Unavailable as error:
                log.warning("cannot compare positions with kpi", reason=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._pause_s())

    async def watch(self, stop: asyncio.Event) -> None:
        """See what another process has committed: of several replicas, each position reaches only one over the bus."""
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), WATCH_EVERY_S)
            try:
                async with self._turn:
                    if self.is_started and await self._store.position() > self._present.position:
                        await self._resume()
            except Unavailable as error:
                log.debug("cannot look at the database", reason=str(error))

    def _pause_s(self) -> float:
        if not self.is_started:
            return STARTING_S
        return WAITING_FOR_PARTS_S if self._assembler.is_waiting else RECONCILE_EVERY_S

    async def catch_up(self) -> None:
        """Ask kpi for everything after the present position, and apply it. Raises Unavailable."""
        async with self._turn:
            while await self._ask():
                await self._commit()
            self.has_caught_up = True

    async def _start(self, stop: asyncio.Event) -> None:
        """Learn where the database is; wait for it as long as it takes."""
        while not stop.is_set() and not self.is_started:
            try:
                await self._resume()
                self.is_started = True
            except Unavailable as error:
                self._failures += 1
                log.warning("waiting for the database", reason=str(error))
                await asyncio.sleep(retry_delay_s(self._failures))
        self._failures = 0

    async def _resume(self) -> None:
        """Go on from what the database says, forgetting what this process believed."""
        position = await self._store.position()
        if position:
            async with self._queries.present() as moment:
                position = moment.mark.position
            self._present.jump(moment.mark, moment.definitions, moment.totals)
        self._assembler.restart(position)
        self._taken.clear()
        POSITION.set(position)

    @asynccontextmanager
    async def _settled(self, batch: Batch) -> AsyncIterator[None]:
        """Acknowledge on success; on any error ask for the batch again, later each time, because no position may be skipped."""
        try:
            yield
        except Exception as error:  # reading goes on, whatever is wrong with writing; the log and the lag show it
            self._failures += 1
            delay_s = retry_delay_s(self._failures)
            if isinstance(error, Unavailable):
                log.warning("positions not applied", reason=str(error), retry_s=delay_s)
            else:
                log.exception("positions not applied", retry_s=delay_s)
            await batch.nak(delay_s)
        else:
            self._failures = 0
            await batch.ack_all()

    async def _readable(self, batch: Batch) -> AsyncIterator[tuple[Part, int]]:
        """Decode the parts; what cannot be read goes to quarantine and is then missing, so kpi is asked for it."""
        for message in batch.messages:
            try:
                yield decode_changeset(message.body), len(message.body)
            except Malformed as error:
                REFUSED.inc()
                identity = {"subject": message.subject, "stream_sequence": message.seq}
                await self._bus.bury("reporting", str(error), identity, msg_id=f"reporting-{KPI}-{message.seq}")

    async def _take_in(self, parts: Iterable[tuple[Part, int]]) -> None:
        async with self._turn:
            for part, size in parts:
                self._assembler.offer(part, size)
            await self._commit()
            while self._assembler.has_gap:
                GAPS.inc()
                if not await self._ask():
                    raise Unavailable(f"kpi does not have position {self._assembler.position + 1}, but later ones came")
                await self._commit()

    async def _ask(self) -> bool:
        """Ask kpi for a page from the next position on; tell whether it brought that one nearer."""
        before = self._assembler.position
        question = {"from": before + 1, "part": self._assembler.next_part, "limit": PAGE_POSITIONS}
        answer = await self._bus.request(CHANGESETS, question, timeout_s=ASK_TIMEOUT_S)
        BEHIND.set(max(0, answer["position"] - before))
        if answer["position"] < self._present.position:
            # kpi was restored to an earlier state: its positions would be taken for ones that are applied here.
            log.critical("kpi is behind reporting: rebuild the read model", kpi=answer["position"], here=before)
        news = [body.encode() for body in answer["changesets"]]
        held = self._assembler.held
        for body in news:
            self._assembler.offer(decode_changeset(body), len(body))
        return self._assembler.held > held

    async def _commit(self) -> None:
        """Apply what is complete. On an error it stays taken, and is tried again with what comes next."""
        self._taken += self._assembler.take()
        if not self._taken:
            return
        with batch_span(PROJECT, [trace for one in self._taken for trace in one.traces]):
            applied = await self._store.apply(self._taken)
        await self._follow_commit(applied)

    async def _follow_commit(self, applied: Applied) -> None:
        if applied.before != self._present.position or not applied.changesets:
            # An earlier commit whose outcome was unknown, or another process: the database knows better.
            await self._resume()
            return
        self._taken.clear()
        self._present.advance(applied.changesets)
        POSITION.set(self._present.position)
        now = datetime.now(UTC)
        for one in applied.changesets:
            LAG.observe(max(0.0, (now - one.recorded_at).total_seconds()))
