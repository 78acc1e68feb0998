"""Sights: what the measures can see of a fact whose items are of certain types, in that order. Pure.

Where a measure takes nothing but counts, integer fields and seconds, or looks at nothing but what is due, facts that look
alike to it give it the same, but for those integers. All other measures are given each fact exactly.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from citygoals.kpi.due_measures import DueMeasure
from citygoals.kpi.dues import Dues
from citygoals.kpi.filters import MISSING, Filter
from citygoals.kpi.folds import Item
from citygoals.kpi.giving import Measure, Terms
from citygoals.kpi.measures import Measures
from citygoals.kpi.term_values import TermValues, integer_at, seconds_between

ANSWERS_REMEMBERED = 20_000

Seen = tuple[Measure, Terms]


class Conditions:
    """All conditions under which items of one type count, asked at once."""

    def __init__(self, filters: Iterable[Filter]) -> None:
        self._filters = tuple(filters)
        self._names = sorted({name for one in self._filters for name in one.names or ()})
        self._known: dict[tuple[Any, ...], int] = {}

    def answers(self, data: Mapping[str, Any]) -> int:
        """Return the answers as bits. Raises TypeError for a value that cannot be a key."""
        get = data.get
        key = tuple(
            [  # `distinct`, spelled out: this is asked of every item
                value if (value := get(name, MISSING)).__class__ is str else (value.__class__, value)
                for name in self._names
            ]
        )
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= ANSWERS_REMEMBERED:
                self._known.clear()
            found = self._known[key] = sum(one(data) << place for place, one in enumerate(self._filters))
        return found


class Value(NamedTuple):
    """An integer that a fact gives: a field of the item at a place, or the seconds to it from the one at `since`."""

    place: int
    path: tuple[str, ...]
    since: int | None = None

    def of(self, items: Sequence[Item]) -> int | None:
        """Return the integer, None where there is none."""
        item = items[self.place]
        if self.since is None:
            return integer_at(item.data, self.path)
        return seconds_between(items[self.since].entry, item)


class Sight(NamedTuple):
    """What is seen of such facts: an answer for each item, the values, what is due; and by which measures.

    `is_by_channel` says that the channel of a fact makes a difference.
    """

    conditions: tuple[Conditions, ...]
    values: tuple[Value, ...]
    dues: tuple[tuple[Dues, frozenset[str] | None], ...]  # with the departments that it matters to, None: to all
    alike: tuple[Seen, ...]
    exact: tuple[Seen, ...]
    is_by_channel: bool


class Sights:
    """The sights of a catalogue."""

    def __init__(self, measures: Measures) -> None:
        self._measures = measures
        self._conditions: dict[str, Conditions] = {}

    def of(self, types: Sequence[str]) -> Sight:
        """Return what is seen of a fact with items of these types, all of them standing."""
        alike: list[Seen] = []
        exact: list[Seen] = []
        for seen in self._measures.seeing(frozenset(types)):
            (alike if _is_alike(*seen, types) else exact).append(seen)
        values = dict.fromkeys(value for _, terms in alike for _, term in terms for value in values_of(term, types))
        conditions = tuple([self._conditions_on(event_type) for event_type in types])
        is_by_channel = any(measure.is_by_channel for measure, _ in alike)
        return Sight(conditions, tuple(values), _dues(alike), tuple(alike), tuple(exact), is_by_channel)

    def _conditions_on(self, event_type: str) -> Conditions:
        if event_type not in self._conditions:
            terms = [term for measure in self._measures.all for _, term in measure.terms if term.event == event_type]
            filters = {
                term.where.text: term.where for term in terms if term.where is not None and term.where.names is not None
            }
            self._conditions[event_type] = Conditions(filters.values())
        return self._conditions[event_type]


def values_of(term: TermValues, types: Sequence[str]) -> Iterator[Value]:
    """Yield the values that the term reads of items of these types: what it takes, and what an item must have besides."""
    for place, event_type in enumerate(types):
        if event_type == term.event:
            yield from (Value(place, path) for path in (term.path, term.needs) if path)
            if is_timed(term) and term.since in types:
                yield Value(place, (), types.index(term.since))


def is_timed(term: TermValues) -> bool:
    """Say whether the term takes the seconds since another item."""
    return term.is_seconds and term.since is not None


def _is_alike(measure: Measure, terms: Terms, types: Sequence[str]) -> bool:
    """Say whether facts that look alike give the measure the same, but for one integer at most on each side.

    Two integers on one side could cancel out in one fact and not in another, and so change whose entries count.
    """
    if isinstance(measure, DueMeasure):
        return True
    return measure.is_flow and all(_is_side_alike([term for at, term in terms if at == side], types) for side in (0, 1))


def _is_side_alike(terms: Sequence[TermValues], types: Sequence[str]) -> bool:
    if any(term.within_s is not None or (term.where is not None and term.where.names is None) for term in terms):
        return False
    taken = sum(types.count(term.event) for term in terms)
    return taken <= 1 or not any(term.path or is_timed(term) for term in terms)


def _dues(alike: Iterable[Seen]) -> tuple[tuple[Dues, frozenset[str] | None], ...]:
    found: dict[Dues, set[str | None]] = {}
    for measure, _ in alike:
        if isinstance(measure, DueMeasure):
            found.setdefault(measure.dues, set()).add(measure.department)
    return tuple(
        (dues, None if None in scopes else frozenset(name for name in scopes if name)) for dues, scopes in found.items()
    )
