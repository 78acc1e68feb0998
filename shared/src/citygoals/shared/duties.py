"""Duties: what each department must report, commit to and write, when it is due, and whether it is done.

Pure: a function of the definitions, the records and the city's now, so of one position. Nothing about a duty is stored
but what people record.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol

from citygoals.shared.business_def import BusinessCalendarDef, duration_s
from citygoals.shared.catalogue import UNASSIGNED
from citygoals.shared.duty_def import CommitDutyDef, DutyDef, MeetingDutyDef, ReportDutyDef
from citygoals.shared.duty_done import Done, done_by
from citygoals.shared.duty_times import Clocks, Stage
from citygoals.shared.instants import format_instant
from citygoals.shared.kpi import DepartmentDef
from citygoals.shared.period import CityCalendar
from citygoals.shared.records import Records
from citygoals.shared.rosters import Rosters

Kind = Literal["report", "commit", "memo", "follow-up"]
State = Literal["upcoming", "due_soon", "overdue", "done"]
STATES: tuple[State, ...] = ("overdue", "due_soon", "upcoming", "done")
"""In the order in which they ask for attention."""

SOON_DAYS = 7
"""From the seventh local day before the one on which it is due, a duty is due soon."""

_DAY = timedelta(days=1)


class Known(Protocol):
    """The definitions and records that hold at a position, of any service."""

    @property
    def duties(self) -> Mapping[str, DutyDef]: ...  # noqa: D102
    @property
    def departments(self) -> Mapping[str, DepartmentDef]: ...  # noqa: D102
    @property
    def rosters(self) -> Rosters: ...  # noqa: D102
    @property
    def calendars(self) -> Mapping[str, BusinessCalendarDef]: ...  # noqa: D102
    @property
    def records(self) -> Records: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """One thing that one department must have done by an instant.

    `period` is what a report or a commitment is about, `meeting` the id of the meeting that a memo or a follow-up
    belongs to. It cannot be done before `opens`, where that is given.
    """

    id: str
    definition: DutyDef
    kind: Kind
    department: str
    period: str | None
    meeting: str | None
    meeting_at: datetime | None
    opens: datetime | None
    due: datetime
    due_day: date
    stages: tuple[Stage, ...]
    done: Done | None = None

    @property
    def is_late(self) -> bool:
        """Whether it was done, but after it was due."""
        return self.done is not None and self.done.at > self.due

    def state(self, now: datetime, today: date) -> State:
        """Return the state at an instant of the local day `today`. At the due instant itself it is still in time."""
        if self.done is not None:
            return "done"
        if now > self.due:
            return "overdue"
        return "due_soon" if self.due_day - SOON_DAYS * _DAY <= today else "upcoming"


class Told(NamedTuple):
    """What a tick tells: a duty, and at which of its stages it is."""

    duty: Duty
    stage: Stage


class _Occasion(NamedTuple):
    """One time that a duty falls due, whoever's it is."""

    kind: Kind
    about: str
    is_period: bool
    departments: tuple[str, ...] | None
    opens: datetime | None
    due: datetime
    meeting_at: datetime | None = None


def duties(known: Known, city: CityCalendar, now: datetime, *, since: datetime | None = None) -> list[Duty]:
    """Return every duty that there is at an instant, by due instant and id; with `since` only what is due from then on.

    Periods are those that have begun, and for commitments the fiscal year after; meetings are all that are listed.
    """
    clocks = Clocks.of(city, known.calendars)
    everybody = tuple(name for name in known.departments if name != UNASSIGNED)
    found = [
        replace(one, done=done_by(one, known))
        for definition in known.duties.values()
        for occasion in _occasions(definition, clocks, city.local_day(now))
        if since is None or since <= occasion.due
        for one in _each(definition, occasion, everybody, clocks)
    ]
    return sorted(found, key=lambda duty: (duty.due, duty.id))


def told_at(found: Iterable[Duty], before: datetime, tick: datetime) -> list[Told]:
    """Return what a tick tells that follows one at `before`: of each open duty the last stage that came in between.

    Each stage lies between two ticks that follow each other, whatever ticks there are, so none is told twice; and
    after a time without ticks people hear the last word and not all of them.
    """
    told = []
    for duty in found:
        passed = [stage for stage in duty.stages if before < stage.at <= tick] if duty.done is None else []
        if passed:
            told.append(Told(duty, passed[-1]))
    return told


def duty_row(duty: Duty, now: datetime, today: date) -> dict[str, Any]:
    """Return a duty as answers write it.

    {"id", "duty": its definition's id, "kind", "title": {"en", "es"}, "department", "period", "meeting", "meeting_at",
    "due", "due_day", "state", "late", "sample", "done": {"at", "how", "by", "reason"} or null}
    """
    done = duty.done
    return {
        "id": duty.id,
        "duty": duty.definition.id,
        "kind": duty.kind,
        "title": duty.definition.title.labels(),
        "department": duty.department,
        "period": duty.period,
        "meeting": duty.meeting,
        "meeting_at": None if duty.meeting_at is None else format_instant(duty.meeting_at),
        "due": format_instant(duty.due),
        "due_day": duty.due_day.isoformat(),
        "state": duty.state(now, today),
        "late": duty.is_late,
        "sample": duty.definition.sample,
        "done": None
        if done is None
        else {"at": format_instant(done.at), "how": done.how, "by": done.by, "reason": done.reason},
    }


def _each(definition: DutyDef, occasion: _Occasion, everybody: tuple[str, ...], clocks: Clocks) -> Iterator[Duty]:
    stages, due_day = clocks.stages(occasion.due, definition.notices), clocks.due_day(occasion.due)
    name = f"{definition.id}-{occasion.kind}" if isinstance(definition, MeetingDutyDef) else definition.id
    for department in occasion.departments or definition.departments or everybody:
        yield Duty(
            id=f"{name}:{department}:{occasion.about}",
            definition=definition,
            kind=occasion.kind,
            department=department,
            period=occasion.about if occasion.is_period else None,
            meeting=None if occasion.is_period else occasion.about,
            meeting_at=occasion.meeting_at,
            opens=occasion.opens,
            due=occasion.due,
            due_day=due_day,
            stages=stages,
        )


def _occasions(definition: DutyDef, clocks: Clocks, today: date) -> Iterator[_Occasion]:
    if isinstance(definition, ReportDutyDef):
        return _reports(definition, clocks, today)
    if isinstance(definition, CommitDutyDef):
        return _commitments(definition, clocks, today)
    return _meetings(definition, clocks)


def _reports(definition: ReportDutyDef, clocks: Clocks, today: date) -> Iterator[_Occasion]:
    for period in clocks.city.periods(definition.grain, definition.from_, today):
        if definition.holds(period.start):
            ends = clocks.city.bounds(period)[1]
            due = clocks.due_after(definition.due, ends, period.last, definition.calendar)
            yield _Occasion("report", period.label, True, None, ends, due)


def _commitments(definition: CommitDutyDef, clocks: Clocks, today: date) -> Iterator[_Occasion]:
    following = clocks.city.containing(today, "fiscal_year").end
    for year in clocks.city.periods("fiscal_year", definition.from_, following):
        if definition.holds(year.start):
            due = clocks.midnight(year.start - definition.days_ahead * _DAY)
            yield _Occasion("commit", year.label, True, None, None, due)


def _meetings(definition: MeetingDutyDef, clocks: Clocks) -> Iterator[_Occasion]:
    for meeting in definition.meetings:
        if not definition.holds(meeting.day):
            continue
        at, who = clocks.local(meeting.at), meeting.departments
        if definition.memo_before is not None:
            due = at - timedelta(seconds=duration_s(definition.memo_before))
            yield _Occasion("memo", meeting.id, False, who, None, due, at)
        if definition.follow_up is not None:
            due = clocks.due_after(definition.follow_up, at, meeting.day, definition.calendar)
            yield _Occasion("follow-up", meeting.id, False, who, at, due, at)
