"""Cells as the read side takes them: of one slice in one period, or of one KPI over a span. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple, Protocol

from citygoals.shared.changeset import CellRow
from citygoals.shared.figures import Cell
from citygoals.shared.period import Period

ROLLING = "rolling"
BUSY_DAYS_KEPT = 4


class Slice(NamedTuple):
    """What is counted: the whole city, one department or one district."""

    dimension: str
    member: str


CITY = Slice("city", "")
DIMENSIONS = (CITY.dimension, "department", "district")


class LastDay(NamedTuple):
    """A day on which something counted, and its cell."""

    day: date
    cell: Cell


@dataclass(frozen=True, slots=True)
class Mark:
    """A position: when it was recorded and the last tick at or before it (its `now`)."""

    position: int
    recorded_at: datetime
    tick: datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """How many events the whole ledger holds."""

    events: int = 0
    by_type: Mapping[str, int] = field(default_factory=dict)

    def after(self, events: int | None, by_type: Mapping[str, int]) -> "Totals":
        """Return the totals with a changeset's absolute numbers on top."""
        return self if events is None else Totals(events, {**self.by_type, **by_type})


@dataclass(slots=True)
class BusyDays:
    """A KPI's newest days with events, oldest first; `is_whole` says that there are no older ones."""

    days: list[LastDay] = field(default_factory=list)
    is_whole: bool = True

    @property
    def last(self) -> LastDay | None:
        """The newest of them."""
        return self.days[-1] if self.days else None

    def see(self, day: date, cell: Cell) -> bool:
        """Take in what a day's cell became; False when the newest day can no longer be told from here."""
        if not self.is_whole and self.days and day < self.days[0].day:
            return True
        kept = [one for one in self.days if one.day != day]
        if cell.events > 0:
            kept = sorted([*kept, LastDay(day, cell)])
        self.is_whole = self.is_whole and len(kept) <= BUSY_DAYS_KEPT
        self.days = kept[-BUSY_DAYS_KEPT:]
        return self.is_whole or bool(self.days)


@dataclass(slots=True)
class Tally:
    """What one slice holds for one period, KPI by KPI, at one position.

    `cells` are the period's own; `busy` are each KPI's last days before the period's end with events, wherever it began.
    `inexact` names KPIs of a rolling period whose events do not add up over its days.
    """

    period: Period
    cells: dict[str, Cell]
    busy: dict[str, BusyDays]
    inexact: frozenset[str] = frozenset()
    is_doubtful: bool = False

    def apply(self, rows: Iterable[CellRow]) -> set[str]:
        """Bring a tally of the city to the next position; return the KPIs that may say something else now.

        When all the last days that are known of a KPI lose their events, the day before them is not known here: the
        tally becomes doubtful and must be read anew.
        """
        grain, start, end = self.period.grain, self.period.start, self.period.end
        touched = set()
        for row in rows:
            if row.dimension != "city":
                continue
            if row.grain == grain and row.start == start:
                self.cells[row.kpi] = Cell(row.numerator, row.denominator, row.events)
                touched.add(row.kpi)
            if row.grain == "day" and row.start < end:
                busy = self.busy.setdefault(row.kpi, BusyDays())
                if not busy.see(row.start, Cell(row.numerator, row.denominator, row.events)):
                    self.is_doubtful = True
                touched.add(row.kpi)
        return touched

    def latest(self, kpi: str) -> Cell | None:
        """Return the KPI's last day cell inside the period, for measures whose last value counts."""
        last = self._last(kpi)
        return last.cell if last is not None and last.day >= self.period.start else None

    def last_day(self, kpi: str) -> date | None:
        """Return the KPI's last day with events at or before the period's end."""
        last = self._last(kpi)
        return last.day if last is not None else None

    def _last(self, kpi: str) -> LastDay | None:
        busy = self.busy.get(kpi)
        return busy.last if busy is not None else None


Span = dict[str, dict[date, Cell]]
"""Cells by member (or by KPI) and start; starts ascend."""


class Source(Protocol):
    """Where cells are read at one position: the present in the database, or the past from history."""

    async def tally(self, slice_: Slice, period: Period) -> Tally:
        """Read what a slice holds for a period."""
        ...

    async def run(self, slice_: Slice, *, grain: str, first: date, end: date) -> Span:
        """Read a slice's cells that start in [first, end): by KPI, by start."""
        ...

    async def span(self, kpi: str, *, grain: str, dimension: str, first: date, end: date) -> Span:
        """Read one KPI's cells that start in [first, end): by member, by start."""
        ...

    async def last_days_of(self, slice_: Slice, *, before: date) -> dict[str, LastDay]:
        """Read, for each KPI of a slice, the last day before `before` with events."""
        ...

    async def last_days(self, kpi: str, *, dimension: str, before: date) -> dict[str, LastDay]:
        """Read, for each member, the last day before `before` with events."""
        ...


def rolling_tally(period: Period, days: Span, busy: dict[str, BusyDays]) -> Tally:
    """Add up the days of a rolling period, KPI by KPI.

    Numerators and denominators add. Events do not where a fact counts on two days, so they are exact only for KPIs
    with events on at most one day of the period.
    """
    cells = {kpi: Cell(*map(sum, zip(*column.values(), strict=True))) for kpi, column in days.items() if column}
    counts = {kpi: sum(cell.events > 0 for cell in column.values()) for kpi, column in days.items()}
    return Tally(period, cells, busy, inexact=frozenset(kpi for kpi, count in counts.items() if count > 1))
