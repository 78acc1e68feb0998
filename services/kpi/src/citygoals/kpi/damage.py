"""Damage: what is wrong with the ledger itself, which no rebuild can put right."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from asyncpg.pgproto.pgproto import UUID

from citygoals.kpi import store
from citygoals.kpi.entries import EntryReader
from citygoals.shared.errors import Malformed
from citygoals.shared.period import CityCalendar
from citygoals.shared.postgres import Connection

PAGE_ENTRIES = 2_000
NAMED_MAX = 5

RESTORE = "restore a backup"


def lost(differences: Sequence[dict[str, Any]]) -> str | None:
    """Return what totals and lanes say of the ledger's entries, None where they say the same as it."""
    named = [_told(one) for one in differences[:NAMED_MAX]]
    if not named:
        return None
    return f"the ledger has not the entries that were counted: {', '.join(named)}; {RESTORE}"


def _told(difference: dict[str, Any]) -> str:
    what = f"lane {difference['lane']}" if "lane" in difference else difference["total"]
    return f"{what} has {difference['rebuilt']} of {difference['stored']}"


async def unreadable(connection: Connection, calendar: CityCalendar) -> str | None:
    """Return which entries of the ledger are not what intake admitted, None where all are."""
    named, reader = [], EntryReader(calendar)
    async for row in _rows(connection):
        wrong = _wrong(row, reader)
        if wrong is not None:
            named.append(f"number {row['seq']} of lane {row['lane']} at position {row['position']} ({wrong})")
        if len(named) == NAMED_MAX:
            break
    return f"the ledger has entries that cannot be read: {', '.join(named)}; {RESTORE}" if named else None


async def _rows(connection: Connection) -> AsyncIterator[Any]:
    last = (-1, 0)
    while rows := await connection.fetch(store.SQL.read_ledger_page, *last, PAGE_ENTRIES):
        for row in rows:
            yield row
        last = rows[-1]["lane"], rows[-1]["seq"]


def _wrong(row: Any, reader: EntryReader) -> str | None:
    try:
        entry = reader.read(row["body"])
    except Malformed as error:
        return str(error)
    is_that = (entry.lane, entry.seq, UUID(entry.key)) == (row["lane"], row["seq"], row["key"])
    return None if is_that else "it is another entry"
