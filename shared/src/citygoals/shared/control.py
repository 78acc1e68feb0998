"""Is it a signal or noise: XmR control limits, their signals, and a trend that says when there is none. Pure, exact.

Values are integers or Fractions in the order of time; None is a period without a figure. What is shown of them, and
whether up is good, is the caller's.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Literal, NamedTuple

Value = int | Fraction

LIMITS_MIN = 6
"""How many values limits need: Wheeler calls those from five or six values useful, not yet firm."""

RUN_MIN = 8
"""How many values in a row on one side of the mean are a signal."""

TREND_MIN = 8
"""How many values a trend needs; with fewer the test below cannot tell."""

_TO_LIMIT = Fraction(266, 100)  # 3 / d2, where d2 = 1.128 for ranges of two values
_TO_RANGE_LIMIT = Fraction(3268, 1000)  # D4 for ranges of two values
_Z = Fraction(196, 100)  # two-sided, 5 %


class Limits(NamedTuple):
    """The natural process limits of a series; `lower` may be below what the values can be, such as below zero."""

    mean: Fraction
    mean_range: Fraction
    lower: Fraction
    upper: Fraction
    range_upper: Fraction


class Signal(NamedTuple):
    """What is not noise, and from which to which index of the values.

    `above` and `below`: one value outside the limits. `jump`: one value farther from the one before it than
    `range_upper`. `run_above` and `run_below`: RUN_MIN values or more in a row on one side of the mean.
    """

    kind: Literal["above", "below", "jump", "run_above", "run_below"]
    first: int
    last: int


def limits(values: Sequence[Value | None]) -> Limits | None:
    """Return the XmR limits: mean -+ 2.66 mean moving ranges, and 3.268 of those for the range (Wheeler 1993).

    A moving range lies between two neighbours that both have a value: none bridges a gap. None where there are fewer
    than LIMITS_MIN values, or no such neighbours.
    """
    known: list[Value] = [value for value in values if value is not None]
    ranges = [_range(a, b) for a, b in pairwise(values) if a is not None and b is not None]
    if len(known) < LIMITS_MIN or not ranges:
        return None
    mean, mean_range = Fraction(sum(known)) / len(known), Fraction(sum(ranges)) / len(ranges)
    reach = _TO_LIMIT * mean_range
    return Limits(mean, mean_range, mean - reach, mean + reach, _TO_RANGE_LIMIT * mean_range)


def signals(values: Sequence[Value | None], within: Limits) -> list[Signal]:
    """Return the signals of a series against limits, which may be those of an earlier, settled part of it.

    They are in the order of their first index. A value on a limit is inside; one on the mean ends a run, a missing
    one neither ends nor lengthens it.
    """
    found = [*_outside(values, within), *_jumps(values, within), *_runs(values, within.mean)]
    return sorted(found, key=lambda signal: (signal.first, signal.last))


def trend(values: Sequence[Value | None]) -> Literal["up", "down", "none"]:
    """Return whether the values rise or fall, or "none" where that is no more than noise would do.

    The test of Mann and Kendall (Mann 1945, Kendall 1975; as in Gilbert, Statistical Methods for Environmental
    Pollution Monitoring, 1987, section 16.4), two-sided at 5 % with the correction for continuity and for ties:
    S is how many pairs rise less how many fall, 18 Var(S) = n(n-1)(2n+5) - sum of t(t-1)(2t+5) over groups of t equal
    values, and there is a trend where (|S| - 1)^2 > 1.96^2 Var(S). It takes no distance between values into account,
    so one outlier makes no trend. Missing values are left out; fewer than TREND_MIN others have no trend. A series
    with seasons is to be compared within each of them.
    """
    known: list[Value] = [value for value in values if value is not None]
    if len(known) < TREND_MIN:
        return "none"
    rising = _rising_less_falling(known)
    size = abs(rising) - 1
    if size <= 0 or 18 * size * size <= _Z * _Z * _variance_18(known):
        return "none"
    return "up" if rising > 0 else "down"


def _range(before: Value, value: Value) -> Fraction:
    return abs(Fraction(value) - before)


def _outside(values: Sequence[Value | None], within: Limits) -> list[Signal]:
    found = []
    for index, value in enumerate(values):
        if value is not None and not within.lower <= value <= within.upper:
            found.append(Signal("above" if value > within.upper else "below", index, index))
    return found


def _jumps(values: Sequence[Value | None], within: Limits) -> list[Signal]:
    return [
        Signal("jump", index, index)
        for index, (before, value) in enumerate(pairwise(values), start=1)
        if before is not None and value is not None and _range(before, value) > within.range_upper
    ]


def _runs(values: Sequence[Value | None], mean: Fraction) -> list[Signal]:
    found: list[Signal] = []
    run: list[int] = []
    side = 0
    for index, value in enumerate(values):
        if value is None:
            continue
        now = _sign(value - mean)
        if now != side:
            found += _run(run, side)
            run, side = [], now
        run.append(index)
    return found + _run(run, side)


def _sign(value: Value) -> int:
    return (value > 0) - (value < 0)


def _run(run: list[int], side: int) -> list[Signal]:
    if side == 0 or len(run) < RUN_MIN:
        return []
    return [Signal("run_above" if side > 0 else "run_below", run[0], run[-1])]


def _rising_less_falling(values: Sequence[Value]) -> int:
    seen: list[Value] = []
    rising = 0
    for value in values:
        rising += bisect_left(seen, value) + bisect_right(seen, value) - len(seen)
        insort(seen, value)
    return rising


def _variance_18(values: Sequence[Value]) -> int:
    return _pairs_term(len(values)) - sum(map(_pairs_term, Counter(values).values()))


def _pairs_term(n: int) -> int:
    return n * (n - 1) * (2 * n + 5)
