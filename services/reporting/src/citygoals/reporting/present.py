"""The present, kept in memory: the sheets that people look at follow each position as it is committed.

Everything here runs without awaiting between reading and moving, so a reader sees one position and never a mixture.
The database stays the truth: whatever is in doubt is dropped and read again.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from citygoals.reporting.cells import Mark, Needs, Totals
from citygoals.reporting.definitions import NOTHING, Definitions, Revision
from citygoals.reporting.sheet import Sheet
from citygoals.reporting.tally import Tally
from citygoals.shared.changeset import CellRow, Changeset
from citygoals.shared.errors import Unavailable
from citygoals.shared.period import CityCalendar, Period

SHEETS_MAX = 16
RECENT_POSITIONS_MAX = 256
RECENT_CELLS_MAX = 50_000
REACH_TIMEOUT_S = 5.0
READ_ATTEMPTS_MAX = 5

ReadTally = Callable[[Period], Awaitable[tuple[int, Tally]]]
Listener = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Step:
    """What one position changed, as far as the city-wide sheets are concerned."""

    mark: Mark
    cells: Sequence[CellRow]
    definitions: Definitions
    totals: Totals


@dataclass(slots=True)
class Followed:
    """A sheet and the position that it has been brought to."""

    sheet: Sheet
    position: int


class Present:
    """The position that this process answers from; it only ever grows."""

    def __init__(self, calendar: CityCalendar, read_tally: ReadTally) -> None:
        self.mark: Mark | None = None
        self.definitions = NOTHING
        self.totals = Totals()
        self._calendar = calendar
        self._read_tally = read_tally
        self._sheets: OrderedDict[str, Followed] = OrderedDict()
        self._recent: deque[Step] = deque()
        self._recent_cells = 0
        self._moved = asyncio.Event()
        self._listeners: list[Listener] = []
        self._reading = asyncio.Lock()

    @property
    def position(self) -> int:
        """The position, 0 before the first."""
        return self.mark.position if self.mark is not None else 0

    def listen(self, listener: Listener) -> None:
        """Call `listener` after every single position, and after a jump."""
        self._listeners.append(listener)

    def jump(self, mark: Mark, definitions: Definitions, totals: Totals) -> None:
        """Start from a state that was read from the database. Never goes back."""
        if mark.position <= self.position:
            return
        self.mark, self.definitions, self.totals = mark, definitions, totals
        self._sheets.clear()
        self._recent.clear()
        self._recent_cells = 0
        self._tell()

    def advance(self, changesets: Sequence[Changeset]) -> None:
        """Follow committed positions, one by one. Raises ValueError unless they continue from this one."""
        for changeset in changesets:
            if changeset.position != self.position + 1:
                raise ValueError(f"position {changeset.position} does not follow {self.position}")
            self._step(changeset)
            self._tell()

    def _step(self, changeset: Changeset) -> None:
        if changeset.definitions is not None:
            revision = Revision.of(changeset.position, changeset.definitions, changeset.recorded_at)
            self.definitions = self.definitions.after(revision)
        self.totals = self.totals.after(changeset.events_total, changeset.by_type)
        self.mark = Mark(changeset.position, changeset.recorded_at, changeset.tick)
        cells = [row for row in changeset.cells if row.dimension == "city"]
        self._remember(Step(self.mark, cells, self.definitions, self.totals))
        # The one that most people look at follows at once; the others catch up when they are asked for.
        self.known(self._calendar.containing(self._calendar.local_day(changeset.tick), "fiscal_year"))

    def _remember(self, step: Step) -> None:
        self._recent.append(step)
        self._recent_cells += len(step.cells)
        while len(self._recent) > RECENT_POSITIONS_MAX or (
            self._recent_cells > RECENT_CELLS_MAX and len(self._recent) > 1
        ):
            self._recent_cells -= len(self._recent.popleft().cells)

    def _tell(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
        for listener in self._listeners:
            listener()

    async def reached(self, position: int) -> None:
        """Wait until this process answers from `position` or later. Raises Unavailable when it does not get there."""
        try:
            async with asyncio.timeout(REACH_TIMEOUT_S):
                while self.position < position:
                    await self._moved.wait()
        except TimeoutError as error:
            raise Unavailable(f"position {position} is recorded but not yet readable here") from error

    def known(self, period: Period) -> Sheet | None:
        """Return the sheet of a calendar period at the present position, if it can be had without reading."""
        followed = self._sheets.get(period.label)
        if followed is None:
            return None
        missed = self._since(followed.position)
        if missed is None or not self._catch_up(followed, missed):
            del self._sheets[period.label]
            return None
        self._sheets.move_to_end(period.label)
        return followed.sheet

    def _since(self, position: int) -> list[Step] | None:
        """Return the steps after a position, None if they are not all remembered."""
        count = self.position - position
        known = len(self._recent)
        return list(islice(self._recent, known - count, known)) if 0 <= count <= known else None

    def _catch_up(self, followed: Followed, steps: Sequence[Step]) -> bool:
        for step in steps:
            followed.sheet.move(step.cells, step.definitions, step.definitions.almanac(self._calendar, step.mark.tick))
            if followed.sheet.tally.is_doubtful:
                return False
        followed.position = self.position
        return True

    async def sheet(self, period: Period) -> Sheet:
        """Return the sheet of a calendar period at the present position; it stays present until the caller awaits."""
        known = self.known(period)
        if known is not None:
            return known
        async with self._reading:  # of many readers who miss the same sheet, one reads it
            for _ in range(READ_ATTEMPTS_MAX):
                sheet = self.known(period) or await self._read(period)
                if sheet is not None:
                    return sheet
        raise Unavailable(f"{period.label} changes faster than it can be read")

    async def _read(self, period: Period) -> Sheet | None:
        position, tally = await self._read_tally(period)
        await self.reached(position)
        missed = self._since(position)
        if missed is None or self.mark is None:
            return None  # too far behind for what is remembered: read again
        for step in missed:
            tally.apply(step.cells)
        almanac = self.definitions.almanac(self._calendar, self.mark.tick)
        if tally.is_doubtful or not tally.needs.cover(Needs(self.definitions.kpis, period, almanac)):
            return None
        tally.follow(self.definitions.kpis)
        sheet = Sheet(tally, self.definitions, almanac)
        self._sheets[period.label] = Followed(sheet, self.position)
        if len(self._sheets) > SHEETS_MAX:
            self._sheets.popitem(last=False)
        return sheet
