"""Business clocks: due dates and business time, against a reckoning that steps through every minute."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from citygoals.shared.business import BusinessCalendar, Pause
from citygoals.shared.business_def import BusinessCalendarDef, Within
from hypothesis import given, settings
from hypothesis import strategies as st

DENVER = "America/Denver"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MINUTE = timedelta(minutes=1)
OFFICE = {day: ["08:00-17:00"] for day in WEEKDAYS[:5]}


def calendar(hours: dict[str, list[str]] = OFFICE, zone: str = DENVER, **more: Any) -> BusinessCalendar:
    definition = {"id": "office", "title": {"en": "Office"}, "hours": hours, **more}
    return BusinessCalendar(BusinessCalendarDef.model_validate(definition), zone)


def local(text: str, zone: str = DENVER) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def days(n: int) -> Within:
    return Within("business_days", n)


def hours(n: int) -> Within:
    return Within("business_seconds", n * 3600)


# Texas Government Code 552.0031, as the sample's calendar of public information requests tells it.
TEXAS = calendar(
    holidays=[
        {"date": "2026-04-03", "title": {"en": "Good Friday"}, "optional": True, "observed": False},
        {"date": "2026-04-21", "title": {"en": "San Jacinto Day"}, "observed": False},
        {"date": "2026-07-03", "title": {"en": "Friday before"}, "optional": True, "observed": True},
        {"date": "2026-07-04", "title": {"en": "Independence Day"}},
        {"date": "2026-11-26", "title": {"en": "Thanksgiving Day"}},
        {"date": "2026-11-27", "title": {"en": "Friday after Thanksgiving Day"}},
    ],
    closed=[{"date": "2026-12-28", "title": {"en": "Designated"}}],
    open=[{"date": "2026-12-05", "hours": ["09:00-12:00"]}],
)


@pytest.mark.parametrize(
    ("day", "is_one"),
    [
        ("2026-04-03", True),  # an optional holiday that is not observed
        ("2026-04-21", False),  # a state holiday, though the offices are open
        ("2026-07-03", False),  # the Friday before, observed
        ("2026-07-04", False),  # a Saturday and a holiday
        ("2026-07-06", True),  # the Monday after, on which nothing is said
        ("2026-11-26", False),
        ("2026-11-27", False),
        ("2026-11-28", False),
        ("2026-11-30", True),
        ("2026-12-05", True),  # an extra open Saturday
        ("2026-12-28", False),  # designated by the body
    ],
)
def test_business_days_in_texas(day: str, is_one: bool) -> None:  # noqa: FBT001  # a column of the table
    assert TEXAS.is_business_day(date.fromisoformat(day)) is is_one


@pytest.mark.parametrize(
    ("day", "n", "found"),
    [
        ("2026-04-20", 1, "2026-04-22"),
        ("2026-04-10", 10, "2026-04-27"),  # San Jacinto Day is not one of the ten
        ("2026-11-25", 1, "2026-11-30"),
        ("2026-11-28", 3, "2026-12-02"),  # postmarked on a Saturday: received on the third business day after it
        ("2026-12-24", 3, "2026-12-30"),
        ("2026-12-31", 1, "2027-01-01"),
        ("2026-11-20", 45, "2027-01-26"),
    ],
)
def test_the_nth_business_day_after_a_day_does_not_count_that_day(day: str, n: int, found: str) -> None:
    assert TEXAS.business_days_after(date.fromisoformat(day), n) == date.fromisoformat(found)


@pytest.mark.parametrize(
    ("begun", "n", "due"),
    [
        ("2026-11-18T09:00", 1, "2026-11-19T17:00"),
        ("2026-11-18T23:59:59.999999", 1, "2026-11-19T17:00"),  # after hours is still that day
        ("2026-11-21T12:00", 1, "2026-11-23T17:00"),  # a Saturday
        ("2026-11-25T16:59", 1, "2026-11-30T17:00"),
        ("2026-12-04T08:00", 1, "2026-12-05T12:00"),  # an extra open day closes at noon
        ("2026-03-06T17:00", 1, "2026-03-09T17:00"),  # over the weekend of 23 hours
        ("2028-02-28T10:00", 1, "2028-02-29T17:00"),
        ("2028-02-28T10:00", 2, "2028-03-01T17:00"),
        ("2026-12-31T23:00", 10, "2027-01-14T17:00"),
    ],
)
def test_a_limit_of_business_days_ends_as_the_last_of_them_closes(begun: str, n: int, due: str) -> None:
    assert TEXAS.due(local(begun), days(n)) == local(due)


@pytest.mark.parametrize(
    ("begun", "n", "due"),
    [
        ("2026-11-18T09:00", 8, "2026-11-18T17:00"),  # to the last minute of the day, not to the next morning
        ("2026-11-18T09:00:00.000001", 8, "2026-11-19T08:00:00.000001"),
        ("2026-11-18T03:00", 1, "2026-11-18T09:00"),
        ("2026-11-20T16:00", 2, "2026-11-23T09:00"),
        ("2026-11-25T16:00", 10, "2026-11-30T17:00"),
        ("2026-12-31T16:00", 2, "2027-01-01T09:00"),
        ("2026-10-30T16:00", 2, "2026-11-02T09:00"),  # over the weekend of 25 hours
    ],
)
def test_a_limit_of_business_hours_ends_as_soon_as_they_have_run(begun: str, n: int, due: str) -> None:
    assert TEXAS.due(local(begun), hours(n)) == local(due)


def test_a_duration_runs_by_any_clock() -> None:
    begun = local("2026-03-07T12:00")

    assert (
        TEXAS.due(begun, Within("seconds", 86_400)) == local("2026-03-08T13:00") == begun.astimezone(UTC) + timedelta(1)
    )
    assert TEXAS.due(begun, Within("seconds", 1), [(begun, begun + MINUTE)]) == begun.astimezone(UTC) + timedelta(
        seconds=61
    )


def test_answers_are_in_utc() -> None:
    for within in (days(1), hours(1), Within("seconds", 1)):
        due = TEXAS.due(local("2026-11-18T09:00"), within)
        assert due is not None
        assert due.tzinfo is UTC


@pytest.mark.parametrize(
    ("pauses", "due"),
    [
        ([], "2026-11-19T17:00"),
        ([("2026-11-19T09:00", "2026-11-19T16:59")], "2026-11-19T17:00"),  # it runs again as the day closes
        ([("2026-11-19T17:00", "2026-11-19T20:00")], "2026-11-19T17:00"),  # it ran until the day had closed
        ([("2026-11-19T16:59", "2026-11-19T17:00")], "2026-11-20T17:00"),
        ([("2026-11-18T10:00", "2026-11-19T18:00")], "2026-11-20T17:00"),
        ([("2026-11-19T12:00", "2026-11-23T08:00")], "2026-11-23T17:00"),
        ([("2026-11-19T12:00", "2026-11-19T18:00"), ("2026-11-20T12:00", "2026-11-20T18:00")], "2026-11-23T17:00"),
        ([("2026-11-18T10:00", None)], None),
        ([("2026-11-19T17:00", None)], "2026-11-19T17:00"),
        ([("2026-11-01T10:00", "2026-11-17T10:00")], "2026-11-19T17:00"),  # over before it began
        ([("2026-11-18T10:00", "2026-11-18T11:00")], "2026-11-19T17:00"),  # over before the first day that counts
    ],
)
def test_a_business_day_counts_unless_the_clock_stands_as_it_closes(
    pauses: list[tuple[str, str | None]], due: str | None
) -> None:
    stands = [(local(begin), end and local(end)) for begin, end in pauses]

    found = TEXAS.due(local("2026-11-18T09:00"), days(1), [(begin, end or None) for begin, end in stands])

    assert found == (due and local(due))


def test_an_open_pause_stops_a_clock_until_further_notice() -> None:
    begun = local("2026-11-18T09:00")
    standing: list[Pause] = [(local("2026-11-18T11:00"), None)]

    assert TEXAS.due(begun, hours(2), standing) == local("2026-11-18T11:00")
    assert TEXAS.due(begun, Within("business_seconds", 7201), standing) is None
    assert TEXAS.due(begun, Within("seconds", 7201), standing) is None
    assert TEXAS.elapsed(begun, local("2027-11-18T11:00"), standing) == 7200


def test_pauses_may_overlap_touch_be_empty_and_come_in_any_order() -> None:
    begun = local("2026-11-18T08:00")
    pauses: list[Pause] = [
        (local("2026-11-18T12:00"), local("2026-11-18T13:00")),
        (local("2026-11-18T07:00"), local("2026-11-18T09:00")),
        (local("2026-11-18T08:30"), local("2026-11-18T10:00")),
        (local("2026-11-18T09:00"), local("2026-11-18T09:30")),
        (local("2026-11-18T10:00"), local("2026-11-18T11:00")),
        (local("2026-11-18T11:30"), local("2026-11-18T11:30")),
        (local("2026-11-18T11:40"), local("2026-11-18T11:20")),
    ]

    for order in (pauses, pauses[::-1]):
        assert TEXAS.due(begun, hours(2), order) == local("2026-11-18T14:00")
        assert TEXAS.elapsed(begun, local("2026-11-18T14:00"), iter(order)) == 7200


def test_elapsed_business_time() -> None:
    assert TEXAS.elapsed(local("2026-11-18T16:00"), local("2026-11-19T09:30")) == 9_000
    assert TEXAS.elapsed(local("2026-11-20T17:00"), local("2026-11-23T08:00")) == 0
    assert TEXAS.elapsed(local("2026-11-18T10:00"), local("2026-11-18T09:00")) == 0
    assert TEXAS.elapsed(local("2026-11-18T10:00"), local("2026-11-18T10:00:00.999999")) == 0
    assert TEXAS.elapsed(local("2025-12-31T00:00"), local("2028-01-01T00:00")) == 9 * 3600 * sum(
        TEXAS.is_business_day(date(2025, 12, 31) + timedelta(n)) for n in range(731)
    ) - 6 * 3600  # the extra Saturday has three hours, not nine  # fmt: skip


ALWAYS = {day: ["00:00-24:00"] for day in WEEKDAYS}


@pytest.mark.parametrize(
    ("day", "length"), [("2026-03-08", 23), ("2026-11-01", 25), ("2026-11-21", 24), ("2028-02-29", 24)]
)
def test_a_day_that_is_open_around_the_clock_has_its_hours(day: str, length: int) -> None:
    begin = local(day)
    end = local((date.fromisoformat(day) + timedelta(1)).isoformat())

    assert calendar(ALWAYS).elapsed(begin, end) == length * 3600
    assert calendar(ALWAYS).due(begin, hours(length)) == end
    assert calendar(ALWAYS).due(begin - MINUTE, days(1)) == end
    assert calendar(ALWAYS).due(end, days(1)) == end.astimezone(ZoneInfo(DENVER)) + timedelta(2)


@pytest.mark.parametrize(
    ("parts", "day", "seconds"),
    [
        (["01:30-02:30"], "2026-03-08", 3_600),  # 02:30 is 03:30
        (["02:30-03:00"], "2026-03-08", 0),  # from 03:30 to 03:00
        (["02:00-02:45", "03:15-04:00"], "2026-03-08", 3_600),  # 03:00 to 03:45 and 03:15 to 04:00: the overlap once
        (["00:30-01:30"], "2026-11-01", 3_600),  # the first 01:30
        (["01:30-02:00"], "2026-11-01", 5_400),
    ],
)
def test_hours_in_the_clock_change_follow_the_rule(parts: list[str], day: str, seconds: int) -> None:
    odd = calendar(dict.fromkeys(WEEKDAYS, parts))

    assert odd.elapsed(local(day), local(day) + timedelta(1)) == seconds
    assert odd.is_business_day(date.fromisoformat(day))


def test_what_cannot_be_reckoned_is_refused() -> None:
    begun = local("2026-11-18T09:00")
    for wrong in (0, -1, 3_661):
        with pytest.raises(ValueError, match="counted from 1"):
            TEXAS.business_days_after(date(2026, 1, 1), wrong)
    with pytest.raises(ValueError, match="naive"):
        TEXAS.due(datetime(2026, 11, 18), days(1))  # noqa: DTZ001  # the mistake under test
    with pytest.raises(ValueError, match="naive"):
        TEXAS.elapsed(begun, begun, [(datetime(2026, 11, 18), None)])  # noqa: DTZ001  # the mistake under test
    for far in (datetime(1, 12, 31, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)):
        with pytest.raises(ValueError, match="years 2 to 9998"):
            TEXAS.elapsed(far, far)
    with pytest.raises(ValueError, match="years 2 to 9998"):
        TEXAS.due(datetime(9998, 12, 31, tzinfo=UTC), days(3))
    with pytest.raises(ValueError, match="years 2 to 9998"):
        TEXAS.due(datetime(9998, 12, 31, tzinfo=UTC), Within("seconds", 400 * 86_400))
    with pytest.raises(ValueError, match="years 2 to 9998"):
        TEXAS.business_days_after(date.max - timedelta(1), 1)


# The reckoning by minutes: local time is asked of the zone at each UTC minute, and compared with the hours as written.
# Opening and closing times stay out of the hour that a clock change may skip or repeat: that has its own test above.

TIMES = [f"{quarter // 4:02d}:{quarter % 4 * 15:02d}" for quarter in range(97) if not 4 < quarter < 12]
ZONES = st.sampled_from([DENVER, DENVER, "UTC", "Asia/Kathmandu", "Europe/Berlin"])
STARTS = st.sampled_from([datetime(2026, 3, 4, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC), datetime(2027, 12, 24, tzinfo=UTC), datetime(2028, 2, 26, tzinfo=UTC)])  # fmt: skip
SPAN = 14 * 24 * 60


@st.composite
def day_hours(draw: st.DrawFn) -> list[str]:
    cuts = sorted(draw(st.lists(st.sampled_from(TIMES), unique=True, max_size=4)))
    return [f"{begin}-{end}" for begin, end in zip(cuts[::2], cuts[1::2], strict=False)]


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], str, datetime, list[tuple[datetime, datetime]]]:
    begin = draw(STARTS)
    some = draw(st.lists(day_hours(), min_size=7, max_size=7))
    week = dict(zip(WEEKDAYS, some, strict=True)) | {draw(st.sampled_from(WEEKDAYS)): ["08:00-17:00"]}
    near = [(begin + timedelta(n)).date().isoformat() for n in range(14)]
    marked = draw(st.lists(st.sampled_from(near), unique=True, max_size=5))
    half = len(marked) // 2
    definition = {
        "id": "x", "title": {"en": "x"}, "hours": week,
        "holidays": [{"date": day, "title": {"en": "x"}} for day in marked[:half]],
        "open": [{"date": day, "hours": ["10:00-11:15"]} for day in marked[half:]],
    }  # fmt: skip
    spans = draw(st.lists(st.tuples(st.integers(-600, SPAN), st.integers(0, 3_000)), max_size=4))
    pauses = [(begin + at * MINUTE, begin + (at + length) * MINUTE) for at, length in spans]
    return definition, draw(ZONES), begin + draw(st.integers(0, 3_000)) * MINUTE, pauses


class Reckoning:
    """Step by step, with nothing but a wall clock and the definition as written."""

    def __init__(self, definition: dict[str, Any], zone: str, pauses: list[tuple[datetime, datetime]]) -> None:
        self.definition, self.zone, self.pauses = definition, ZoneInfo(zone), pauses
        self.known: dict[date, list[str]] = {}

    def parts(self, day: date) -> list[str]:
        if day not in self.known:
            opened = [entry["hours"] for entry in self.definition["open"] if entry["date"] == day.isoformat()]
            shut = day.isoformat() in [entry["date"] for entry in self.definition["holidays"]]
            self.known[day] = opened[0] if opened else [] if shut else self.definition["hours"][WEEKDAYS[day.weekday()]]
        return self.known[day]

    def stands(self, at: datetime) -> bool:
        return any(begin <= at < end for begin, end in self.pauses)

    def minutes(self, start: datetime) -> Iterator[tuple[datetime, bool]]:
        """Each minute from the start, and whether it is open time that counts."""
        at = start
        while True:
            wall = at.astimezone(self.zone)
            clock = f"{wall.hour:02d}:{wall.minute:02d}"
            is_open = any(part[:5] <= clock < part[6:] for part in self.parts(wall.date()))
            yield at, is_open and not self.stands(at)
            at += MINUTE

    def due_after_minutes(self, start: datetime, amount: int) -> datetime:
        for at, runs in self.minutes(start):
            amount -= runs
            if not amount:
                return at + MINUTE
        raise AssertionError

    def due_after_days(self, start: datetime, amount: int) -> datetime:
        day = start.astimezone(self.zone).date()
        while amount:
            day += timedelta(1)
            if self.parts(day):
                closes = self.parts(day)[-1][6:]
                wall = (
                    datetime.fromisoformat(f"{day}T00:00")
                    if closes == "24:00"
                    else datetime.fromisoformat(f"{day}T{closes}")
                )
                closing = (wall + timedelta(closes == "24:00")).replace(tzinfo=self.zone).astimezone(UTC)
                amount -= not self.stands(closing - timedelta(microseconds=1))
        return closing


@settings(max_examples=30)
@given(cases(), st.integers(1, 1_500))
def test_business_time_is_what_the_minutes_say(case: Any, amount: int) -> None:
    definition, zone, start, pauses = case
    made = BusinessCalendar(BusinessCalendarDef.model_validate(definition), zone)
    expected = Reckoning(definition, zone, pauses).due_after_minutes(start, amount)

    assert made.due(start, Within("business_seconds", amount * 60), pauses) == expected
    assert made.elapsed(start, expected, pauses) == amount * 60
    assert made.elapsed(start, expected - MINUTE, pauses) == amount * 60 - 60


@settings(max_examples=60)
@given(cases(), st.integers(1, 25))
def test_business_days_are_what_counting_says(case: Any, amount: int) -> None:
    definition, zone, start, pauses = case
    made = BusinessCalendar(BusinessCalendarDef.model_validate(definition), zone)
    reckoning = Reckoning(definition, zone, pauses)

    assert made.due(start, days(amount), pauses) == reckoning.due_after_days(start, amount)
    day, left = start.date(), amount
    while left:
        day += timedelta(1)
        left -= bool(reckoning.parts(day))
    assert made.business_days_after(start.date(), amount) == day


@settings(max_examples=50)
@given(cases(), st.integers(1, 400_000), st.integers(0, 10**6 - 1))
def test_exactly_the_limit_has_run_when_it_is_due(case: Any, amount: int, micros: int) -> None:
    definition, zone, start, pauses = case
    start += timedelta(microseconds=micros)
    made = BusinessCalendar(BusinessCalendarDef.model_validate(definition), zone)
    due = made.due(start, Within("business_seconds", amount), pauses)

    assert due is not None
    assert made.elapsed(start, due, pauses) == amount
    assert made.elapsed(start, due - timedelta(microseconds=1), pauses) == amount - 1
