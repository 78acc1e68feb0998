"""Shapes: facts that look alike to every measure are counted, not asked one by one what they give. Pure.

A shape is what measures can see of a fact: types and days of its items, its department, district and channel, the answers to the
measures' conditions, when it is due and whether it was done in time, and of each integer whether there is one and
whether it is zero. Everything else is a count of facts and a sum of integers. What is too tangled for that takes the
exact way, measure by measure; so does a whole fact of which something was taken back, and the first of each shape.
"""

from collections.abc import Hashable, Sequence

from citygoals.kpi.amounts import Shape, shape_of
from citygoals.kpi.deltas import Deltas
from citygoals.kpi.entries import Entry
from citygoals.kpi.facts import KIND_OF
from citygoals.kpi.filters import distinct
from citygoals.kpi.folds import Fact, single
from citygoals.kpi.measures import Measures
from citygoals.kpi.sights import Sight, Sights
from citygoals.kpi.term_values import integer_at
from citygoals.shared.period import CityCalendar

AMOUNTS_REMEMBERED = 60_000
"""About 200 bytes each. Shapes that come again and again, in a city of a million, are a few thousand of a dozen each."""

SIGHTED_ONCE_MAX = 20_000
SIGHTS_REMEMBERED = 1_000
ITEMS_MAX = 6
"""Longer stories hardly ever look alike."""

_NO_INTEGER, _ZERO, _NONZERO = 0, 1, 2

Key = tuple[Hashable, ...]


class Shapes:
    """Counts facts by shape, and turns the counts into deltas."""

    def __init__(self, measures: Measures, calendar: CityCalendar, deltas: Deltas) -> None:
        self._calendar = calendar
        self._deltas = deltas
        self._sights_of = Sights(measures).of
        self._sights: dict[tuple[str, ...], Sight] = {}
        self._quick: dict[str, Sight | None] = {}
        self._once: set[Key] = set()
        self._known: dict[Key, Shape] = {}
        self._amounts = 0
        self._sums: dict[Key, list[int]] = {}

    def add_single(self, entry: Entry) -> bool:
        """Add the only entry of a fact without folding it; False says that it must be."""
        try:
            sight = self._quick[entry.type]
        except KeyError:
            sight = self._quick[entry.type] = self._quick_sight(entry.type)
        if sight is None:
            return False
        data = entry.data
        try:
            key: list[Hashable] = [
                entry.type, entry.day, distinct(data.get("department")), distinct(data.get("district")),
                distinct(data.get("channel")) if sight.is_by_channel else None, sight.conditions[0].answers(data),
            ]  # fmt: skip
            values = [_see(integer_at(data, value.path), key) for value in sight.values]
            shape = tuple(key)
            if not self._count(shape, values, 1):
                fact = single(entry, self._calendar)
                if self._meet(shape, fact, sight):
                    self._count(shape, values, 1)
                else:
                    self._deltas.add(fact, 1)
        except TypeError:  # a value that cannot be a key
            return False
        return True

    def add(self, fact: Fact, sign: int) -> None:
        """Add the fact `sign` times: 1, or -1 to take it back."""
        items = fact.items
        if not items:
            return
        if len(items) > ITEMS_MAX or not all(item.standing for item in items):
            self._deltas.add(fact, sign)
            return
        sight = self._sight(tuple([item.type for item in items]))
        if sight.exact:
            self._deltas.give(sight.exact, fact, sign)
        if sight.alike:
            self._add_alike(fact, sight, sign)

    @property
    def is_full(self) -> bool:
        """Say whether it is time to move what was counted, so that a rebuild stays within memory."""
        return self._amounts >= AMOUNTS_REMEMBERED or len(self._once) >= SIGHTED_ONCE_MAX

    def move(self) -> None:
        """Add everything counted since the last time to the deltas."""
        put, put_cell = self._deltas.put, self._deltas.put_cell
        for key, (count, *sums) in self._sums.items():
            shape = self._known[key]
            for place, amount in shape.places:
                put(place, *amount.times(count, sums))
            for cell, amount in shape.cells:
                put_cell(cell, *amount.times(count, sums))
        self._sums.clear()
        if self.is_full:
            self._known.clear()
            self._once.clear()
            self._amounts = 0

    def _add_alike(self, fact: Fact, sight: Sight, sign: int) -> None:
        try:
            shape, values = _look(fact, sight)
            is_counted = self._count(shape, values, sign) or (
                self._meet(shape, fact, sight) and self._count(shape, values, sign)
            )
        except TypeError:  # a value that cannot be a key
            is_counted = False
        if not is_counted:
            self._deltas.give(sight.alike, fact, sign)

    def _count(self, shape: Key, values: Sequence[int], sign: int) -> bool:
        """Count one more fact of a shape; False if the shape is not known."""
        sums = self._sums.get(shape)
        if sums is None:
            if shape not in self._known:
                return False
            self._sums[shape] = [sign, *[sign * value for value in values]]
            return True
        sums[0] += sign
        for place, value in enumerate(values, 1):
            sums[place] += sign * value
        return True

    def _meet(self, shape: Key, fact: Fact, sight: Sight) -> bool:
        """Get to know a shape that is met for the second time; working it out for one fact only would not pay."""
        if shape not in self._once:
            self._once.add(shape)
            return False
        self._once.discard(shape)
        found = self._known[shape] = shape_of(fact, sight, self._calendar)
        self._amounts += 1 + len(found.places) + len(found.cells)
        return True

    def _sight(self, types: tuple[str, ...]) -> Sight:
        sight = self._sights.get(types)
        if sight is None:
            if len(self._sights) >= SIGHTS_REMEMBERED:
                self._sights.clear()
            sight = self._sights[types] = self._sights_of(types)
        return sight

    def _quick_sight(self, event_type: str) -> Sight | None:
        """Return the sight of single entries that need no fold, None where they do.

        What is due depends on the fold, and so does the day of a measurement, which its data names.
        """
        sight, kind = self._sight((event_type,)), KIND_OF.get(event_type)
        is_told_by_data = all(value.since is None for value in sight.values) and not sight.dues and not sight.exact
        return sight if is_told_by_data and (kind is None or kind.fold != "measurement") else None


def _see(value: int | None, key: list[Hashable]) -> int:
    """Put into the key what is seen of a value, and return what it adds to a sum."""
    if value is None:
        key.append(_NO_INTEGER)
        return 0
    key.append(_NONZERO if value else _ZERO)
    return value


def _look(fact: Fact, sight: Sight) -> tuple[Key, list[int]]:
    """Return the fact's shape and values. Raises TypeError."""
    items, department = fact.items, fact.department
    key: list[Hashable] = [department, fact.district, fact.channel if sight.is_by_channel else None, fact.entries]
    for item, conditions in zip(items, sight.conditions, strict=True):
        key += (item.type, item.day, conditions.answers(item.data))
    values = [_see(value.of(items), key) for value in sight.values]
    for dues, departments in sight.dues:
        if departments is None or department is None or department in departments:
            due = dues.of(fact)
            key.append(None if due is None else due.look)
    return tuple(key), values
