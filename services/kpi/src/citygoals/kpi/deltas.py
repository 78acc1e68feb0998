"""Deltas: contributions after minus contributions before, summed per cell. Pure.

A fact that gives a series something on one day only fills that day's cells of all grains with the same integers. Those
are summed per (series, day, department, district, channel) and spread over grains and slices once, at the end. Facts of several
days are spread one by one, since their entries do not add up over days.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import NamedTuple, TypeVar

from citygoals.kpi.contributions import DAY, CellKey, KeyPlace, Slice, keys_given, periods_of, slices
from citygoals.kpi.folds import Fact
from citygoals.kpi.giving import Days, Measure, Terms
from citygoals.kpi.measures import Measures
from citygoals.shared.cells import kpi_of
from citygoals.shared.figures import Cell
from citygoals.shared.period import CityCalendar

Place = tuple[str, date, str | None, str | None, str | None]
_Slice = tuple[str, date, int, str]
_Sum = list[int]  # numerator, denominator, events

PLACES_HELD = 100_000
"""From this many places on they are summed by slice, of which there are far fewer: a rebuild stays within memory."""

Key = TypeVar("Key")


class Changes(NamedTuple):
    """What is added to cells, and to the counts of keys.

    The cells of measures that count different things have only their entries here: how many keys came and went, the
    counts of the keys tell (`risen`).
    """

    cells: dict[CellKey, Cell]
    keys: dict[KeyPlace, int]

    def parts(self, most: int) -> Iterator["Changes"]:
        """Yield them in parts of at most so many, in whose sum nothing is missing: additions can be made one by one."""
        cells, keys = iter(self.cells.items()), iter(self.keys.items())
        while some := dict(islice(cells, most)):
            yield Changes(some, {})
        while counts := dict(islice(keys, most)):
            yield Changes({}, counts)


class Deltas:
    """A sum of contributions, taken from and added to. The order of additions does not matter."""

    def __init__(self, measures: Measures, calendar: CityCalendar) -> None:
        self._measures = measures
        self._calendar = calendar
        self._grains: dict[str, int | None] = {}
        self._places: dict[Place, _Sum] = {}
        self._slices: dict[_Slice, _Sum] = {}
        self._cells: dict[CellKey, _Sum] = {}
        self._keys: dict[KeyPlace, int] = {}

    @property
    def held(self) -> int:
        """How many sums are held until they are taken."""
        return len(self._places) + len(self._slices) + len(self._cells) + len(self._keys)

    def add(self, fact: Fact, sign: int) -> None:
        """Add the fact's contribution `sign` times: 1, or -1 to take it back."""
        self.give(self._measures.of(fact), fact, sign)

    def give(self, measures: Iterable[tuple[Measure, Terms]], fact: Fact, sign: int) -> None:
        """Add what the fact gives these measures `sign` times."""
        places, department, district = self._places, fact.department, fact.district
        entries = sign * fact.entries
        for measure, terms in measures:
            channel = measure.channel_of(fact)
            for series, days in measure.given(fact, terms):
                if len(days) > 1 and not measure.is_daily:
                    self._spread(series, days, fact, sign, slices(department, district, channel))
                    continue
                for day, (numerator, denominator, counted) in days.items():
                    place = (series, day, department, district, channel)
                    _add(places, place, sign * numerator, sign * denominator, counted * entries)
            if measure.is_distinct:
                for keyed, count in keys_given(measure, fact, self._calendar):
                    self._keys[keyed] = self._keys.get(keyed, 0) + sign * count
        if len(places) >= PLACES_HELD:
            self._sum_places()

    def put(self, place: Place, numerator: int, denominator: int, events: int) -> None:
        """Add what facts of one day gave a series in one department, district and channel."""
        _add(self._places, place, numerator, denominator, events)
        if len(self._places) >= PLACES_HELD:
            self._sum_places()

    def put_cell(self, key: CellKey, numerator: int, denominator: int, events: int) -> None:
        """Add what facts of several days gave one cell."""
        _add(self._cells, key, numerator, denominator, events)

    def take(self) -> Changes:
        """Return the change of everything that changes, and begin anew."""
        self._sum_places()
        sums, self._cells = self._cells, {}
        slices_, self._slices = self._slices, {}
        keys, self._keys = self._keys, {}
        while slices_:  # each makes way for its cells: of years of history there are tens of thousands in a batch
            (series, day, dimension, member), parts = slices_.popitem()
            for grain, start in enumerate(self._calendar.starts(day)[: self._grains_of(series)]):
                _add(sums, (series, grain, start, dimension, member), *parts)
        for key in sums if self._measures.distinct else ():
            if key[0] in self._measures.distinct:
                sums[key][0] = 0
        cells = {key: Cell(*parts) for key, parts in sums.items() if any(parts)}
        return Changes(cells, {place: count for place, count in keys.items() if count})

    def _grains_of(self, series: str) -> int | None:
        """Return how many of the grains the series has: the days only, or all of them."""
        if series not in self._grains:
            self._grains[series] = DAY + 1 if kpi_of(series) in self._measures.daily else None
        return self._grains[series]

    def _sum_places(self) -> None:
        for (series, day, *members), parts in self._places.items():
            for dimension, member in slices(*members):
                _add(self._slices, (series, day, dimension, member), *parts)
        self._places.clear()

    def _spread(self, series: str, days: Days, fact: Fact, sign: int, members: Iterable[Slice]) -> None:
        for grain, start, numerator, denominator, entries in periods_of(days, self._calendar):
            for dimension, member in members:
                key = (series, grain, start, dimension, member)
                _add(self._cells, key, sign * numerator, sign * denominator, sign * entries * fact.entries)


def _add(sums: dict[Key, _Sum], key: Key, numerator: int, denominator: int, events: int) -> None:
    parts = sums.get(key)
    if parts is None:
        sums[key] = [numerator, denominator, events]
    else:
        parts[0] += numerator
        parts[1] += denominator
        parts[2] += events


def risen(changed: Mapping[KeyPlace, int], after: Mapping[KeyPlace, int]) -> dict[CellKey, Cell]:
    """Return how many keys came into each cell, less those that went: a key is there while anything has it.

    `changed` is what was added to the counts of the keys, `after` is what they are now.
    """
    sums: dict[CellKey, int] = {}
    for place, count in changed.items():
        now = after[place]
        moved = (now > 0) - (now - count > 0)
        if moved:
            sums[place[:5]] = sums.get(place[:5], 0) + moved
    return {key: Cell(number, 0, 0) for key, number in sums.items() if number}


def combine(*deltas: Mapping[CellKey, Cell]) -> dict[CellKey, Cell]:
    """Return the sum of changes; the order does not matter, and cells that cancel out are left out."""
    sums: dict[CellKey, _Sum] = {}
    for change in deltas:
        for key, cell in change.items():
            _add(sums, key, *cell)
    return {key: Cell(*parts) for key, parts in sums.items() if any(parts)}


def combine_keys(*deltas: Mapping[KeyPlace, int]) -> dict[KeyPlace, int]:
    """Return the sum of changes of the counts of keys, without those that cancel out."""
    sums: dict[KeyPlace, int] = {}
    for change in deltas:
        for place, count in change.items():
            sums[place] = sums.get(place, 0) + count
    return {place: count for place, count in sums.items() if count}


def difference(after: Mapping[CellKey, Cell], before: Mapping[CellKey, Cell]) -> dict[CellKey, Cell]:
    """Return what must be added to `before` to have `after`."""
    return combine(after, {key: Cell(-cell.numerator, -cell.denominator, -cell.events) for key, cell in before.items()})
