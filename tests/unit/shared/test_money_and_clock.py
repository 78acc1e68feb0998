"""Money that never mixes currencies; clocks that are handed in."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from citygoals.shared.clock import FixedClock, SystemClock
from citygoals.shared.money import Money


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(1999, "USD"), "19.99 USD"),
        (Money(-5, "USD"), "-0.05 USD"),
        (Money(100, "JPY"), "100 JPY"),
        (Money(12345, "KWD"), "12.345 KWD"),
    ],
)
def test_money_is_written_with_the_decimals_of_its_currency(money: Money, text: str) -> None:
    assert str(money) == text


def test_money_adds_up_within_a_currency_only() -> None:
    assert Money(1, "USD") + Money(2, "USD") - Money(4, "USD") == -Money(1, "USD")
    with pytest.raises(ValueError, match="USD and MXN cannot be added"):
        Money(1, "USD") + Money(1, "MXN")


@pytest.mark.parametrize(
    ("minor", "currency", "error"), [(1, "usd", ValueError), (1, "US", ValueError), (True, "USD", TypeError)]
)
def test_money_is_an_integer_and_a_currency(minor: int, currency: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Money(minor, currency)


def test_clocks_speak_utc() -> None:
    clock = FixedClock(datetime(2026, 11, 21, 10, tzinfo=timezone(timedelta(hours=-7))))
    clock.advance(timedelta(minutes=5))

    assert clock.now() == datetime(2026, 11, 21, 17, 5, tzinfo=UTC)
    assert clock.now().tzinfo is UTC
    assert SystemClock().now().tzinfo is UTC
    with pytest.raises(ValueError, match="offset"):
        FixedClock(datetime(2026, 11, 21))  # noqa: DTZ001  # the mistake under test
