"""Duties: due instants worked by hand over holidays and clock changes, states, and each stage told once."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from citygoals.shared.duties import Duty, Told, duties, duty_row, told_at
from citygoals.shared.duty_def import DueDef, NoticesDef
from citygoals.shared.duty_times import Clocks
from citygoals.shared.period import CityCalendar
from citygoals.shared.statement import Statement
from hypothesis import given
from hypothesis import strategies as st
from unit.shared.a_city_with_duties import CITY, City, a_city, at

LATER = at("2027-12-31T12:00")
DAY, HOUR, MOMENT = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)


def every(city: City | None = None, now: datetime = LATER) -> dict[str, Duty]:
    return {duty.id: duty for duty in duties(city or a_city(), CITY, now)}


@pytest.mark.parametrize(
    ("duty", "due", "due_day"),
    [
        # The half ends on 28 Feb. Business days from 1 Mar: 5, 10, 15 by 19 Mar; 22-25 make 19, 26 is a holiday; 29 Mar,
        # 17:00, and the clocks have moved on since: UTC-6.
        ("report:court:FY2027-H1", "2027-03-29T23:00", date(2027, 3, 29)),
        # It ends on 31 Aug. 1-3 Sep: 3, Labor Day, 7-10: 7, 12, 17 by 24 Sep, 27 28 29: 20. UTC-6.
        ("report:police:FY2027-H2", "2027-09-29T23:00", date(2027, 9, 29)),
        # The first 31 January after 31 Aug 2027, all of it: midnight in UTC-7.
        ("annual:court:FY2027", "2028-02-01T07:00", date(2028, 1, 31)),
        # The fiscal year begins with 1 September: midnight in UTC-6.
        ("promise:court:FY2028", "2027-09-01T06:00", date(2027, 8, 31)),
        # 9 Dec, 10:00 is 17:00 UTC; 48 hours before it is 7 Dec, 17:00 UTC.
        ("review-memo:police:winter", "2026-12-07T17:00", date(2026, 12, 7)),
        # 15 Mar, 9:00 is 15:00 UTC; 48 hours before is 13 Mar, 15:00 UTC: 8:00 in the city, for one hour did not exist.
        ("review-memo:court:spring", "2027-03-13T15:00", date(2027, 3, 13)),
        # 8 Nov, 9:00 is 16:00 UTC; 48 hours before is 6 Nov, 16:00 UTC: 10:00 in the city, for one hour came twice.
        ("review-memo:court:autumn", "2027-11-06T16:00", date(2027, 11, 6)),
        # Two days after 9 Dec end with 11 Dec: midnight in UTC-7. After 15 Mar: UTC-6.
        ("review-follow-up:police:winter", "2026-12-12T07:00", date(2026, 12, 11)),
        ("review-follow-up:court:spring", "2027-03-18T06:00", date(2027, 3, 17)),
    ],
)
def test_due_instants_worked_by_hand(duty: str, due: str, due_day: date) -> None:
    found = every()[duty]
    assert found.due == at(due)
    assert found.due_day == due_day


def test_a_half_that_ends_on_a_leap_day_is_reported_on_from_the_day_after() -> None:
    leap = every(now=at("2028-12-31T12:00"))["report:court:FY2028-H1"]
    # It ends on 29 Feb 2028. 1-3 Mar: 3; 8, 13, 18 by 24 Mar; 27 and 28: 20. UTC-6.
    assert (leap.opens, leap.due) == (at("2028-03-01T07:00"), at("2028-03-28T23:00"))
    assert "report:court:FY2028-H2" not in every(now=at("2028-03-01T06:59")), "it is still 29 February in the city"
    assert "report:court:FY2028-H2" in every(now=at("2028-03-01T07:00"))


def test_meetings_at_times_that_there_are_not_or_twice() -> None:
    text = """\
duties:
  - id: night
    kind: meeting
    title: {en: Night}
    memo_before: PT24H
    follow_up: {days: 0}
    from: 2026-09-01
    meetings:
      - {id: skipped, at: "2027-03-14T02:30", departments: [court]}
      - {id: twice, at: "2027-11-07T01:30", departments: [court]}
      - {id: leap, at: "2028-02-29T23:59", departments: [court]}
"""
    found = {duty.id: duty for duty in duties(a_city(text), CITY, LATER)}
    told = {name: (one.meeting_at, one.due, one.due_day) for name, one in found.items()}
    skipped, twice = at("2027-03-14T09:30"), at("2027-11-07T07:30")  # by the offset before, UTC-7; the first, in UTC-6
    assert told["night-memo:court:skipped"] == (skipped, skipped - DAY, date(2027, 3, 13))
    assert told["night-memo:court:twice"] == (twice, twice - DAY, date(2027, 11, 6))
    assert told["night-follow-up:court:skipped"][1:] == (at("2027-03-15T06:00"), date(2027, 3, 14)), "a day of 23 hours"
    assert told["night-follow-up:court:twice"][1:] == (at("2027-11-08T07:00"), date(2027, 11, 7)), "a day of 25 hours"
    assert told["night-follow-up:court:leap"][1:] == (at("2028-03-01T07:00"), date(2028, 2, 29))


def test_everybody_reports_but_nobody_is_nobody() -> None:
    reports = [name for name in every() if name.startswith("report:") and name.endswith("FY2027-H1")]
    assert reports == ["report:court:FY2027-H1", "report:police:FY2027-H1"]


def test_periods_come_with_time_and_a_year_is_committed_to_before_it_begins() -> None:
    names = set(every(now=at("2026-11-26T12:00")))
    assert "report:court:FY2027-H1" in names
    assert "report:court:FY2027-H2" not in names
    assert "promise:court:FY2028" in names
    assert "promise:court:FY2027" not in names, "the duty holds from the year that begins on 1 September 2027"
    assert "report:court:FY2027-H2" in every(now=at("2027-03-01T07:00"))


def test_a_duty_holds_for_what_begins_from_one_day_up_to_another() -> None:
    text = """\
duties:
  - {id: r, kind: report, title: {en: R}, departments: [court], grain: quarter, due: {days: 0}, from: 2026-10-01, to: 2027-03-01}
"""
    assert [duty.period for duty in duties(a_city(text), CITY, LATER)] == ["FY2027-Q2"]


def test_stages_are_told_at_eight_in_the_city() -> None:
    stages = every()["report:court:FY2027-H1"].stages
    assert [(stage.name, stage.at) for stage in stages] == [
        ("30", at("2027-02-27T15:00")),  # 8:00 in UTC-7
        ("7", at("2027-03-22T14:00")),  # 8:00 in UTC-6
        ("0", at("2027-03-29T14:00")),
        ("overdue", at("2027-03-29T23:00") + MOMENT),
    ]


def test_what_is_due_before_eight_is_told_no_later_than_it_is_due() -> None:
    clocks = Clocks.of(CITY, {})
    due = at("2026-12-07T13:30")  # 6:30
    assert [stage.at for stage in clocks.stages(due, NoticesDef())][2:] == [due, due + MOMENT]


def test_a_duration_is_counted_from_the_instant_itself() -> None:
    ends = at("2027-03-01T07:00")
    assert Clocks.of(CITY, {}).due_after(DueDef(duration="PT48H"), ends, date(2027, 2, 28), None) == ends + 2 * DAY


def test_a_date_of_the_year_is_the_next_one() -> None:
    clocks, due = Clocks.of(CityCalendar("UTC", 9), {}), DueDef(on="01-31")
    noon = datetime(2027, 1, 1, tzinfo=UTC)
    assert clocks.due_after(due, noon, date(2027, 1, 30), None) == at("2027-02-01T00:00")
    assert clocks.due_after(due, noon, date(2027, 1, 31), None) == at("2028-02-01T00:00")


def state(duty: Duty, now: datetime) -> str:
    return duty.state(now, CITY.local_day(now))


def test_the_due_instant_itself_is_in_time() -> None:
    duty = every()["report:court:FY2027-H1"]
    assert state(duty, at("2027-03-22T05:59")) == "upcoming"  # 21 Mar, 23:59
    assert state(duty, at("2027-03-22T06:00")) == "due_soon"
    assert state(duty, duty.due) == "due_soon"
    assert state(duty, duty.due + MOMENT) == "overdue"


def stated(duty: str, when: datetime) -> City:
    statement = Statement(id=duty, by="Ana", key="staff", at=when, reason="sent to the council")
    return a_city().with_records(statements=[statement])


def test_what_staff_says_is_done_is_done_and_late_is_said_to_be_late() -> None:
    name, due = "review-memo:police:winter", at("2026-12-07T17:00")
    in_time, late = every(stated(name, due))[name], every(stated(name, due + MOMENT))[name]
    assert (state(in_time, LATER), in_time.is_late) == ("done", False)
    assert (state(late, LATER), late.is_late) == ("done", True)
    row = duty_row(late, LATER, date(2027, 12, 31))
    assert row["done"] == {
        "at": "2026-12-07T17:00:00.000001Z", "how": "statement", "by": "Ana", "reason": "sent to the council",
    }  # fmt: skip
    assert (row["state"], row["late"], row["due"]) == ("done", True, "2026-12-07T17:00:00.000000Z")


def told(city: City, *ticks: datetime) -> list[list[Told]]:
    """What each tick after the first tells."""
    return [
        told_at(duties(city, CITY, tick, since=before), before, tick) for before, tick in pairwise(ticks)
    ]  # fmt: skip


def words(found: list[Told]) -> list[tuple[str, str]]:
    return [(one.duty.id, one.stage.name) for one in found]


def test_after_a_time_without_ticks_the_last_word_is_told_and_not_all() -> None:
    (found,) = told(a_city(), at("2027-02-01T12:00"), at("2027-04-01T12:00"))
    assert ("report:court:FY2027-H1", "overdue") in words(found)
    assert len({one.duty.id for one in found}) == len(found)


def test_what_was_due_before_the_first_tick_is_told_to_nobody() -> None:
    before, tick = at("2027-06-01T12:00"), at("2027-06-01T13:00")
    assert state(every(now=tick)["report:court:FY2027-H1"], tick) == "overdue"
    assert told(a_city(), before, tick) == [[]]


def test_what_is_done_is_told_to_nobody() -> None:
    name = "review-memo:police:winter"
    before, tick = at("2026-12-07T14:00"), at("2026-12-07T15:00")
    assert words(*told(a_city(), before, tick)) == [(name, "0")]
    assert told(stated(name, before), before, tick) == [[]]


GAPS = st.lists(st.integers(min_value=1, max_value=24 * 60), min_size=1, max_size=30)


@given(GAPS)
def test_each_stage_is_told_at_most_once_and_the_last_passed_is_always_told(gaps: list[int]) -> None:
    """Whatever ticks there are, gaps of weeks included, and whether or not one falls on a stage's very instant."""
    ticks = [at("2026-11-20T12:00")]
    for hours in gaps:
        ticks.append(ticks[-1] + hours * HOUR)
    said = [one for found in told(a_city(), *ticks) for one in found]
    assert len({(one.duty.id, one.stage.name) for one in said}) == len(said)
    last = {one.duty.id: one.stage.name for one in said}
    for duty in duties(a_city(), CITY, ticks[-1]):
        passed = [stage.name for stage in duty.stages if ticks[0] < stage.at <= ticks[-1]]
        assert last.get(duty.id) == (passed[-1] if passed else None)


def test_hourly_ticks_tell_every_stage() -> None:
    ticks = [at("2026-11-20T12:00") + hours * HOUR for hours in range(24 * 24)]
    said = [word for found in told(a_city(), *ticks) for word in words(found)]
    names = [name for duty, name in said if duty == "review-memo:police:winter"]
    assert names == ["7", "0", "overdue"], "30 days before was before the first tick"
