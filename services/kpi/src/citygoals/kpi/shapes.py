"""Shapes: events that are a fact's only entry and look alike to every measure are counted, not folded one by one. Pure.

A shape is what measures can see of such an event: type, day, department, district, the values that conditions read, and
for each summed field whether it is an integer and whether it is zero. Everything else is a count of events and a sum of
fields. What is too tangled for that (a field subtracted from another) takes the exact way.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from citygoals.kpi.deltas import Deltas
from citygoals.kpi.entries import Entry
from citygoals.kpi.facts import KIND_OF
from citygoals.kpi.filters import MISSING, distinct
from citygoals.kpi.folds import Fact, single
from citygoals.kpi.giving import Measure
from citygoals.kpi.measures import Measures
from citygoals.kpi.term_values import TermValues, integer_at, is_countable
from citygoals.shared.period import CityCalendar

SHAPES_REMEMBERED = 20_000
"""At about a kilobyte each. A condition on seconds or amounts makes nearly every event a shape of its own."""

_Path = tuple[str, ...]
_NO_INTEGER, _ZERO, _NONZERO = 0, 1, 2


class Given(NamedTuple):
    """What each event of a shape gives one KPI: counts, and fields to be added to or taken from each side."""

    kpi: str
    numerator: int
    denominator: int
    numerator_fields: tuple[tuple[int, int], ...]  # (sign, place of the field)
    denominator_fields: tuple[tuple[int, int], ...]


class Shape(NamedTuple):
    """One shape and what it gives."""

    day: date
    department: str | None
    district: str | None
    gives: tuple[Given, ...]


class TypeSight(NamedTuple):
    """What the measures see of one event type; `names` is None where only the exact way will do."""

    names: tuple[str, ...] | None
    fields: tuple[_Path, ...]
    measures: list[Measure]


class Shapes:
    """Counts single entries by shape, and turns the counts into deltas."""

    def __init__(self, measures: Measures, calendar: CityCalendar) -> None:
        self._measures = measures
        self._calendar = calendar
        self._sights: dict[str, TypeSight] = {}
        self._known: dict[tuple[Any, ...], Shape] = {}
        self._sums: dict[tuple[Any, ...], list[int]] = {}

    def add(self, entry: Entry) -> bool:
        """Count the entry, the only one of its fact; False says that it takes the exact way."""
        sight = self._sights.get(entry.type) or self._look(entry.type)
        if sight.names is None:
            return False
        data = entry.data
        key: list[Any] = [entry.type, entry.day, distinct(data.get("department")), distinct(data.get("district"))]
        key += [distinct(data.get(name, MISSING)) for name in sight.names]
        values: list[int] = []
        for path in sight.fields:
            value = data.get(path[0]) if len(path) == 1 else integer_at(data, path)
            is_integer = is_countable(value)
            values.append(value if is_integer else 0)  # type: ignore[arg-type]  # told apart by its class
            key.append((_NONZERO if value else _ZERO) if is_integer else _NO_INTEGER)
        shape = tuple(key)
        try:
            sums = self._sums.get(shape)
        except TypeError:  # a value that cannot be a key
            return False
        if sums is None:
            self._begin(shape, values, entry, sight)
            return True
        sums[0] += 1
        for place, value in enumerate(values, 1):
            sums[place] += value
        return True

    @property
    def is_full(self) -> bool:
        """Say whether it is time to move what was counted, so that a rebuild stays within memory."""
        return len(self._known) >= SHAPES_REMEMBERED

    def move_into(self, deltas: Deltas) -> None:
        """Add everything counted since the last time to the deltas."""
        for key, (count, *sums) in self._sums.items():
            shape = self._known[key]
            for given in shape.gives:
                numerator = given.numerator * count + sum(sign * sums[place] for sign, place in given.numerator_fields)
                denominator = given.denominator * count + sum(
                    sign * sums[place] for sign, place in given.denominator_fields
                )
                deltas.put((given.kpi, shape.day, shape.department, shape.district), numerator, denominator, count)
        self._sums.clear()
        if self.is_full:
            self._known.clear()

    def _begin(self, key: tuple[Any, ...], values: list[int], entry: Entry, sight: TypeSight) -> None:
        if key not in self._known:
            self._known[key] = self._shape(entry, sight)
        self._sums[key] = [1, *values]

    def _look(self, event_type: str) -> TypeSight:
        measures = self._measures.touching(event_type)
        terms = [term for measure in measures for term in _terms(measure, event_type)]
        names = _names(terms) if all(_is_plain(measure, event_type) for measure in measures) else None
        if _is_folded(event_type):
            names = None
        fields = sorted({path for term in terms for path in (term.path, term.needs) if path})
        sight = self._sights[event_type] = TypeSight(names, tuple(fields), measures)
        return sight

    def _shape(self, entry: Entry, sight: TypeSight) -> Shape:
        fact = single(entry, self._calendar)
        places = {path: place for place, path in enumerate(sight.fields)}
        gives = (_given(measure, fact, places) for measure in sight.measures)
        found = tuple(given for given in gives if given is not None)
        return Shape(entry.day, fact.department, fact.district, found)


def _is_folded(event_type: str) -> bool:
    """A measurement falls on a day that its data names, not on its own."""
    kind = KIND_OF.get(event_type)
    return kind is not None and kind.fold == "measurement"


def _terms(measure: Measure, event_type: str) -> list[TermValues]:
    return [term for term in (*measure.numerators, *measure.denominators) if term.event == event_type]


def _is_plain(measure: Measure, event_type: str) -> bool:
    """Terms alone, and no two fields on one side, which could cancel out in one event and not in another of its shape."""
    if not measure.is_flow:
        return False
    for side in (measure.numerators, measure.denominators):
        mine = [term for term in side if term.event == event_type]
        if len(mine) > 1 and any(term.path or term.is_seconds for term in mine):
            return False
    return True


def _names(terms: list[TermValues]) -> tuple[str, ...] | None:
    names: set[str] = set()
    for term in terms:
        if term.where is not None:
            if term.where.names is None:
                return None
            names.update(term.where.names)
    return tuple(sorted(names))


def _given(measure: Measure, fact: Fact, places: Mapping[_Path, int]) -> Given | None:
    """Return None when the shape gives the KPI nothing."""
    if not any(True for _ in measure.given(fact)):
        return None
    numerator, numerator_fields = _side(measure.numerators, fact, places)
    denominator, denominator_fields = _side(measure.denominators, fact, places)
    return Given(measure.kpi, numerator, denominator, numerator_fields, denominator_fields)


def _side(
    terms: tuple[TermValues, ...], fact: Fact, places: Mapping[_Path, int]
) -> tuple[int, tuple[tuple[int, int], ...]]:
    count, fields = 0, []
    for term in terms:
        for _, value in term.of(fact):
            if term.path:
                fields.append((term.sign, places[term.path]))
            else:
                count += value
    return count, tuple(fields)
