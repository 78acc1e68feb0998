"""Rebuilding: all cells computed anew from the ledger and compared with the stored ones, at one position, to the last digit."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from citygoals.kpi import store
from citygoals.kpi.contributions import DIMENSIONS, CellKey, KeyPlace
from citygoals.kpi.recompute import recomputed
from citygoals.kpi.standing import read_cells, read_definitions, read_key_counts
from citygoals.shared.ending import end
from citygoals.shared.figures import Cell
from citygoals.shared.period import GRAINS, CityCalendar
from citygoals.shared.postgres import Connection, Pool, snapshot

DIFFERENCES_SHOWN = 20
KEPT = 20


@dataclass(slots=True, kw_only=True)
class Rebuild:
    """One comparison, running or done."""

    id: str
    status: str = "running"
    position: int | None = None
    entries: int = 0
    entries_total: int | None = None
    cells: int | None = None
    identical: bool | None = None
    differences: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    began: float = field(default_factory=monotonic)
    ended: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        took_ms = round(((self.ended or monotonic()) - self.began) * 1000)
        shown = ("id", "status", "position", "entries", "entries_total", "cells", "identical", "differences", "error")
        return {**{name: getattr(self, name) for name in shown}, "took_ms": took_ms}


class Rebuilds:
    """The comparisons of this process: one at a time, the last few kept."""

    def __init__(self, pool: Pool, calendar: CityCalendar) -> None:
        self._pool = pool
        self._calendar = calendar
        self._known: dict[str, Rebuild] = {}
        self._task: asyncio.Task[None] | None = None
        self._count = 0

    def start(self) -> Rebuild:
        """Begin a comparison, or return the one that is running."""
        running = [one for one in self._known.values() if one.status == "running"]
        if running:
            return running[0]
        self._count += 1
        rebuild = Rebuild(id=str(self._count))
        self._known[rebuild.id] = rebuild
        for old in list(self._known)[:-KEPT]:
            del self._known[old]
        self._task = asyncio.create_task(self._run(rebuild))
        return rebuild

    def find(self, identity: str) -> Rebuild | None:
        """Return a comparison of this process by its id."""
        return self._known.get(identity)

    async def close(self) -> None:
        """End the one that is running."""
        if self._task is not None:
            await end(self._task)

    async def _run(self, rebuild: Rebuild) -> None:
        try:
            await verify(self._pool, self._calendar, rebuild)
            rebuild.status = "done"
        except Exception as error:
            rebuild.status, rebuild.error = "failed", f"{type(error).__name__}: {error}"
            raise
        finally:
            rebuild.ended = monotonic()


async def verify(pool: Pool, calendar: CityCalendar, rebuild: Rebuild) -> None:
    """Fill in `rebuild` from one snapshot of the database: header, ledger and cells are of the same position."""
    async with snapshot(pool) as connection:
        header = await store.read_header(connection)
        rebuild.position = header.position
        definitions = await read_definitions(connection)
        kpis = definitions.kpis.values()
        counts = await _counts(connection)
        rebuild.entries_total = sum(counts.values())

        def advance(entries: int) -> None:
            rebuild.entries += entries

        calendars = definitions.ready(calendar)
        expected, keys = await recomputed(connection, kpis, calendars, on_entries=advance)
        stored = await read_cells(connection, definitions.kpis)
        rebuild.cells = len(expected)
        rebuild.differences = [
            *_count_differences(counts, await store.read_totals(connection)),
            *_lane_differences(await connection.fetch(store.SQL.check_lanes)),
            *await asyncio.to_thread(_cell_differences, expected, stored),
            *_key_differences(keys, await read_key_counts(connection, definitions.kpis)),
        ]
        rebuild.entries = rebuild.entries_total
        rebuild.identical = not rebuild.differences


async def _counts(connection: Connection) -> Counter[str]:
    rows = await connection.fetch(store.SQL.count_entries)
    return Counter({row["type"]: row["events"] for row in rows})


def _count_differences(counted: Counter[str], totals: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {"total": name, "stored": totals.get(name, 0), "rebuilt": counted.get(name, 0)}
        for name in sorted({*counted, *totals})
        if totals.get(name, 0) != counted.get(name, 0)
    ]


def _lane_differences(rows: list[Any]) -> list[dict[str, Any]]:
    return [{"lane": row["lane"], "stored": row["next_seq"] - 1, "rebuilt": row["numbers"]} for row in rows]


def _cell_differences(expected: dict[CellKey, Cell], stored: dict[CellKey, Cell]) -> list[dict[str, Any]]:
    different = sorted(key for key in {*expected, *stored} if expected.get(key) != stored.get(key))
    return [_difference(key, stored.get(key), expected.get(key)) for key in different[:DIFFERENCES_SHOWN]]


def _key_differences(expected: dict[KeyPlace, int], stored: dict[KeyPlace, int]) -> list[dict[str, Any]]:
    different = sorted(place for place in {*expected, *stored} if expected.get(place) != stored.get(place))
    return [
        {**_named(place[:5]), "key": place[5].hex(), "stored": stored.get(place), "rebuilt": expected.get(place)}
        for place in different[:DIFFERENCES_SHOWN]
    ]


def _named(key: CellKey) -> dict[str, Any]:
    series, grain, start, dimension, member = key
    return {"kpi": series, "grain": GRAINS[grain], "start": start.isoformat(), DIMENSIONS[dimension]: member}


def _difference(key: CellKey, stored: Cell | None, rebuilt: Cell | None) -> dict[str, Any]:
    return {**_named(key), "stored": stored and list(map(str, stored)), "rebuilt": rebuilt and list(map(str, rebuilt))}
