"""Targets in time, against a count of days one by one."""

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from citygoals.shared.figures import Cell, figure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import CityCalendar, Period
from citygoals.shared.reading import Almanac, Now, Reading
from citygoals.shared.targets import yardstick_for
from hypothesis import given, settings
from hypothesis import strategies as st

CALENDAR = CityCalendar("America/Denver", 9)
COUNT = {"kind": "count", "event": "city.payment.settled.v1"}
RATIO = {
    "kind": "ratio",
    "numerator": {"event": "city.payment.settled.v1"},
    "denominator": {"event": "city.payment.settled.v1"},
}
CURVE = ["0.1", "0.05", "0.05", "0.3", "0", "0.1", "0.1", "0.1", "0.05", "0.05", "0.05", "0.05"]


def kpi(measure: dict[str, Any], **target: Any) -> KpiDef:
    return KpiDef.model_validate({"id": "K", "title": {"en": "K"}, "unit": "1", "measure": measure, "target": target})


def due(kpi: KpiDef, period: Period, now: date) -> Fraction | None:
    yardstick = yardstick_for(kpi, period, Almanac(CALENDAR, Now(now)))
    return None if yardstick is None else yardstick.value


def weight(day: date, curve: list[str] | None) -> Fraction:
    """What one day of its fiscal year is due."""
    year = date(day.year - (day.month < 9), 9, 1)
    if curve is None:
        return Fraction(1, (year.replace(year=year.year + 1) - year).days)
    first = day.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return Fraction(curve[(day.month - 9) % 12]) / (following - first).days


days = st.dates(date(2026, 9, 1), date(2028, 8, 31))


@settings(deadline=None)
@given(days, days, st.sampled_from(["day", "month", "quarter", "half", "fiscal_year"]), st.sampled_from([None, CURVE]))
def test_a_phased_target_is_due_day_by_day(day: date, now: date, grain: str, curve: list[str] | None) -> None:
    growing = kpi(COUNT, value="1000", basis="fiscal_year", phase=curve or "linear")
    period = CALENDAR.containing(day, grain)
    passed = [period.start + timedelta(days=n) for n in range((period.end - period.start).days)]
    expected = 1000 * sum((weight(one, curve) for one in passed if one <= now), Fraction())

    assert due(growing, period, now) == (expected or None)


def test_the_curve_of_a_whole_year_is_the_target() -> None:
    growing = kpi(COUNT, value="1000", basis="fiscal_year", phase=CURVE)
    assert due(growing, CALENDAR.parse("FY2027", date.min), date(2028, 1, 1)) == 1000
    assert due(growing, CALENDAR.parse("2026-12", date.min), date(2028, 1, 1)) == 300
    assert due(growing, CALENDAR.parse("2027-01", date.min), date(2028, 1, 1)) is None, "nothing is due: no target"
    assert due(growing, CALENDAR.parse("all", date.min), date(2028, 1, 1)) is None
    assert due(growing, CALENDAR.parse("FY2030", date.min), date(2028, 1, 1)) is None, "has not begun"


@pytest.mark.parametrize("label", ["0001-01-01", "0001-02", "0001-W01", "FY0001", "FY0001-H2", "FY9999", "9999-12-31"])
def test_a_curve_can_be_read_where_the_calendar_begins_and_ends(label: str) -> None:
    growing = kpi(COUNT, value="1000", basis="fiscal_year", phase=CURVE)
    period = CALENDAR.parse(label, date(2026, 11, 26))
    share = due(growing, period, date(2026, 11, 26))
    assert share == {"FY0001": 500, "FY0001-H2": 400, "0001-02": 100}.get(label, share)


def test_a_share_is_phased_over_its_own_kind_of_period_only() -> None:
    levy = kpi(RATIO, value="0.98", basis="fiscal_year", phase="linear")
    assert due(levy, CALENDAR.parse("FY2027", date.min), date(2026, 9, 1)) == Fraction("0.98") / 365
    assert due(levy, CALENDAR.parse("2026-09", date.min), date(2026, 9, 30)) is None
    assert due(kpi(RATIO, value="0.98"), CALENDAR.parse("2026-09", date.min), date(2026, 9, 30)) == Fraction("0.98")


def test_an_unphased_target_holds_where_it_was_set() -> None:
    yearly = kpi(COUNT, value="100", basis="fiscal_year")
    assert due(yearly, CALENDAR.parse("FY2027", date.min), date(2026, 10, 1)) == 100
    assert due(yearly, CALENDAR.parse("2026-10", date.min), date(2026, 10, 1)) is None
    always = kpi(COUNT, value="100")
    assert [due(always, CALENDAR.parse(label, date.min), date(2026, 10, 1)) for label in ("FY2027", "2026-10")] == [
        100,
        100,
    ]
    share = kpi(RATIO, value="0.5", basis="fiscal_year")
    assert due(share, CALENDAR.parse("2026-10", date.min), date(2026, 10, 1)) == Fraction(1, 2)


@pytest.mark.parametrize("now", [date(2026, 9, 1) + timedelta(days=number) for number in (0, 100, 182, 183, 300, 364)])
def test_progress_from_a_baseline_is_phased_along_the_way(now: date) -> None:
    """Half-way through the year, half of the way is due; never none, which nothing could be divided by."""
    progress = kpi(RATIO, value="2", baseline="1", basis="fiscal_year", phase="linear")
    passed = (now - date(2026, 9, 1)).days + 1
    assert due(progress, CALENDAR.parse("FY2027", date.min), now) == 1 + Fraction(passed, 365)
    found = figure(
        progress,
        Reading({"K": {"": Cell(3, 2, 1)}}),
        period=CALENDAR.parse("FY2027", date.min),
        almanac=Almanac(CALENDAR, Now(now)),
    )
    assert found.attainment is not None
    assert Fraction(*found.attainment) == Fraction(1, 2) / Fraction(passed, 365)
