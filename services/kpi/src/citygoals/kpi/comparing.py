"""Comparing a rebuild with what is stored: cells, counts of keys, totals and lanes, to the last digit."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from citygoals.kpi import store
from citygoals.kpi.contributions import DIMENSIONS
from citygoals.kpi.standing import read_series
from citygoals.shared.period import GRAINS
from citygoals.shared.postgres import Connection

DIFFERENCES_SHOWN = 20

Differences = list[dict[str, Any]]


async def differing_cells(connection: Connection, draft: int, kpis: Iterable[str]) -> tuple[int, Differences]:
    """Return how many cells and counts of keys of the draft differ from the active ones, and the first few."""
    names = list(kpis)
    series = list(await read_series(connection, names))
    cells = await connection.fetch(store.SQL.compare_cells, draft, series, DIFFERENCES_SHOWN)
    keys = await connection.fetch(store.SQL.compare_keys, draft, names, DIFFERENCES_SHOWN)
    total = sum(rows[0]["differences"] for rows in (cells, keys) if rows)
    return total, [*map(_cell, cells), *map(_key, keys)]


async def differing_counts(connection: Connection, counted: Counter[str]) -> Differences:
    """Return the types of which the ledger has another number of entries than the totals say, and lanes with holes."""
    totals = await store.read_totals(connection)
    lanes = await connection.fetch(store.SQL.check_lanes)
    return [
        *(
            {"total": name, "stored": totals.get(name, 0), "rebuilt": counted.get(name, 0)}
            for name in sorted({*counted, *totals})
            if totals.get(name, 0) != counted.get(name, 0)
        ),
        *({"lane": row["lane"], "stored": row["next_seq"] - 1, "rebuilt": row["numbers"]} for row in lanes),
    ]


async def counted_entries(connection: Connection) -> Counter[str]:
    """Return how many entries of each type the ledger has."""
    rows = await connection.fetch(store.SQL.count_entries)
    return Counter({row["type"]: row["events"] for row in rows})


def _cell(row: Any) -> dict[str, Any]:
    stored = [row["stored_numerator"], row["stored_denominator"], row["stored_events"]]
    rebuilt = [row["numerator"], row["denominator"], row["events"]]
    return {**_named(row), "stored": _texts(stored), "rebuilt": _texts(rebuilt)}


def _texts(numbers: list[Any]) -> list[str] | None:
    return None if numbers[0] is None else list(map(str, numbers))


def _key(row: Any) -> dict[str, Any]:
    return {**_named(row), "key": row["key"].hex, "stored": row["stored"], "rebuilt": row["items"]}


def _named(row: Any) -> dict[str, Any]:
    return {
        "kpi": row["kpi"],
        "grain": GRAINS[row["grain"]],
        "start": row["start"].isoformat(),
        DIMENSIONS[row["dimension"]]: row["member"],
    }
