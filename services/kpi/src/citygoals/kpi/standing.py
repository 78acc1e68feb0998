"""Reading where the last tenure left off, and the board of a day."""

from collections.abc import Iterable
from datetime import date, datetime

from citygoals.kpi import store
from citygoals.kpi.board import Board, board, open_period
from citygoals.kpi.changes import Engine
from citygoals.kpi.contributions import CellKey
from citygoals.kpi.definitions import DEFINITION_TYPES, Definitions
from citygoals.kpi.own_entries import hour_of
from citygoals.kpi.state import State
from citygoals.shared.events import decode
from citygoals.shared.figures import Cell
from citygoals.shared.period import CityCalendar
from citygoals.shared.postgres import Connection

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
        engine=Engine(definitions.kpis.values(), calendar),
        board=await read_board(connection, definitions, calendar, calendar.local_day(tick)),
    )


async def read_definitions(connection: Connection, *, until: int | None = None) -> Definitions:
    """Return the definitions that hold (or held at the position `until`), from every one that was ever applied."""
    definitions = Definitions()
    for position, body in await store.read_definitions(connection, DEFINITION_TYPES):
        if until is None or position <= until:
            event = decode(body)
            definitions = definitions.after(event.type, event.data, position)
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


async def read_board(connection: Connection, definitions: Definitions, calendar: CityCalendar, today: date) -> Board:
    """Return the board of the fiscal year that is open on `today`."""
    period = open_period(calendar, today)
    cells = await store.read_city_cells(connection, definitions.kpis, period)
    last_days = await store.read_last_days(connection, definitions.kpis, period)
    return board(definitions, period, today, cells, last_days)


async def read_cells(connection: Connection, kpis: Iterable[str]) -> dict[CellKey, Cell]:
    """Return every cell of the KPIs that is not zero."""
    rows = await connection.fetch(store.SQL.read_cells, list(kpis))
    return {
        (kpi, grain, start, dimension, member): Cell(int(numerator), int(denominator), events)
        for kpi, grain, start, dimension, member, numerator, denominator, events in rows
    }
