"""The consumer: batches of EVENTS to the applier; commit first, acknowledge after, so a crash in between only repeats work."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import Any, Self

import structlog

from citygoals.kpi.applier import Applier
from citygoals.kpi.entries import OWN_LANE, Entry
from citygoals.kpi.lanes import Gap, Hole
from citygoals.kpi.waiting import wait
from citygoals.shared.bus import Batch, Bus, Delivery, batches, missing_entries
from citygoals.shared.ending import end
from citygoals.shared.errors import Malformed, Unavailable
from citygoals.shared.telemetry import CONSUME, hop_span
from citygoals.shared.topology import EVENTS
from citygoals.shared.verdict import retry_delay_s

log = structlog.get_logger(__name__)

DURABLE = "kpi-ledger"
BATCH_EVENTS = 5_000
BATCH_EVENTS_FAR_BEHIND = 1_000
RECONCILE_EVERY_S = 60.0
LANES = "city.ask.intake.lanes"


class Consumer:
    """Feeds one applier from the bus, and from the journal what the bus has lost."""

    def __init__(self, bus: Bus, applier: Applier) -> None:
        self._bus = bus
        self._applier = applier

    async def consume(self, stop: asyncio.Event) -> None:
        """Apply batch after batch until told to stop.

        Far behind, the next batch is decoded while one is applied. Close to the present it is not: a batch that waits
        is better taken later, and larger.
        """
        incoming = batches(self._bus, EVENTS, DURABLE, size=BATCH_EVENTS, stop=stop)
        async with OneAtATime() as applying, incoming:
            async for batch in incoming:
                entries, malformed = self._read(batch)
                async with _handed_back(batch):
                    await applying.end()
                applying.begin(self._take(batch, entries, malformed))
                if len(batch) < BATCH_EVENTS_FAR_BEHIND:
                    await applying.end()

    async def _take(self, batch: Batch, entries: list[Entry], malformed: list[tuple[Delivery, str]]) -> None:
        async with _handed_back(batch):
            with ExitStack() as spans:
                await self.settle(entries, _consume_spans(spans, entries))
            await self._bury(malformed)
        await batch.ack_all()

    async def settle(self, delivered: Sequence[Entry | Hole], traces: Sequence[str] = ()) -> None:
        """Apply the entries, and what is missing before them first."""
        gaps = await self._applier.apply(delivered, traces)
        while gaps:
            log.warning("entries missing", gaps=[tuple(gap) for gap in gaps])
            for gap in gaps:
                await self._fill(gap)
            gaps = await self._applier.apply(delivered, traces)

    async def reconcile(self, stop: asyncio.Event) -> None:
        """Compare both ends of every lane each minute: what the bus lost at the end of a lane leaves no gap to see."""
        before = await self.compare({})
        while not await wait(stop, RECONCILE_EVERY_S):
            before = await self.compare(before)

    async def compare(self, before: dict[int, int]) -> dict[int, int]:
        """Fetch what the journal had at the last comparison, `before`, and has not come since; return what it has now."""
        try:
            answer = await self._bus.request(LANES, {})
            journal = {int(lane): int(next_seq) for lane, next_seq in answer["lanes"].items()}
            for lane, stop_seq in before.items():
                first = self._applier.next_seq(lane)
                if first < stop_seq:
                    log.warning("entries lost on the way", lane=lane, first=first, stop=stop_seq)
                    await self._fill(Gap(lane, first, stop_seq))
        except Unavailable as error:
            log.warning("lanes not compared", error=str(error))
            return before
        return journal

    async def _fill(self, gap: Gap) -> None:
        """Apply the missing entries from the journal, however long it takes until it answers."""
        attempt = 0
        while (first := self._applier.next_seq(gap.lane)) < gap.stop:
            try:
                async for bodies in missing_entries(self._bus, gap.lane, first, gap.stop):
                    page = [self._from_journal(body, gap.lane, seq) for seq, body in enumerate(bodies, first)]
                    await self._applier.apply(page)
                    first += len(bodies)
                    attempt = 0
            except Unavailable as error:
                attempt += 1
                log.warning("journal unavailable", error=str(error), attempt=attempt)
                await asyncio.sleep(retry_delay_s(attempt))

    def _from_journal(self, body: bytes, lane: int, seq: int) -> Entry | Hole:
        try:
            entry = self._applier.reader.read(body)
        except Malformed as error:
            return Hole(lane, seq, str(error))
        if (entry.lane, entry.seq) != (lane, seq):
            return Hole(lane, seq, f"the journal has entry {entry.seq} of lane {entry.lane} there")
        return entry

    def _read(self, batch: Batch) -> tuple[list[Entry], list[tuple[Delivery, str]]]:
        """Decode one by one: a bad body must not take the good ones with it."""
        entries: list[Entry] = []
        malformed: list[tuple[Delivery, str]] = []
        read = self._applier.reader.read
        for message in batch.messages:
            try:
                entry = read(message.body)
            except Malformed as error:
                malformed.append((message, str(error)))
                continue
            if entry.lane == OWN_LANE:
                malformed.append((message, "lane 0 is kpi's own"))
            else:
                entries.append(entry)
        return entries, malformed

    async def _bury(self, malformed: Iterable[tuple[Delivery, str]]) -> None:
        """Put what cannot be read where a person sees it. Its lane now has a gap, which the journal fills."""
        for message, reason in malformed:
            log.error("malformed message", stream=EVENTS, sequence=message.seq, reason=reason)
            identity = {"stream": EVENTS, "sequence": message.seq, "subject": message.subject}
            await self._bus.bury("kpi", reason, identity, msg_id=f"kpi-{EVENTS}-{message.seq}")


@asynccontextmanager
async def _handed_back(batch: Batch) -> AsyncIterator[None]:
    """Ask for the batch again if it fails; else the broker would wait for the end of ack_wait."""
    try:
        yield
    except BaseException:
        await batch.nak()
        raise


class OneAtATime:
    """Runs one piece of work in the background, and lets none go unfinished."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin; what was begun before must have ended."""
        assert self._task is None
        self._task = asyncio.create_task(work)

    async def end(self) -> None:
        """Wait for the end of what runs. Raises its error."""
        task, self._task = self._task, None
        if task is not None:
            await task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._task is not None:
            await end(self._task)
            self._task = None
        await self.end()


def _consume_spans(spans: ExitStack, entries: Iterable[Entry]) -> list[str]:
    """Open a span for each sampled event of the batch; return the traceparents that continue them."""
    hops = [spans.enter_context(hop_span(CONSUME, entry.traceparent)) for entry in entries if entry.traceparent]
    return [hop.traceparent for hop in hops if hop.traceparent is not None]
