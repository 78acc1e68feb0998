"""Calendars and time limits as written: read exactly, or refused with the reason; and the sample's own calendars."""

from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema_rs
import pytest
from citygoals.shared.business import BusinessCalendar
from citygoals.shared.business_def import (
    BusinessCalendarDef,
    CalendarsDef,
    Within,
    WithinDef,
    duration_s,
    load_calendars,
    minutes,
)
from citygoals.shared.plan import InvalidFile
from citygoals.shared.sample import text_of

FILE = """\
calendars:
  - id: office
    title: {en: Office}
    hours:
      monday: [08:00-12:00, 13:00-24:00]
    holidays:
      - {date: 2026-04-21, title: {en: San Jacinto Day}, observed: false}
    closed: [{date: 2026-12-28}]
    open: [{date: 2026-12-05, hours: [09:00-12:00]}]
    through: 2026-12-31
"""


@cache
def sample(name: str) -> BusinessCalendar:
    found = {each.id: each for each in load_calendars(text_of("calendars.yaml"), "calendars.yaml").calendars}
    return BusinessCalendar(found[name], "America/Denver")


def test_a_file_of_calendars_is_read() -> None:
    (office,) = load_calendars(FILE, "calendars.yaml").calendars

    assert office.hours.by_weekday == (((480, 720), (780, 1440)), (), (), (), (), (), ())
    assert office.holidays[0].takes_the_day
    assert (office.closed[0].date, office.through) == (date(2026, 12, 28), date(2026, 12, 31))
    assert office.open[0].minutes == ((540, 720),)
    assert BusinessCalendarDef.model_validate(office.model_dump(mode="json")) == office


def test_hours_may_touch() -> None:
    (office,) = load_calendars(FILE.replace("08:00-12:00", "08:00-13:00"), "calendars.yaml").calendars

    assert office.hours.by_weekday[0] == ((480, 780), (780, 1440))


@pytest.mark.parametrize(
    ("written", "instead", "line", "reason"),
    [
        ("08:00-12:00", "8-12", 5, "expected opening hours like 08:00-17:00"),
        ("08:00-12:00", "12:00-08:00", 5, "ends before it begins"),
        ("08:00-12:00", "08:00-08:00", 5, "ends before it begins"),
        ("08:00-12:00", "08:00-25:00", 5, "expected opening hours like 08:00-17:00"),
        ("08:00-12:00", "08:00-14:00", 5, "in order and do not overlap"),
        ("[08:00-12:00, 13:00-24:00]", "[]", 2, "opens on no weekday"),
        ("2026-12-28", "2026-12-05", 2, "2026-12-05 is given twice"),
        ("2026-04-21", "2026-04-31", 7, "date"),
        ("[09:00-12:00]", "[]", 9, "at least 1 item"),
        ("monday", "mondey", 5, "did you mean `monday`?"),
        ("title: {en: Office}", "title: {en: O}\n    zone: UTC", 4, "unknown field `zone`"),
    ],
)
def test_mistakes_are_named_where_they_are(written: str, instead: str, line: int, reason: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        load_calendars(FILE.replace(written, instead), "calendars.yaml")

    (error,) = caught.value.errors
    assert error["line"] == line
    assert reason in error["reason"]


def test_an_id_names_one_calendar() -> None:
    with pytest.raises(InvalidFile, match=r"calendars\.yaml:1: /calendars: `office` is given 2 times"):
        load_calendars(FILE + FILE.removeprefix("calendars:\n"), "calendars.yaml")


@pytest.mark.parametrize(
    ("written", "within"),
    [
        ({"business_days": 10}, Within("business_days", 10)),
        ({"business_hours": "8"}, Within("business_seconds", 28_800)),
        ({"business_hours": 8}, Within("business_seconds", 28_800)),
        ({"business_hours": "0.25"}, Within("business_seconds", 900)),
        ({"duration": "PT48H"}, Within("seconds", 172_800)),
        ({"duration": "P2D"}, Within("seconds", 172_800)),
        ({"duration": "P2W"}, Within("seconds", 1_209_600)),
        ({"duration": "P1DT2H3M4S"}, Within("seconds", 93_784)),
        ({"duration": "PT90M"}, Within("seconds", 5_400)),
    ],
)
def test_a_limit_is_one_of_three(written: dict[str, Any], within: Within) -> None:
    definition = WithinDef.model_validate(written)

    assert definition.within == within
    assert WithinDef.model_validate(definition.model_dump(mode="json")) == definition
    assert jsonschema_rs.is_valid(WithinDef.model_json_schema(), written)


@pytest.mark.parametrize(
    "written",
    [
        {}, {"business_days": 1, "duration": "P1D"}, {"business_days": 0}, {"business_days": 1.0}, {"business_days": 3661},
        {"business_days": True}, {"business_hours": "0"}, {"business_hours": "0.0001"}, {"business_hours": 0.5},
        {"business_hours": "239977"}, {"duration": "P"}, {"duration": "PT"}, {"duration": "P1DT"}, {"duration": "P1M"},
        {"duration": "P1Y"}, {"duration": "P1W2D"}, {"duration": "PT0S"}, {"duration": "-P1D"}, {"duration": "PT1.5H"},
        {"duration": "P9999DT1S"}, {"duration": "P\uff11D"}, {"duration": "P1D\n"}, {"duration": 5}, {"hours": 5},
    ],
)  # fmt: skip
def test_other_limits_are_refused(written: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        WithinDef.model_validate(written)


def test_a_limit_made_in_code_is_above_zero() -> None:
    with pytest.raises(ValueError, match="above zero"):
        Within("seconds", 0)


def test_the_parts_can_be_read_alone() -> None:
    assert minutes("00:00-24:00") == (0, 1440)
    assert duration_s("P9999D") == 9_999 * 86_400
    for read, wrong in ((minutes, "24:00-24:00"), (minutes, "08:00-17:00 "), (duration_s, "P1H")):
        with pytest.raises(ValueError):
            read(wrong)


def test_the_sample_has_honest_calendars() -> None:
    file = load_calendars(text_of("calendars.yaml"), "calendars.yaml")

    assert [calendar.id for calendar in file.calendars] == ["public-information", "city-offices", "call-centre-311"]
    assert file.note is not None
    assert "A sample" in file.note
    assert all(calendar.note for calendar in file.calendars)
    assert {calendar.through for calendar in file.calendars} == {date(2027, 12, 31), None}
    assert jsonschema_rs.is_valid(CalendarsDef.model_json_schema(), file.model_dump(mode="json"))
    for calendar in file.calendars:
        dates = [day.date for day in calendar.holidays]
        assert dates == sorted(dates)


@pytest.mark.parametrize(
    "day",
    [
        "2026-01-01", "2026-01-19", "2026-02-16", "2026-03-02", "2026-04-21", "2026-05-25", "2026-06-19", "2026-07-03",
        "2026-08-27", "2026-09-07", "2026-11-11", "2026-11-26", "2026-11-27", "2026-12-24", "2026-12-25", "2027-01-18",
        "2027-01-19", "2027-06-18", "2027-07-05", "2027-12-31",
    ],
)  # fmt: skip
def test_no_request_for_information_is_due_on_a_holiday_of_texas(day: str) -> None:
    assert not sample("public-information").is_business_day(date.fromisoformat(day))


@pytest.mark.parametrize("day", ["2026-03-31", "2026-04-03", "2026-07-06", "2026-09-21", "2026-10-12"])
def test_optional_holidays_that_are_not_observed_count(day: str) -> None:
    assert sample("public-information").is_business_day(date.fromisoformat(day))


def test_the_clocks_of_a_request_for_public_information() -> None:
    zone = ZoneInfo("America/Denver")
    received = datetime(2026, 11, 13, 22, 15, tzinfo=zone)
    clock = sample("public-information")

    due = {n: clock.due(received, Within("business_days", n)) for n in (10, 15, 45)}

    assert due[10] == datetime(2026, 12, 1, 17, tzinfo=zone)
    assert due[15] == datetime(2026, 12, 8, 17, tzinfo=zone)
    assert due[45] == datetime(2027, 1, 26, 17, tzinfo=zone)


def test_the_city_closes_where_the_state_does_not_and_answers_the_phone_always() -> None:
    offices, phones = sample("city-offices"), sample("call-centre-311")

    assert not offices.is_business_day(date(2026, 3, 31))
    assert offices.is_business_day(date(2026, 4, 21))
    assert all(phones.is_business_day(date(2026, 12, day)) for day in range(24, 28))
