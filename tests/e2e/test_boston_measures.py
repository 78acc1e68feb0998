"""A real city's deadlines, backlog, percentiles and comparisons over time, computed a second time by a data frame.

Nothing of the product computes what is expected: Polars filters rows by instants and local days, and counts business days
by its own rule. The holidays of the calendar here are none, so a business day is one from Monday to Friday.
"""

import json
import lzma
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from citygoals.kpi.calendars import Calendars
from citygoals.kpi.changes import Engine
from citygoals.kpi.contributions import DIMENSIONS, CellKey
from citygoals.kpi.deltas import combine
from citygoals.kpi.entries import EntryReader
from citygoals.shared.business_def import BusinessCalendarDef
from citygoals.shared.cells import Cell, kpi_of
from citygoals.shared.figures import Figure, figure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import GRAINS, CityCalendar, Period
from citygoals.shared.reading import Almanac, Now, Reading, first_day
from e2e import boston

pytestmark = [pytest.mark.campaign, pytest.mark.realdata, pytest.mark.timeout(1200)]

CITY = CityCalendar("America/Denver", 9)
ZONE = ZoneInfo("America/Denver")
DAY = timedelta(days=1)
AFTER_ALL = Now(date(2017, 3, 1))
BATCH = 10_000

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
OFFICE = BusinessCalendarDef.model_validate(
    {"id": "office", "title": {"en": "Office"}, "hours": {day: ["08:00-17:00"] for day in WEEKDAYS}}
)
DEADLINE = {"start": boston.OPENED, "ends": [boston.CLOSED], "within": {"business_days": 3}, "calendar": "office"}
MEASURES: dict[str, dict[str, Any]] = {
    "TIMELY": {"kind": "on_time", "deadline": DEADLINE},
    "LATE": {"kind": "overdue", "deadline": DEADLINE},
    "OPEN": {"kind": "stock", "presence": {"enters": [{"event": boston.OPENED}], "leaves": [{"event": boston.CLOSED}]}},
    "P90": {"kind": "percentile", "event": boston.CLOSED, "since": boston.OPENED, "quantile": "0.9"},
    "MEDIAN": {"kind": "percentile", "event": boston.CLOSED, "since": boston.OPENED, "quantile": "0.5"},
    "MORE": {"kind": "change", "of": {"kind": "count", "event": boston.CLOSED}},
}
KPIS = {
    name: KpiDef.model_validate({"id": name, "title": {"en": name}, "unit": "1", "measure": measure})
    for name, measure in MEASURES.items()
}


@pytest.fixture(scope="module")
def rows(real_data: Path) -> pl.DataFrame:
    """One row a request: opened, closed, due in UTC, their local days, and a department for each service."""
    path = real_data / "boston_open311_2008_2016.csv.xz"
    codes = pl.read_csv(lzma.decompress(path.read_bytes()), infer_schema=False, columns=["service_code"])
    names = {code: f"d{number}" for number, code in enumerate(sorted(codes["service_code"].unique()), 1)}
    frame = boston.read(path).with_columns(department=codes["service_code"].replace_strict(names))
    frame = frame.with_columns(opened_day=_day("opened"), closed_day=_day("closed"))
    due_day = pl.col("opened_day").dt.add_business_days(3, roll="backward")
    due = due_day.dt.combine(time(17)).dt.replace_time_zone(boston.CITY_ZONE).dt.convert_time_zone("UTC")
    return frame.with_columns(
        due_day=due_day, due=due, seconds=(pl.col("closed") - pl.col("opened")).dt.total_seconds()
    )


def _day(name: str) -> pl.Expr:
    return pl.col(name).dt.convert_time_zone(boston.CITY_ZONE).dt.date()


Slices = dict[str, dict[str, dict[tuple[int, date], Cell]]]
"""The engine's cells by member ("" is the city), series, grain and start."""


def sliced(rows: pl.DataFrame) -> Slices:
    """What the engine makes of the rows."""
    engine, reader = Engine(KPIS.values(), Calendars.of(CITY, [OFFICE])), EntryReader(CITY)
    found: dict[CellKey, Cell] = {}
    for first in range(0, len(rows), BATCH):
        told = rows.slice(first, BATCH).select("service_request_id", "opened", "closed", "department").iter_rows()
        entries = [
            reader.read(_body(request, fact, at, department))
            for request, opened, closed, department in told
            for fact, at in (("opened", opened), ("closed", closed))
            if at is not None
        ]
        found = combine(found, engine.changes(entries, {}).cells)
    members: Slices = {}
    for (series, grain, start, dimension, member), cell in found.items():
        if DIMENSIONS[dimension] != "district":
            members.setdefault(member, {}).setdefault(series, {})[grain, start] = cell
    return members


@pytest.fixture(scope="module")
def slices(rows: pl.DataFrame) -> Slices:
    return sliced(rows)


def _body(request: str, fact: str, at: datetime, department: str) -> bytes:
    data = {"service_request_id": request, "department": department, "reason": "resolved"}
    head = {"specversion": "1.0", "source": "/systems/boston", "namespace": "boston", "lane": 1, "sequence": "1"}
    instant = at.isoformat()
    body = {
        "type": f"city.service_request.{fact}.v1",
        "id": f"{request}:{fact}",
        "time": instant,
        "recordedtime": instant,
    }
    return json.dumps({**head, **body, "data": data}).encode()


def shown(cells: dict[str, dict[tuple[int, date], Cell]], name: str, period: Period, now: Now = AFTER_ALL) -> Figure:
    """The engine's figure of a period, from what one member's cells hold."""
    reading, first = Reading(), first_day(KPIS[name], period, CITY)
    for series, by_start in cells.items():
        if kpi_of(series) != name:
            continue
        for (grain, start), cell in by_start.items():
            if (GRAINS[grain], start) == (period.grain, period.start):
                reading.put_cell(series, cell)
            if grain == 0 and first is not None and first <= start < period.end:
                reading.put_day(series, start, cell)
    return figure(KPIS[name], reading, period=period, almanac=Almanac(CITY, now))


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


def test_what_was_due_in_each_month_and_done_in_time(rows: pl.DataFrame, slices: Slices) -> None:
    in_time = (pl.col("closed") <= pl.col("due")).fill_null(value=False)
    month = pl.col("due_day").dt.strftime("%Y-%m")
    looked = 0
    for member in ("", "d1", "d2", "d3", "d4"):
        part = rows if not member else rows.filter(department=member)
        truth = part.group_by(month.alias("month")).agg(in_time.sum().alias("n"), pl.len().alias("d"))
        for label, numerator, denominator in truth.iter_rows():
            one = shown(slices[member], "TIMELY", CITY.parse(label, AFTER_ALL.day))
            assert (one.numerator, one.denominator) == (numerator, denominator), (member, label)
            looked += 1
    assert looked > 200


BORDERS = [
    date(2011, 3, 12),
    date(2011, 3, 13),
    date(2011, 11, 6),
    date(2012, 2, 29),
    date(2012, 8, 31),
    date(2014, 12, 31),
]


@pytest.mark.parametrize("day", [*BORDERS, *(date(2010, 1, 1) + 97 * n * DAY for n in range(20))], ids=date.isoformat)
def test_the_backlog_and_what_of_it_was_overdue_at_the_end_of_a_day(
    rows: pl.DataFrame, slices: Slices, day: date
) -> None:
    end = midnight(day + DAY)
    is_open = pl.col("closed").is_null() | (pl.col("closed") >= end)
    there = rows.filter((pl.col("opened") < end) & is_open)
    overdue = there.filter(pl.col("due") < end)
    for member in ("", "d1"):
        parts = [one if not member else one.filter(department=member) for one in (there, overdue)]
        found = [shown(slices[member], name, CITY.parse(day.isoformat(), day)).numerator for name in ("OPEN", "LATE")]
        assert found == [len(part) for part in parts]
    assert len(overdue) > 0


@pytest.mark.parametrize("hour", [0, 9, 16, 17, 24])
def test_what_is_due_today_is_overdue_from_its_hour_on(rows: pl.DataFrame, hour: int) -> None:
    """On a Wednesday, of what was told by then: what is due at 17:00 counts from 17:00 on."""
    day = date(2012, 6, 13)
    now = midnight(day) + timedelta(hours=hour)
    told = rows.filter(pl.col("opened") < now, pl.col("opened_day") >= date(2012, 4, 1))
    told = told.with_columns(closed=pl.when(pl.col("closed") < now).then(pl.col("closed")))
    is_late = pl.col("due") <= now
    overdue, still = told.filter(is_late, pl.col("closed").is_null()), told.filter(pl.col("closed").is_null())
    assert len(overdue) < len(still)
    assert len(still.filter(pl.col("due_day") == day)) > 0
    found = shown(sliced(told)[""], "LATE", CITY.parse("2012-06", day), Now(day, hour))
    assert found.numerator == len(overdue)
    in_time = told.filter(is_late, pl.col("due_day") >= date(2012, 6, 1), pl.col("closed") <= pl.col("due"))
    base = told.filter(is_late, pl.col("due_day") >= date(2012, 6, 1))
    timely = shown(sliced(told)[""], "TIMELY", CITY.parse("2012-06", day), Now(day, hour))
    assert (timely.numerator, timely.denominator) == (len(in_time), len(base))


def test_percentiles_of_departments_are_within_one_per_cent(rows: pl.DataFrame, slices: Slices) -> None:
    closed = rows.filter(pl.col("closed").is_not_null())
    looked = 0
    for member in ("d1", "d2", "d3", "d4"):
        for label in ("all", *(f"FY{year}" for year in range(2010, 2017)), "2012-02", "2013-W27"):
            period = CITY.parse(label, AFTER_ALL.day)
            part = closed.filter(
                pl.col("department") == member, pl.col("closed_day").is_between(period.start, period.last)
            )
            values = part["seconds"].sort().to_list()
            for name, share in (("P90", Fraction(9, 10)), ("MEDIAN", Fraction(1, 2))):
                one = shown(slices[member], name, period)
                if not values:
                    assert one.numerator is None
                    continue
                true = values[-(-len(values) * share.numerator // share.denominator) - 1]
                assert one.numerator is not None
                assert abs(one.numerator - true) * 100 <= true, (member, label, name)
                looked += 1
    assert looked > 40


@pytest.mark.parametrize(
    ("label", "today", "now_is", "then_is"),
    [
        ("FY2013", "2012-11-21", ("2012-09-01", "2012-11-21"), ("2011-09-01", "2011-11-21")),
        (
            "FY2012",
            "2012-03-05",
            ("2011-09-01", "2012-03-05"),
            ("2010-09-01", "2011-03-06"),
        ),  # 187 days: with 29 February
        ("FY2013", "2013-03-05", ("2012-09-01", "2013-03-05"), ("2011-09-01", "2012-03-04")),  # 186 days
        ("FY2012", "2013-01-01", ("2011-09-01", "2012-08-31"), ("2010-09-01", "2011-08-31")),
        ("2012-02", "2012-06-01", ("2012-02-01", "2012-02-29"), ("2011-02-01", "2011-02-28")),
        ("2012-02", "2012-02-10", ("2012-02-01", "2012-02-10"), ("2011-02-01", "2011-02-10")),
        ("FY2014-Q2", "2014-06-01", ("2013-12-01", "2014-02-28"), ("2012-12-01", "2013-02-28")),
        (
            "2012-03-01",
            "2012-03-02",
            ("2012-03-01", "2012-03-01"),
            ("2011-03-02", "2011-03-02"),
        ),  # day 183 of each year
        ("last-30d@2013-05-09", "2014-01-01", ("2013-04-10", "2013-05-09"), ("2012-04-09", "2012-05-08")),
    ],
)
def test_a_year_is_held_against_as_many_days_of_the_one_before(
    rows: pl.DataFrame, slices: Slices, label: str, today: str, now_is: tuple[str, str], then_is: tuple[str, str]
) -> None:
    def closings(days: tuple[str, str]) -> int:
        first, last = map(date.fromisoformat, days)
        return len(rows.filter(pl.col("closed_day").is_between(first, last)))

    one = shown(slices[""], "MORE", CITY.parse(label, date.fromisoformat(today)), Now(date.fromisoformat(today)))
    now, then = closings(now_is), closings(then_is)
    assert then > 0
    assert (one.numerator, one.denominator) == (now - then, then)
