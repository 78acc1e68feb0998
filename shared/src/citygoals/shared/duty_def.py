"""Duties as data: what departments must report, commit to and write for meetings, and when each is due.

A duty is defined once and falls due again and again: for each department and period, or for each meeting.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from citygoals.shared.business_def import BUSINESS_DAYS_MAX, DurationText, Note
from citygoals.shared.definition_file import Path, Problem
from citygoals.shared.model import KebabId, Model, Text, one_id_each

DAYS_MAX = 366
NOTICES_MAX = 10
MEETINGS_MAX = 2_000
EARLIEST = date(2000, 1, 1)
"""No duty holds from an earlier day: each of its periods since is looked at."""

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z")
_MONTH_DAY = re.compile(r"[0-9]{2}-[0-9]{2}\Z")
_LOCAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]\Z")


def _clock_text(value: Any) -> str:
    if not isinstance(value, str) or not _CLOCK.match(value):
        raise ValueError("expected a time of the day as a text, like 08:00")
    return value


def _month_day_text(value: Any) -> str:
    if not isinstance(value, str) or not _MONTH_DAY.match(value):
        raise ValueError("expected a month and a day as a text, like 01-31")
    date.fromisoformat(f"2001-{value}")  # no leap year: 29 February comes too seldom to be a yearly date
    return value


def _local_time_text(value: Any) -> str:
    if not isinstance(value, str) or not _LOCAL_TIME.match(value):
        raise ValueError("expected a local time without offset, like 2026-12-09T10:00")
    date.fromisoformat(value[:10])
    return value


def _descending(days: tuple[int, ...]) -> tuple[int, ...]:
    if list(days) != sorted(set(days), reverse=True):
        raise ValueError("the days before are given from the most to the fewest, each once, like [30, 7, 0]")
    return days


def _not_too_early(day: date) -> date:
    if day < EARLIEST:
        raise ValueError(f"a duty holds from {EARLIEST.isoformat()} at the earliest")
    return day


def _pattern(text: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": text})


ClockText = Annotated[str, BeforeValidator(_clock_text), _pattern("^([01][0-9]|2[0-3]):[0-5][0-9]$")]
MonthDayText = Annotated[str, BeforeValidator(_month_day_text), _pattern("^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
LocalTimeText = Annotated[
    str, BeforeValidator(_local_time_text), _pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]$")
]
DaysBefore = Annotated[
    tuple[Annotated[int, Field(ge=0, le=DAYS_MAX, strict=True)], ...],
    Field(max_length=NOTICES_MAX),
    AfterValidator(_descending),
]
Departments = Annotated[tuple[KebabId, ...], Field(min_length=1)]


class NoticesDef(Model):
    """When people are told beforehand: so many days before the day on which it is due, at this time of the day."""

    days_before: DaysBefore = (30, 7, 0)
    at: ClockText = "08:00"


class DueDef(Model):
    """How long there is, as exactly one of four.

    `business_days: 20`: until the twentieth business day after it closes. `days: 2`: until the end of the second day
    after it. `on: 01-31`: until the end of the first 31 January after it. `duration: PT48H`: so much time, whatever the
    clock does.
    """

    business_days: Annotated[int, Field(ge=1, le=BUSINESS_DAYS_MAX, strict=True)] | None = None
    days: Annotated[int, Field(ge=0, le=DAYS_MAX, strict=True)] | None = None
    on: MonthDayText | None = None
    duration: DurationText | None = None

    @model_validator(mode="after")
    def _one_of_four(self) -> "DueDef":
        if sum(part is not None for part in (self.business_days, self.days, self.on, self.duration)) != 1:
            raise ValueError("it is due by exactly one of `business_days`, `days`, `on` and `duration`")
        return self


class _DutyDef(Model):
    """What every duty has. Without `departments` it is every department's.

    `from` is the first day of the first period or meeting that it is about; `to` the first day it is no longer about.
    `sample` says that it is ours and no law; `verified` that it was found in a published text. One that is `retired`
    is nobody's any more; what it asked until then can still be read, as of then.
    """

    id: KebabId
    title: Text
    description: Text | None = None
    departments: Departments | None = None
    from_: Annotated[date, AfterValidator(_not_too_early)] = Field(alias="from")
    to: date | None = None
    notices: NoticesDef = NoticesDef()
    calendar: KebabId | None = None
    sample: bool = False
    verified: bool = False
    retired: bool = False
    note: Note | None = None

    @model_validator(mode="after")
    def _business_days_are_counted_by_a_calendar(self) -> "_DutyDef":
        due = getattr(self, "due", None) or getattr(self, "follow_up", None)
        if due is not None and due.business_days is not None and self.calendar is None:
            raise ValueError("`business_days` are counted by a `calendar`: name one of the catalogue")
        return self

    def holds(self, day: date) -> bool:
        """Say whether the duty is about what begins on the day."""
        return self.from_ <= day and (self.to is None or day < self.to)


class ReportDutyDef(_DutyDef):
    """Each period is reported on, `due` after its end."""

    kind: Literal["report"]
    grain: Literal["quarter", "half", "fiscal_year"]
    due: DueDef


class CommitDutyDef(_DutyDef):
    """Metrics and targets are signed before each fiscal year begins, or so many days before that."""

    kind: Literal["commit"]
    days_ahead: Annotated[int, Field(ge=0, le=DAYS_MAX, strict=True)] = 0


class MeetingDef(Model):
    """One meeting, `at` a local time of the city; a time that comes twice when the clock changes is the first."""

    id: KebabId
    at: LocalTimeText
    departments: Departments

    @cached_property
    def day(self) -> date:
        """The local day of the meeting."""
        return date.fromisoformat(self.at[:10])


class MeetingDutyDef(_DutyDef):
    """A memo goes before each meeting, and the commitments made in it are written down after it."""

    kind: Literal["meeting"]
    memo_before: DurationText | None = None
    follow_up: DueDef | None = None
    meetings: Annotated[tuple[MeetingDef, ...], Field(max_length=MEETINGS_MAX), AfterValidator(one_id_each)] = ()

    @model_validator(mode="after")
    def _something_is_due(self) -> "MeetingDutyDef":
        if self.memo_before is None and self.follow_up is None:
            raise ValueError("a meeting asks for something before it (`memo_before`) or after it (`follow_up`)")
        if self.departments is not None:
            raise ValueError("the departments of a meeting are named by each of `meetings`")
        return self


DutyDef = Annotated[ReportDutyDef | CommitDutyDef | MeetingDutyDef, Field(discriminator="kind")]


def duty_problems(
    data: Mapping[str, Any], departments: Collection[str], calendars: Collection[str] | None
) -> Iterator[Problem]:
    """Yield duties given twice, and the departments and calendars of the raw data that there are not.

    Where no departments are known, and where `calendars` is None, nothing is held to be missing.
    """
    duties = list(_entries(data, "duties", ()))
    known = {*departments, *_ids(data, "departments")}
    clocks = None if calendars is None else {*calendars, *_ids(data, "calendars")}
    yield from _twice(duties)
    for path, duty in duties:
        calendar = duty.get("calendar")
        if clocks is not None and isinstance(calendar, str) and calendar not in clocks:
            yield Problem((*path, "calendar"), f"no calendar `{calendar}` in the catalogue")
        for where, named in (*_named(duty, path), *_met(duty, path)):
            if known and named not in known:
                yield Problem(where, f"no department `{named}` in the catalogue")


def _met(duty: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    for inner, meeting in _entries(duty, "meetings", path):
        yield from _named(meeting, inner)


def _named(holder: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    named = holder.get("departments")
    for index, department in enumerate(named if isinstance(named, list) else ()):
        if isinstance(department, str):
            yield (*path, "departments", index), department


def _twice(duties: list[tuple[Path, dict[str, Any]]]) -> Iterator[Problem]:
    counts = Counter(duty["id"] for _, duty in duties if isinstance(duty.get("id"), str))
    seen: set[str] = set()
    for path, duty in duties:
        name = duty.get("id")
        if isinstance(name, str) and name in seen:
            yield Problem((*path, "id"), f"`{name}` is given {counts[name]} times")
        seen.add(str(name))


def _ids(data: Mapping[str, Any], group: str) -> Iterator[str]:
    return (entry["id"] for _, entry in _entries(data, group, ()) if isinstance(entry.get("id"), str))


def _entries(data: Mapping[str, Any], group: str, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    entries = data.get(group)
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield (*path, group, index), entry
