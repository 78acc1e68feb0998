"""Elapsed time: how much of a period has passed, and which days of an earlier one to hold against it. Pure."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Literal

from citygoals.shared.period import CityCalendar, Period

Against = Literal["fiscal_year_before", "period_before"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY, _MINUTE, _HOUR = timedelta(days=1), timedelta(minutes=1), timedelta(hours=1)
_FIRST_YEAR = 3
"""What begins earlier has nothing before it that a calendar could name."""

_CALENDAR_GRAINS = frozenset({"month", "quarter", "half", "fiscal_year"})


HOURS_MOST = 25
"""So many hours a local day has at most."""


def hours_into_day(calendar: CityCalendar, instant: datetime) -> int:
    """Return how many whole hours the instant's local day has run: 0 to 24, since a day may have 25 hours."""
    day = calendar.local_day(instant)
    midnight, _ = calendar.bounds(calendar.containing(day, "day"))
    return (instant - midnight) // _HOUR


def hour_due(calendar: CityCalendar, instant: datetime) -> int:
    """Return the first whole hour of its local day at which the instant has come."""
    day = calendar.local_day(instant)
    midnight, _ = calendar.bounds(calendar.containing(day, "day"))
    return -((midnight - instant) // _HOUR)


def epoch_minute(calendar: CityCalendar, day: date) -> int:
    """Return the minutes from 1970 in UTC to the day's local midnight."""
    midnight, _ = calendar.bounds(calendar.containing(day, "day"))
    return (midnight - _EPOCH) // _MINUTE


def minute_of(instant: datetime) -> int:
    """Return the whole minutes from 1970 in UTC to the instant."""
    return (instant - _EPOCH) // _MINUTE


def days_share(start: date, end: date, whole: Period) -> Fraction:
    """Return which share of the days of `whole` lies in [start, end)."""
    first, after = max(start, whole.start), min(end, whole.end)
    return Fraction(max(0, (after - first).days), (whole.end - whole.start).days)


def yearly_shares(calendar: CityCalendar, start: date, end: date) -> Iterator[tuple[date, Fraction]]:
    """Yield the last day of [start, end) in each fiscal year, and which share of the year's days lies there."""
    while start < end:
        year = calendar.containing(start, "fiscal_year")
        yield min(year.end, end) - _DAY, days_share(start, end, year)
        start = year.end


def before(calendar: CityCalendar, period: Period, against: Against) -> Period | None:
    """Return the period that one is held against; None for `all`, which has none before it, and where calendars begin.

    A month, quarter, half or fiscal year has its namesake of the fiscal year before. Other runs of days have those that
    lie as many days into the fiscal year before. The period before is the one that ends where this one begins.
    """
    if period.grain == "all" or period.start.year < _FIRST_YEAR:
        return None
    if against == "period_before":
        if period.grain == "rolling":
            return _run(period, period.start - (period.end - period.start))
        return calendar.containing(period.start - _DAY, period.grain)
    year = calendar.containing(period.start, "fiscal_year")
    earlier = calendar.containing(year.start - _DAY, "fiscal_year")
    if period.grain in _CALENDAR_GRAINS:
        return calendar.containing(period.start.replace(year=period.start.year - 1), period.grain)
    return _run(period, earlier.start + (period.start - year.start))


def elapsed_end(period: Period, earlier: Period, end: date) -> date:
    """Return where the earlier period has run as many days as `period` has at `end`; a whole one is held against a whole.

    So a leap day more or less moves no month or year, and a year that is not over is held against as many days.
    """
    if end >= period.end:
        return earlier.end
    return min(earlier.end, earlier.start + (end - period.start))


def _run(period: Period, start: date) -> Period:
    return Period("rolling", start, start + (period.end - period.start), "")
