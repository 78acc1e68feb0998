"""Calendar periods of the city: which local day an instant falls on, and which week, month or fiscal year that is.

Periods are half-open runs of local days, so a day of 23 or 25 hours (the clock change) is a day like any other.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

GRAINS = ("day", "week", "month", "quarter", "half", "fiscal_year", "all")

ROLLING_DAYS_MAX = 3660

_DAY = timedelta(days=1)
_CACHE_MAX = 100_000

_ALLOWED = "2026-11-21, 2026-W47, 2026-11, FY2027-Q1, FY2027-H1, FY2027, all or last-30d@2026-11-21"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A half-open run of local days: `start` is its first, `end` the first day after it (`date.max` for `all`).

    `grain` is one of GRAINS, or `rolling` for the days up to a stated one.
    """

    grain: str
    start: date
    end: date
    label: str

    @property
    def last(self) -> date:
        """The last day in the period."""
        return self.end - _DAY

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end


ALL = Period("all", date.min, date.max, "all")


class CityCalendar:
    """The city's zone and fiscal year, for example America/Denver and 9: a year from 1 September, named by its end."""

    def __init__(self, zone: str = "America/Denver", fiscal_month: int = 9) -> None:
        if not 1 <= fiscal_month <= 12:
            raise ValueError(f"fiscal_month is 1 to 12, not {fiscal_month}")
        self.zone = zone
        self.fiscal_month = fiscal_month
        self._zone = ZoneInfo(zone)
        self._days: dict[int, date | None] = {}
        self._starts: dict[date, tuple[date, ...]] = {}

    def local_day(self, instant: datetime) -> date:
        """Return the local day that an aware instant falls on.

        The answer is remembered by UTC hour, except for hours in which the local day changes. Raises ValueError for
        a naive datetime.
        """
        if instant.tzinfo is not UTC:
            if instant.utcoffset() is None:
                raise ValueError("a naive datetime falls on no known day: give it a zone")
            instant = instant.astimezone(UTC)
        hour = instant.toordinal() * 24 + instant.hour
        try:
            day = self._days[hour]
        except KeyError:
            day = self._remember(hour, instant)
        return day if day is not None else instant.astimezone(self._zone).date()

    def bounds(self, period: Period) -> tuple[datetime, datetime]:
        """Return the period's first instant and the first instant after it, in UTC."""
        return self._midnight(period.start), self._midnight(period.end)

    def containing(self, day: date, grain: str) -> Period:
        """Return the period of that grain which the day is in. Raises ValueError for an unknown grain."""
        try:
            make = _MAKERS[grain]
        except KeyError:
            raise ValueError(f"a grain is one of {', '.join(GRAINS)}, not {grain!r}") from None
        return make(self, day)

    def starts(self, day: date) -> tuple[date, ...]:
        """Return the first days of the seven periods that the day is in, in the order of GRAINS."""
        try:
            return self._starts[day]
        except KeyError:
            if len(self._starts) >= _CACHE_MAX:
                self._starts.clear()
            starts = self._starts[day] = tuple(self.containing(day, grain).start for grain in GRAINS)
            return starts

    def parse(self, label: str, today: date) -> Period:
        """Return the period that a label names; `last-30d` without a day ends today.

        Raises ValueError that says what is allowed.
        """
        for pattern, read in _LABELS:
            match = pattern.match(label)
            if match is not None:
                try:
                    return _some_days(read(self, match, today))
                except (ValueError, OverflowError) as error:
                    raise ValueError(f"no such period: {label} ({error}); write one like {_ALLOWED}") from error
        raise ValueError(f"no such period: {label[:40]!r}; write one like {_ALLOWED}")

    def periods(self, grain: str, first: date, last: date) -> list[Period]:
        """Return the periods of that grain from the one holding `first` to the one holding `last`, in order."""
        found: list[Period] = []
        day = first
        while day <= last:
            found.append(self.containing(day, grain))
            if found[-1].end == date.max:
                break
            day = found[-1].end
        return found

    def fiscal_year_of(self, day: date) -> int:
        """Return the fiscal year that the day is in, named by the year in which it ends."""
        return day.year + (self.fiscal_month > 1 and day.month >= self.fiscal_month)

    def fiscal_year(self, year: int) -> Period:
        """Return the fiscal year that ends in `year`."""
        return self._fiscal("fiscal_year", f"FY{year:04d}", year, months=12, number=1)

    def half(self, year: int, number: int) -> Period:
        """Return the first or second half of a fiscal year."""
        return self._fiscal("half", f"FY{year:04d}-H{number}", year, months=6, number=number)

    def quarter(self, year: int, number: int) -> Period:
        """Return one of the four quarters of a fiscal year."""
        return self._fiscal("quarter", f"FY{year:04d}-Q{number}", year, months=3, number=number)

    def fiscal_part_of(self, day: date, months: int) -> int:
        """Return which run of that many months of its fiscal year the day is in, counted from 1."""
        return (day.month - self.fiscal_month) % 12 // months + 1

    def _remember(self, hour: int, instant: datetime) -> date | None:
        first = instant.replace(minute=0, second=0, microsecond=0)
        days = {at.astimezone(self._zone).date() for at in (first, first.replace(minute=59, second=59))}
        if len(self._days) >= _CACHE_MAX:
            self._days.clear()
        day = self._days[hour] = days.pop() if len(days) == 1 else None
        return day

    def _midnight(self, day: date) -> datetime:
        if day in (date.min, date.max):
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        return datetime(day.year, day.month, day.day, tzinfo=self._zone).astimezone(UTC)

    def _fiscal(self, grain: str, label: str, year: int, *, months: int, number: int) -> Period:
        first = (year if self.fiscal_month == 1 else year - 1) * 12 + self.fiscal_month - 1 + months * (number - 1)
        return Period(grain, _first_of(first), _first_of(first + months), label)


def _some_days(period: Period) -> Period:
    """Return the period. Raises ValueError where nothing of it lies in the calendar, which begins with year 1."""
    if period.start == period.end == date.min:
        raise ValueError("the calendar begins with the year 0001")
    return period


def _first_of(month: int) -> date:
    """Return the first day of a month counted from year 0; the calendar's ends stand in beyond them."""
    year, index = divmod(month, 12)
    if year < date.min.year:
        return date.min
    return date(year, index + 1, 1) if year <= date.max.year else date.max


def _after(start: date, days: int) -> date:
    return start + timedelta(days=days) if (date.max - start).days > days else date.max


def _day(_: CityCalendar, day: date) -> Period:
    return Period("day", day, _after(day, 1), day.isoformat())


def _week(_: CityCalendar, day: date) -> Period:
    year, week, weekday = day.isocalendar()
    start = day - timedelta(days=weekday - 1)
    return Period("week", start, _after(start, 7), f"{year:04d}-W{week:02d}")


def _month(_: CityCalendar, day: date) -> Period:
    month = day.year * 12 + day.month - 1
    return Period("month", _first_of(month), _first_of(month + 1), f"{day.year:04d}-{day.month:02d}")


_MAKERS: dict[str, Callable[[CityCalendar, date], Period]] = {
    "day": _day,
    "week": _week,
    "month": _month,
    "quarter": lambda c, day: c.quarter(c.fiscal_year_of(day), c.fiscal_part_of(day, 3)),
    "half": lambda c, day: c.half(c.fiscal_year_of(day), c.fiscal_part_of(day, 6)),
    "fiscal_year": lambda c, day: c.fiscal_year(c.fiscal_year_of(day)),
    "all": lambda _, __: ALL,
}

assert tuple(_MAKERS) == GRAINS


def _rolling(_: CityCalendar, match: re.Match[str], today: date) -> Period:
    count, last = int(match[1]), date.fromisoformat(match[2]) if match[2] else today
    if not 1 <= count <= ROLLING_DAYS_MAX:
        raise ValueError(f"a rolling period has 1 to {ROLLING_DAYS_MAX} days")
    return Period("rolling", last - timedelta(days=count - 1), _after(last, 1), f"last-{count}d@{last.isoformat()}")


_Reader = Callable[[CityCalendar, "re.Match[str]", date], Period]

_LABELS: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (re.compile(r"all\Z"), lambda _, __, ___: ALL),
    (re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\Z"), lambda c, m, _: _day(c, date.fromisoformat(m[1]))),
    (re.compile(r"([0-9]{4})-W([0-9]{2})\Z"), lambda c, m, _: _week(c, date.fromisocalendar(int(m[1]), int(m[2]), 1))),
    (re.compile(r"([0-9]{4})-([0-9]{2})\Z"), lambda c, m, _: _month(c, date(int(m[1]), int(m[2]), 1))),
    (re.compile(r"FY([0-9]{4})\Z"), lambda c, m, _: c.fiscal_year(int(m[1]))),
    (re.compile(r"FY([0-9]{4})-Q([1-4])\Z"), lambda c, m, _: c.quarter(int(m[1]), int(m[2]))),
    (re.compile(r"FY([0-9]{4})-H([12])\Z"), lambda c, m, _: c.half(int(m[1]), int(m[2]))),
    (re.compile(r"last-([0-9]{1,4})d(?:@([0-9]{4}-[0-9]{2}-[0-9]{2}))?\Z"), _rolling),
)
