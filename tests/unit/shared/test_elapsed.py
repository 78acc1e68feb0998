"""Elapsed time: hours of days of 23 and 25 hours, leap days, and which days are held against which."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from citygoals.shared.elapsed import (
    before,
    days_share,
    elapsed_end,
    epoch_minute,
    hour_due,
    hours_into_day,
    minute_of,
    yearly_shares,
)
from citygoals.shared.period import CityCalendar, Period
from hypothesis import given
from hypothesis import strategies as st

CALENDAR = CityCalendar("America/Denver", 9)
ZONE = ZoneInfo("America/Denver")
TODAY = date(2026, 11, 21)
instants = st.datetimes(datetime(2026, 2, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)


@given(instants)
def test_an_instant_has_come_from_its_hour_on_and_never_before(instant: datetime) -> None:
    day = instant.astimezone(ZONE).date()
    hour = hour_due(CALENDAR, instant)
    assert midnight(day) + timedelta(hours=hour) >= instant > midnight(day) + timedelta(hours=hour - 1)
    ran = hours_into_day(CALENDAR, instant)
    assert midnight(day) + timedelta(hours=ran) <= instant < midnight(day) + timedelta(hours=ran + 1)


@pytest.mark.parametrize(
    ("text", "ran", "due"),
    [
        ("2026-03-08T23:59:00-06:00", 22, 23),  # a day of 23 hours
        ("2026-11-01T23:59:00-07:00", 24, 25),  # a day of 25
        ("2026-11-01T01:30:00-06:00", 1, 2),
        ("2026-11-01T01:30:00-07:00", 2, 3),
        ("2026-06-01T00:00:00-06:00", 0, 0),
        ("2026-06-01T17:00:00-06:00", 17, 17),
        ("2026-06-01T17:00:00.000001-06:00", 17, 18),
    ],
)
def test_hours_of_a_day_when_the_clock_changes(text: str, ran: int, due: int) -> None:
    instant = datetime.fromisoformat(text).astimezone(UTC)
    assert (hours_into_day(CALENDAR, instant), hour_due(CALENDAR, instant)) == (ran, due)


@given(instants)
def test_minutes_are_counted_from_1970(instant: datetime) -> None:
    assert minute_of(instant) == (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(minutes=1)
    day = instant.astimezone(ZONE).date()
    assert epoch_minute(CALENDAR, day) <= minute_of(instant) < epoch_minute(CALENDAR, day + timedelta(days=1))


def test_the_days_of_a_change_of_clocks_have_their_own_minutes() -> None:
    lengths = [
        epoch_minute(CALENDAR, day + timedelta(days=1)) - epoch_minute(CALENDAR, day)
        for day in (date(2026, 3, 8), date(2026, 11, 1))
    ]
    assert lengths == [23 * 60, 25 * 60]


@pytest.mark.parametrize(
    ("label", "fiscal_year_before", "period_before"),
    [
        ("2026-11", ("2025-11-01", "2025-12-01"), ("2026-10-01", "2026-11-01")),
        ("2028-02", ("2027-02-01", "2027-03-01"), ("2028-01-01", "2028-02-01")),
        ("FY2027-Q1", ("2025-09-01", "2025-12-01"), ("2026-06-01", "2026-09-01")),
        ("FY2027-H2", ("2026-03-01", "2026-09-01"), ("2026-09-01", "2027-03-01")),
        ("FY2028", ("2026-09-01", "2027-09-01"), ("2026-09-01", "2027-09-01")),
        ("2026-11-21", ("2025-11-21", "2025-11-22"), ("2026-11-20", "2026-11-21")),
        ("2028-03-01", ("2027-03-02", "2027-03-03"), ("2028-02-29", "2028-03-01")),  # as many days into the year
        ("2026-W47", ("2025-11-16", "2025-11-23"), ("2026-11-09", "2026-11-16")),
        ("last-30d@2026-11-21", ("2025-10-23", "2025-11-22"), ("2026-09-23", "2026-10-23")),
    ],
)  # fmt: skip
def test_what_a_period_is_held_against(
    label: str, fiscal_year_before: tuple[str, str], period_before: tuple[str, str]
) -> None:
    period = CALENDAR.parse(label, TODAY)
    year, last = before(CALENDAR, period, "fiscal_year_before"), before(CALENDAR, period, "period_before")
    assert year is not None
    assert last is not None
    assert (year.start.isoformat(), year.end.isoformat()) == fiscal_year_before
    assert (last.start.isoformat(), last.end.isoformat()) == period_before


@pytest.mark.parametrize("label", ["all", "0001-05", "0002-01-01", "FY0002"])
def test_what_has_nothing_before_it_is_held_against_nothing(label: str) -> None:
    assert before(CALENDAR, CALENDAR.parse(label, TODAY), "fiscal_year_before") is None
    assert before(CALENDAR, CALENDAR.parse(label, TODAY), "period_before") is None


def test_a_period_that_is_not_over_is_held_against_as_many_days_and_a_whole_one_against_a_whole() -> None:
    leap, plain = CALENDAR.parse("2028-02", TODAY), CALENDAR.parse("2027-02", TODAY)
    assert elapsed_end(leap, plain, date(2028, 2, 11)) == date(2027, 2, 11)
    assert elapsed_end(leap, plain, date(2028, 2, 29)) == date(2027, 3, 1)
    assert elapsed_end(leap, plain, leap.end) == plain.end
    assert elapsed_end(plain, leap, plain.end) == leap.end, "the leap day belongs to the whole"
    assert elapsed_end(plain, leap, date(2027, 2, 28)) == date(2028, 2, 28)


@given(
    st.dates(date(2026, 1, 1), date(2029, 1, 1)), st.integers(0, 800), st.sampled_from(["week", "month", "fiscal_year"])
)
def test_a_share_of_days_is_counted_one_by_one(start: date, length: int, grain: str) -> None:
    whole = CALENDAR.containing(start + timedelta(days=100), grain)
    end = start + timedelta(days=length)
    listed = [whole.start + timedelta(days=number) for number in range((whole.end - whole.start).days)]
    assert days_share(start, end, whole) == Fraction(sum(start <= day < end for day in listed), len(listed))


def test_an_amount_for_a_year_is_asked_for_on_the_last_day_that_counts() -> None:
    shares = yearly_shares(CALENDAR, date(2026, 8, 30), date(2026, 11, 22))
    assert list(shares) == [(date(2026, 8, 31), Fraction(2, 365)), (date(2026, 11, 21), Fraction(82, 365))]
    assert list(yearly_shares(CALENDAR, date(2027, 9, 1), date(2028, 9, 1))) == [(date(2028, 8, 31), Fraction(1))]
    assert list(yearly_shares(CALENDAR, date(2026, 11, 22), date(2026, 11, 22))) == []


def test_the_first_years_that_have_one_before_them() -> None:
    for label in ("0003-01-01", "0003-01", "FY0004", "FY0004-H1"):
        assert before(CALENDAR, CALENDAR.parse(label, TODAY), "fiscal_year_before") is not None
        assert before(CALENDAR, CALENDAR.parse(label, TODAY), "period_before") is not None


def test_a_run_is_a_period_of_its_own() -> None:
    week = CALENDAR.parse("2026-W47", TODAY)
    earlier = before(CALENDAR, week, "fiscal_year_before")
    assert isinstance(earlier, Period)
    assert earlier.grain == "rolling"
