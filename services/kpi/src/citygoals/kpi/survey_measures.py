"""Importance and satisfaction: what answers to a survey give, as two shares side by side. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from citygoals.kpi.calendars import Calendars
from citygoals.kpi.filters import condition
from citygoals.kpi.folds import Fact, Item
from citygoals.kpi.giving import Behind, Days, Measure, Terms, counted_once, put
from citygoals.shared.cells import series_of
from citygoals.shared.kpi import KpiDef
from citygoals.shared.parts import RATED
from citygoals.shared.period import Period
from citygoals.shared.reading import Now
from citygoals.shared.surveys import ImportanceSatisfactionMeasure


class Answer(NamedTuple):
    """What one item says; of what is not rated nobody knows whether it satisfies."""

    item: Item
    is_important: bool
    is_rated: bool
    is_satisfied: bool


class ImportanceSatisfaction(Measure):
    """Its own series counts the important answers among all, the part those that are satisfied among the rated.

    Every answer is in the own series, so its events are those behind the figure.
    """

    def __init__(self, kpi: KpiDef, calendars: Calendars) -> None:
        super().__init__(kpi, calendars)
        measure = kpi.measure
        assert isinstance(measure, ImportanceSatisfactionMeasure)
        self._important = condition(measure.important)
        self._rated = condition(measure.rated)
        self._satisfied = condition(measure.satisfied)
        self.types = frozenset({measure.event})

    def _given(self, fact: Fact, terms: Terms) -> Iterable[tuple[str, Days]]:  # noqa: ARG002  # it has one
        own: Days = {}
        rated: Days = {}
        for answer in self._answers(fact):
            put(own, answer.item.day, int(answer.is_important), 1, 0)
            if answer.is_rated:
                put(rated, answer.item.day, int(answer.is_satisfied), 1, 0)
        yield self.kpi, counted_once(own)
        yield series_of(self.kpi, RATED), counted_once(rated)

    def _behind(self, fact: Fact, period: Period, now: Now) -> Iterator[Behind]:  # noqa: ARG002  # it knows no now
        for answer in self._answers(fact):
            if answer.item.day in period:
                yield Behind(answer.item.entry, int(answer.is_important), 1)

    def _answers(self, fact: Fact) -> Iterator[Answer]:
        for term in self.denominators:
            for item, _ in term.of(fact):
                data = item.data
                is_rated = self._rated(data)
                yield Answer(item, self._important(data), is_rated, is_rated and self._satisfied(data))
