"""Business calendars and time limits as data: opening hours, holidays, and within what time a thing is due. Pure."""

import re
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator

from citygoals.shared.definition_file import DefinitionFile
from citygoals.shared.model import KebabId, Model, PositiveDecimalText, Text, one_id_each

DAY_MINUTES = 24 * 60
BUSINESS_DAYS_MAX = 3_660
WITHIN_S_MAX = 9_999 * 86_400

_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)\Z")
_DURATION = re.compile(
    r"P(?=[0-9T])(?:(?P<weeks>[0-9]{1,3})W|(?:(?P<days>[0-9]{1,4})D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]{1,6})H)?(?:(?P<minutes>[0-9]{1,8})M)?(?:(?P<seconds>[0-9]{1,9})S)?)?)\Z"
)
_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}

Minutes = tuple[int, int]
"""A half-open run of local time, in minutes from midnight: 08:00-17:00 is (480, 1020)."""


def minutes(text: str) -> Minutes:
    """Return opening hours like 08:00-17:00 in minutes from midnight; 24:00 is the end of the day.

    Raises ValueError for another form, and for hours that end before they begin.
    """
    match = _HOURS.match(text)
    if match is None:
        raise ValueError("expected opening hours like 08:00-17:00; the end of the day is 24:00")
    opens = int(match[1]) * 60 + int(match[2])
    closes = int(match[3]) * 60 + int(match[4]) if match[3] else DAY_MINUTES
    if closes <= opens:
        raise ValueError(f"{text} ends before it begins: hours past midnight belong to the next day")
    return opens, closes


def duration_s(text: str) -> int:
    """Return an ISO 8601 duration of weeks, or of days, hours, minutes and seconds, in seconds.

    A day is 24 hours, whatever the clock does: PT48H and P2D are the same. Raises ValueError for another form, for
    nothing, and for more than 9,999 days.
    """
    match = _DURATION.match(text)
    if match is None:
        raise ValueError("expected an ISO 8601 duration like PT48H, P2D or P1DT12H")
    seconds = sum(int(part) * _SECONDS[unit] for unit, part in match.groupdict().items() if part)
    if not 0 < seconds <= WITHIN_S_MAX:
        raise ValueError(f"expected a duration above zero and up to P9999D, not {text}")
    return seconds


def _hours_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("expected opening hours as a text, like 08:00-17:00")  # noqa: TRY004  # pydantic reads ValueError
    minutes(value)
    return value


def _duration_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("expected an ISO 8601 duration as a text, like PT48H")  # noqa: TRY004  # pydantic reads ValueError
    duration_s(value)
    return value


def _in_order(hours: tuple[str, ...]) -> tuple[str, ...]:
    parts = [minutes(text) for text in hours]
    for (_, closes), (opens, _) in pairwise(parts):
        if opens < closes:
            raise ValueError("opening hours of a day are given in order and do not overlap")
    return hours


HoursText = Annotated[
    str,
    BeforeValidator(_hours_text),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"}),
]  # fmt: skip
DayHours = Annotated[tuple[HoursText, ...], AfterValidator(_in_order)]
DurationText = Annotated[
    str,
    BeforeValidator(_duration_text),
    WithJsonSchema({"type": "string", "pattern": "^P([0-9]+W|([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+S)?)?)$"}),
]
Note = Annotated[str, StringConstraints(max_length=2000)]


class WeekDef(Model):
    """The local opening hours of each weekday; a weekday without any is no business day."""

    monday: DayHours = ()
    tuesday: DayHours = ()
    wednesday: DayHours = ()
    thursday: DayHours = ()
    friday: DayHours = ()
    saturday: DayHours = ()
    sunday: DayHours = ()

    @cached_property
    def by_weekday(self) -> tuple[tuple[Minutes, ...], ...]:
        """The hours in minutes, from Monday to Sunday as `date.weekday` counts."""
        days = (self.monday, self.tuesday, self.wednesday, self.thursday, self.friday, self.saturday, self.sunday)
        return tuple(tuple(minutes(text) for text in day) for day in days)


class HolidayDef(Model):
    """A holiday. It is no business day, unless it is `optional` and the city does not observe it.

    `observed` says whether the city's offices close. A holiday that is not optional takes the business day away even
    where they stay open, as San Jacinto Day does for requests under Texas Government Code 552.0031.
    `verified` says that the day was found in a published text.
    """

    date: date
    title: Text
    observed: bool = True
    optional: bool = False
    verified: bool = False

    @property
    def takes_the_day(self) -> bool:
        """Whether the holiday is no business day."""
        return self.observed or not self.optional


class ClosedDayDef(Model):
    """One more day that is no business day, for example one that the body has designated."""

    date: date
    title: Text | None = None


class OpenDayDef(Model):
    """A day with hours of its own, whatever its weekday and holidays say."""

    date: date
    hours: Annotated[DayHours, Field(min_length=1)]
    title: Text | None = None

    @cached_property
    def minutes(self) -> tuple[Minutes, ...]:
        """The hours in minutes from midnight."""
        return tuple(minutes(text) for text in self.hours)


class BusinessCalendarDef(Model):
    """When a business clock runs. An `open` day goes before a `closed` one, that before the week's `hours`.

    `through` is the last day for which the holidays are listed: after it the calendar knows weekdays only.
    """

    id: KebabId
    title: Text
    hours: WeekDef
    holidays: tuple[HolidayDef, ...] = ()
    closed: tuple[ClosedDayDef, ...] = ()
    open: tuple[OpenDayDef, ...] = ()
    through: date | None = None
    verified: bool = False
    note: Note | None = None

    @model_validator(mode="after")
    def _days_fit(self) -> "BusinessCalendarDef":
        if not any(self.hours.by_weekday):
            raise ValueError("`hours` opens on no weekday: no clock would ever run out")
        opened, closed = [day.date for day in self.open], [day.date for day in self.closed]
        for day in sorted({*opened, *closed}):
            if opened.count(day) + closed.count(day) > 1:
                raise ValueError(f"{day.isoformat()} is given twice in `open` and `closed`")
        return self


@dataclass(frozen=True, slots=True)
class Within:
    """A time limit: so many business days, business seconds, or seconds on any clock. The amount is above zero."""

    unit: Literal["business_days", "business_seconds", "seconds"]
    amount: int

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise ValueError(f"a time limit is above zero, not {self.amount} {self.unit}")


class WithinDef(Model):
    """A time limit, written as exactly one of `business_days: 10`, `business_hours: "4.5"` and `duration: PT48H`."""

    business_days: Annotated[int, Field(ge=1, le=BUSINESS_DAYS_MAX, strict=True)] | None = None
    business_hours: PositiveDecimalText | None = None
    duration: DurationText | None = None

    @model_validator(mode="after")
    def _one_of_three(self) -> "WithinDef":
        if sum(part is not None for part in (self.business_days, self.business_hours, self.duration)) != 1:
            raise ValueError("a time limit is exactly one of `business_days`, `business_hours` and `duration`")
        if self.business_hours is not None:
            seconds = Fraction(self.business_hours) * 3600
            if seconds.denominator != 1 or seconds > WITHIN_S_MAX:
                raise ValueError("`business_hours` are whole seconds, at most 9,999 days of them")
        return self

    @cached_property
    def within(self) -> Within:
        """The limit as a number and its unit."""
        if self.business_days is not None:
            return Within("business_days", self.business_days)
        if self.business_hours is not None:
            return Within("business_seconds", int(Fraction(self.business_hours) * 3600))
        return Within("seconds", duration_s(self.duration or ""))


class CalendarsDef(Model):
    """A file of business calendars."""

    note: Note | None = None
    calendars: Annotated[tuple[BusinessCalendarDef, ...], AfterValidator(one_id_each)]


def load_calendars(text: str, name: str) -> CalendarsDef:
    """Read a calendars file (YAML). Raises InvalidFile with everything that is wrong."""
    return DefinitionFile(text, name).validate(CalendarsDef)
