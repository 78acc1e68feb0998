"""From a few events to a figure of the sample city, through the functions that the services use."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from citygoals.kpi.calendars import Calendars
from citygoals.kpi.contributions import CITY, CellKey, contribution
from citygoals.kpi.entries import Entry, EntryReader
from citygoals.kpi.folds import fold
from citygoals.kpi.measures import Measures
from citygoals.shared.cells import NO_CELL, Cell, kpi_of
from citygoals.shared.figures import Figure, figure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import GRAINS, CityCalendar, Period
from citygoals.shared.reading import Almanac, Now, Reading
from citygoals.shared.sample import load_looked_up, load_sample

CITY_CALENDAR = CityCalendar("America/Denver", 9)
BUSINESS, TABLES = load_looked_up()
CALENDARS = Calendars.of(CITY_CALENDAR, BUSINESS)
NOW = Now(date(2026, 11, 21), 12)

Event = tuple[str, datetime, dict[str, Any]]


def on(when: str) -> datetime:
    """The local instant, for example "2026-11-02 09:00"."""
    return datetime.fromisoformat(when).replace(tzinfo=ZoneInfo("America/Denver"))


def event(fact: str, when: str, **data: Any) -> Event:
    """One event; `fact` is for example payment.settled, `when` is local time."""
    return fact, on(when), data


def figures(events: Iterable[Event], period: str = "FY2027", kpis: Iterable[KpiDef] = ()) -> dict[str, Figure]:
    """Return the city's figure of every KPI of the sample and of `kpis`, by id, at noon of 21 November 2026."""
    catalogue = [*load_sample()[1], *kpis]
    whole = CITY_CALENDAR.parse(period, NOW.day)
    almanac = Almanac(CITY_CALENDAR, NOW, {table.id: table for table in TABLES})
    reading = _reading(_cells(events, Measures(catalogue, CALENDARS)), whole)
    found: dict[str, Figure] = {}
    for kpi in sorted(catalogue, key=lambda kpi: kpi.is_derived):
        found[kpi.id] = figure(kpi, reading, period=whole, almanac=almanac, others=_own(found))
    return found


def _own(found: dict[str, Figure]) -> dict[str, Figure]:
    return {name: one for name, one in found.items() if not one.kpi.is_derived}


def _cells(events: Iterable[Event], measures: Measures) -> dict[CellKey, Cell]:
    facts: dict[bytes, list[Entry]] = defaultdict(list)
    for number, (fact, at, data) in enumerate(events):
        entry = _entry(number, fact, at, data)
        facts[entry.fact].append(entry)
    sums: dict[CellKey, Cell] = defaultdict(lambda: NO_CELL)
    for entries in facts.values():
        for key, cell in contribution(fold(entries, CITY_CALENDAR), measures, CITY_CALENDAR).items():
            sums[key] = sums[key].plus(cell)
    return sums


def _entry(number: int, fact: str, at: datetime, data: dict[str, Any]) -> Entry:
    body = {
        "specversion": "1.0", "type": f"city.{fact}.v1", "source": "/systems/test", "id": f"e-{number}",
        "time": at.astimezone(UTC).isoformat(), "data": data, "lane": 1, "sequence": f"{number:020d}",
        "recordedtime": at.astimezone(UTC).isoformat(), "namespace": "test",
    }  # fmt: skip
    return EntryReader(CITY_CALENDAR).read(json.dumps(body).encode())


def _reading(cells: dict[CellKey, Cell], period: Period) -> Reading:
    reading, last_days = Reading(), dict[str, date]()
    for (series, grain, start, dimension, member), cell in cells.items():
        if (dimension, member) != CITY:
            continue
        if (GRAINS[grain], start) == (period.grain, period.start):
            reading.put_cell(series, cell)
        if GRAINS[grain] == "day":
            reading.put_day(series, start, cell)
            if start <= period.last:
                last_days[kpi_of(series)] = max(start, last_days.get(kpi_of(series), start))
    reading.last_days = last_days
    return reading
