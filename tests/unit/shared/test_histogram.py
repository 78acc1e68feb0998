"""Histograms: percentiles within 1 %, that add and subtract, over a table that never changes."""

from hashlib import sha256

import pytest
from citygoals.shared.histogram import (
    BINS,
    EXACT_BELOW,
    VALUE_MAX,
    add,
    bin_of,
    bounds,
    quantile,
    representative,
    subtract,
    tally,
)
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.integers(0, VALUE_MAX) | st.integers(0, 400) | st.integers(0, 10_000_000)
SAMPLES = st.lists(VALUES, max_size=60)
COUNTS = st.dictionaries(st.integers(0, BINS - 1), st.integers(-50, 50).filter(bool), max_size=20)


def nearest_rank(values: list[int], numerator: int, denominator: int) -> int:
    """The first value in order up to which at least that share of them lies, found by counting."""
    ordered = sorted(values)
    return next(
        value
        for value in ordered
        if sum(other <= value for other in ordered) * denominator >= numerator * len(ordered)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("number", "lowest", "highest", "middle"),
    [
        (0, 0, 0, 0),
        (1, 1, 1, 1),
        (99, 99, 99, 99),
        (100, 100, 102, 101),
        (101, 103, 105, 104),
        (200, 768, 782, 775),
        (500, 309_540, 315_792, 312_635),
        (1_000, 6_820_310_623, 6_958_094_675, 6_888_513_729),
        (2_050, 9_001_031_858_579_851_653, 9_182_870_886_025_909_261, 9_091_042_177_165_650_169),
        (2_051, 9_182_870_886_025_909_262, VALUE_MAX, VALUE_MAX),
    ],
)
def test_the_table_is_a_promise(number: int, lowest: int, highest: int, middle: int) -> None:
    assert (bounds(number), representative(number)) == ((lowest, highest), middle)


def test_not_one_bin_of_the_table_ever_changes() -> None:
    lines = "".join(f"{number} {bounds(number)[0]} {representative(number)}\n" for number in range(BINS))

    assert (BINS, sha256(lines.encode()).hexdigest()) == (
        2_052,
        "74335bc71fb09c0dd80bee37d7cd5db3985a15a6595e45a32dbd990ca74ba45f",
    )


def test_every_value_of_a_bin_is_within_one_per_cent_and_the_bins_follow_each_other() -> None:
    for number in range(BINS):
        lowest, highest = bounds(number)
        middle = representative(number)
        assert lowest <= highest
        assert lowest == (bounds(number - 1)[1] + 1 if number else 0)
        assert all(100 * abs(middle - value) <= value for value in (lowest, highest))
        assert bin_of(lowest) == bin_of(highest) == number
    assert bounds(BINS - 1)[1] == VALUE_MAX >= 2**53


@given(st.lists(VALUES, min_size=1, max_size=60), st.integers(0, 20), st.integers(1, 20))
def test_a_quantile_is_within_one_per_cent_of_the_nearest_rank(values: list[int], part: int, whole: int) -> None:
    part = min(part, whole)
    exact, found = nearest_rank(values, part, whole), quantile(tally(values), part, whole)

    assert found is not None
    assert 100 * abs(found - exact) <= exact
    assert found == exact or exact >= EXACT_BELOW
    assert found == representative(bin_of(exact))


@given(COUNTS, COUNTS, COUNTS)
def test_histograms_merge_in_any_order(a: dict[int, int], b: dict[int, int], c: dict[int, int]) -> None:
    assert add(a, b) == add(b, a)
    assert add(add(a, b), c) == add(a, add(b, c))
    assert add(a, {}) == a


@given(SAMPLES, SAMPLES)
def test_what_was_added_can_be_taken_away(a: list[int], b: list[int]) -> None:
    assert add(tally(a), tally(b)) == tally(a + b)
    assert subtract(tally(a + b), tally(b)) == tally(a)
    assert subtract(tally(a), tally(a)) == {}
    assert add(subtract({}, tally(a)), tally(a)) == {}


@pytest.mark.parametrize(
    ("values", "part", "whole", "found"),
    [
        ([15, 20, 35, 40, 50], 5, 100, 15),
        ([15, 20, 35, 40, 50], 30, 100, 20),
        ([15, 20, 35, 40, 50], 40, 100, 20),
        ([15, 20, 35, 40, 50], 50, 100, 35),
        ([15, 20, 35, 40, 50], 1, 1, 50),
        ([15, 20, 35, 40, 50], 0, 1, 15),
        ([7], 9, 10, 7),
        ([0, 0, 0, 60], 3, 4, 0),
        ([], 1, 2, None),
    ],
)
def test_the_nearest_rank_by_example(values: list[int], part: int, whole: int, found: int | None) -> None:
    assert quantile(tally(values), part, whole) == found


def test_bins_that_count_nothing_say_nothing() -> None:
    assert quantile({3: 0}, 0, 1) is None
    assert quantile({3: 0, 5: 1, 9: 0}, 1, 1) == 5


@pytest.mark.parametrize("value", [-1, VALUE_MAX + 1])
def test_values_outside_the_table_are_refused(value: int) -> None:
    with pytest.raises(ValueError, match="counts integers from 0 to"):
        bin_of(value)


@pytest.mark.parametrize("number", [-1, BINS])
def test_bins_outside_the_table_are_refused(number: int) -> None:
    for use in (bounds, representative, lambda bin_: quantile({bin_: 1}, 1, 2)):
        with pytest.raises(ValueError, match="bins are numbered from 0 to"):
            use(number)


def test_impossible_quantiles_and_counts_are_refused() -> None:
    for part, whole in ((-1, 2), (3, 2), (1, 0), (0, -1)):
        with pytest.raises(ValueError, match="between 0 and 1"):
            quantile({1: 1}, part, whole)
    with pytest.raises(ValueError, match="more were taken away than added"):
        quantile({1: -1, 2: 5}, 1, 2)
