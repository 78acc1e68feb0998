"""Contributions: which cells a fact gives which integers. Pure; the definition that every faster way is tested against."""

from collections.abc import Iterator
from datetime import date

from citygoals.kpi.folds import Fact
from citygoals.kpi.measures import Days, Measures
from citygoals.shared.figures import Cell
from citygoals.shared.period import GRAINS, CityCalendar

DIMENSIONS = ("city", "department", "district")
DAY = GRAINS.index("day")
FISCAL_YEAR = GRAINS.index("fiscal_year")

CellKey = tuple[str, int, date, int, str]
"""(KPI, place in GRAINS, first local day, place in DIMENSIONS, member)."""

Slice = tuple[int, str]

CITY: Slice = (0, "")


def contribution(fact: Fact, measures: Measures, calendar: CityCalendar) -> dict[CellKey, Cell]:
    """Return the cells that the fact fills, none of them (0, 0).

    `events` of a cell is the number of the fact's entries: they stand behind each cell that the fact contributes to,
    and behind none where its parts cancel out. So it does not add up over the days of a period.
    """
    cells: dict[CellKey, Cell] = {}
    for measure, days in measures.of(fact):
        for grain, start, numerator, denominator in periods_of(days, calendar, days_only=measure.is_latest):
            for dimension, member in slices(fact.department, fact.district):
                key = (measure.kpi, grain, start, dimension, member)
                cells[key] = Cell(numerator, denominator, fact.entries)
    return cells


def periods_of(days: Days, calendar: CityCalendar, *, days_only: bool = False) -> Iterator[tuple[int, date, int, int]]:
    """Yield (grain, start, numerator, denominator) of each period in which the days do not cancel out."""
    sums: dict[tuple[int, date], list[int]] = {}
    for day, (numerator, denominator) in days.items():
        for grain, start in enumerate(calendar.starts(day)[: 1 if days_only else None]):
            parts = sums.setdefault((grain, start), [0, 0])
            parts[0] += numerator
            parts[1] += denominator
    for (grain, start), (numerator, denominator) in sums.items():
        if numerator or denominator:
            yield grain, start, numerator, denominator


def slices(department: str | None, district: str | None) -> tuple[Slice, ...]:
    """Return the slices that a fact belongs to: the city, its department, its district."""
    if department is None:
        return (CITY,) if district is None else (CITY, (2, district))
    return (CITY, (1, department)) if district is None else (CITY, (1, department), (2, district))
