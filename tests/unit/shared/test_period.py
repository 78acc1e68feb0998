"""The city's calendar: local days across clock changes, fiscal years, ISO weeks, and labels both ways."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from citygoals.shared.period import GRAINS, CityCalendar, Period
from hypothesis import given
from hypothesis import strategies as st

CALENDAR = CityCalendar("America/Denver", 9)
TODAY = date(2026, 11, 21)
DAYS = st.dates(date(1900, 1, 1), date(2200, 12, 31))
INSTANTS = st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-08-31T23:59:59.999999-06:00", date(2026, 8, 31)),
        ("2026-09-01T05:59:59.999999+00:00", date(2026, 8, 31)),
        ("2026-09-01T06:00:00+00:00", date(2026, 9, 1)),
        ("2026-03-01T06:59:59+00:00", date(2026, 2, 28)),
        ("2026-03-01T07:00:00+00:00", date(2026, 3, 1)),
        ("2026-12-31T23:30:00-12:00", date(2027, 1, 1)),
    ],
)
def test_an_instant_falls_on_the_day_that_the_city_has_then(instant: str, day: date) -> None:
    assert CALENDAR.local_day(datetime.fromisoformat(instant)) == day


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 11, 21), 24)])
def test_days_of_the_clock_change_have_23_and_25_hours(day: date, hours: int) -> None:
    start, end = CALENDAR.bounds(CALENDAR.containing(day, "day"))

    assert end - start == timedelta(hours=hours)
    assert {CALENDAR.local_day(start + timedelta(minutes=m)) for m in range(hours * 60)} == {day}
    assert CALENDAR.local_day(end) == day + timedelta(days=1)


@given(INSTANTS, st.sampled_from(["America/Denver", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago"]))
def test_remembered_days_are_those_of_the_time_zone(instant: datetime, zone: str) -> None:
    calendar = CityCalendar(zone)

    for _ in range(2):
        assert calendar.local_day(instant) == instant.astimezone(ZoneInfo(zone)).date()


@given(INSTANTS)
def test_a_day_holds_its_instants(instant: datetime) -> None:
    start, end = CALENDAR.bounds(CALENDAR.containing(CALENDAR.local_day(instant), "day"))

    assert start <= instant < end


def test_hours_one_after_the_other_fall_on_their_own_days() -> None:
    calendar, zone = CityCalendar("America/Denver", 9), ZoneInfo("America/Denver")
    hours = [datetime(2026, 10, 30, tzinfo=UTC) + timedelta(hours=number) for number in range(100)]
    for _ in range(2):  # remembered, and told again
        assert [calendar.local_day(hour) for hour in hours] == [hour.astimezone(zone).date() for hour in hours]


def test_a_period_holds_its_days_and_not_the_one_after() -> None:
    month = CityCalendar().parse("2026-11", date.min)
    assert [day in month for day in (date(2026, 10, 31), month.start, month.last, month.end)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_naive_datetime_falls_on_no_day() -> None:
    with pytest.raises(ValueError, match="zone"):
        CALENDAR.local_day(datetime(2026, 11, 21))  # noqa: DTZ001  # the mistake under test


@pytest.mark.parametrize(
    ("label", "grain", "start", "end"),
    [
        ("2026-11-21", "day", date(2026, 11, 21), date(2026, 11, 22)),
        ("2026-W47", "week", date(2026, 11, 16), date(2026, 11, 23)),
        ("2020-W53", "week", date(2020, 12, 28), date(2021, 1, 4)),
        ("2026-11", "month", date(2026, 11, 1), date(2026, 12, 1)),
        ("2026-12", "month", date(2026, 12, 1), date(2027, 1, 1)),
        ("FY2027-Q1", "quarter", date(2026, 9, 1), date(2026, 12, 1)),
        ("FY2027-Q2", "quarter", date(2026, 12, 1), date(2027, 3, 1)),
        ("FY2027-Q4", "quarter", date(2027, 6, 1), date(2027, 9, 1)),
        ("FY2027-H1", "half", date(2026, 9, 1), date(2027, 3, 1)),
        ("FY2027-H2", "half", date(2027, 3, 1), date(2027, 9, 1)),
        ("FY2027", "fiscal_year", date(2026, 9, 1), date(2027, 9, 1)),
        ("all", "all", date.min, date.max),
        ("last-30d@2026-11-21", "rolling", date(2026, 10, 23), date(2026, 11, 22)),
        ("last-1d@2024-02-29", "rolling", date(2024, 2, 29), date(2024, 3, 1)),
    ],
)
def test_labels_name_periods(label: str, grain: str, start: date, end: date) -> None:
    assert CALENDAR.parse(label, TODAY) == Period(grain, start, end, label)


def test_a_rolling_period_without_a_day_ends_today() -> None:
    assert CALENDAR.parse("last-7d", TODAY) == CALENDAR.parse("last-7d@2026-11-21", TODAY)


@pytest.mark.parametrize(
    "label",
    ["", "today", "2026-13", "2026-02-30", "2026-W54", "2025-W53", "FY0000", "FY0001-Q1", "FY2027-Q5", "FY2027-H3", "FY27", "last-0d@2026-11-21",
     "last-9999d@2026-11-21", "0000-01-01", "2026-11-21 ", "\uff12\uff10\uff12\uff16-11", "all\n", "last-30d@2026-02-30", "last-30d@0001-01-02"],
)  # fmt: skip
def test_other_labels_are_refused_with_what_is_allowed(label: str) -> None:
    with pytest.raises(ValueError, match="write one like 2026-11-21, 2026-W47"):
        CALENDAR.parse(label, TODAY)


@given(DAYS, st.sampled_from(GRAINS))
def test_every_period_of_a_grain_reads_back_from_its_label(day: date, grain: str) -> None:
    period = CALENDAR.containing(day, grain)

    assert day in period
    assert CALENDAR.parse(period.label, TODAY) == period


@given(DAYS, st.sampled_from(GRAINS[:-1]), st.integers(1, 12))
def test_periods_follow_each_other_without_a_gap(day: date, grain: str, fiscal_month: int) -> None:
    calendar = CityCalendar("America/Denver", fiscal_month)
    period = calendar.containing(day, grain)

    assert calendar.containing(period.end, grain).start == period.end
    assert calendar.containing(period.last, grain) == period


@given(DAYS)
def test_starts_are_those_of_the_seven_periods(day: date) -> None:
    assert CALENDAR.starts(day) == tuple(CALENDAR.containing(day, grain).start for grain in GRAINS)
    assert CALENDAR.starts(day)[-1] == date.min


@given(DAYS, st.integers(1, 12))
def test_quarters_and_halves_lie_within_the_fiscal_year(day: date, fiscal_month: int) -> None:
    calendar = CityCalendar("America/Denver", fiscal_month)
    year = calendar.containing(day, "fiscal_year")

    assert year.label == f"FY{year.last.year}"
    for grain in ("quarter", "half"):
        parts = calendar.periods(grain, year.start, year.last)
        assert (parts[0].start, parts[-1].end) == (year.start, year.end)
        assert len(parts) == {"quarter": 4, "half": 2}[grain]


def test_a_fiscal_year_from_january_is_the_calendar_year() -> None:
    assert CityCalendar("UTC", 1).containing(TODAY, "fiscal_year") == Period(
        "fiscal_year", date(2026, 1, 1), date(2027, 1, 1), "FY2026"
    )


def test_periods_run_from_the_one_of_the_first_day_to_the_one_of_the_last() -> None:
    months = CALENDAR.periods("month", date(2026, 9, 15), date(2026, 11, 1))

    assert [month.label for month in months] == ["2026-09", "2026-10", "2026-11"]
    assert CALENDAR.periods("all", TODAY, TODAY) == [CALENDAR.parse("all", TODAY)]
    assert CALENDAR.periods("day", TODAY, date(2026, 11, 20)) == []


@pytest.mark.parametrize("day", [date.min, date.max])
@pytest.mark.parametrize("grain", GRAINS)
def test_the_ends_of_the_calendar_are_no_accident(day: date, grain: str) -> None:
    period = CALENDAR.containing(day, grain)

    assert period.start <= day <= period.end


def test_unknown_grains_and_months_are_refused() -> None:
    with pytest.raises(ValueError, match="a grain is one of day, week"):
        CALENDAR.containing(TODAY, "decade")
    with pytest.raises(ValueError, match="1 to 12"):
        CityCalendar("UTC", 13)
