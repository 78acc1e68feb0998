"""Renewal: a ledger that an earlier release kept is brought to the present rules of facts, once, before anything is applied.

First the entries of the types concerned get the facts that they have now, in small steps; then the cells of the KPIs that
look at them are computed anew, in one position. Begun again after a break, it comes to the same. Positions before it keep
the figures that they had, so what was published of them never moves.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog

from citygoals.kpi import store
from citygoals.kpi.announcements import changeset_messages
from citygoals.kpi.calendars import Calendars
from citygoals.kpi.drafting import counts_of
from citygoals.kpi.entries import EntryReader
from citygoals.kpi.facts import RULES, types_changed_since
from citygoals.kpi.measures import compiled
from citygoals.kpi.standing import read_definitions
from citygoals.kpi.switching import AT_ONCE, Switch, switched
from citygoals.shared.changeset import CellRow, Changeset
from citygoals.shared.clock import Clock
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import CityCalendar
from citygoals.shared.postgres import Connection

log = structlog.get_logger(__name__)

PAGE_ENTRIES = 2_000
_FIRST = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))


async def renew(connection: Connection, calendar: CityCalendar, clock: Clock) -> None:
    """Bring the ledger and the cells to the present rules, if they are not. Raises Fenced."""
    rules = await connection.fetchval(store.SQL.read_rules)
    if rules == RULES:
        return
    if (await store.read_header(connection)).position == 0:
        await connection.execute(store.SQL.set_rules, RULES)
        return
    epoch = await store.begin_tenure(connection)  # whoever applied by the old rules commits nothing any more
    types = types_changed_since(rules)
    reader = EntryReader(calendar)
    moved = sum([await _renew_facts(connection, event_type, reader) for event_type in sorted(types)])
    async with connection.transaction():
        header = await store.read_header(connection)
        await store.hold_and_read(connection, (), epoch=epoch, position=header.position)
        await _renew_cells(connection, calendar, types, header, clock.now())
        await connection.execute(store.SQL.set_rules, RULES)
    log.info("ledger renewed", rules=RULES, before=rules, entries=moved)


async def _renew_facts(connection: Connection, event_type: str, reader: EntryReader) -> int:
    """Give the entries of a type the facts that they have now; return how many had another one."""
    moved, after = 0, _FIRST
    while rows := await connection.fetch(store.SQL.read_page_of_type, event_type, *after, PAGE_ENTRIES):
        facts = {row["key"]: UUID(bytes=reader.read(row["body"]).fact) for row in rows}
        other = {row["key"]: facts[row["key"]] for row in rows if facts[row["key"]] != row["fact"]}
        if other:
            await connection.execute(store.SQL.set_facts, list(other), list(other.values()))
        moved += len(other)
        after = (rows[-1]["occurred_at"], rows[-1]["key"])
    return moved


async def _renew_cells(
    connection: Connection, calendar: CityCalendar, types: frozenset[str], header: store.Header, now: datetime
) -> None:
    """Change the cells of the KPIs that look at the types to what the ledger says; if any differ, at a new position.

    It announces the changeset and no crossings: nothing has happened in the city.
    """
    definitions = await read_definitions(connection)
    calendars = definitions.ready(calendar)
    kpis = [kpi for kpi in definitions.kpis.values() if _looks_at(kpi, calendars, types)]
    if not kpis or header.tick is None:
        return
    switch = Switch(AT_ONCE, kpis, definitions, counts_of(kpis, definitions))
    rows = await switched(connection, switch, calendar, header.position)
    if rows:
        await _commit(connection, header, header.tick, rows, now)


def _looks_at(kpi: KpiDef, calendars: Calendars, types: frozenset[str]) -> bool:
    measure = compiled(kpi, calendars)
    return measure is not None and not measure.types.isdisjoint(types)


async def _commit(
    connection: Connection, header: store.Header, tick: datetime, rows: Sequence[CellRow], now: datetime
) -> None:
    position, recorded_at = header.position + 1, max(now, header.recorded_at or now)
    changeset = Changeset(position=position, recorded_at=recorded_at, tick=tick, cells=rows)
    commit = store.Commit(
        position=position,
        recorded_at=recorded_at,
        tick=tick,
        events_total=header.events_total,
        lanes={},
        totals={},
        messages=changeset_messages(changeset),
        traces=(),
    )
    await store.commit_position(connection, commit)
    log.info("cells renewed", position=position, cells=len(rows))
