"""Business clocks: when a thing is due, and how much business time lies between two instants. Pure, exact, quick.

Everything is counted in whole microseconds of UTC; local opening hours become instants once for each year, so an
answer is a few bisections. Three clocks share one rule for pauses: the clock of open time, the clock of business days
(it advances by one as each business day closes), and the plain clock.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from citygoals.shared.business_clocks import NEVER, PLAIN, Chain, Clock, Points, Runs, apart, merged, ran, run_out
from citygoals.shared.business_def import BUSINESS_DAYS_MAX, BusinessCalendarDef, Minutes, Within
from citygoals.shared.period import CityCalendar

Pause = tuple[datetime, datetime | None]
"""A half-open time [from, to) in which the clock stands; without a `to` it stands until further notice."""

YEAR_MIN = 2
YEAR_MAX = 9998

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_SECOND = 1_000_000  # in microseconds


class BusinessCalendar:
    """A calendar's definition in a zone, ready to count.

    A time of the opening hours that the clock change skips is read with the offset before it (02:30 is 03:30), one
    that comes twice is the first (RFC 5545, section 3.3.5). Instants are aware datetimes; a naive one is a ValueError,
    so is a year outside YEAR_MIN to YEAR_MAX.
    """

    def __init__(self, definition: BusinessCalendarDef, zone: str) -> None:
        self.definition = definition
        self._city = CityCalendar(zone)
        self._zone = ZoneInfo(zone)
        self._hours = definition.hours.by_weekday
        self._own: dict[date, tuple[Minutes, ...]] = _own_days(definition)
        self._years: dict[int, _Year] = {}
        self._open_time = Chain(lambda year: self._year(year).open_time, self._year_of)
        self._closings = Chain(lambda year: self._year(year).closings, self._year_of)
        self._business_days = Chain(lambda year: self._year(year).days, lambda day: date.fromordinal(day).year)

    def hours(self, day: date) -> tuple[Minutes, ...]:
        """Return the day's opening hours in minutes from local midnight; () where it is no business day."""
        own = self._own.get(day)
        return self._hours[day.weekday()] if own is None else own

    def is_business_day(self, day: date) -> bool:
        """Return whether the calendar opens on the day: it has hours, and no holiday or closed day takes them."""
        return bool(self.hours(day))

    def business_days_after(self, day: date, n: int) -> date:
        """Return the n-th business day after `day`, which is not counted itself. Raises ValueError for n below 1."""
        if not 1 <= n <= BUSINESS_DAYS_MAX:
            raise ValueError(f"business days are counted from 1 to {BUSINESS_DAYS_MAX}, not {n}")
        return date.fromordinal(self._business_days.after(day.toordinal() + 1, n))

    def due(self, instant: datetime, within: Within, pauses: Iterable[Pause] = ()) -> datetime | None:
        """Return when something that began at `instant` is due, in UTC; None while an open pause keeps it from that.

        business_days: as the n-th business day after the local day of `instant` closes, at its last closing time. A
        day counts unless the clock stands as it closes, in the last microsecond before its closing time.
        business_seconds: as soon as so much open time has run. seconds: as soon as so much time has run.
        What happens at the due instant itself is in time. Pauses may overlap, and may begin before `instant`.
        """
        start = _micros(instant)
        if within.unit == "business_days":
            tomorrow = self._at(self._city.local_day(instant) + _DAY, 0)
            last = run_out(self._closings, tomorrow, within.amount, _pauses(pauses, tomorrow))
            return None if last is None else _instant(last + 1)
        clock: Clock = self._open_time if within.unit == "business_seconds" else PLAIN
        end = run_out(clock, start, within.amount * _SECOND, _pauses(pauses, start))
        return None if end is None else _instant(end)

    def elapsed(self, start: datetime, end: datetime, pauses: Iterable[Pause] = ()) -> int:
        """Return the whole business seconds from `start` to `end` outside the pauses; 0 where `end` is not later."""
        at = _micros(start)
        return ran(self._open_time, at, _micros(end), _pauses(pauses, at)) // _SECOND

    def _at(self, day: date, minute: int) -> int:
        return (datetime.combine(day, time.min, self._zone) + timedelta(minutes=minute) - _EPOCH) // _MICROSECOND

    def _year_of(self, at: int) -> int:
        year = self._year(_instant(at).year)
        return year.number - 1 if at < year.begin else year.number + 1 if at >= year.end else year.number

    def _year(self, number: int) -> "_Year":
        year = self._years.get(number)
        if year is None:
            if not YEAR_MIN <= number <= YEAR_MAX:
                raise _unknown(number)
            year = self._years[number] = _Year(number, self.hours, self._at)
        return year


def _own_days(definition: BusinessCalendarDef) -> dict[date, tuple[Minutes, ...]]:
    """Return the days that have other hours than their weekday."""
    own: dict[date, tuple[Minutes, ...]] = {day.date: () for day in definition.holidays if day.takes_the_day}
    own.update((day.date, ()) for day in definition.closed)
    own.update((day.date, day.minutes) for day in definition.open)
    return own


class _Year:
    """One local year: its open time, its closings, its business days (as ordinals), and its bounds."""

    def __init__(
        self, number: int, hours: Callable[[date], tuple[Minutes, ...]], at: Callable[[date, int], int]
    ) -> None:
        first, after = date(number, 1, 1), date(number + 1, 1, 1)
        opened = [(day, hours(day)) for day in map(date.fromordinal, range(first.toordinal(), after.toordinal()))]
        opened = [(day, parts) for day, parts in opened if parts]
        runs = ((at(day, opens), at(day, closes)) for day, parts in opened for opens, closes in parts)
        self.number = number
        self.begin, self.end = at(first, 0), at(after, 0)
        self.open_time = Runs(list(apart(runs)))
        # The last microsecond before the closing time lies within the day, even where that closes at 24:00.
        self.closings = Points([at(day, parts[-1][1]) - 1 for day, parts in opened])
        self.days = Points([day.toordinal() for day, _ in opened])


def _pauses(pauses: Iterable[Pause], start: int) -> list[tuple[int, int]]:
    spans = ((_micros(begin), NEVER if end is None else _micros(end)) for begin, end in pauses)
    return merged(spans, start) if pauses else []


def _micros(instant: datetime) -> int:
    if instant.utcoffset() is None:
        raise ValueError("a naive datetime is no instant: give it a zone")
    if not YEAR_MIN <= instant.year <= YEAR_MAX:
        raise _unknown(instant.year)
    return (instant - _EPOCH) // _MICROSECOND


def _instant(at: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=at)
    except OverflowError:
        raise _unknown("what lies beyond") from None


def _unknown(year: int | str) -> ValueError:
    return ValueError(f"business time is known for the years {YEAR_MIN} to {YEAR_MAX}, not for {year}")
