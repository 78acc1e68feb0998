"""A reading: what one slice holds at one position, as far as the figures of one period are made from it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple, Protocol

from citygoals.shared.cells import Cell, Column, kpi_of, part_of
from citygoals.shared.committed import Committed, CommittedKpis, committed_in
from citygoals.shared.elapsed import before
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import CityCalendar, Period

_DAY = timedelta(days=1)


class Now(NamedTuple):
    """The city's now, which is the last tick: its local day, and the whole hours that the day has run."""

    day: date
    hour: int = 24

    @property
    def tomorrow(self) -> date:
        """The first day that has not begun."""
        return self.day + _DAY


class Table(Protocol):
    """A dated reference table, for example the population of the city and of its districts."""

    def value_at(self, day: date, member: str | None = None) -> int | None:
        """Return the number in force on a day, None where none is known."""
        ...


def weighed(table: Table, days: Iterable[tuple[date, Fraction]], member: str | None) -> Fraction | None:
    """Return the sum of shares of the numbers in force on days, None where one of them is not known."""
    found = [(table.value_at(day, member), share) for day, share in days]
    known = [value * share for value, share in found if value is not None]
    return sum(known, Fraction()) if len(known) == len(found) else None


@dataclass(frozen=True, slots=True)
class Almanac:
    """What figures look up besides cells: the city's calendar, its now, its reference tables by id, what is committed."""

    calendar: CityCalendar
    now: Now
    tables: Mapping[str, Table] = field(default_factory=dict)
    committed: CommittedKpis = field(default_factory=dict)

    def committed_in(self, kpi: str, period: Period) -> Committed | None:
        """Return the KPI as committed for the fiscal year that the period lies in, None where it is not."""
        return committed_in(self.committed, kpi, period, self.calendar)


@dataclass(slots=True)
class Reading:
    """Cells by KPI and part: the period's own, columns of days for measures that are daily, and the last days with data.

    `member` is the department or district that the slice is of, None for the whole city.
    """

    cells: dict[str, dict[str, Cell]] = field(default_factory=dict)
    columns: dict[str, dict[str, Column]] = field(default_factory=dict)
    last_days: Mapping[str, date] = field(default_factory=dict)
    member: str | None = None

    def cell(self, kpi: str, part: str = "") -> Cell | None:
        """Return the period's cell of the KPI, or of one of its parts."""
        return self.cells.get(kpi, {}).get(part)

    def parts(self, kpi: str) -> Mapping[str, Cell]:
        """Return the period's cells of the KPI's parts, by part."""
        return {part: cell for part, cell in self.cells.get(kpi, {}).items() if part}

    def column(self, kpi: str, part: str = "") -> Column:
        """Return the days of the KPI, or of one of its parts."""
        return self.columns.get(kpi, {}).get(part) or Column()

    def put_cell(self, series: str, cell: Cell) -> None:
        """Set the period's own cell of a series."""
        self.cells.setdefault(kpi_of(series), {})[part_of(series)] = cell

    def put_day(self, series: str, day: date, cell: Cell) -> None:
        """Set a day's cell of a series."""
        self.columns.setdefault(kpi_of(series), {}).setdefault(part_of(series), Column()).put(day, cell)


def first_day(kpi: KpiDef, period: Period, calendar: CityCalendar) -> date | None:
    """Return from which day on a figure of the period needs the KPI's days; None: it needs the period's own cell only.

    The days end with the period.
    """
    measure = kpi.measure
    if measure.kind in {"stock", "overdue", "availability", "turnover"}:
        return date.min
    if measure.kind == "change":
        earlier = before(calendar, period, measure.against)
        return period.start if earlier is None else earlier.start
    if measure.is_daily:
        return period.start
    return None
