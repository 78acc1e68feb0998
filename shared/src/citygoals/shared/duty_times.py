"""When a duty is due, and when people are told of it. Pure, exact in the city's zone and by its business calendars."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from citygoals.shared.business import BusinessCalendar
from citygoals.shared.business_def import BusinessCalendarDef, Within, duration_s
from citygoals.shared.duty_def import DueDef, NoticesDef
from citygoals.shared.period import CityCalendar

OVERDUE = "overdue"

_DAY, _MOMENT = timedelta(days=1), timedelta(microseconds=1)


class Stage(NamedTuple):
    """One time at which people are told: so many days before the duty is due, or once it is overdue.

    `name` is the number of days, or `overdue`.
    """

    name: str
    days_before: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Clocks:
    """What time limits are counted by: the city's calendar, and its business calendars by id."""

    city: CityCalendar
    business: Mapping[str, BusinessCalendar]

    @classmethod
    def of(cls, city: CityCalendar, calendars: Mapping[str, BusinessCalendarDef]) -> "Clocks":
        """Make the business calendars ready, in the city's zone."""
        return cls(city, {name: BusinessCalendar(one, city.zone) for name, one in calendars.items()})

    def midnight(self, day: date) -> datetime:
        """Return the first instant of a local day, in UTC."""
        return self.city.bounds(self.city.containing(day, "day"))[0]

    def local(self, text: str) -> datetime:
        """Return a local time, like 2026-12-09T10:00, as an instant in UTC.

        A time that the clock change skips is read with the offset before it, one that comes twice is the first.
        """
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(self.city.zone)).astimezone(UTC)

    def due_after(self, due: DueDef, instant: datetime, day: date, calendar: str | None) -> datetime:
        """Return when something is due that follows an instant of the local `day`, or the end of that day.

        Business days, days and dates are counted from the day; a duration from the instant.
        """
        if due.business_days is not None:
            assert calendar is not None, "the definition asks for a calendar"
            within = Within("business_days", due.business_days)
            ends = self.business[calendar].due(self.midnight(day), within)
            assert ends is not None, "nothing stands still without a pause"
            return ends
        if due.days is not None:
            return self.midnight(day + (due.days + 1) * _DAY)
        if due.on is not None:
            return self.midnight(_next(due.on, day) + _DAY)
        return instant + timedelta(seconds=duration_s(due.duration or ""))

    def due_day(self, due: datetime) -> date:
        """Return the last local day on which something is in time: what is due at midnight, is due on the day before."""
        return self.city.local_day(due - _MOMENT)

    def stages(self, due: datetime, notices: NoticesDef) -> tuple[Stage, ...]:
        """Return when people are told, in order. What happens at the due instant itself is in time."""
        return (*sorted(self._before(due, notices), key=lambda stage: stage.at), Stage(OVERDUE, None, due + _MOMENT))

    def _before(self, due: datetime, notices: NoticesDef) -> Iterator[Stage]:
        last = self.due_day(due)
        for days in notices.days_before:
            at = self.local(f"{(last - days * _DAY).isoformat()}T{notices.at}")
            yield Stage(str(days), days, min(at, due))


def _next(month_day: str, day: date) -> date:
    """Return the first day after `day` that has this month and day."""
    found = date.fromisoformat(f"{day.year:04d}-{month_day}")
    return found if found > day else found.replace(year=day.year + 1)
