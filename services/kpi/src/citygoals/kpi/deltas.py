"""Deltas: contributions after minus contributions before, summed per cell. Pure.

A fact that gives a KPI something on one day only fills that day's cells of all grains with the same integers. Those are
summed per (KPI, day, department, district) and spread over grains and slices once, at the end. Facts of several days
are spread one by one, since their entries do not add up over days.
"""

from collections.abc import Iterable
from datetime import date
from typing import TypeVar

from citygoals.kpi.contributions import DAY, CellKey, periods_of, slices
from citygoals.kpi.folds import Fact
from citygoals.kpi.measures import Days, Measure, Measures
from citygoals.shared.figures import Cell
from citygoals.shared.period import CityCalendar

_Place = tuple[str, date, str | None, str | None]
_Slice = tuple[str, date, int, str]
_Sum = list[int]  # numerator, denominator, events

PLACES_HELD = 100_000
"""From this many places on they are summed by slice, of which there are far fewer: a rebuild stays within memory."""

Key = TypeVar("Key")


class Deltas:
    """A sum of contributions, taken from and added to. The order of additions does not matter."""

    def __init__(self, measures: Measures, calendar: CityCalendar) -> None:
        self._measures = measures
        self._calendar = calendar
        self._places: dict[_Place, _Sum] = {}
        self._slices: dict[_Slice, _Sum] = {}
        self._cells: dict[CellKey, _Sum] = {}

    def change(self, before: Fact, after: Fact) -> None:
        """Take what the fact gave before, add what it gives now."""
        if before.entries:
            self.add(before, -1)
        self.add(after, 1)

    def add(self, fact: Fact, sign: int) -> None:
        """Add the fact's contribution `sign` times: 1, or -1 to take it back."""
        for measure, days in self._measures.of(fact):
            if measure.is_latest or len(days) > 1:
                self._spread(measure, days, fact, sign)
            else:
                ((day, (numerator, denominator)),) = days.items()
                place = (measure.kpi, day, fact.department, fact.district)
                self.put(place, sign * numerator, sign * denominator, sign * fact.entries)

    def put(self, place: _Place, numerator: int, denominator: int, events: int) -> None:
        """Add what facts of one day gave a KPI in one department and district."""
        _add(self._places, place, numerator, denominator, events)
        if len(self._places) >= PLACES_HELD:
            self._sum_places()

    def take_cells(self) -> dict[CellKey, Cell]:
        """Return the change of every cell that changes, and begin anew."""
        self._sum_places()
        sums, self._cells = self._cells, {}
        slices_, self._slices = self._slices, {}
        for (kpi, day, dimension, member), parts in slices_.items():
            for grain, start in enumerate(self._calendar.starts(day)):
                _add(sums, (kpi, grain, start, dimension, member), *parts)
        return {key: Cell(*parts) for key, parts in sums.items() if any(parts)}

    def _sum_places(self) -> None:
        for (kpi, day, department, district), parts in self._places.items():
            for dimension, member in slices(department, district):
                _add(self._slices, (kpi, day, dimension, member), *parts)
        self._places.clear()

    def _spread(self, measure: Measure, days: Days, fact: Fact, sign: int) -> None:
        members = slices(fact.department, fact.district)
        for grain, start, numerator, denominator in _periods(days, self._calendar, measure):
            for dimension, member in members:
                key = (measure.kpi, grain, start, dimension, member)
                _add(self._cells, key, sign * numerator, sign * denominator, sign * fact.entries)


def _periods(days: Days, calendar: CityCalendar, measure: Measure) -> Iterable[tuple[int, date, int, int]]:
    if measure.is_latest:  # each day stands for itself
        return ((DAY, day, numerator, denominator) for day, (numerator, denominator) in days.items())
    return periods_of(days, calendar)


def _add(sums: dict[Key, _Sum], key: Key, numerator: int, denominator: int, events: int) -> None:
    parts = sums.get(key)
    if parts is None:
        sums[key] = [numerator, denominator, events]
    else:
        parts[0] += numerator
        parts[1] += denominator
        parts[2] += events


def combine(*deltas: dict[CellKey, Cell]) -> dict[CellKey, Cell]:
    """Return the sum of changes; the order does not matter, and cells that cancel out are left out."""
    sums: dict[CellKey, _Sum] = {}
    for change in deltas:
        for key, cell in change.items():
            _add(sums, key, *cell)
    return {key: Cell(*parts) for key, parts in sums.items() if any(parts)}


def difference(after: dict[CellKey, Cell], before: dict[CellKey, Cell]) -> dict[CellKey, Cell]:
    """Return what must be added to `before` to have `after`."""
    return combine(after, {key: Cell(-cell.numerator, -cell.denominator, -cell.events) for key, cell in before.items()})
