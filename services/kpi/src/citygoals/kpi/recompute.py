"""Cells computed anew from whole facts of the ledger, in one pass of bounded memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from citygoals.kpi.calendars import Calendars
from citygoals.kpi.changes import Engine
from citygoals.kpi.deltas import Changes, combine, risen
from citygoals.kpi.entries import Entry, EntryReader
from citygoals.kpi.store import SQL
from citygoals.shared.kpi import KpiDef
from citygoals.shared.postgres import Connection

CHUNK_ENTRIES = 2_000

Progress = Callable[[int], None]


async def recomputed(
    connection: Connection, kpis: Iterable[KpiDef], calendars: Calendars, *, on_entries: Progress | None = None
) -> Changes:
    """Return every cell and every count of a key of the KPIs that is not zero, as the ledger of the transaction tells it.

    `on_entries` is told how many entries each step has read. The transaction's statements are given all the time that
    they need: sorting a large ledger takes some.
    """
    await connection.execute("SET LOCAL statement_timeout = 0")
    engine = Engine(kpis, calendars)
    async for entries in _whole_facts(connection, engine.fact_types, EntryReader(calendars.city)):
        for _ in engine.take(entries, {}):
            await asyncio.sleep(0)  # events go on flowing meanwhile
        if on_entries is not None:
            on_entries(len(entries))
    return await asyncio.to_thread(_whole, engine)


def _whole(engine: Engine) -> Changes:
    """Return what the engine has taken in, from nothing on: each key that is counted is a thing."""
    cells, keys = engine.take_changes()
    return Changes(combine(cells, risen(keys, keys)) if keys else cells, keys)


async def _whole_facts(connection: Connection, types: Iterable[str], reader: EntryReader) -> AsyncIterator[list[Entry]]:
    """Yield runs of entries, none of which cuts a fact in two."""
    cursor = await connection.cursor(SQL.read_facts, list(types))
    held: list[Entry] = []
    while rows := await cursor.fetch(CHUNK_ENTRIES):
        held += [reader.read(row["body"]) for row in rows]
        cut = _last_cut(held)
        if cut:
            yield held[:cut]
            held = held[cut:]
    if held:
        yield held


def _last_cut(entries: list[Entry]) -> int:
    """Return where the last fact begins: it may go on in the next chunk."""
    last = entries[-1].fact
    return next((index + 1 for index in range(len(entries) - 1, -1, -1) if entries[index].fact != last), 0)
