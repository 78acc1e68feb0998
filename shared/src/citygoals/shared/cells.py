"""Cells: the integers that everything is made of, and a column of them, day by day. Pure."""

from bisect import bisect_left
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

PART = "/"
"""Between a KPI's id and the name of one of its parts in a series: "SR-02/b137". No id contains it."""


class Cell(NamedTuple):
    """The integers of one cell. `events` is the number of entries whose facts give it something other than (0, 0).

    A cell of all zeros is no cell: whatever was counted there has been taken back. A count or a sum has no denominator
    of its own, so that of its cells is not looked at.
    """

    numerator: int
    denominator: int
    events: int

    def plus(self, other: "Cell") -> "Cell":
        """Return the sum of both."""
        return Cell(self.numerator + other.numerator, self.denominator + other.denominator, self.events + other.events)

    def minus(self, other: "Cell") -> "Cell":
        """Return what is left without the other."""
        return Cell(self.numerator - other.numerator, self.denominator - other.denominator, self.events - other.events)


NO_CELL = Cell(0, 0, 0)


def series_of(kpi: str, part: str = "") -> str:
    """Return the name of a KPI's series of cells, or of that of one of its parts."""
    return f"{kpi}{PART}{part}" if part else kpi


def kpi_of(series: str) -> str:
    """Return the KPI that a series belongs to."""
    return series.partition(PART)[0]


def part_of(series: str) -> str:
    """Return the part of the KPI that a series is, "" for the KPI's own."""
    return series.partition(PART)[2]


class Column:
    """One series' day cells in one slice, in order of days, with running sums: any run of days is two look-ups.

    A day that is put in undoes the sums from there on; they are made again when they are asked for. What happens is
    mostly of today, so that is seldom more than one.
    """

    def __init__(self, cells: Mapping[date, Cell] | None = None) -> None:
        self._cells = {day: cell for day, cell in (cells or {}).items() if cell != NO_CELL}
        self._days = sorted(self._cells)
        self._sums: list[Cell] = [NO_CELL]  # of the first days, one more than they are

    def put(self, day: date, cell: Cell) -> None:
        """Set a day's cell; one of all zeros takes the day away."""
        place = bisect_left(self._days, day)
        is_there = day in self._cells
        if cell != NO_CELL:
            self._cells[day] = cell
            if not is_there:
                self._days.insert(place, day)
        elif is_there:
            del self._cells[day], self._days[place]
        del self._sums[place + 1 :]

    def at(self, day: date) -> Cell:
        """Return a day's cell."""
        return self._cells.get(day, NO_CELL)

    def total(self, start: date, end: date) -> Cell:
        """Return the sum over the days of [start, end)."""
        low, high = bisect_left(self._days, start), bisect_left(self._days, end)
        if low >= high:
            return NO_CELL
        for day in self._days[len(self._sums) - 1 : high]:
            self._sums.append(self._sums[-1].plus(self._cells[day]))
        return self._sums[high].minus(self._sums[low])

    def first(self) -> date | None:
        """Return the first day that has a cell."""
        return self._days[0] if self._days else None

    def last(self, start: date, end: date) -> tuple[date, Cell] | None:
        """Return the last day of [start, end) that has a cell, and the cell."""
        index = bisect_left(self._days, end) - 1
        if index < 0 or self._days[index] < start:
            return None
        return self._days[index], self._cells[self._days[index]]
