"""The board: figures and nodes of the fiscal year that is open, so that a status crossing is announced where it happens.

Pure. The figures and nodes of a board never change: a commit that succeeds puts the next board in its place. They share
one reading, which takes the changes of each position; a commit that fails ends the tenure, and the reading with it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

from citygoals.kpi.contributions import DAY, FISCAL_YEAR
from citygoals.kpi.definitions import Definitions
from citygoals.shared.cells import kpi_of
from citygoals.shared.changeset import CellRow
from citygoals.shared.committed import CommittedKpis
from citygoals.shared.elapsed import hours_into_day
from citygoals.shared.figures import Cell, Crossing, Figure, crossings, figure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.nodes import Node, nodes
from citygoals.shared.parts import dated_series
from citygoals.shared.period import GRAINS, CityCalendar, Period
from citygoals.shared.plan import PlanDef
from citygoals.shared.reading import Almanac, Now, Reading, first_day

_DAY, _FISCAL_YEAR = GRAINS[DAY], GRAINS[FISCAL_YEAR]


class Crossings(NamedTuple):
    """What entered another status between two positions."""

    kpis: list[Crossing]
    nodes: list[Crossing]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Figures and nodes of one period, at one position."""

    period: Period
    almanac: Almanac
    kpis: Mapping[str, KpiDef]
    plan: PlanDef | None
    reading: Reading
    last_days: dict[str, date]
    figures: Mapping[str, Figure]
    nodes: Mapping[str, Node]

    @property
    def now(self) -> Now:
        """The city's now."""
        return self.almanac.now

    def after(self, changed: Iterable[CellRow]) -> "Board":
        """Return the board after the whole city's cells in `changed`; those of other slices and periods say nothing here.

        The caller has seen to `emptied` first.
        """
        touched = {
            kpi_of(row.kpi)
            for row in changed
            if row.dimension == "city" and kpi_of(row.kpi) in self.kpis and self._take(row)
        }
        return self.with_figures(touched) if touched else self

    def at(self, now: Now) -> "Board":
        """Return the board at another hour of its day: what is due by then may have come due."""
        if now == self.now:
            return self
        moved = replace(self, almanac=replace(self.almanac, now=now))
        return moved.with_figures([name for name, kpi in self.kpis.items() if kpi.measure.is_daily])

    def committed_to(self, committed: CommittedKpis) -> "Board":
        """Return the board held against other commitments."""
        moved = replace(self, almanac=replace(self.almanac, committed=committed))
        return moved.with_figures(self.kpis)

    def emptied(self, changed: Iterable[CellRow]) -> list[str]:
        """Return the KPIs whose last day has no data any more: which one is the last now, only the cells know."""
        return [
            kpi_of(row.kpi)
            for row in changed
            if row.grain == _DAY
            and row.dimension == "city"
            and not any(row[5:])
            and self._is_dated(row.kpi)
            and row.start == self.last_days.get(kpi_of(row.kpi))
        ]

    def with_last_days(self, asked: Iterable[str], found: Mapping[str, date]) -> "Board":
        """Put in the last days of the KPIs asked for, as they are after the change."""
        for kpi in asked:
            self.last_days.pop(kpi, None)
        self.last_days.update(found)
        return self

    def with_figures(self, touched: Collection[str]) -> "Board":
        """Return the board with the figures of those KPIs, of what is made of them, and of the nodes above, anew."""
        figures = dict(self.figures)
        for name in touched:
            if not self.kpis[name].is_derived:
                figures[name] = self._figure(name, {})
        own = {name: one for name, one in figures.items() if not one.kpi.is_derived}
        figures |= {name: self._figure(name, own) for name, kpi in self.kpis.items() if kpi.is_derived}
        return replace(self, figures=figures, nodes={} if self.plan is None else nodes(self.plan, figures))

    def crossed(self, before: "Board") -> Crossings:
        """Return what entered another status since `before`. Two periods are never compared."""
        if self is before or self.period != before.period:
            return Crossings([], [])
        return Crossings(crossings(before.figures, self.figures), crossings(before.nodes, self.nodes))

    def _take(self, row: CellRow) -> bool:
        """Put a changed cell into the reading; say whether it says anything here."""
        name = kpi_of(row.kpi)
        cell = Cell(row.numerator, row.denominator, row.events)
        if row.grain == _FISCAL_YEAR and row.start == self.period.start:
            self.reading.put_cell(row.kpi, cell)
            return True
        if row.grain != _DAY or row.start > self.period.last:
            return False
        if any(cell) and self._is_dated(row.kpi):
            self.last_days[name] = max(row.start, self.last_days.get(name, row.start))
        first = first_day(self.kpis[name], self.period, self.almanac.calendar)
        if first is not None and row.start >= first:
            self.reading.put_day(row.kpi, row.start, cell)
        return True

    def _is_dated(self, series: str) -> bool:
        kpi = self.kpis.get(kpi_of(series))
        return kpi is not None and dated_series(kpi) == series

    def _figure(self, name: str, others: Mapping[str, Figure]) -> Figure:
        return figure(self.kpis[name], self.reading, period=self.period, almanac=self.almanac, others=others)


def board(
    definitions: Definitions, period: Period, almanac: Almanac, reading: Reading, last_days: dict[str, date]
) -> Board:
    """Return the board of a period from its cells and days. The reading is the board's from here on.

    Its nodes are the public's, without what is internal: people are told of them.
    """
    reading.last_days = last_days
    plan = definitions.in_force(almanac.now.day)
    internal = {name for name, kpi in definitions.kpis.items() if kpi.internal}
    empty = Board(
        period=period, almanac=almanac, kpis=definitions.kpis, plan=plan and plan.without(internal),
        reading=reading, last_days=last_days, figures={}, nodes={},
    )  # fmt: skip
    return empty.with_figures(definitions.kpis)


def open_period(calendar: CityCalendar, today: date) -> Period:
    """Return the fiscal year that is open on the city's today."""
    return calendar.containing(today, _FISCAL_YEAR)


def now_at(calendar: CityCalendar, tick: datetime) -> Now:
    """Return the city's now at a tick."""
    return Now(calendar.local_day(tick), hours_into_day(calendar, tick))
