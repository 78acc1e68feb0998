"""Deadlines compiled: when a fact is due, and what ended it. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from citygoals.kpi.calendars import Calendars
from citygoals.kpi.filters import condition
from citygoals.kpi.folds import Fact, Item
from citygoals.kpi.sieves import Moved, moved
from citygoals.kpi.term_values import first_standing
from citygoals.shared.business import YEAR_MAX, YEAR_MIN, Pause
from citygoals.shared.business_def import Within
from citygoals.shared.deadlines import Deadline
from citygoals.shared.elapsed import hour_due
from citygoals.shared.instants import parse_instant
from citygoals.shared.period import Period
from citygoals.shared.reading import Now

DAYS_REMEMBERED = 10_000


class Moment(NamedTuple):
    """A due instant, its local day, and the first whole hour of the day at which it has come."""

    at: datetime
    day: date
    hour: int


class Due(NamedTuple):
    """One fact's deadline: the item that started it, when it is due, and the item that ended it, if one has."""

    start: Item
    moment: Moment
    ending: Item | None

    @property
    def look(self) -> tuple[date, int, bool | None]:
        """What measures can see of it besides the ending's day: its day and hour, and whether it was done in time."""
        return self.moment.day, self.moment.hour, None if self.ending is None else self.is_in_time

    @property
    def is_in_time(self) -> bool:
        """Whether it was done at the due instant or before."""
        return self.ending is not None and self.ending.entry.at <= self.moment.at

    def has_come(self, now: Now) -> bool:
        """Say whether it is due by now."""
        return self.moment.day < now.day or (self.moment.day == now.day and self.moment.hour <= now.hour)


def dues_of(deadline: Deadline, calendars: Calendars) -> "Dues":
    """Return the deadline compiled, the same one for the same deadline."""
    made: Dues = calendars.once(deadline, lambda: Dues(deadline, calendars))
    return made


class Dues:
    """A deadline, compiled. It remembers its last answer, since several KPIs may ask the same of a fact."""

    def __init__(self, deadline: Deadline, calendars: Calendars) -> None:
        self._deadline = deadline
        self._business = calendars.business(deadline.calendar)
        self._within = None if deadline.within is None else deadline.within.within
        self._where = None if deadline.where is None else condition(deadline.where)
        self._unless = None if deadline.unless is None else condition(deadline.unless)
        self._last: tuple[Fact, Due | None] | None = None
        self._calendar = calendars.city
        self._is_by_days = self._within is not None and self._within.unit == "business_days"
        self._by_day: dict[date, Moment | None] = {}

    def of(self, fact: Fact) -> Due | None:
        """Return the fact's deadline; None where it has none, or an open pause keeps it from having one yet."""
        if self._last is None or self._last[0] is not fact:
            self._last = fact, self._find(fact)
        return self._last[1]

    def since(self, day: date) -> date:
        """Return a day so early that what began before it, and never stood still, is due before `day`.

        Not much earlier than it has to be: at most twice as far back. What says itself when it is due is not meant.
        """
        back, midnight = 1, self._midnight(day)
        while self._within is not None:
            try:
                begin = day - timedelta(days=back)
                due = self._business.due(self._midnight(begin), self._within)
            except (ValueError, OverflowError):  # before all years that calendars know
                return date.min
            if due is not None and due < midnight:
                return begin
            back *= 2
        return day

    def moved(self, days: tuple[date, date]) -> Moved | None:
        """Return how to find what is due on one of the days although its beginning does not say so."""
        return moved(self._deadline.pause, self._deadline.due_field, self._deadline.start, days)

    def _midnight(self, day: date) -> datetime:
        return self._calendar.bounds(Period("rolling", day, day, ""))[0]

    def _find(self, fact: Fact) -> Due | None:
        start = first_standing(fact.items, (self._deadline.start,))
        if start is None or (self._where is not None and not self._where(start.data)):
            return None
        ending = first_standing(fact.items, self._deadline.ends)
        if ending is not None and self._unless is not None and self._unless(ending.data):
            return None
        moment = self._due(start, fact)
        return None if moment is None else Due(start, moment, ending)

    def _due(self, start: Item, fact: Fact) -> Moment | None:
        given = None if self._deadline.due_field is None else _instant(start.data.get(self._deadline.due_field))
        if given is not None or self._within is None:
            return None if given is None else self._moment(given)
        pauses = list(self._pauses(fact))
        if pauses or not self._is_by_days:
            return self._run_out(self._within, start, pauses)
        if start.day not in self._by_day:  # whole business days do not depend on the hour at which they begin
            if len(self._by_day) >= DAYS_REMEMBERED:
                self._by_day.clear()
            self._by_day[start.day] = self._run_out(self._within, start, ())
        return self._by_day[start.day]

    def _run_out(self, within: Within, start: Item, pauses: Sequence[Pause]) -> Moment | None:
        try:
            at = self._business.due(start.entry.at, within, pauses)
        except ValueError:  # a year in which no calendar knows its days
            return None
        return None if at is None or not YEAR_MIN <= at.year <= YEAR_MAX else self._moment(at)

    def _moment(self, at: datetime) -> Moment:
        return Moment(at, self._calendar.local_day(at), hour_due(self._calendar, at))

    def _pauses(self, fact: Fact) -> Iterator[Pause]:
        """Yield each time from a pause to the next resume; a pause within one begins no other."""
        if self._deadline.pause is None:
            return
        begun: datetime | None = None
        for item in fact.items:
            if item.type == self._deadline.pause and begun is None:
                begun = item.entry.at
            elif item.type == self._deadline.resume and begun is not None:
                yield begun, item.entry.at
                begun = None
        if begun is not None:
            yield begun, None


def _instant(value: Any) -> datetime | None:
    """Return the instant of a text; None for what is none, or lies in a year that no calendar knows."""
    if not isinstance(value, str):
        return None
    try:
        instant = parse_instant(value)
    except (ValueError, OverflowError):
        return None
    return instant if YEAR_MIN <= instant.year <= YEAR_MAX else None
