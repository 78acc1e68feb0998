"""Percentiles that add and subtract: counts over one fixed table of bins, each at most 1 % wide to either side. Pure.

The table is a promise, since counts by bin are stored: a bin's number and bounds never change. Below EXACT_BELOW every
value has a bin of its own. From there on a bin reaches from its lowest value L to the highest integer H for which one
integer R, the bin's representative, is within 1 % of both: `100 * |R - v| <= v` for every v of the bin.
Everything is integers, so every machine has the same table.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping

EXACT_BELOW = 100
"""Values below it are told apart exactly."""

VALUE_MAX = 2**63 - 1
"""The largest value that has a bin: a PostgreSQL bigint."""

ERROR_PERCENT = 1
"""By how much, in per cent of the true value, a quantile's representative may be off."""


def _table() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the lowest value and the representative of each bin."""
    lowest, representatives = list(range(EXACT_BELOW)), list(range(EXACT_BELOW))
    low = EXACT_BELOW
    while low <= VALUE_MAX:
        middle = min(low * (100 + ERROR_PERCENT) // 100, VALUE_MAX)  # the farthest within 1 % of `low`
        lowest.append(low)
        representatives.append(middle)
        low = middle * 100 // (100 - ERROR_PERCENT) + 1  # the first that `middle` is too low for
    return tuple(lowest), tuple(representatives)


_LOWEST, _REPRESENTATIVES = _table()

BINS = len(_LOWEST)
"""How many bins there are; they are numbered from 0."""


def bin_of(value: int) -> int:
    """Return the number of the bin that a value falls into, for example 42 for 42 and 99 for 99.

    Raises ValueError for a negative value, and for one above VALUE_MAX.
    """
    if not 0 <= value <= VALUE_MAX:
        raise ValueError(f"a histogram counts integers from 0 to {VALUE_MAX}, not {value}")
    return bisect_right(_LOWEST, value) - 1


def bounds(number: int) -> tuple[int, int]:
    """Return the lowest and the highest value of a bin. Raises ValueError for a bin that there is not."""
    _check(number)
    return _LOWEST[number], _LOWEST[number + 1] - 1 if number + 1 < BINS else VALUE_MAX


def representative(number: int) -> int:
    """Return the value that stands for a bin: within 1 % of each of its values. Raises ValueError as `bounds` does."""
    _check(number)
    return _REPRESENTATIVES[number]


def tally(values: Iterable[int]) -> dict[int, int]:
    """Return how many of the values fall into each bin. Raises ValueError as `bin_of` does."""
    return dict(Counter(map(bin_of, values)))


def add(left: Mapping[int, int], right: Mapping[int, int]) -> dict[int, int]:
    """Return the counts of both, bin by bin, without the bins that come to zero. Counts may be negative: a delta's."""
    return _combined(left, right, 1)


def subtract(left: Mapping[int, int], right: Mapping[int, int]) -> dict[int, int]:
    """Return the counts of `left` less those of `right`, without the bins that come to zero."""
    return _combined(left, right, -1)


def quantile(counts: Mapping[int, int], numerator: int, denominator: int) -> int | None:
    """Return the quantile numerator / denominator of the counted values, for example (9, 10) for the P90.

    By nearest rank: of n values in order, the one at rank ceil(n * numerator / denominator), and at least at rank 1;
    the answer is the representative of the bin that this value fell into, so it is within 1 % of it, and exact below
    EXACT_BELOW. The counts decide alone: neither order nor number of additions does. None where nothing is counted.
    Raises ValueError for a quantile outside 0 to 1, a negative count or an unknown bin.
    """
    if denominator <= 0 or not 0 <= numerator <= denominator:
        raise ValueError(f"a quantile lies between 0 and 1, not at {numerator}/{denominator}")
    for number, count in counts.items():
        _check(number)
        if count < 0:
            raise ValueError(f"bin {number} counts {count} values: more were taken away than added")
    rank = max(1, -(-sum(counts.values()) * numerator // denominator))
    for number in sorted(counts):
        rank -= counts[number]
        if rank <= 0:
            return _REPRESENTATIVES[number]
    return None


def _check(number: int) -> None:
    if not 0 <= number < BINS:
        raise ValueError(f"bins are numbered from 0 to {BINS - 1}, not {number}")


def _combined(left: Mapping[int, int], right: Mapping[int, int], sign: int) -> dict[int, int]:
    counts = dict(left)
    for number, count in right.items():
        counts[number] = counts.get(number, 0) + sign * count
    return {number: count for number, count in counts.items() if count}
