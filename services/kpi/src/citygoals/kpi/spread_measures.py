"""Percentiles as counts by bin, and different things as counts by key. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from hashlib import blake2b
from typing import Any

from citygoals.kpi.calendars import Calendars
from citygoals.kpi.folds import Fact, Item
from citygoals.kpi.giving import Behind, Days, KeyCounts, Measure, Terms, counted_once, put
from citygoals.kpi.term_values import TermValues, is_countable, value_at
from citygoals.shared.cells import series_of
from citygoals.shared.distributions import DistinctMeasure, PercentileMeasure
from citygoals.shared.histogram import VALUE_MAX, bin_of
from citygoals.shared.kpi import KpiDef
from citygoals.shared.parts import BIN_PART
from citygoals.shared.period import Period
from citygoals.shared.reading import Now

KEY_BYTES = 16


class Percentile(Measure):
    """Its own series sums and counts the values; each bin is a part that counts those which fall into it."""

    def __init__(self, kpi: KpiDef, calendars: Calendars) -> None:
        super().__init__(kpi, calendars)
        measure = kpi.measure
        assert isinstance(measure, PercentileMeasure)
        clock = None if measure.clock is None else calendars.business(measure.clock)
        self.numerators = tuple(TermValues(term, clock=clock) for term in measure.numerators)
        self.types = frozenset({measure.event})

    def _given(self, fact: Fact, terms: Terms) -> Iterable[tuple[str, Days]]:  # noqa: ARG002  # it has one
        own: Days = {}
        bins: dict[int, Days] = {}
        for item, value in self._values(fact):
            put(own, item.day, value, 1, 0)
            put(bins.setdefault(bin_of(value), {}), item.day, 1, 0, 0)
        yield self.kpi, counted_once(own)
        for number, days in bins.items():
            yield series_of(self.kpi, f"{BIN_PART}{number}"), counted_once(days)

    def _behind(self, fact: Fact, period: Period, now: Now) -> Iterator[Behind]:  # noqa: ARG002  # it knows no now
        for item, value in self._values(fact):
            if item.day in period:
                yield Behind(item.entry, value, 1)

    def _values(self, fact: Fact) -> Iterator[tuple[Item, int]]:
        """Yield each item with its value; clocks that disagree make no negative time."""
        for term in self.numerators:
            for item, value in term.of(fact):
                yield item, min(max(0, value), VALUE_MAX)


class Distinct(Measure):
    """How many different keys there are.

    Its series is given the number of items, whose entries stand behind the figure; the number of keys among them is
    told by the counts of each key.
    """

    is_distinct = True

    def __init__(self, kpi: KpiDef, calendars: Calendars) -> None:
        super().__init__(kpi, calendars)
        assert isinstance(kpi.measure, DistinctMeasure)
        self._key = tuple(kpi.measure.key.split(".")[1:])
        self.types = frozenset({kpi.measure.event})

    def keys(self, fact: Fact) -> KeyCounts:
        """Return the keys that the fact's items have."""
        found: dict[date, Counter[bytes]] = {}
        if self.keeps(fact.department):
            for item, key in self._keyed(fact):
                found.setdefault(item.day, Counter())[key] += 1
        return found

    def _given(self, fact: Fact, terms: Terms) -> Iterable[tuple[str, Days]]:  # noqa: ARG002  # it has one
        days: Days = {}
        for item, _ in self._keyed(fact):
            put(days, item.day, 1, 0, 0)
        return ((self.kpi, counted_once(days)),)

    def _behind(self, fact: Fact, period: Period, now: Now) -> Iterator[Behind]:  # noqa: ARG002  # it knows no now
        for item, _ in self._keyed(fact):
            if item.day in period:
                yield Behind(item.entry, 1, 0)

    def _keyed(self, fact: Fact) -> Iterator[tuple[Item, bytes]]:
        for term in self.numerators:
            for item, _ in term.of(fact):
                key = key_of(value_at(item.data, self._key))
                if key is not None:
                    yield item, key


def key_of(value: Any) -> bytes | None:
    """Return the key of a text or an integer, which are the same where they are written the same; of nothing else."""
    if not (value.__class__ is str and value) and not is_countable(value):
        return None
    return blake2b(str(value).encode(errors="surrogatepass"), digest_size=KEY_BYTES).digest()
