"""The clocks behind due dates: integers only, pauses one way for all of them. Pure.

A clock counts along whole microseconds of UTC. Its scale is kept by year, so that a count is a few bisections however
far the years are apart.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

NEVER = 1 << 62
"""After every instant: the end of a pause that is still open."""


class Scale(Protocol):
    """What a clock has counted within one year."""

    @property
    def total(self) -> int:
        """How much the year counts in all."""
        ...

    def before(self, at: int) -> int:
        """Return how much is counted before `at`."""
        ...

    def reach(self, amount: int) -> int:
        """Return where the count reaches `amount`, from 1 to `total`."""
        ...


class Points:
    """Points in order; each counts 1."""

    def __init__(self, points: list[int]) -> None:
        self._points = points
        self.total = len(points)

    def before(self, at: int) -> int:
        """Return how much is counted before `at`."""
        return bisect_left(self._points, at)

    def reach(self, amount: int) -> int:
        """Return where the count reaches `amount`, from 1 to `total`."""
        return self._points[amount - 1]


class Runs:
    """Half-open runs in order; each microsecond in them counts 1, and is reached at its end."""

    def __init__(self, runs: list[tuple[int, int]]) -> None:
        self._begins = [begin for begin, _ in runs]
        self._ends = [end for _, end in runs]
        self._sums = [0]
        for begin, end in runs:
            self._sums.append(self._sums[-1] + end - begin)
        self.total = self._sums[-1]

    def before(self, at: int) -> int:
        """Return how much is counted before `at`."""
        last = bisect_right(self._begins, at) - 1
        return self._sums[last] + min(at, self._ends[last]) - self._begins[last] if last >= 0 else 0

    def reach(self, amount: int) -> int:
        """Return where the count reaches `amount`, from 1 to `total`."""
        run = bisect_left(self._sums, amount) - 1
        return self._begins[run] + amount - self._sums[run]


def apart(runs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Return the runs without overlaps and empty ones, which hours in the clock change can come to."""
    reached = -NEVER
    for begin, end in runs:
        begin_ = max(begin, reached)
        if begin_ < end:
            yield begin_, end
            reached = end


class Clock(Protocol):
    """What runs, and stands in a pause."""

    def between(self, begin: int, end: int) -> int:
        """Return how much it runs from `begin` to `end`; 0 where `end` is not later."""
        ...

    def after(self, at: int, amount: int) -> int:
        """Return where it has run `amount` (above 0) since `at`."""
        ...


class Chain:
    """A clock over all years, each of which has its own scale."""

    def __init__(self, scale: Callable[[int], Scale], year_of: Callable[[int], int]) -> None:
        self._scale = scale
        self._year_of = year_of

    def between(self, begin: int, end: int) -> int:
        """Return how much it runs from `begin` to `end`; 0 where `end` is not later."""
        if end <= begin:
            return 0
        first, last = self._year_of(begin), self._year_of(end)
        whole = sum(self._scale(year).total for year in range(first, last))
        return whole + self._scale(last).before(end) - self._scale(first).before(begin)

    def after(self, at: int, amount: int) -> int:
        """Return where it has run `amount` (above 0) since `at`."""
        year = self._year_of(at)
        amount += self._scale(year).before(at)
        while amount > self._scale(year).total:
            amount -= self._scale(year).total
            year += 1
        return self._scale(year).reach(amount)


class Plain:
    """The clock that runs always."""

    def between(self, begin: int, end: int) -> int:
        """Return how much it runs from `begin` to `end`; 0 where `end` is not later."""
        return max(0, end - begin)

    def after(self, at: int, amount: int) -> int:
        """Return where it has run `amount` (above 0) since `at`."""
        return at + amount


PLAIN = Plain()


def merged(pauses: Iterable[tuple[int, int]], start: int) -> list[tuple[int, int]]:
    """Return half-open pauses in order and apart, cut off before `start`; empty and overlapping ones are taken up."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(pauses):
        begin_ = max(begin, start)
        if found and begin_ <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        elif begin_ < end:
            found.append((begin_, end))
    return found


def run_out(clock: Clock, at: int, amount: int, pauses: Iterable[tuple[int, int]]) -> int | None:
    """Return where `amount` has run since `at` outside the merged pauses; None where one of them never ends."""
    for begin, end in pauses:
        passed = clock.between(at, begin)
        if passed >= amount:
            break
        if end == NEVER:
            return None
        amount -= passed
        at = end
    return clock.after(at, amount)


def ran(clock: Clock, at: int, stop: int, pauses: Iterable[tuple[int, int]]) -> int:
    """Return how much runs from `at` to `stop` outside the merged pauses."""
    total = 0
    for begin, end in pauses:
        total += clock.between(at, min(begin, stop))
        at = end
    return total + clock.between(at, stop)
