"""Contributions: which cells a fact gives which integers. Pure; the definition that every faster way is tested against."""

from collections.abc import Iterator
from datetime import date

from citygoals.kpi.folds import Fact
from citygoals.kpi.giving import Days, Measure
from citygoals.kpi.measures import Measures
from citygoals.shared.figures import Cell
from citygoals.shared.period import GRAINS, CityCalendar

DIMENSIONS = ("city", "department", "district", "channel")
DAY = GRAINS.index("day")
FISCAL_YEAR = GRAINS.index("fiscal_year")

CellKey = tuple[str, int, date, int, str]
"""(series, place in GRAINS, first local day, place in DIMENSIONS, member)."""

KeyPlace = tuple[str, int, date, int, str, bytes]
"""A cell and the key of one of the different things that it counts."""

Slice = tuple[int, str]

CITY: Slice = (0, "")


def contribution(fact: Fact, measures: Measures, calendar: CityCalendar) -> dict[CellKey, Cell]:
    """Return the cells that the fact fills, none of them (0, 0).

    `events` of a cell is the number of the fact's entries: they stand behind each cell that the fact contributes to,
    and behind none where its parts cancel out. So it does not add up over the days of a period. Where a fact leaves a
    stock, its entries are taken away. Of different things, a fact gives the number of its items; how many keys there
    are among all of them is not for one fact to say: see `key_contribution`.
    """
    cells: dict[CellKey, Cell] = {}
    for measure, terms in measures.of(fact):
        for series, days in measure.given(fact, terms):
            for grain, start, numerator, denominator, sign in periods_of(days, calendar, days_only=measure.is_daily):
                for dimension, member in slices(fact.department, fact.district, measure.channel_of(fact)):
                    key = (series, grain, start, dimension, member)
                    cells[key] = Cell(numerator, denominator, sign * fact.entries)
    return cells


def key_contribution(fact: Fact, measures: Measures, calendar: CityCalendar) -> Iterator[tuple[KeyPlace, int]]:
    """Yield each key that the fact's items have, by cell, and how many of them have it there."""
    for measure, _ in measures.of(fact):
        yield from keys_given(measure, fact, calendar)


def keys_given(measure: Measure, fact: Fact, calendar: CityCalendar) -> Iterator[tuple[KeyPlace, int]]:
    """Yield those of one measure; only one that counts different things has any."""
    members = slices(fact.department, fact.district, measure.channel_of(fact))
    for day, keys in measure.keys(fact).items():
        for grain, start in enumerate(calendar.starts(day)):
            for dimension, member in members:
                for key, count in keys.items():
                    yield (measure.kpi, grain, start, dimension, member, key), count


def periods_of(
    days: Days, calendar: CityCalendar, *, days_only: bool = False
) -> Iterator[tuple[int, date, int, int, int]]:
    """Yield (grain, start, numerator, denominator, sign of its entries) of each period where the days do not cancel out."""
    if days_only:  # each day stands for itself
        yield from ((DAY, day, *parts) for day, parts in days.items())
        return
    sums: dict[tuple[int, date], list[int]] = {}
    for day, (numerator, denominator, _) in days.items():
        for grain, start in enumerate(calendar.starts(day)):
            parts = sums.setdefault((grain, start), [0, 0])
            parts[0] += numerator
            parts[1] += denominator
    for (grain, start), (numerator, denominator) in sums.items():
        if numerator or denominator:
            yield grain, start, numerator, denominator, 1


def slices(department: str | None, district: str | None, channel: str | None = None) -> tuple[Slice, ...]:
    """Return the slices that a fact belongs to: the city, its department, its district, its channel."""
    members = enumerate((department, district, channel), 1)
    return (CITY, *((dimension, member) for dimension, member in members if member is not None))
