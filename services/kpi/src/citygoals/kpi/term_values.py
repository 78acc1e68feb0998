"""Terms compiled: which items of a fact each takes, and the integer that it takes from each. Pure."""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

from citygoals.kpi.entries import Entry
from citygoals.kpi.filters import Filter, condition
from citygoals.kpi.folds import Fact, Item
from citygoals.shared.business import BusinessCalendar
from citygoals.shared.model import days
from citygoals.shared.terms import Term

VALUE_MAX_BITS = 1024

_SECOND = timedelta(seconds=1)


class TermValues:
    """One term, compiled. `needs` is a field that an item must have besides; `clock` is what seconds are counted by."""

    def __init__(self, term: Term, *, needs: tuple[str, ...] = (), clock: BusinessCalendar | None = None) -> None:
        self.event = term.event
        self.sign: int = term.sign
        self.path = term.path
        self.is_seconds = term.value == "seconds"
        self.is_count = term.value == "count"
        self.needs = needs
        self.since = term.since
        self.within_s = term.within_s
        self.where: Filter | None = None if term.where is None else condition(term.where)
        self.reopened_s = None if term.reopened_within is None else days(term.reopened_within) // _SECOND
        self.every = term.take == "every" or term.reopened_within is not None
        self._clock = clock

    def of(self, fact: Fact) -> list[tuple[Item, int]]:
        """Return each item that the term takes, with its value."""
        start = None if self.since is None else first_standing(fact.items, (self.since,))
        if self.since is not None and start is None:
            return []
        event, sign = self.event, self.sign
        found = []
        for item in fact.items:
            if item.type == event and self.takes(item, None if start is None else start.entry):
                value = 1 if self.is_count else self._value(item, None if start is None else start.entry)
                if value is not None:
                    found.append((item, sign * value))
        return found

    def takes(self, item: Item, start: Entry | None) -> bool:
        """Say whether the term counts this item of its event type."""
        if not (item.standing or self.every):
            return False
        if self.reopened_s is not None and (item.reopened_after_s is None or item.reopened_after_s > self.reopened_s):
            return False
        if self.within_s is not None and start is not None and seconds_between(start, item) > self.within_s:
            return False
        if self.needs and integer_at(item.data, self.needs) is None:
            return False
        return self.where is None or self.where(item.data)

    def _value(self, item: Item, start: Entry | None) -> int | None:
        if self.path:
            return integer_at(item.data, self.path)
        if start is None or not self.is_seconds:
            return 1
        return seconds_between(start, item) if self._clock is None else _business_seconds(self._clock, start, item)


def seconds_between(start: Entry, item: Item) -> int:
    """Return the whole seconds from one to the other; clocks that disagree make no negative time."""
    return max(0, (item.entry.at - start.at) // _SECOND)


def _business_seconds(clock: BusinessCalendar, start: Entry, item: Item) -> int | None:
    try:
        return clock.elapsed(start.at, item.entry.at)
    except ValueError:  # a year in which no calendar knows its days
        return None


def integer_at(data: Mapping[str, Any], path: tuple[str, ...]) -> int | None:
    """Return the integer at the path, or None when there is none: a text, a fraction or a truth value is no integer.

    Nor is one that cannot be counted, see `is_countable`.
    """
    value = data.get(path[0]) if len(path) == 1 else value_at(data, path)
    return value if is_countable(value) else None


def value_at(data: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """Return what is at the path, None when there is nothing."""
    value: Any = data
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def is_countable(value: Any) -> bool:
    """Say whether the value is an integer whose sums can still be written: Python writes none beyond 4,300 digits."""
    return value.__class__ is int and value.bit_length() <= VALUE_MAX_BITS


def first_standing(items: Iterable[Item], types: Collection[str]) -> Item | None:
    """Return the first item of the types that still stands."""
    for item in items:  # without a generator, which takes twice as long over two items
        if item.standing and item.type in types:
            return item
    return None
