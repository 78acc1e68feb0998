"""The board: figures and nodes of the fiscal year that is open, so that a status crossing is announced where it happens.

Pure. A board is never changed; a commit that succeeds puts the next one in its place, one that fails leaves nothing behind.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from citygoals.kpi.contributions import DAY, FISCAL_YEAR
from citygoals.kpi.definitions import Definitions
from citygoals.shared.changeset import CellRow
from citygoals.shared.figures import Cell, Crossing, Figure, crossings, figure
from citygoals.shared.flows import LatestMeasure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.nodes import Node, nodes
from citygoals.shared.period import GRAINS, CityCalendar, Period
from citygoals.shared.plan import PlanDef

_DAY, _FISCAL_YEAR = GRAINS[DAY], GRAINS[FISCAL_YEAR]


class LastDay(NamedTuple):
    """The last day up to the period's end on which a KPI had data, and its cell."""

    day: date
    cell: Cell


class Crossings(NamedTuple):
    """What entered another status between two positions."""

    kpis: list[Crossing]
    nodes: list[Crossing]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Figures and nodes of one period, at one position."""

    period: Period
    today: date
    kpis: Mapping[str, KpiDef]
    plan: PlanDef | None
    cells: Mapping[str, Cell]
    last_days: Mapping[str, LastDay]
    figures: Mapping[str, Figure]
    nodes: Mapping[str, Node]

    def after(self, changed: Iterable[CellRow]) -> "Board":
        """Return the board after the whole city's cells in `changed`; those of other slices and periods say nothing here.

        The caller has seen to `emptied` first.
        """
        cells, last_days = dict(self.cells), dict(self.last_days)
        touched: set[str] = set()
        for row in changed:
            if row.dimension == "city" and row.kpi in self.kpis and self._take(row, cells, last_days):
                touched.add(row.kpi)
        if not touched:
            return self
        return replace(self, cells=cells, last_days=last_days).with_figures(touched)

    def emptied(self, changed: Iterable[CellRow]) -> list[str]:
        """Return the KPIs whose last day has no data any more: which one is the last now, only the cells know."""
        return [
            row.kpi
            for row in changed
            if row.grain == _DAY
            and row.dimension == "city"
            and not row.events
            and row.kpi in self.last_days
            and row.start == self.last_days[row.kpi].day
        ]

    def with_last_days(self, asked: Iterable[str], found: Mapping[str, LastDay]) -> "Board":
        """Return the board with the last days of the KPIs asked for, as they are after the change."""
        kept = {kpi: last for kpi, last in self.last_days.items() if kpi not in set(asked)}
        return replace(self, last_days={**kept, **found})

    def with_figures(self, touched: Iterable[str]) -> "Board":
        """Return the board with the figures of those KPIs, and the nodes above them, computed anew."""
        figures = {**self.figures, **{kpi: self._figure(kpi) for kpi in touched}}
        return replace(self, figures=figures, nodes={} if self.plan is None else nodes(self.plan, figures))

    def crossed(self, before: "Board") -> Crossings:
        """Return what entered another status since `before`. Two periods are never compared."""
        if self is before or self.period != before.period:
            return Crossings([], [])
        return Crossings(crossings(before.figures, self.figures), crossings(before.nodes, self.nodes))

    def _take(self, row: CellRow, cells: dict[str, Cell], last_days: dict[str, LastDay]) -> bool:
        cell = Cell(row.numerator, row.denominator, row.events)
        if row.grain == _FISCAL_YEAR and row.start == self.period.start:
            cells[row.kpi] = cell
            return True
        if row.grain == _DAY and row.start <= self.period.last:
            last = last_days.get(row.kpi)
            if cell.events and (last is None or row.start >= last.day):
                last_days[row.kpi] = LastDay(row.start, cell)
            return True
        return False

    def _figure(self, name: str) -> Figure:
        kpi, last = self.kpis[name], self.last_days.get(name)
        cell = self.cells.get(name)
        if isinstance(kpi.measure, LatestMeasure):
            cell = last.cell if last is not None and last.day in self.period else None
        return figure(kpi, cell, period=self.period, today=self.today, last_day=None if last is None else last.day)


def board(
    definitions: Definitions, period: Period, today: date, cells: Mapping[str, Cell], last_days: Mapping[str, LastDay]
) -> Board:
    """Return the board of a period from its cells."""
    empty = Board(
        period=period, today=today, kpis=definitions.kpis, plan=definitions.in_force(today), cells=cells,
        last_days=last_days, figures={}, nodes={},
    )  # fmt: skip
    return empty.with_figures(definitions.kpis)


def open_period(calendar: CityCalendar, today: date) -> Period:
    """Return the fiscal year that is open on the city's today."""
    return calendar.containing(today, _FISCAL_YEAR)
