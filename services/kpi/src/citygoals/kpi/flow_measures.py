"""Counts, sums, ratios and means, the change of one over time, and the latest value of a measurement. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from citygoals.kpi.calendars import Calendars
from citygoals.kpi.folds import Fact, Item
from citygoals.kpi.giving import Behind, Days, Measure, Run, Terms, flow_days
from citygoals.kpi.term_values import TermValues, integer_at
from citygoals.shared.comparisons import ChangeMeasure
from citygoals.shared.flows import LatestMeasure, MeanMeasure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import Period
from citygoals.shared.reading import Now

MEASUREMENT = "city.measurement.recorded.v1"


class Flow(Measure):
    """A measure that is nothing but terms."""

    is_flow = True

    def __init__(self, kpi: KpiDef, calendars: Calendars) -> None:
        super().__init__(kpi, calendars)
        needs = _mean_of(kpi.measure.of if isinstance(kpi.measure, ChangeMeasure) else kpi.measure)
        self.denominators = tuple(TermValues(term, needs=needs) for term in kpi.measure.denominators)
        self._terms = super().terms
        self.types = frozenset(term.event for _, term in self._terms)

    @property
    def terms(self) -> Terms:
        """The terms of the measure's own series."""
        return self._terms

    def given(self, fact: Fact, terms: Terms | None = None) -> Iterable[tuple[str, Days]]:
        """Return the KPI's series with its days, if there are any: half of all measures are flows, so without detours."""
        if not self.keeps(fact.department):
            return ()
        days = flow_days(fact, self._terms if terms is None else terms)
        return ((self.kpi, days),) if days else ()

    def _behind(self, fact: Fact, period: Period, now: Now) -> Iterator[Behind]:  # noqa: ARG002  # a flow knows no now
        for side, term in self.terms:
            for item, value in term.of(fact):
                if item.day in period:
                    yield Behind(item.entry, 0, value) if side else Behind(item.entry, value, 0)


class Change(Flow):
    """The change of a flow: its cells are of days, and what stands behind it is what happened until now."""

    def _behind(self, fact: Fact, period: Period, now: Now) -> Iterator[Behind]:
        until = min(period.end, now.tomorrow)
        for side, term in self.terms:
            for item, value in term.of(fact):
                if period.start <= item.day < until:
                    yield Behind(item.entry, 0, value) if side else Behind(item.entry, value, 0)


class Latest(Measure):
    """The last value of a measurement, which carries the integers itself."""

    is_latest = True

    def __init__(self, kpi: KpiDef, calendars: Calendars) -> None:
        super().__init__(kpi, calendars)
        assert isinstance(kpi.measure, LatestMeasure)
        self.measure_id = kpi.measure.measure_id
        self.types = frozenset({MEASUREMENT})

    def days(self, fact: Fact) -> Iterator[date]:
        """Yield the days for which the fact has a value."""
        yield from (item.day for item, _, _ in self._measured(fact))

    def span(self, period: Period, now: Now) -> Run:  # noqa: ARG002  # whenever it was recorded
        """Return the days on which measurements can lie: they say themselves which period they are of."""
        return date.min, date.max

    def _given(self, fact: Fact, terms: Terms) -> Iterable[tuple[str, Days]]:  # noqa: ARG002  # it has none
        found = {item.day: (numerator, denominator, 1) for item, numerator, denominator in self._measured(fact)}
        return ((self.kpi, {day: parts for day, parts in found.items() if parts[0] or parts[1]}),)

    def _behind(self, fact: Fact, period: Period, now: Now) -> Iterator[Behind]:  # noqa: ARG002  # the caller has chosen the day
        for item, numerator, denominator in self._measured(fact):
            if item.day in period:
                yield Behind(item.entry, numerator, denominator)

    def _measured(self, fact: Fact) -> Iterator[tuple[Item, int, int]]:
        for item in fact.items:
            if item.type == MEASUREMENT and item.data.get("measure_id") == self.measure_id:
                measured = _measured(item.data)
                if measured is not None:
                    yield item, *measured


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
