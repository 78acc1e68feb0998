from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from citygoals.notify import wording
from citygoals.notify.wording import Language

DENVER = ZoneInfo("America/Denver")


@pytest.mark.parametrize(
    ("value", "unit", "english", "spanish"),
    [
        ("65.00", "%", "65.00%", "65.00%"),
        ("-1234.50", "USD", "-$1,234.50", "-$1,234.50"),
        ("58.4", "s", "58.4 s", "58.4 s"),
        ("391000", "s", "4.5 days", "4.5 días"),
        ("1386", "requests", "1,386 requests", "1,386 solicitudes"),
        ("7", None, "7", "7"),
        ("many", "trees", "many trees", "many trees"),
    ],
)
def test_a_figure_is_written_as_on_the_pages(value: str, unit: str | None, english: str, spanish: str) -> None:
    assert (wording.amount(value, unit, "en"), wording.amount(value, unit, "es")) == (english, spanish)


@pytest.mark.parametrize(
    ("share", "is_met", "written"),
    [
        ("1.250000000000", True, "125.0%"),
        ("0.9865", False, "98.6%"),
        ("0.9999", False, "99.99%"),
        ("1.0000", True, "100.0%"),
        ("1.0000", False, "almost 100%"),
        ("0.999999999999", False, "almost 100%"),
        ("0", False, "0.0%"),
    ],
)
def test_a_hundred_per_cent_is_a_target_met(share: str, written: str, *, is_met: bool) -> None:
    assert wording.reached(share, "en", is_met=is_met) == written


@pytest.mark.parametrize(
    ("language", "winter", "summer"),
    [
        ("en", "Nov 21, 2026, 4:05 PM MST", "Jul 1, 2026, 12:00 AM MDT"),
        ("es", "21 nov 2026, 4:05 p.m. MST", "1 jul 2026, 12:00 a.m. MDT"),
    ],
)
def test_an_instant_is_the_citys(language: Language, winter: str, summer: str) -> None:
    assert wording.instant(datetime(2026, 11, 21, 23, 5, 9, tzinfo=UTC), DENVER, language) == winter
    assert wording.instant(datetime(2026, 7, 1, 6, tzinfo=UTC), DENVER, language) == summer


def test_periods_are_written_in_words() -> None:
    assert wording.period("FY2027-Q1", "en") == "fiscal year 2027, quarter 1"
    assert wording.period("FY2027-H2", "es") == "año fiscal 2027, semestre 2"
    assert wording.period("2026-11", "en") == "2026-11"
