"""Deadlines compiled: when a fact is due, and what ended it. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from citygoals.kpi.calendars import Calendars
from citygoals.kpi.filters import condition
from citygoals.kpi.folds import Fact, Item
from citygoals.kpi.term_values import first_standing
from citygoals.shared.business import YEAR_MAX, YEAR_MIN, Pause
from citygoals.shared.deadlines import Deadline
from citygoals.shared.instants import parse_instant


class Due(NamedTuple):
    """One fact's deadline: the item that started it, its due instant, and the item that ended it, if one has."""

    start: Item
    at: datetime
    ending: Item | None

    @property
    def is_in_time(self) -> bool:
        """Whether it was done at the due instant or before."""
        return self.ending is not None and self.ending.entry.at <= self.at


def dues_of(deadline: Deadline, calendars: Calendars) -> "Dues":
    """Return the deadline compiled, the same one for the same deadline."""
    made: Dues = calendars.once(deadline, lambda: Dues(deadline, calendars))
    return made


class Dues:
    """A deadline, compiled. It remembers its last answer, since several KPIs may ask the same of a fact."""

    def __init__(self, deadline: Deadline, calendars: Calendars) -> None:
        self._deadline = deadline
        self._business = calendars.business(deadline.calendar)
        self._within = None if deadline.within is None else deadline.within.within
        self._where = None if deadline.where is None else condition(deadline.where)
        self._unless = None if deadline.unless is None else condition(deadline.unless)
        self._last: tuple[Fact, Due | None] | None = None

    def of(self, fact: Fact) -> Due | None:
        """Return the fact's deadline; None where it has none, or an open pause keeps it from having one yet."""
        if self._last is None or self._last[0] is not fact:
            self._last = fact, self._find(fact)
        return self._last[1]

    def _find(self, fact: Fact) -> Due | None:
        start = first_standing(fact.items, (self._deadline.start,))
        if start is None or (self._where is not None and not self._where(start.data)):
            return None
        ending = first_standing(fact.items, self._deadline.ends)
        if ending is not None and self._unless is not None and self._unless(ending.data):
            return None
        at = self._due(start, fact)
        return None if at is None else Due(start, at, ending)

    def _due(self, start: Item, fact: Fact) -> datetime | None:
        given = None if self._deadline.due_field is None else _instant(start.data.get(self._deadline.due_field))
        if given is not None or self._within is None:
            return given
        try:
            at = self._business.due(start.entry.at, self._within, list(self._pauses(fact)))
        except ValueError:  # a year in which no calendar knows its days
            return None
        return at if at is None or YEAR_MIN <= at.year <= YEAR_MAX else None

    def _pauses(self, fact: Fact) -> Iterator[Pause]:
        """Yield each time from a pause to the next resume; a pause within one begins no other."""
        if self._deadline.pause is None:
            return
        begun: datetime | None = None
        for item in fact.items:
            if item.type == self._deadline.pause and begun is None:
                begun = item.entry.at
            elif item.type == self._deadline.resume and begun is not None:
                yield begun, item.entry.at
                begun = None
        if begun is not None:
            yield begun, None


def _instant(value: Any) -> datetime | None:
    """Return the instant of a text; None for what is none, or lies in a year that no calendar knows."""
    if not isinstance(value, str):
        return None
    try:
        instant = parse_instant(value)
    except (ValueError, OverflowError):
        return None
    return instant if YEAR_MIN <= instant.year <= YEAR_MAX else None
