"""The live stream: one message for each position, made once, for however many listen.

Listeners have no queues. Each remembers the position that it has, and takes what the ring holds after it when it is
woken; who is too slow for the ring, or comes back after too long, is told to reload.
"""

import asyncio
from time import monotonic

import structlog

from citygoals.reporting.cells import CITY, Mark
from citygoals.reporting.live_board import Board, board, message, reload_message
from citygoals.reporting.live_ring import RING_MESSAGES_MAX, Ring
from citygoals.reporting.moments import Moments
from citygoals.reporting.present import Present
from citygoals.reporting.questions import Unknown
from citygoals.reporting.sheet import Sheet
from citygoals.shared.errors import Unavailable
from citygoals.shared.period import CityCalendar, Period

log = structlog.get_logger(__name__)

RESUME_POSITIONS_MAX = 500
PAUSE_A_LISTENER_S = 0.0002  # a thousand listeners are woken five times a second at most
PAUSE_MOST_S = 0.25
MEND_AGAIN_S = 0.5

assert RESUME_POSITIONS_MAX < RING_MESSAGES_MAX


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

    async def news(self, position: int, timeout_s: float) -> bool:
        """Wait until there may be something after a position; False after `timeout_s` seconds without.

        What came while the listener was being written to is there already: nobody wakes it for that again.
        """
        if position != self._ring.end:
            return True
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
        sheet = Sheet(await moment.tally(CITY, period), moment.definitions, moment.almanac)
        before = board(moment.mark, sheet, moment.definitions, moment.totals, calendar=self._calendar)
        bodies = []
        for step in await self._moments.steps(position, until):
            if self._period(step.mark) != period:
                raise Unknown("a fiscal year has begun since")
            sheet.move(step.cells, step.definitions, step.definitions.almanac(self._calendar, step.mark.tick))
            if sheet.tally.is_doubtful:
                then = await self._moments.past(step.mark.position)
                sheet = Sheet(await then.tally(CITY, period), then.definitions, then.almanac)
            after = board(step.mark, sheet, step.definitions, step.totals, calendar=self._calendar)
            bodies.append(message(before, after))
            before = after
        return bodies
