"""What a compiled measure is: a function from a fact to integers on days, by series. Pure; it never reads a clock."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import ClassVar, NamedTuple

from citygoals.kpi.calendars import Calendars
from citygoals.kpi.entries import Entry
from citygoals.kpi.folds import Fact
from citygoals.kpi.sieves import Window
from citygoals.kpi.term_values import TermValues
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import Period
from citygoals.shared.reading import Now

Days = dict[date, tuple[int, int, int]]
"""What a fact gives one series by local day: numerator, denominator, and the sign with which its entries count there.

A day that gives (0, 0) is left out.
"""

Terms = tuple[tuple[int, TermValues], ...]
"""Terms with their sides: 0 adds to the numerator, 1 to the denominator."""

Run = tuple[date, date]
"""Days from the first on, without the second."""

KeyCounts = Mapping[date, Mapping[bytes, int]]
"""How many items of a fact have which key on which day."""


class Behind(NamedTuple):
    """What one entry gives a figure."""

    entry: Entry
    numerator: int
    denominator: int


class Measure:
    """One KPI's measure, compiled. Each kind says how its facts contribute; what none of them needs is said here.

    `types` are the event types that the measure looks at; `is_flow` says that it is terms and nothing else, so that
    single entries can be counted by shape.
    """

    is_flow: ClassVar[bool] = False
    is_latest: ClassVar[bool] = False
    is_distinct: ClassVar[bool] = False

    def __init__(self, kpi: KpiDef, calendars: Calendars) -> None:
        self.kpi = kpi.id
        self.is_daily: bool = kpi.measure.is_daily
        self.department = kpi.department if kpi.scope == "department" else None
        self.is_by_channel = "channel" in kpi.also_by
        self.calendar = calendars.city
        self.numerators = tuple(TermValues(term) for term in kpi.measure.numerators)
        self.denominators = tuple(TermValues(term) for term in kpi.measure.denominators)
        self.types = frozenset[str]()

    @property
    def terms(self) -> Terms:
        """The terms of the measure's own series."""
        return (*((0, term) for term in self.numerators), *((1, term) for term in self.denominators))

    def sees(self, types: frozenset[str]) -> bool:
        """Say whether a fact with items of the types can give this KPI anything."""
        return not types.isdisjoint(self.types)

    def keeps(self, department: str | None) -> bool:
        """Say whether facts of that department are this KPI's; those of no department are everybody's."""
        return self.department is None or department is None or department == self.department

    def channel_of(self, fact: Fact) -> str | None:
        """Return the channel whose slice of the KPI the fact belongs to; None where the KPI has none."""
        return fact.channel if self.is_by_channel else None

    @property
    def anchors(self) -> frozenset[str]:
        """The event types without one of which a fact gives nothing: its lineage is looked for among their entries."""
        return self.types

    def span(self, period: Period, now: Now) -> Run:  # noqa: ARG002  # most kinds know no now
        """Return the days on which such entries can lie, if they are to give the figure of the period something."""
        return period.start, period.end

    def windows(self, period: Period, now: Now) -> tuple[Window, ...]:
        """Return where among those days such entries are to be looked for, one after the other; they do not overlap."""
        return (Window(*self.span(period, now)),)

    def home(self, fact: Fact) -> Entry | None:  # noqa: ARG002  # most kinds have none
        """Return the entry under which the fact is listed; None: the first in the span."""
        return None

    def given(self, fact: Fact, terms: Terms | None = None) -> Iterable[tuple[str, Days]]:
        """Return each series of the KPI to which the fact gives something, with its days.

        `terms` leaves out those that are known to take none of the fact's items.
        """
        if not self.keeps(fact.department):
            return ()
        given = self._given(fact, self.terms if terms is None else terms)
        return [(series, days) for series, days in given if days]

    def keys(self, fact: Fact) -> KeyCounts:  # noqa: ARG002  # only one kind counts keys
        """Return the keys that the fact's items have, for a measure that counts different ones."""
        return {}

    def behind(self, fact: Fact, period: Period, now: Now) -> Iterator[Behind]:
        """Yield what the fact's entries give the figure of a period; an entry may come more than once."""
        if self.keeps(fact.department):
            yield from self._behind(fact, period, now)

    def _given(self, fact: Fact, terms: Terms) -> Iterable[tuple[str, Days]]:
        raise NotImplementedError

    def _behind(self, fact: Fact, period: Period, now: Now) -> Iterator[Behind]:
        raise NotImplementedError


def flow_days(fact: Fact, terms: Terms) -> Days:
    """Return the sums of terms by day."""
    sums: dict[date, list[int]] = {}
    for side, term in terms:
        for item, value in term.of(fact):
            day = sums.get(item.day)
            if day is None:
                day = sums[item.day] = [0, 0]
            day[side] += value
    return {day: (n, d, 1) for day, (n, d) in sums.items() if n or d}


def put(days: Days, day: date, numerator: int, denominator: int, sign: int) -> None:
    """Add to a day; one that comes to (0, 0) is left out."""
    before = days.pop(day, (0, 0, 0))
    after = (before[0] + numerator, before[1] + denominator, before[2] + sign)
    if after[0] or after[1]:
        days[day] = after


def counted_once(days: Days) -> Days:
    """Return the days, on each of which the fact's entries count once, however many of its items fall on it."""
    return {day: (numerator, denominator, 1) for day, (numerator, denominator, _) in days.items()}
