"""A tally: the reading of one slice and period, and how it follows from position to position. Pure but for the source."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from citygoals.reporting.cells import CITY, ROLLING, BusyDays, Line, Needs, Slice, Source
from citygoals.shared.cells import NO_CELL, Cell, Column, kpi_of, part_of
from citygoals.shared.changeset import CellRow
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import Period
from citygoals.shared.reading import Reading


@dataclass(slots=True)
class Tally:
    """What one slice holds for one period at one position.

    `busy` are the days before the period's end on which each KPI last had data, anywhere in the city. `inexact` names
    KPIs of a rolling period whose events do not add up over its days, `unsummed` those whose values do not.
    """

    needs: Needs
    reading: Reading
    busy: dict[str, BusyDays]
    inexact: frozenset[str] = frozenset()
    unsummed: frozenset[str] = frozenset()
    is_doubtful: bool = False
    _last_days: dict[str, date] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._last_days = {kpi: busy.last for kpi, busy in self.busy.items() if busy.last is not None}
        self.reading.last_days = self._last_days

    @property
    def period(self) -> Period:
        """The period."""
        return self.needs.period

    def apply(self, rows: Iterable[CellRow]) -> set[str]:
        """Bring a tally of the city to the next position; return the KPIs that may say something else now.

        When all the last days that are known of a KPI lose their data, the day before them is not known here: the
        tally becomes doubtful and must be read anew.
        """
        touched = set()
        for row in rows:
            if row.dimension == CITY.dimension and self._take(row):
                touched.add(kpi_of(row.kpi))
        return touched

    def _take(self, row: CellRow) -> bool:
        cell = Cell(row.numerator, row.denominator, row.events)
        is_own = row.grain == self.period.grain and row.start == self.period.start
        if is_own:
            self.reading.put_cell(row.kpi, cell)
        if row.grain != "day" or row.start >= self.period.end:
            return is_own
        self._see(row.kpi, row.start, is_busy=cell != NO_CELL)
        first = self.needs.firsts.get(kpi_of(row.kpi))
        if first is not None and row.start >= first:
            self.reading.put_day(row.kpi, row.start, cell)
        return True

    def _see(self, series: str, day: date, *, is_busy: bool) -> None:
        kpi = self.needs.dated.get(series)
        if kpi is None:
            return
        busy = self.busy.setdefault(kpi, BusyDays())
        if not busy.see(day, is_busy=is_busy):
            self.is_doubtful = True
        if busy.last is None:
            self._last_days.pop(kpi, None)
        else:
            self._last_days[kpi] = busy.last

    def follow(self, kpis: Mapping[str, KpiDef]) -> None:
        """Go over to other definitions; what they need and this does not hold makes the tally doubtful."""
        needs = Needs(kpis, self.period, self.needs.almanac)
        if not self.needs.cover(needs):
            self.is_doubtful = True
        self.needs = needs

    def holds(self, kpi: str) -> bool:
        """Whether the slice has anything at all of the KPI."""
        cell = self.reading.cell(kpi)
        return (cell is not None and cell != NO_CELL) or any(
            column.first() is not None for column in self.reading.columns.get(kpi, {}).values()
        )


async def read_tally(source: Source, slice_: Slice, needs: Needs) -> Tally:
    """Read what one slice holds for the period that is needed."""
    period, today = needs.period, needs.almanac.now.day
    member = slice_.member or ""
    days = await source.cells(slice_, needs.days, grain="day", end=period.end, today=today)
    is_rolling = period.grain == ROLLING
    grain = "day" if is_rolling else period.grain  # of which only the period itself starts in it
    own = (await source.cells(slice_, needs.own, grain=grain, end=period.end, today=today)).get(member, {})
    last = await source.last_days(needs.dated, before=period.end)
    reading = Reading(member=member or None)
    for series, line in days.get(member, {}).items():
        reading.columns.setdefault(kpi_of(series), {})[part_of(series)] = Column(line)
    busy = {needs.dated[series]: found for series, found in last.items()}
    unsummed = _unsummed(own, needs.kpis) if is_rolling else frozenset()
    for series, line in own.items():
        if kpi_of(series) not in unsummed:
            reading.put_cell(series, total(line))
    inexact = frozenset(series for series, line in own.items() if series in needs.kpis and _is_spread(line))
    return Tally(needs, reading, busy, inexact, unsummed)


def total(line: Line) -> Cell:
    """Return the sum of a series' cells."""
    return Cell(*map(sum, zip(*line.values(), strict=True)))


def _unsummed(days: Mapping[str, Line], kpis: Mapping[str, KpiDef]) -> frozenset[str]:
    """Return the KPIs that count different things on several of the days: the same one may have come on two of them."""
    return frozenset(
        series
        for series, line in days.items()
        if series in kpis and kpis[series].measure.kind == "distinct" and _is_spread(line)
    )


def _is_spread(line: Line) -> bool:
    """Whether more than one day has events: those of days do not add up where a fact counts on two of them."""
    return sum(cell.events > 0 for cell in line.values()) > 1
