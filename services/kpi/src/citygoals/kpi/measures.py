"""Measures: a KPI's definition compiled into a function from a fact to integers on days. Pure; it never reads a clock."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from citygoals.kpi.entries import Entry
from citygoals.kpi.facts import KIND_OF
from citygoals.kpi.filters import Filter, condition
from citygoals.kpi.folds import Fact, Item
from citygoals.shared.flows import LatestMeasure, MeanMeasure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.model import days
from citygoals.shared.terms import Term

MEASUREMENT = "city.measurement.recorded.v1"

Days = dict[date, tuple[int, int]]
"""What a fact gives one KPI: numerator and denominator by local day; a day that gives (0, 0) is left out."""

VALUE_MAX_BITS = 1024

_SECOND = timedelta(seconds=1)


Terms = tuple[tuple[int, "TermValues"], ...]
"""Terms with their sides: 0 adds to the numerator, 1 to the denominator."""


class TermValues:
    """One term, compiled."""

    def __init__(self, term: Term, *, needs: tuple[str, ...] = ()) -> None:
        self.event = term.event
        self.sign: int = term.sign
        self.path = term.path
        self.is_seconds = term.value == "seconds"
        self.is_count = term.value == "count"
        self.needs = needs
        self.since = term.since
        self.where: Filter | None = None if term.where is None else condition(term.where)
        self.reopened_s = None if term.reopened_within is None else days(term.reopened_within) // _SECOND
        self.within_s = term.within_s
        self.every = term.take == "every" or term.reopened_within is not None

    def of(self, fact: Fact) -> list[tuple[Item, int]]:
        """Return each item that the term takes, with its value."""
        start = None if self.since is None else _first_standing(fact.items, self.since)
        if self.since is not None and start is None:
            return []
        event, sign = self.event, self.sign
        found = []
        for item in fact.items:
            if item.type == event and self.takes(item):
                value = 1 if self.is_count else self._value(item, start)
                if value is not None:
                    found.append((item, sign * value))
        return found

    def takes(self, item: Item) -> bool:
        """Say whether the term counts this item of its event type."""
        if not (item.standing or self.every):
            return False
        if self.reopened_s is not None and (item.reopened_after_s is None or item.reopened_after_s > self.reopened_s):
            return False
        if self.needs and integer_at(item.data, self.needs) is None:
            return False
        return self.where is None or self.where(item.data)

    def _value(self, item: Item, start: Entry | None) -> int | None:
        if self.path:
            return integer_at(item.data, self.path)
        if self.is_seconds and start is not None:
            return max(0, (item.entry.at - start.at) // _SECOND)
        return 1


class Measure:
    """One KPI's measure, compiled."""

    def __init__(self, kpi: KpiDef) -> None:
        self.kpi = kpi.id
        self.department = kpi.department if kpi.scope == "department" else None
        self.measure_id = kpi.measure.measure_id if isinstance(kpi.measure, LatestMeasure) else None
        self.numerators = tuple(TermValues(term) for term in kpi.measure.numerators)
        needs = _mean_of(kpi.measure)
        self.denominators = tuple(TermValues(term, needs=needs) for term in kpi.measure.denominators)
        self.terms: Terms = (*((0, term) for term in self.numerators), *((1, term) for term in self.denominators))
        events = {term.event for _, term in self.terms}
        self.types = frozenset(events if self.measure_id is None else {MEASUREMENT})

    @property
    def is_latest(self) -> bool:
        """Say whether the last value of a period counts, instead of a sum: such a measure has cells of days only."""
        return self.measure_id is not None

    def days(self, fact: Fact, terms: Terms | None = None) -> Days:
        """Return what the fact gives this KPI. `terms` leaves out those that are known to take none of its items."""
        if not self.keeps(fact.department):
            return {}
        sums: dict[date, list[int]] = {}
        if self.is_latest:
            for item, numerator, denominator in self._latest(fact):
                sums[item.day] = [numerator, denominator]
        for side, term in self.terms if terms is None else terms:
            for item, value in term.of(fact):
                day = sums.get(item.day)
                if day is None:
                    day = sums[item.day] = [0, 0]
                day[side] += value
        return {day: (n, d) for day, (n, d) in sums.items() if n or d}

    def parts(self, fact: Fact) -> Iterator[tuple[Item, int, int]]:
        """Yield what each item gives this KPI: (item, numerator, denominator); an item may come more than once."""
        if self.keeps(fact.department):
            yield from self._latest(fact)
            for side, term in self.terms:
                for item, value in term.of(fact):
                    yield (item, 0, value) if side else (item, value, 0)

    def keeps(self, department: str | None) -> bool:
        """Say whether facts of that department are this KPI's; those of no department are everybody's."""
        return self.department is None or department is None or department == self.department

    def _latest(self, fact: Fact) -> Iterator[tuple[Item, int, int]]:
        for item in fact.items if self.is_latest else ():
            if item.type == MEASUREMENT and item.data.get("measure_id") == self.measure_id:
                measured = _measured(item.data)
                if measured is not None:
                    yield item, *measured


class Measures:
    """All measures of a catalogue."""

    def __init__(self, kpis: Iterable[KpiDef]) -> None:
        self.all = tuple(Measure(kpi) for kpi in sorted(kpis, key=lambda kpi: kpi.id))
        self._by_types: dict[frozenset[str], tuple[tuple[Measure, Terms], ...]] = {}

    def of(self, fact: Fact) -> Iterator[tuple[Measure, Days]]:
        """Yield each measure that the fact contributes to, with its days."""
        for measure, terms in self._counting(frozenset([item.type for item in fact.items])):
            given = measure.days(fact, terms)
            if given:
                yield measure, given

    def touching(self, event_type: str) -> list[Measure]:
        """Return the measures that count items of the type."""
        return [measure for measure in self.all if event_type in measure.types]

    def _counting(self, types: frozenset[str]) -> tuple[tuple[Measure, Terms], ...]:
        """Return the measures, and of each the terms, that can count items of the types."""
        found = self._by_types.get(types)
        if found is None:
            found = tuple(
                (measure, tuple((side, term) for side, term in measure.terms if term.event in types))
                for measure in self.all
                if not types.isdisjoint(measure.types)
            )
            self._by_types[types] = found
        return found

    def fact_types(self) -> frozenset[str]:
        """Return every event type of every kind of fact that some measure counts."""
        counted = frozenset[str]().union(*(measure.types for measure in self.all))
        return counted.union(*(KIND_OF[event].types for event in counted if event in KIND_OF))


def integer_at(data: Mapping[str, Any], path: tuple[str, ...]) -> int | None:
    """Return the integer at the path, or None when there is none: a text, a fraction or a truth value is no integer.

    Nor is one that cannot be counted, see `is_countable`.
    """
    value: Any = data
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value if is_countable(value) else None


def is_countable(value: Any) -> bool:
    """Say whether the value is an integer whose sums can still be written: Python writes none beyond 4,300 digits."""
    return value.__class__ is int and value.bit_length() <= VALUE_MAX_BITS


def _first_standing(items: Iterable[Item], event_type: str) -> Entry | None:
    return next((item.entry for item in items if item.type == event_type and item.standing), None)


def _mean_of(measure: object) -> tuple[str, ...]:
    """A mean's denominator counts only items that have the value, or an unanswered question would lower the mean."""
    if isinstance(measure, MeanMeasure) and measure.value is not None:
        return tuple(measure.value.split(".")[1:])
    return ()


def _measured(data: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return a measurement as numerator and denominator: its own two integers, or its value in lowest terms."""
    numerator, denominator = integer_at(data, ("numerator",)), integer_at(data, ("denominator",))
    if numerator is not None and denominator is not None:
        return numerator, denominator
    value = data.get("value")
    if value is None or isinstance(value, bool):
        return None
    try:
        exact = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        return None
    return exact.numerator, exact.denominator
