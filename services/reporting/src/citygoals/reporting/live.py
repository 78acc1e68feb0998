"""The live stream: one message for each position, made once, for however many listen.

Listeners have no queues. Each remembers the position that it has, and takes what the ring holds after it when it is
woken; who is too slow for the ring, or comes back after too long, is told to reload.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import orjson
import structlog

from citygoals.reporting.answers import stamp
from citygoals.reporting.cells import CITY, Mark, Totals
from citygoals.reporting.definitions import Definitions
from citygoals.reporting.moments import Moments
from citygoals.reporting.present import Present
from citygoals.reporting.questions import Unknown
from citygoals.reporting.sheet import Row, Sheet
from citygoals.shared.errors import Unavailable
from citygoals.shared.period import CityCalendar, Period

log = structlog.get_logger(__name__)

RING_MESSAGES_MAX = 2048
RING_BYTES_MAX = 16 << 20
RESUME_POSITIONS_MAX = 500
PAUSE_A_LISTENER_S = 0.0002  # a thousand listeners are woken five times a second at most
PAUSE_MOST_S = 0.25
SHARED_RUNS_MAX = 64
MEND_AGAIN_S = 0.5

assert RESUME_POSITIONS_MAX < RING_MESSAGES_MAX


@dataclass(frozen=True, slots=True)
class Board:
    """What the public sees at one position in the fiscal year of its now."""

    mark: Mark
    period: Period
    plan: str
    rows: Mapping[str, Row]
    nodes: Mapping[str, Row]
    totals: Totals


def board(mark: Mark, sheet: Sheet, definitions: Definitions, totals: Totals, *, calendar: CityCalendar) -> Board:
    """Return the board of a sheet at its present position."""
    plan = definitions.in_force(calendar.local_day(mark.tick))
    kpis = definitions.kpis
    rows = {name: row for name, row in sheet.rows.items() if not kpis[name].internal}
    nodes = sheet.nodes(plan) if plan is not None else {}
    return Board(mark, sheet.tally.period, plan.version if plan is not None else "", rows, nodes, totals)


def message(before: Board, after: Board) -> bytes:
    """Return the server-sent event of a position: what differs from the position before."""
    by_type = {name: count for name, count in after.totals.by_type.items() if before.totals.by_type.get(name) != count}
    data: dict[str, Any] = {
        "as_of": stamp(after.mark),
        "period": after.period.label,
        "plan": after.plan,
        "kpis": [row for name, row in after.rows.items() if _differs(before.rows.get(name), row)],
        "nodes": [row for name, row in after.nodes.items() if _differs(before.nodes.get(name), row)],
        "totals": {"events": after.totals.events, "by_type": by_type},
    }
    gone = {
        "kpis": [name for name in before.rows if name not in after.rows],
        "nodes": [name for name in before.nodes if name not in after.nodes],
    }
    if gone["kpis"] or gone["nodes"]:
        data["gone"] = gone
    return b"id: %d\nevent: changeset\ndata: %s\n\n" % (after.mark.position, orjson.dumps(data))


def _differs(before: Row | None, after: Row) -> bool:
    """Rows that did not change are mostly the same object, which is far cheaper to see."""
    return before is not after and before != after


def reload_message(position: int) -> bytes:
    """Return the event that tells a reader to fetch everything anew; the stream goes on from `position`."""
    return b'id: %d\nevent: reload\ndata: {"position":%d}\n\n' % (position, position)


class Ring:
    """The last messages, for contiguous positions `start + 1` to `end`."""

    def __init__(self) -> None:
        self.start = self.end = 0
        self._messages: deque[bytes] = deque()
        self._bytes = 0
        self._runs: OrderedDict[int, bytes] = OrderedDict()

    def restart(self, position: int) -> None:
        """Hold nothing; the next message is of `position + 1`."""
        self.start = self.end = position
        self._messages.clear()
        self._bytes = 0
        self._runs.clear()

    def append(self, body: bytes) -> None:
        """Add the message of the next position."""
        self._messages.append(body)
        self._bytes += len(body)
        self.end += 1
        self._runs.clear()
        while len(self._messages) > RING_MESSAGES_MAX or (self._bytes > RING_BYTES_MAX and len(self._messages) > 1):
            self._bytes -= len(self._messages.popleft())
            self.start += 1

    def prepend(self, bodies: Sequence[bytes]) -> None:
        """Add the messages of the positions just before, for others who come back from the same place."""
        for body in reversed(bodies):
            if len(self._messages) >= RING_MESSAGES_MAX or self._bytes + len(body) > RING_BYTES_MAX:
                return
            self._messages.appendleft(body)
            self._bytes += len(body)
            self.start -= 1

    def after(self, position: int) -> bytes | None:
        """Return the messages after a position, joined (once for all who have the same); None if some are gone."""
        if not self.start <= position <= self.end:
            return None
        run = self._runs.get(position)
        if run is None:
            run = b"".join(list(self._messages)[position - self.start :])
            self._runs[position] = run
            if len(self._runs) > SHARED_RUNS_MAX:
                self._runs.popitem(last=False)
        return run


class Live:
    """Watches the present and wakes the listeners."""

    def __init__(self, present: Present, moments: Moments, calendar: CityCalendar) -> None:
        self._present = present
        self._moments = moments
        self._calendar = calendar
        self._ring = Ring()
        self._shown: Board | None = None
        self._news = asyncio.Event()
        self._woken_at = 0.0
        self._waking: asyncio.TimerHandle | None = None
        self._starting = asyncio.Lock()
        self._broken = asyncio.Event()
        self.listeners = 0
        self.is_closed = False
        present.listen(self._on_position)

    async def run(self, stop: asyncio.Event) -> None:
        """Take the thread up again where it broke, until told to stop; then end every listener's stream."""
        stopping = asyncio.create_task(stop.wait())
        while not stop.is_set():
            broken = asyncio.create_task(self._broken.wait())
            await asyncio.wait([stopping, broken], return_when=asyncio.FIRST_COMPLETED)
            broken.cancel()
            if self._broken.is_set() and not stop.is_set():
                await self._mend()
        self.close()

    async def _mend(self) -> None:
        self._broken.clear()
        try:
            async with self._starting:
                if self._shown is None:
                    await self._start()
        except Unavailable as error:
            log.warning("live stream waits", reason=str(error))
            await asyncio.sleep(MEND_AGAIN_S)
            self._broken.set()
        else:
            self._wake()

    def close(self) -> None:
        """End every listener's stream."""
        self.is_closed = True
        self._wake()

    async def join(self, position: int | None) -> tuple[int, bytes]:
        """Begin to listen, at the present or after the last position seen; return where the listener is, and what it missed.

        Raises Unavailable while there is no position at all.
        """
        async with self._starting:
            if self._shown is None:
                await self._start()
            if position is None or position == self._ring.end:
                return self._ring.end, b""
            missed = self._ring.after(position)
            if missed is None:
                missed = await self._remember(position)
        return self._ring.end, missed if missed is not None else reload_message(self._ring.end)

    def after(self, position: int) -> tuple[int, bytes]:
        """Return the position that a listener gets to, and the messages that take it there."""
        missed = self._ring.after(position)
        return self._ring.end, missed if missed is not None else reload_message(self._ring.end)

    async def news(self, timeout_s: float) -> bool:
        """Wait until there may be something new; False after `timeout_s` seconds without."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def _start(self) -> None:
        """Begin to make messages: nothing is computed while nobody listens."""
        if self._present.mark is None:
            raise Unavailable("nothing has been recorded yet")
        period = self._period(self._present.mark)
        sheet = await self._present.sheet(period)
        self._shown = self._board(sheet)
        self._ring.restart(self._shown.mark.position)

    def _board(self, sheet: Sheet) -> Board:
        present = self._present
        assert present.mark is not None
        return board(present.mark, sheet, present.definitions, present.totals, calendar=self._calendar)

    def _period(self, mark: Mark) -> Period:
        return self._calendar.containing(self._calendar.local_day(mark.tick), "fiscal_year")

    def _on_position(self) -> None:
        """Make the message of the position that has just become the present one."""
        mark = self._present.mark
        if self._shown is None or mark is None:
            return
        if self.listeners == 0:
            self._shown = None
            return
        sheet = self._present.known(self._period(mark))
        if sheet is None or mark.position != self._ring.end + 1:
            self._lose(mark)
            return
        after = self._board(sheet)
        self._ring.append(message(self._shown, after))
        self._shown = after
        self._wake_soon()

    def _lose(self, mark: Mark) -> None:
        """The thread is broken (a jump, a new fiscal year, a sheet in doubt): everybody reloads when it is taken up again."""
        log.info("live stream starts over", position=mark.position)
        self._shown = None
        self._broken.set()

    def _wake_soon(self) -> None:
        pause_s = min(PAUSE_MOST_S, self.listeners * PAUSE_A_LISTENER_S)
        left_s = self._woken_at + pause_s - monotonic()
        if left_s <= 0:
            self._wake()
        elif self._waking is None:
            self._waking = asyncio.get_running_loop().call_later(left_s, self._wake)

    def _wake(self) -> None:
        if self._waking is not None:
            self._waking.cancel()
            self._waking = None
        self._woken_at = monotonic()
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _remember(self, position: int) -> bytes | None:
        """Make the messages after a past position from history, up to what the ring holds; None if that is too far back."""
        until = self._ring.start
        if not 0 < position < until or until - position > RESUME_POSITIONS_MAX:
            return None
        try:
            bodies = await self._replay(position, until)
        except Unknown:
            return None
        if self._ring.start == until:
            self._ring.prepend(bodies)
        rest = self._ring.after(until)
        return None if rest is None else b"".join(bodies) + rest

    async def _replay(self, position: int, until: int) -> list[bytes]:
        """Return the messages after one past position up to another. Raises Unknown when the thread cannot be followed."""
        moment = await self._moments.past(position)
        period = self._period(moment.mark)
        tally = await moment.source.tally(CITY, period)
        sheet = Sheet(tally, moment.definitions, self._calendar.local_day(moment.mark.tick))
        before = board(moment.mark, sheet, moment.definitions, moment.totals, calendar=self._calendar)
        bodies = []
        for step in await self._moments.steps(position, until):
            if self._period(step.mark) != period:
                raise Unknown("a fiscal year has begun since")
            today = self._calendar.local_day(step.mark.tick)
            sheet.move(step.cells, step.definitions, today)
            if sheet.tally.is_doubtful:
                source = (await self._moments.past(step.mark.position)).source
                sheet = Sheet(await source.tally(CITY, period), step.definitions, today)
            after = board(step.mark, sheet, step.definitions, step.totals, calendar=self._calendar)
            bodies.append(message(before, after))
            before = after
        return bodies
