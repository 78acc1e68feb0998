"""On time, overdue, evenness: what facts give by the day on which they are due. Pure.

What is due later today waits in parts by the hour: a figure takes away what has not come due yet.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import chain

from citygoals.kpi.calendars import Calendars
from citygoals.kpi.dues import Due, dues_of
from citygoals.kpi.entries import Entry
from citygoals.kpi.folds import Fact
from citygoals.kpi.giving import Behind, Days, Measure, Run, Terms, put
from citygoals.kpi.sieves import Window, lasting
from citygoals.shared.cells import series_of
from citygoals.shared.deadlines import EvennessMeasure, OnTimeMeasure, OverdueMeasure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.model import KEBAB_PATTERN
from citygoals.shared.parts import HOUR_PART, SEEN
from citygoals.shared.period import Period
from citygoals.shared.reading import Now

_MEMBER = re.compile(KEBAB_PATTERN.replace("$", r"\Z"))


class DueMeasure(Measure):
    """What the measures of deadlines share."""

    def __init__(self, kpi: KpiDef, calendars: Calendars) -> None:
        super().__init__(kpi, calendars)
        assert isinstance(kpi.measure, OnTimeMeasure | OverdueMeasure | EvennessMeasure)
        self._start = kpi.measure.deadline.start
        self._seen = None if kpi.freshness_days is None else series_of(kpi.id, SEEN)
        self._ends = kpi.measure.deadline.ends
        self.dues = dues_of(kpi.measure.deadline, calendars)
        self.types = kpi.measure.deadline.events

    def sees(self, types: frozenset[str]) -> bool:
        """Say whether a fact with items of the types can give this KPI anything: nothing is due without a start."""
        return self._start in types

    @property
    def anchors(self) -> frozenset[str]:
        """The start: without it nothing is due."""
        return frozenset({self._start})

    def span(self, period: Period, now: Now) -> Run:  # noqa: ARG002  # whenever it began
        """Return the days on which what is due in the period can have begun: pauses may be as long as they like."""
        return date.min, date.max

    def home(self, fact: Fact) -> Entry | None:
        """Return the start from which the deadline counts: the entry that a window is chosen by."""
        due = self.dues.of(fact)
        return None if due is None else due.start.entry

    def _given(self, fact: Fact, terms: Terms) -> Iterable[tuple[str, Days]]:  # noqa: ARG002  # it has none
        due = self.dues.of(fact)
        if due is None:
            return ()
        given = self._by_series(fact, due)
        return given if self._seen is None else chain(given, [(self._seen, self._seen_on(fact))])

    def _seen_on(self, fact: Fact) -> Days:
        """Return the days on which something happened, whenever it is due."""
        return {item.day: (1, 0, 1) for item in fact.items if item.type in self.types}

    def _by_series(self, fact: Fact, due: Due) -> Iterator[tuple[str, Days]]:
        raise NotImplementedError


class OnTime(DueMeasure):
    """Each fact counts in the denominator on its due day, and in the numerator if it was done in time."""

    def _by_series(self, fact: Fact, due: Due) -> Iterator[tuple[str, Days]]:  # noqa: ARG002  # evenness asks it
        days: Days = {due.moment.day: (int(due.is_in_time), 1, 1)}
        yield self.kpi, days
        yield series_of(self.kpi, f"{HOUR_PART}{due.moment.hour}"), days

    def windows(self, period: Period, now: Now) -> tuple[Window, ...]:  # noqa: ARG002  # a deadline knows no now
        """Return first the days from which the clock runs out in the period, then those of what was moved into it."""
        first = self.dues.since(period.start) if period.start > date.min else date.min
        sieve = self.dues.moved((period.start, period.end))
        windows = [Window(first, period.end)]
        if sieve is not None and first > date.min:
            windows.append(Window(date.min, first, sieve))
        if sieve is not None and sieve.field is not None and period.end < date.max:
            windows.append(Window(period.end, date.max, sieve))
        return tuple(windows)

    def _behind(self, fact: Fact, period: Period, now: Now) -> Iterator[Behind]:
        due = self.dues.of(fact)
        if due is None or due.moment.day not in period or not due.has_come(now):
            return
        yield Behind(due.start.entry, 0, 1)
        if due.ending is not None and due.is_in_time:
            yield Behind(due.ending.entry, 1, 0)


class Evenness(OnTime):
    """As on time, by the member of a dimension: a part for each, and one for each hour of it."""

    def __init__(self, kpi: KpiDef, calendars: Calendars) -> None:
        super().__init__(kpi, calendars)
        assert isinstance(kpi.measure, EvennessMeasure)
        self._by_district = kpi.measure.by == "district"

    def _by_series(self, fact: Fact, due: Due) -> Iterator[tuple[str, Days]]:
        days: Days = {due.moment.day: (int(due.is_in_time), 1, 1)}
        yield self.kpi, days
        member = self._member(fact)
        if member is not None:
            yield series_of(self.kpi, member), days
            yield series_of(self.kpi, f"{member}.{HOUR_PART}{due.moment.hour}"), days

    def _behind(self, fact: Fact, period: Period, now: Now) -> Iterator[Behind]:
        """What is of no member stands behind no gap between two."""
        if self._member(fact) is not None:
            yield from super()._behind(fact, period, now)

    def _member(self, fact: Fact) -> str | None:
        member = fact.district if self._by_district else fact.department
        return member if member is not None and _MEMBER.match(member) else None


class Overdue(DueMeasure):
    """A fact enters on its due day and leaves on the day on which it is done; one that is done in time never enters.

    Its beginning has a cell as well, in the denominator that no count looks at: once something has a deadline, none overdue is
    zero, and no lack of data.
    """

    def _by_series(self, fact: Fact, due: Due) -> Iterator[tuple[str, Days]]:  # noqa: ARG002  # evenness asks it
        days: Days = {min(due.start.day, due.moment.day): (0, 1, 0)}  # one may be due before it is told of
        if not due.is_in_time:
            put(days, due.moment.day, 1, 0, 1)
            if due.ending is None:
                yield series_of(self.kpi, f"{HOUR_PART}{due.moment.hour}"), {due.moment.day: (1, 0, 1)}
            else:
                put(days, due.ending.day, -1, 0, -1)
        yield self.kpi, days

    def windows(self, period: Period, now: Now) -> tuple[Window, ...]:
        """Return the days of whatever nothing had ended by the end of the period, or by now."""
        until = min(period.end, now.tomorrow)
        end = until if self.dues.moved((date.min, until)) is None else date.max
        return (Window(date.min, end, lasting(self._ends, until)),)

    def _behind(self, fact: Fact, period: Period, now: Now) -> Iterator[Behind]:
        due = self.dues.of(fact)
        if due is None or due.is_in_time:
            return
        until = min(period.end, now.tomorrow)
        has_come = due.moment.day < until and (due.ending is not None or due.has_come(now))
        if has_come and (due.ending is None or due.ending.day >= until):
            yield Behind(due.start.entry, 1, 0)
