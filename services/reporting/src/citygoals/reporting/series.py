"""A KPI over time: one figure for each period of a run, missing ones included. Pure but for the source it reads."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from citygoals.reporting.cells import CITY, LastDay, Source
from citygoals.reporting.questions import Misread
from citygoals.reporting.sheet import Row, figure_row
from citygoals.shared.figures import Cell
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import CityCalendar, Period

SERIES_GRAINS = ("day", "week", "month", "quarter", "half", "fiscal_year")
DIMENSIONS = ("department", "district")
PERIODS_MAX = 4000
DEFAULT_GRAIN = "month"
DEFAULT_FISCAL_YEARS = 5


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


async def series_items(source: Source, kpi: KpiDef, question: SeriesQuestion, *, today: date) -> list[Row]:
    """Return one KPI's figures, by period and then by member."""
    dimension = question.by or CITY.dimension
    grain = "day" if kpi.measure.kind == "latest" else question.grain
    days = await source.span(kpi.id, grain="day", dimension=CITY.dimension, first=question.start, end=question.end)
    before = await source.last_days(kpi.id, dimension=CITY.dimension, before=question.start)
    busy = _busy_days(before.get(CITY.member), days.get(CITY.member, {}))
    if (grain, dimension) != ("day", CITY.dimension):
        days = await source.span(kpi.id, grain=grain, dimension=dimension, first=question.start, end=question.end)
    line = _Line(kpi, today, busy)
    if question.by is None:
        return [line.row(days.get(CITY.member, {}), period) for period in question.periods]
    return [
        line.row(cells, period) | {"by": question.by, "member": member, question.by: member}
        for period in question.periods
        for member, cells in sorted(days.items())
    ]


async def all_series(
    source: Source, kpis: Iterable[KpiDef], question: SeriesQuestion, *, today: date
) -> dict[str, list[Row]]:
    """Return every given KPI's figures for the whole city, by KPI."""
    run = Period("run", question.start, question.end, "")
    days = await source.run(CITY, grain="day", first=run.start, end=run.end)
    sums = (
        days if question.grain == "day" else await source.run(CITY, grain=question.grain, first=run.start, end=run.end)
    )
    before = (await source.last_days_of(CITY, before=run.start)).get
    found = {}
    for kpi in kpis:
        cells = days if kpi.measure.kind == "latest" else sums
        line = _Line(kpi, today, _busy_days(before(kpi.id), days.get(kpi.id, {})))
        found[kpi.id] = [line.row(cells.get(kpi.id, {}), period) for period in question.periods]
    return found


@dataclass(frozen=True, slots=True)
class _Line:
    """What all figures of one KPI's series share; `busy` are the city's days with events, ascending."""

    kpi: KpiDef
    today: date
    busy: list[date]

    def row(self, cells: Mapping[date, Cell], period: Period) -> Row:
        """Return the figure of one period from the cells of its slice, by their starts."""
        if self.kpi.measure.kind == "latest":
            days = [day for day, cell in cells.items() if day in period and cell.events > 0]
            cell = cells[max(days)] if days else None
        else:
            cell = cells.get(period.start)
        index = bisect_left(self.busy, period.end)
        last_day = self.busy[index - 1] if index else None
        return figure_row(self.kpi, cell, period=period, today=self.today, last_day=last_day)[1]


def _busy_days(before: LastDay | None, days: Mapping[date, Cell]) -> list[date]:
    """Return the days with events, ascending: the last before the run, and all in it."""
    inside = sorted(day for day, cell in days.items() if cell.events > 0)
    return inside if before is None else [before.day, *inside]
