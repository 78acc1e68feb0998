"""A KPI over time: one figure for each period of a run, missing ones included. Pure but for the source it reads."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from citygoals.reporting.cells import CITY, CITY_MEMBER, Needs, Slice, Source, Span
from citygoals.reporting.questions import Misread
from citygoals.reporting.sheet import Row, figure_row
from citygoals.shared.cells import Cell, Column, kpi_of, part_of
from citygoals.shared.figures import Figure, figure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import CityCalendar, Period
from citygoals.shared.reading import Almanac, Reading

SERIES_GRAINS = ("day", "week", "month", "quarter", "half", "fiscal_year")
DIMENSIONS = ("department", "district", "channel")
PERIODS_MAX = 4000
DEFAULT_GRAIN = "month"
DEFAULT_FISCAL_YEARS = 5
WHOLE = slice(None)


@dataclass(frozen=True, slots=True)
class SeriesQuestion:
    """What is asked: which periods, and of the city or of each member of a dimension."""

    grain: str
    periods: tuple[Period, ...]
    by: str | None

    @classmethod
    def read(
        cls,
        calendar: CityCalendar,
        today: date,
        *,
        grain: str | None,
        first: str | None,
        last: str | None,
        by: str | None,
    ) -> "SeriesQuestion":
        """Read the parameters; `first` and `last` are days or period labels. Raises Misread."""
        grain = grain or DEFAULT_GRAIN
        if grain not in SERIES_GRAINS:
            raise Misread(f"no such grain: {grain[:40]!r}", allowed=list(SERIES_GRAINS))
        if by is not None and by not in DIMENSIONS:
            raise Misread(f"figures cannot be split by {by[:40]!r}", allowed=list(DIMENSIONS))
        start = _day(calendar, first, today).start if first else _default_start(calendar, today, grain)
        end = _day(calendar, last, today).last if last else max(today, start)
        if start > end:
            raise Misread(f"the series would end ({end}) before it begins ({start})")
        shortest = {"day": 1, "week": 7, "month": 28}.get(grain, 84)
        if (end - start).days // shortest > PERIODS_MAX:
            raise Misread(f"more than {PERIODS_MAX} periods: ask for a shorter run or a longer grain")
        return cls(grain, tuple(calendar.periods(grain, start, end)), by)

    @property
    def start(self) -> date:
        """The first day of the first period."""
        return self.periods[0].start

    @property
    def end(self) -> date:
        """The first day after the last period."""
        return self.periods[-1].end


def _day(calendar: CityCalendar, text: str, today: date) -> Period:
    try:
        return calendar.parse(text, today)
    except ValueError as error:
        raise Misread(str(error)) from error


def _default_start(calendar: CityCalendar, today: date, grain: str) -> date:
    year = calendar.fiscal_year_of(today)
    return calendar.fiscal_year(year - DEFAULT_FISCAL_YEARS + 1 if grain == "fiscal_year" else year).start


async def series_items(
    source: Source, kpis: Mapping[str, KpiDef], kpi: str, question: SeriesQuestion, *, almanac: Almanac,
    items: slice = WHOLE,
) -> tuple[list[Row], int | None]:  # fmt: skip
    """Return one KPI's figures, and the number of the item after them, None after the last.

    `items` says which of all that there are; only those are worked out. With `by`, each period has one of each member.
    """
    asked = kpis if kpis[kpi].is_derived else {kpi: kpis[kpi]}
    lines = await read_lines(source, Slice(question.by, None) if question.by else CITY, asked, question, almanac)
    members = [CITY_MEMBER] if question.by is None else sorted(lines)
    places = range(len(question.periods) * len(members))
    wanted = places[items]
    turns = (divmod(place, len(members)) for place in wanted)
    rows = [
        lines[members[at]].row(kpi, question.periods[turn]) | _member(question.by, members[at]) for turn, at in turns
    ]
    return rows, wanted.stop if wanted.stop < places.stop else None


def cut(rows: Sequence[Row], items: slice) -> dict[str, Any]:
    """Return the part of a series that is asked for, and where it goes on."""
    stop = range(len(rows))[items].stop
    return {"items": rows[items], "next": stop if stop < len(rows) else None}


def _member(by: str | None, member: str) -> Row:
    return {} if by is None else {"by": by, "member": member, by: member}


async def all_series(
    source: Source, kpis: Mapping[str, KpiDef], question: SeriesQuestion, *, almanac: Almanac
) -> dict[str, list[Row]]:
    """Return every given KPI's figures for the whole city, by KPI."""
    line = (await read_lines(source, CITY, kpis, question, almanac))[CITY_MEMBER]
    return {name: [line.row(name, period) for period in question.periods] for name in kpis}


@dataclass(slots=True)
class Line:
    """One slice over time: the cells of each period by its start, the days, and the city's days with data by KPI."""

    kpis: Mapping[str, KpiDef]
    almanac: Almanac
    busy: Mapping[str, Sequence[date]]
    member: str = CITY_MEMBER
    cells: dict[date, dict[str, dict[str, Cell]]] = field(default_factory=dict)
    columns: dict[str, dict[str, Column]] = field(default_factory=dict)
    _others: dict[Period, Mapping[str, Figure]] = field(default_factory=dict)

    def row(self, kpi: str, period: Period) -> Row:
        """Return the figure of one period."""
        definition = self.kpis[kpi]
        others = self._own(period) if definition.is_derived else {}
        return figure_row(definition, self.reading(period), period=period, almanac=self.almanac, others=others)[1]

    def reading(self, period: Period) -> Reading:
        """Return what there is of one period."""
        last = ((kpi, _last_before(days, period.end)) for kpi, days in self.busy.items())
        last_days = {kpi: day for kpi, day in last if day is not None}
        return Reading(self.cells.get(period.start, {}), self.columns, last_days, self.member or None)

    def _own(self, period: Period) -> Mapping[str, Figure]:
        """Return the figures that derived ones are made of."""
        if period not in self._others:
            reading = self.reading(period)
            self._others[period] = {
                name: figure(kpi, reading, period=period, almanac=self.almanac)
                for name, kpi in self.kpis.items() if not kpi.is_derived
            }  # fmt: skip
        return self._others[period]


async def read_lines(
    source: Source, slice_: Slice, kpis: Mapping[str, KpiDef], question: SeriesQuestion, almanac: Almanac
) -> dict[str, Line]:
    """Return what the slice, or each member of it, holds over the run of periods; of the city there is always one."""
    needs, today = Needs(kpis, question.periods[0], almanac), almanac.now.day
    days = await source.cells(slice_, needs.days, grain="day", end=question.end, today=today)
    own = await source.cells(slice_, needs.own, grain=question.grain, end=question.end, today=today)
    dates = await source.dates(needs.dated, first=question.start, end=question.end)
    busy = {needs.dated[series]: found for series, found in dates.items()}
    members = {*days, *own} | ({CITY_MEMBER} if slice_ == CITY else set())
    lines = {member: Line(kpis, almanac, busy, member) for member in members}
    _put(lines, days, own)
    return lines


def _put(lines: Mapping[str, Line], days: Span, own: Span) -> None:
    for member, held in days.items():
        for series, cells in held.items():
            lines[member].columns.setdefault(kpi_of(series), {})[part_of(series)] = Column(cells)
    for member, held in own.items():
        for series, cells in held.items():
            for start, cell in cells.items():
                lines[member].cells.setdefault(start, {}).setdefault(kpi_of(series), {})[part_of(series)] = cell


def _last_before(days: Sequence[date], end: date) -> date | None:
    index = bisect_left(days, end)
    return days[index - 1] if index else None
