"""Control limits as an answer says them: exact, of periods that are over, in the KPI's unit."""

from fractions import Fraction
from typing import Any

from citygoals.reporting.controlled import control_row
from unit.reporting.city import CALENDAR, START, definitions_of

KPIS = definitions_of().kpis
TODAY = CALENDAR.local_day(START)


def ask(kpi: str, *values: Fraction | None) -> dict[str, Any]:
    periods = CALENDAR.periods("month", TODAY.replace(year=2025, month=1), TODAY)[-len(values) :]
    rows = [{"numerator": value and value.numerator, "denominator": value and value.denominator} for value in values]
    return control_row(KPIS[kpi], periods, rows, TODAY)


def test_limits_are_those_of_the_months_that_are_over() -> None:
    """By hand: mean of 40, 50, 40, 50, 40, 50 is 45, mean range 10, so 45 -+ 26.6; the month under way does not count."""
    shares = [Fraction(4, 10), Fraction(1, 2)] * 3
    found = ask("MC-01", *shares, Fraction(9, 10))
    assert found["limits"] == {
        "mean": "45.00", "mean_range": "10.00", "lower": "18.40", "upper": "71.60", "range_upper": "32.68",
    }  # fmt: skip
    assert (found["signals"], found["trend"], found["improves"], found["periods"]) == ([], "none", None, 6)


def test_a_trend_says_whether_it_is_for_the_better() -> None:
    rising = [Fraction(number, 100) for number in range(40, 52)]
    found = ask("MC-01", *rising, None)
    assert (found["trend"], found["improves"]) == ("up", True)
    assert ask("MC-01", *rising[::-1], None)["improves"] is False


def test_a_signal_names_its_periods() -> None:
    found = ask("SR-08", *[Fraction(number) for number in (10, 11, 10, 11, 10, 11, 10, 90)], None)
    assert {"kind": "above", "from": "2026-10", "to": "2026-10"} in found["signals"]


def test_too_few_periods_have_no_limits() -> None:
    found = ask("SR-08", Fraction(1), Fraction(2), None)
    assert (found["limits"], found["signals"], found["trend"]) == (None, [], "none")
