"""Stocks, availability, turnover: what facts give on the days on which they come in and go out. Pure."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from citygoals.kpi.calendars import Calendars
from citygoals.kpi.facts import BEGINNINGS
from citygoals.kpi.filters import Filter, condition
from citygoals.kpi.folds import Fact, Item
from citygoals.kpi.giving import Behind, Days, Measure, Run, Terms, flow_days, put
from citygoals.kpi.sieves import Lasting, Window, lasting
from citygoals.shared.cells import series_of
from citygoals.shared.elapsed import epoch_minute, minute_of
from citygoals.shared.kpi import KpiDef
from citygoals.shared.parts import IN, PLANNED, UP
from citygoals.shared.period import Period
from citygoals.shared.reading import Now
from citygoals.shared.stocks import AvailabilityMeasure, Passage, Presence, StockMeasure, TurnoverMeasure


class Passed(NamedTuple):
    """A thing that came in (sign 1) or went out (-1), by an item."""

    item: Item
    sign: int


class Presences:
    """A presence, compiled."""

    def __init__(self, presence: Presence) -> None:
        self._enters = [_Way(passage) for passage in presence.enters]
        self._leaves = [_Way(passage) for passage in presence.leaves]
        self.types = presence.events
        self.entering = frozenset(passage.event for passage in presence.enters)
        self.leaving = frozenset(passage.event for passage in presence.leaves)
        self._leaves_anyhow = all(passage.where is None for passage in presence.leaves)

    def still_in(self, until: date) -> Lasting | None:
        """Return how to find what is in on a day; None where only whole facts tell, as one event may be either way."""
        is_told = self._leaves_anyhow and self.entering.isdisjoint(self.leaving)
        return lasting(self.leaving, until, self.entering) if is_told else None

    def of(self, fact: Fact) -> Iterator[Passed]:
        """Yield each passage, in and out in turn: what was taken back has not happened.

        A thing that by another publisher's clock was over before it began never comes in: nothing would let it out.
        """
        is_in = is_over = False
        for item in fact.items:
            if not item.standing:
                continue
            takes = any(way.takes(item) for way in (self._leaves if is_in else self._enters))
            if takes and not (is_over and item.type in BEGINNINGS):
                is_in = not is_in
                yield Passed(item, 1 if is_in else -1)
            elif not is_in:
                is_over = is_over or any(way.takes(item) for way in self._leaves)


class _Way:
    """One event by which a thing comes in or goes out."""

    def __init__(self, passage: Passage) -> None:
        self._event = passage.event
        self._where: Filter | None = None if passage.where is None else condition(passage.where)

    def takes(self, item: Item) -> bool:
        return item.type == self._event and (self._where is None or self._where(item.data))


class Stock(Measure):
    """A thing counts from the day on which it comes in to the day on which it goes out.

    The denominator, which no count looks at, counts passages: what came and went on one day is known to be gone.
    """

    def __init__(self, kpi: KpiDef, calendars: Calendars) -> None:
        super().__init__(kpi, calendars)
        assert isinstance(kpi.measure, StockMeasure)
        self._presence = Presences(kpi.measure.presence)
        self.types = self._presence.types

    @property
    def anchors(self) -> frozenset[str]:
        """What lets things in."""
        return self._presence.entering

    def span(self, period: Period, now: Now) -> Run:
        """Return all days until the period's end, or now: what came in long ago may still be in."""
        return date.min, min(period.end, now.tomorrow)

    def windows(self, period: Period, now: Now) -> tuple[Window, ...]:
        """Return those days, for what is still in at their end."""
        first, end = self.span(period, now)
        return (Window(first, end, self._presence.still_in(end)),)

    def _given(self, fact: Fact, terms: Terms) -> Iterable[tuple[str, Days]]:  # noqa: ARG002  # it has none
        days: Days = {}
        for item, sign in self._presence.of(fact):
            put(days, item.day, sign, 1, sign)
        return ((self.kpi, days),)

    def _behind(self, fact: Fact, period: Period, now: Now) -> Iterator[Behind]:
        until = min(period.end, now.tomorrow)
        for item, sign in self._presence.of(fact):
            if item.day < until:
                yield Behind(item.entry, sign, 0)


class Availability(Measure):
    """Each passage keeps its minute, so that time in can be summed over any run of days."""

    def __init__(self, kpi: KpiDef, calendars: Calendars) -> None:
        super().__init__(kpi, calendars)
        assert isinstance(kpi.measure, AvailabilityMeasure)
        self._presences = {UP: Presences(kpi.measure.up), PLANNED: Presences(kpi.measure.planned)}
        self.types = frozenset[str]().union(*(presence.types for presence in self._presences.values()))

    @property
    def anchors(self) -> frozenset[str]:
        """What lets things in."""
        return frozenset[str]().union(*(presence.entering for presence in self._presences.values()))

    def span(self, period: Period, now: Now) -> Run:
        """Return all days until the period's end, or now: what came in long ago may still be in."""
        return date.min, min(period.end, now.day)

    def _given(self, fact: Fact, terms: Terms) -> Iterable[tuple[str, Days]]:  # noqa: ARG002  # it has none
        for part, presence in self._presences.items():
            yield series_of(self.kpi, part), minutes_of(presence, fact)

    def _behind(self, fact: Fact, period: Period, now: Now) -> Iterator[Behind]:
        run = _minutes_over(self, period, now)
        for part, presence in self._presences.items():
            for item, minutes in time_in(presence, fact, run):
                yield Behind(item.entry, minutes, 0) if part == UP else Behind(item.entry, 0, minutes)


class Turnover(Measure):
    """A flow, and beside it the time that things were in."""

    def __init__(self, kpi: KpiDef, calendars: Calendars) -> None:
        super().__init__(kpi, calendars)
        assert isinstance(kpi.measure, TurnoverMeasure)
        self._presence = Presences(kpi.measure.presence)
        self.types = self._presence.types | {kpi.measure.flow.event}

    @property
    def anchors(self) -> frozenset[str]:
        """What lets things in, and the flow."""
        return self._presence.entering | {term.event for term in self.numerators}

    def span(self, period: Period, now: Now) -> Run:
        """Return all days until the period's end, or now: what came in long ago may still be in."""
        return date.min, min(period.end, now.day)

    def _given(self, fact: Fact, terms: Terms) -> Iterable[tuple[str, Days]]:
        yield self.kpi, flow_days(fact, terms)
        yield series_of(self.kpi, IN), minutes_of(self._presence, fact)

    def _behind(self, fact: Fact, period: Period, now: Now) -> Iterator[Behind]:
        """The flow as it is, over minutes: the figure multiplies it by the minutes of its days."""
        until = min(period.end, now.day)
        for _, term in self.terms:
            for item, value in term.of(fact):
                if period.start <= item.day < until:
                    yield Behind(item.entry, value, 0)
        for item, minutes in time_in(self._presence, fact, _minutes_over(self, period, now)):
            yield Behind(item.entry, 0, minutes)


def minutes_of(presence: Presences, fact: Fact) -> Days:
    """Return the passages of a fact as signs and as signs times minutes since 1970, by day."""
    days: Days = {}
    for item, sign in presence.of(fact):
        put(days, item.day, sign, sign * minute_of(item.entry.at), 0)
    return {day: (numerator, denominator, 1) for day, (numerator, denominator, _) in days.items()}


def time_in(presence: Presences, fact: Fact, run: tuple[int, int]) -> Iterator[tuple[Item, int]]:
    """Yield each passage with the minutes that it adds to or takes from the time in, within a run of minutes."""
    first, after = run
    for item, sign in presence.of(fact):
        minute = minute_of(item.entry.at)
        if minute < after:
            yield item, sign * (after - max(first, minute))


def _minutes_over(measure: Measure, period: Period, now: Now) -> tuple[int, int]:
    """Return the first minute of the period, and that after its days that are over."""
    end = max(period.start, min(period.end, now.day))
    return epoch_minute(measure.calendar, period.start), epoch_minute(measure.calendar, end)
