"""Signal or noise: control limits, their signals, and trends only where there is one."""

from fractions import Fraction
from itertools import combinations, permutations
from math import factorial

import pytest
from citygoals.shared.control import RUN_MIN, TREND_MIN, Limits, Signal, limits, signals, trend
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.integers(-1_000, 1_000) | st.fractions(-100, 100, max_denominator=30)
SERIES = st.lists(st.none() | NUMBERS, max_size=40)


def noise(values: list[int | None]) -> Limits:
    found = limits(values)
    assert found is not None
    return found


def test_limits_by_hand() -> None:
    # Ranges 2, 1, 4, 3, 0: their mean is 2.
    assert limits([10, 12, 11, 15, 12, 12]) == Limits(
        mean=Fraction(12),
        mean_range=Fraction(2),
        lower=Fraction("6.68"),
        upper=Fraction("17.32"),
        range_upper=Fraction("6.536"),
    )


def test_a_missing_value_has_no_range_to_its_neighbours() -> None:
    # Ranges 2, 4 and 0; none from 12 to 11 over the gap.
    found = noise([10, 12, None, 11, 15, None, 12, 12])

    assert (found.mean, found.mean_range) == (Fraction(12), Fraction(2))


@pytest.mark.parametrize("values", [[], [1, 2, 3, 4, 5], [1, None, 2, None, 3, None, 4, None, 5, None, 6]])
def test_too_few_values_have_no_limits(values: list[int | None]) -> None:
    assert limits(values) is None


@given(SERIES, st.integers(1, 9), st.integers(-50, 50))
def test_limits_move_with_the_values(values: list[int | Fraction | None], scale: int, shift: int) -> None:
    moved: list[int | Fraction | None] = [
        None if value is None else Fraction(value) * scale + shift for value in values
    ]
    before, after = limits(values), limits(moved)

    if before is None or after is None:
        assert before is after
        return
    assert (after.lower, after.mean, after.upper) == tuple(
        edge * scale + shift for edge in (before.lower, before.mean, before.upper)
    )
    assert (after.mean_range, after.range_upper) == (before.mean_range * scale, before.range_upper * scale)
    assert signals(moved, after) == signals(values, before)


WITHIN = Limits(Fraction(10), Fraction(1), Fraction("7.34"), Fraction("12.66"), Fraction("3.268"))


def test_values_outside_the_limits_and_jumps_are_signals() -> None:
    values: list[int | Fraction | None] = [10, Fraction("12.66"), Fraction("7.34"), None, 13, 7, 10]

    assert signals(values, WITHIN) == [
        Signal("jump", 2, 2),
        Signal("above", 4, 4),
        Signal("below", 5, 5),
        Signal("jump", 5, 5),
    ]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([11] * 7, []),
        ([11] * 8, [Signal("run_above", 0, 7)]),
        ([9] * 20, [Signal("run_below", 0, 19)]),
        ([11, 11, 11, 11, 10, 11, 11, 11, 11], []),  # one on the mean ends it
        ([None, 11, 11, 11, 11, None, 11, 11, 11, 11, None], [Signal("run_above", 1, 9)]),
        ([11] * 4 + [None] + [11] * 3, []),
        ([9] * 8 + [11] * 9, [Signal("run_below", 0, 7), Signal("run_above", 8, 16)]),
        ([10] * 20, []),
        ([], []),
    ],
)
def test_a_long_run_on_one_side_is_a_signal(values: list[int | None], found: list[Signal]) -> None:
    assert signals(values, WITHIN) == found


def test_a_steady_series_gives_no_signal() -> None:
    values: list[int | None] = [10, 11, 9, 10, 12, 9, 10, 11, 9, 10]

    assert signals(values, noise(values)) == []


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (list(range(8)), "up"),
        (list(range(8))[::-1], "down"),
        (list(range(7)), "none"),  # too few to say
        ([0, 1, 2, 3, None, 4, 5, None, 6, None], "none"),
        ([0, 1, 2, 3, None, 4, 5, None, 6, None, 7], "up"),
        ([5] * 30, "none"),
        ([1, 2] * 15, "none"),
        ([0] * 7 + [1_000_000], "none"),  # an outlier is no trend
        ([0] * 4 + [1] * 4, "up"),
        ([Fraction(n, 7) for n in (1, 3, 2, 5, 4, 6, 8, 7, 9)], "up"),
        ([3, 1, 2, 3, 1, 2, 3, 1, 2, 3], "none"),
        ([], "none"),
    ],
)
def test_trends_by_example(values: list[int | None], found: str) -> None:
    assert trend(values) == found


def with_falls(n: int, falls: int) -> list[int]:
    """The numbers below n in an order in which so many pairs fall."""
    left, ordered = list(range(n)), []
    for _ in range(n):
        place = min(falls, len(left) - 1)
        falls -= place
        ordered.append(left.pop(place))
    return ordered


@pytest.mark.parametrize(
    ("n", "falls", "found"),
    [
        (19, 57, "none"),  # S = 171 - 2 * 57 = 57, and 56^2 is 1.9592^2 times Var(S)
        (19, 56, "up"),
        (18, 50, "up"),  # 1.9696^2
        (18, 51, "none"),
        (19, 171 - 56, "down"),
        (19, 171 - 57, "none"),
    ],
)
def test_a_trend_begins_where_chance_would_be_one_in_twenty(n: int, falls: int, found: str) -> None:
    assert trend(with_falls(n, falls)) == found


def test_the_statistic_is_that_of_the_textbook() -> None:
    # Nine values have 36 pairs, and Var(S) = 9 * 8 * 23 / 18 = 92: a trend needs (|S| - 1)^2 > 1.96^2 * 92 = 353.4.
    assert trend([2, 1, 5, 4, 3, 9, 6, 8, 7]) == "up"  # 8 pairs fall: S = 20, 19^2 = 361
    assert trend([2, 1, 5, 4, 3, 9, 8, 6, 7]) == "none"  # 9 pairs fall: S = 18, 17^2 = 289


@given(SERIES, st.integers(1, 9), st.integers(-50, 50))
def test_a_trend_knows_order_only(values: list[int | Fraction | None], scale: int, shift: int) -> None:
    opposite = {"up": "down", "down": "up", "none": "none"}

    found = trend(values)

    assert trend([None if value is None else value**3 * scale + shift for value in values]) == found
    assert trend(values[::-1]) == trend([None if value is None else -value for value in values]) == opposite[found]
    assert trend([*values, None]) == trend([None, *values]) == found


def rising_counts(n: int) -> dict[int, int]:
    """How many of the n! orders of n values have which S, by adding one value at a time."""
    counts = {0: 1}
    for size in range(1, n):
        more: dict[int, int] = {}
        for rising, count in counts.items():
            for below in range(size + 1):
                more[rising + 2 * below - size] = more.get(rising + 2 * below - size, 0) + count
        counts = more
    return counts


def order_with(n: int, rising: int) -> list[int]:
    """One order of n values that has this S."""
    falling = (n * (n - 1) // 2 - rising) // 2
    order: list[int] = []
    for value in range(n):
        before = min(falling, value)
        falling -= before
        order.insert(len(order) - before, value)
    return order


@pytest.mark.parametrize("n", range(TREND_MIN, 31))
def test_noise_makes_a_trend_at_most_once_in_twenty_times(n: int) -> None:
    counts = rising_counts(n)
    assert sum(counts.values()) == factorial(n)

    false_alarms = sum(count for rising, count in counts.items() if trend(order_with(n, rising)) != "none")

    assert 0 < false_alarms * 20 <= factorial(n)


@pytest.mark.parametrize("ones", range(1, 5))
def test_noise_with_many_ties_does_not_either(ones: int) -> None:
    orders = [[int(index in chosen) for index in range(8)] for chosen in combinations(range(8), ones)]

    assert sum(trend(order) != "none" for order in orders) * 20 <= len(orders)


def test_the_counts_of_orders_are_those_of_all_orders() -> None:
    def rising(order: tuple[int, ...]) -> int:
        return sum((b > a) - (b < a) for a, b in combinations(order, 2))

    found = [rising(order) for order in permutations(range(6))]
    assert {value: found.count(value) for value in set(found)} == rising_counts(6)
    assert all(rising(tuple(order_with(6, value))) == value for value in rising_counts(6))


def test_the_rules_are_the_usual_ones() -> None:
    assert (RUN_MIN, TREND_MIN) == (8, 8)
