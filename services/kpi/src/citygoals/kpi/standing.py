"""Reading where the last tenure left off, and the board of a day."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from citygoals.kpi import store
from citygoals.kpi.board import Board, board, now_at, open_period
from citygoals.kpi.changes import Engine
from citygoals.kpi.contributions import FISCAL_YEAR
from citygoals.kpi.definitions import DEFINITION_TYPES, Definitions
from citygoals.kpi.own_entries import hour_of
from citygoals.kpi.state import State
from citygoals.shared.cells import kpi_of
from citygoals.shared.events import decode
from citygoals.shared.figures import Cell
from citygoals.shared.kpi import KpiDef
from citygoals.shared.parts import dated_series
from citygoals.shared.period import CityCalendar, Period
from citygoals.shared.postgres import Connection
from citygoals.shared.reading import Almanac, Now, Reading, first_day

DEFINITIONS_REMEMBERED = 8


async def read_state(connection: Connection, calendar: CityCalendar, now: datetime) -> State:
    """Return everything that the applier must know at its position. Where no tick was yet, now is the hour of `now`."""
    header = await store.read_header(connection)
    definitions = await read_definitions(connection)
    tick = header.tick or hour_of(now, calendar)
    return State(
        position=header.position,
        recorded_at=header.recorded_at or now,
        tick=tick,
        events_total=header.events_total,
        lanes=await store.read_lanes(connection),
        totals=await store.read_totals(connection),
        definitions=definitions,
        engine=Engine(definitions.kpis.values(), definitions.ready(calendar)),
        board=await read_board(connection, definitions, calendar, now_at(calendar, tick)),
    )


async def read_definitions(connection: Connection, *, until: int | None = None) -> Definitions:
    """Return the definitions that hold (or held at the position `until`), from every one that was ever applied."""
    definitions = Definitions()
    for position, body in await store.read_definitions(connection, DEFINITION_TYPES):
        if until is None or position <= until:
            event = decode(body)
            definitions = definitions.after(event.type, event.data, position, event.occurred_at)
    return definitions


class KnownDefinitions:
    """Reads definitions and remembers the last few: they change seldom, and reading a plan takes many milliseconds."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], Definitions] = {}

    async def __call__(self, connection: Connection, *, until: int | None = None) -> Definitions:
        """Return the definitions that hold, or held at the position `until`."""
        positions = await store.read_definition_positions(connection, DEFINITION_TYPES)
        key = tuple(position for position in positions if until is None or position <= until)
        if key not in self._known:
            if len(self._known) >= DEFINITIONS_REMEMBERED:
                self._known.clear()
            self._known[key] = await read_definitions(connection, until=until)
        return self._known[key]


async def read_board(connection: Connection, definitions: Definitions, calendar: CityCalendar, now: Now) -> Board:
    """Return the board of the fiscal year that is open."""
    period = open_period(calendar, now.day)
    series = await read_series(connection, definitions.kpis)
    reading = Reading()
    for row in await connection.fetch(store.SQL.read_city_cells, list(series), FISCAL_YEAR, period.start):
        reading.put_cell(row["kpi"], _cell(row))
    firsts = [
        (name, first) for name, kpi in series.items() if (first := _first_day(definitions, kpi, period, calendar))
    ]
    names, days = zip(*firsts, strict=True) if firsts else ((), ())
    for row in await connection.fetch(store.SQL.read_city_days, names, days, period.end):
        reading.put_day(row["kpi"], row["start"], _cell(row))
    last_days = await read_last_days(connection, definitions.kpis.values(), period)
    almanac = Almanac(calendar, now, definitions.references, definitions.committed)
    return board(definitions, period, almanac, reading, last_days)


def _first_day(definitions: Definitions, kpi: str, period: Period, calendar: CityCalendar) -> date | None:
    return first_day(definitions.kpis[kpi], period, calendar)


async def read_last_days(connection: Connection, kpis: Iterable[KpiDef], period: Period) -> dict[str, date]:
    """Return the last day with data of each KPI, up to the period's end."""
    dated = [series for series in map(dated_series, kpis) if series is not None]
    rows = await connection.fetch(store.SQL.read_last_days, dated, period.last)
    return {kpi_of(row["kpi"]): row["start"] for row in rows}


async def read_series(connection: Connection, kpis: Iterable[str]) -> dict[str, str]:
    """Return the KPI of each series of the KPIs."""
    return {row["name"]: row["kpi"] for row in await connection.fetch(store.SQL.read_series, list(kpis))}


def _cell(row: Any) -> Cell:
    return Cell(row["numerator"], row["denominator"], row["events"])
