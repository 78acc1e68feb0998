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
    source: Source, kpi: KpiDef, question: SeriesQuestion, *, today: date, items: slice = WHOLE
) -> tuple[list[Row], int | None]:
    """Return one KPI's figures, by period and then by member; of all of them the `items`, and where those after begin."""
    dimension = question.by or CITY.dimension
    grain = "day" if kpi.measure.kind == "latest" else question.grain
    run = {"first": question.start, "end": question.end}
    found = await source.span(kpi.id, grain="day", dimension=CITY.dimension, **run)
    before = await source.last_days(kpi.id, dimension=CITY.dimension, before=question.start)
    busy = _busy_days(before.get(CITY.member), found.get(CITY.member, {}))
    if (grain, dimension) != ("day", CITY.dimension):
        found = await source.span(kpi.id, grain=grain, dimension=dimension, **run)
    members = [CITY.member] if question.by is None else sorted(found)
    lines = [_Line.of(kpi, today, busy, found.get(member, {})) for member in members]
    places = range(len(question.periods) * len(members))
    asked = places[items]
    turns = (divmod(place, len(members)) for place in asked)
    rows = [lines[at].row(question.periods[turn]) | _member(question.by, members[at]) for turn, at in turns]
    return rows, asked.stop if asked.stop < places.stop else None


def _member(by: str | None, member: str) -> Row:
    return {} if by is None else {"by": by, "member": member, by: member}


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
        busy = _busy_days(before(kpi.id), days.get(kpi.id, {}))
        line = _Line.of(kpi, today, busy, cells.get(kpi.id, {}))
        found[kpi.id] = [line.row(period) for period in question.periods]
    return found


@dataclass(frozen=True, slots=True)
class _Line:
    """One slice's figures over time: its cells by their starts, and the city's days with events, ascending.

    `latest` are the slice's own days with events, for a measure whose last value in the period counts.
    """

    kpi: KpiDef
    today: date
    busy: list[date]
    cells: Mapping[date, Cell]
    latest: list[date] | None

    @classmethod
    def of(cls, kpi: KpiDef, today: date, busy: list[date], cells: Mapping[date, Cell]) -> "_Line":
        """Return the line of a slice."""
        return cls(kpi, today, busy, cells, _busy_days(None, cells) if kpi.measure.kind == "latest" else None)

    def row(self, period: Period) -> Row:
        """Return the figure of one period."""
        last_day = _last_before(self.busy, period.end)
        return figure_row(self.kpi, self._cell(period), period=period, today=self.today, last_day=last_day)[1]

    def _cell(self, period: Period) -> Cell | None:
        if self.latest is None:
            return self.cells.get(period.start)
        day = _last_before(self.latest, period.end)
        return self.cells[day] if day is not None and day in period else None


def _last_before(days: list[date], end: date) -> date | None:
    index = bisect_left(days, end)
    return days[index - 1] if index else None


def _busy_days(before: LastDay | None, days: Mapping[date, Cell]) -> list[date]:
    """Return the days with events, ascending: the last before the run, and all in it."""
    inside = sorted(day for day, cell in days.items() if cell.events > 0)
    return inside if before is None else [before.day, *inside]
