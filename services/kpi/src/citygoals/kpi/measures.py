"""Measures: the KPIs of a catalogue, each compiled by its kind, and which of them a fact can matter to. Pure."""

from collections.abc import Iterable

from citygoals.kpi.calendars import Calendars
from citygoals.kpi.due_measures import Evenness, OnTime, Overdue
from citygoals.kpi.facts import KIND_OF
from citygoals.kpi.flow_measures import Change, Flow, Latest
from citygoals.kpi.folds import Fact
from citygoals.kpi.giving import Measure, Terms
from citygoals.kpi.presence_measures import Availability, Stock, Turnover
from citygoals.kpi.spread_measures import Distinct, Percentile
from citygoals.kpi.survey_measures import ImportanceSatisfaction
from citygoals.shared.kpi import KpiDef

_KINDS: dict[str, type[Measure]] = {
    "count": Flow,
    "sum": Flow,
    "ratio": Flow,
    "mean": Flow,
    "latest": Latest,
    "percentile": Percentile,
    "distinct": Distinct,
    "importance_satisfaction": ImportanceSatisfaction,
    "stock": Stock,
    "availability": Availability,
    "turnover": Turnover,
    "on_time": OnTime,
    "overdue": Overdue,
    "evenness": Evenness,
    "change": Change,
}


def compiled(kpi: KpiDef, calendars: Calendars) -> Measure | None:
    """Return the KPI's measure, None for one that has no cells of its own.

    Raises ValueError for a condition that is none, and for a calendar that there is not.
    """
    return None if kpi.is_derived else _KINDS[kpi.measure.kind](kpi, calendars)


class Measures:
    """All measures of a catalogue that have cells."""

    def __init__(self, kpis: Iterable[KpiDef], calendars: Calendars) -> None:
        found = (compiled(kpi, calendars) for kpi in sorted(kpis, key=lambda kpi: kpi.id))
        self.all = tuple(measure for measure in found if measure is not None)
        self.daily = frozenset(measure.kpi for measure in self.all if measure.is_daily)
        self.distinct = frozenset(measure.kpi for measure in self.all if measure.is_distinct)
        self._by_types: dict[frozenset[str], tuple[tuple[Measure, Terms], ...]] = {}

    def of(self, fact: Fact) -> tuple[tuple[Measure, Terms], ...]:
        """Return the measures that the fact can matter to, and of each the terms that can take its items."""
        return self.seeing(frozenset([item.type for item in fact.items]))

    def seeing(self, types: frozenset[str]) -> tuple[tuple[Measure, Terms], ...]:
        """Return the measures that a fact with items of the types can matter to, and the terms that can take them."""
        found = self._by_types.get(types)
        if found is None:
            found = tuple(
                (measure, tuple((side, term) for side, term in measure.terms if term.event in types))
                for measure in self.all
                if measure.sees(types)
            )
            self._by_types[types] = found
        return found

    def fact_types(self) -> frozenset[str]:
        """Return every event type of every kind of fact that some measure looks at."""
        counted = frozenset[str]().union(*(measure.types for measure in self.all))
        return counted.union(*(KIND_OF[event].types for event in counted if event in KIND_OF))
