"""Runs: aligned stretches of positions merged into one body each, so that reading the past replays dozens of rows."""

import asyncio
from collections.abc import Sequence
from typing import Any

from citygoals.reporting.cells import DIMENSIONS, Totals
from citygoals.reporting.packed import NumberedCell, pack, unpack
from citygoals.reporting.queries import SQL, totals_of
from citygoals.reporting.store import totals_text
from citygoals.shared.postgres import Pool

RUN_POSITIONS = 64
RUNS_A_LOOK = 32


async def merge_runs(pool: Pool) -> int:
    """Merge complete runs that are not merged yet, oldest first, a few at a time; return how many."""
    row = await pool.fetchrow(SQL.read_last_run)
    assert row is not None
    first = max(row["merged"] or 0, (row["oldest"] or 1) - 1) // RUN_POSITIONS * RUN_POSITIONS
    ends = range(first + RUN_POSITIONS, (row["newest"] or 0) + 1, RUN_POSITIONS)[:RUNS_A_LOOK]
    for end in ends:
        rows = await pool.fetch(SQL.read_unmerged, end - RUN_POSITIONS, end)
        totals, *bodies = await asyncio.to_thread(_merged, [tuple(one) for one in rows])
        await pool.execute(SQL.add_run, end, totals, *bodies)
    return len(ends)


def _merged(rows: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return a run's totals and its cells by dimension, from those of its positions in order."""
    totals = None
    for text in [row[0] for row in rows if row[0] is not None]:
        step = totals_of(text)
        totals = (totals or Totals()).after(step.events, step.by_type)
    bodies = [_last_values([row[index] for row in rows]) for index in range(1, 1 + len(DIMENSIONS))]
    return totals_text(totals) if totals is not None else None, *bodies


def _last_values(bodies: Sequence[bytes]) -> bytes:
    cells: dict[tuple[int, int], NumberedCell] = {}
    for body in bodies:
        for number, start, numerator, denominator, events in zip(*unpack(body), strict=True):
            cells[number, start] = (number, start, numerator, denominator, events)
    return pack(sorted(cells.values()))
