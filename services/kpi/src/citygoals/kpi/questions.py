"""Questions about the lineage of a cell, as they come over the bus. Pure."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import orjson

from citygoals.kpi.contributions import DIMENSIONS
from citygoals.kpi.entries import Entry
from citygoals.kpi.giving import Measure
from citygoals.kpi.sieves import CLOSED, MERGED
from citygoals.shared.errors import Malformed
from citygoals.shared.period import GRAINS, ROLLING_DAYS_MAX, CityCalendar, Period
from citygoals.shared.reading import Now

LIMIT_DEFAULT, LIMIT_MAX = 100, 1_000

FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

Place = tuple[datetime, int, int]
"""Where in a window a page ends: when the entry happened, its lane and its number."""

BEGINNING: Place = (FIRST, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One figure as of a position, at the now of then, and which page of its lineage is asked for."""

    measure: Measure
    period: Period
    slice: tuple[int, str]
    position: int
    now: Now
    window: int
    after: Place
    limit: int


class Span(NamedTuple):
    """Entries of some types, from an instant up to, not including, another."""

    types: frozenset[str]
    first: datetime
    end: datetime

    def holds(self, entry: Entry) -> bool:
        """Say whether the entry is among them."""
        return entry.type in self.types and self.first <= entry.at < self.end


def read_question(query: Mapping[str, Any], measure: Measure, position: int, now: Now) -> Question:
    """Return what a query asks. Raises Malformed."""
    window, after = _place(query.get("cursor"))
    return Question(
        measure=measure,
        period=period_of(query, measure.calendar),
        slice=_slice(query),
        position=position,
        now=now,
        window=window,
        after=after,
        limit=integer_in(query, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX),
    )


def span_of(question: Question) -> Span:
    """Return where the entries are that can put something into the figure."""
    return within(question.measure, *question.measure.span(question.period, question.now))


def within(measure: Measure, first: date, end: date) -> Span:
    """Return the entries of the days, from the first on, without the second, that facts are looked for by."""
    types = measure.anchors
    if CLOSED in types:
        types |= {MERGED}
    instants = measure.calendar.bounds(Period("rolling", first, end, ""))
    return Span(types, FIRST if first == date.min else instants[0], _LAST if end == date.max else instants[1])


def place_of(entry: Entry) -> Place:
    """Return where the entry is in a lineage."""
    return entry.at, entry.lane, entry.seq


def cursor_of(window: int, place: Place) -> str:
    """Return the cursor that continues after the place in one of the measure's windows."""
    instant, lane, seq = place
    return base64.urlsafe_b64encode(orjson.dumps([window, instant.isoformat(), lane, seq])).decode()


def integer_in(query: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    """Return an integer of the query, brought between `least` and `most`. Raises Malformed for what is none."""
    value = query.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise Malformed(f"`{name}` is an integer")
    return min(max(value, least), most)


def period_of(query: Mapping[str, Any], calendar: CityCalendar) -> Period:
    """Return the calendar period that `grain` and `start` name, or the days of a rolling one up to `end`. Raises Malformed."""
    grain = query.get("grain")
    if grain == "rolling":
        start, end = _day_in(query, "start"), _day_in(query, "end")
        if not 1 <= (end - start).days <= ROLLING_DAYS_MAX:
            raise Malformed(f"a rolling period has 1 to {ROLLING_DAYS_MAX} days; `end` is the first after them")
        return Period(grain, start, end, "")
    if grain not in GRAINS:
        raise Malformed(f"`grain` is one of {', '.join(GRAINS)}, rolling")
    return calendar.containing(_day_in(query, "start"), grain)


def _day_in(query: Mapping[str, Any], name: str) -> date:
    try:
        return date.fromisoformat(str(query.get(name)))
    except ValueError as error:
        raise Malformed(f"`{name}` is a day, like 2026-11-21: {error}") from error


def _slice(query: Mapping[str, Any]) -> tuple[int, str]:
    dimension, member = query.get("dimension") or "city", query.get("member") or ""
    if dimension not in DIMENSIONS or (dimension == "city") == bool(member):
        raise Malformed("a slice is `city`, or `department`, `district` or `channel` with a `member`")
    return DIMENSIONS.index(dimension), str(member)


def _place(cursor: Any) -> tuple[int, Place]:
    if not cursor:
        return 0, BEGINNING
    try:
        window, instant, lane, seq = orjson.loads(base64.urlsafe_b64decode(cursor))
        return max(0, int(window)), (datetime.fromisoformat(instant), int(lane), int(seq))
    except (ValueError, TypeError, binascii.Error) as error:
        raise Malformed("the cursor is not one of ours") from error
