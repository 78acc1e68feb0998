"""The tables of drafts: what was asked for, how far each draft is, and its inactive cells."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asyncpg.pgproto.pgproto import UUID

from citygoals.kpi.contributions import CellKey, KeyPlace
from citygoals.kpi.deltas import Changes, combine, risen
from citygoals.kpi.store import CELLS_AT_ONCE, SQL, cell_row, key_place
from citygoals.shared.changeset import CellRow
from citygoals.shared.errors import Conflict
from citygoals.shared.figures import Cell
from citygoals.shared.literals import plain_array, text_array
from citygoals.shared.postgres import Connection


class Overtaken(Conflict):
    """The draft was given up, begun again or moved by somebody else: this computation of it counts no more."""


class WorkerDied(Overtaken):
    """A process that folded for the draft has died; what was put down before is still there."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a draft is.

    Of the facts of the entries up to position `until`, those up to `fact` are in; once all are, `position` says up to
    where every entry is in, and is 0 before. `counts` tells what is counted: with another one, it is another draft.
    """

    draft: int
    counts: str
    until: int
    fact: UUID
    position: int
    entries: int

    @property
    def is_whole(self) -> bool:
        """Whether everything up to `until` is in."""
        return self.position >= self.until


async def begin(connection: Connection, draft: int, counts: str, until: int) -> Progress:
    """Begin a draft from nothing, whatever there was of it."""
    async with connection.transaction():
        await forget(connection, draft)
        await connection.execute(SQL.begin_progress, draft, counts, until)
        progress = await read_progress(connection, draft)
    assert progress is not None
    return progress


async def read_progress(connection: Connection, draft: int) -> Progress | None:
    """Return how far the draft is, None where it is not begun."""
    row = await connection.fetchrow(SQL.read_progress, draft)
    return None if row is None else Progress(**row)


async def forget(connection: Connection, draft: int) -> None:
    """Delete everything that was computed of a draft. A computation that still runs is overtaken by that."""
    async with connection.transaction():
        for statement in (SQL.forget_progress, SQL.forget_draft_cells, SQL.forget_draft_keys):
            await connection.execute(statement, draft)


async def put(
    connection: Connection, before: Progress, after: Progress, parts: AsyncIterator[Changes], *, gets_on: bool = False
) -> None:
    """Add changes, part by part, to a draft's cells and say how far it is now, all of it or nothing.

    One that `gets_on` has come past what an earlier attempt may have broken off at.

    Raises:
        Overtaken: the draft is no longer where it was `before`.
    """
    async with connection.transaction():
        steps = (before.fact, before.position, after.fact, after.position, after.entries)
        if await connection.fetchval(SQL.move_progress, before.draft, *steps) is None:
            raise Overtaken(f"draft {before.draft} is no longer at position {before.position}, fact {before.fact}")
        if gets_on:
            await connection.execute(SQL.forget_attempts, before.draft)
        async for changes in parts:
            await _change(connection, before.draft, changes)


async def _change(connection: Connection, draft: int, changes: Changes) -> None:
    cells = changes.cells
    if changes.keys:
        counts = await _change_keys(connection, draft, changes.keys)
        cells = combine(cells, risen(changes.keys, counts))
    await _change_cells(connection, draft, cells)


async def _change_cells(connection: Connection, draft: int, changes: Mapping[CellKey, Cell]) -> None:
    keys = sorted(changes)
    for first in range(0, len(keys), CELLS_AT_ONCE):
        some = keys[first : first + CELLS_AT_ONCE]
        numbers = zip(*[changes[key] for key in some], strict=True)
        await connection.execute(SQL.change_draft_cells, draft, *_places(some), *map(plain_array, numbers))


async def _change_keys(connection: Connection, draft: int, changes: Mapping[KeyPlace, int]) -> dict[KeyPlace, int]:
    places = sorted(changes)
    after: dict[KeyPlace, int] = {}
    for first in range(0, len(places), CELLS_AT_ONCE):
        some = places[first : first + CELLS_AT_ONCE]
        hashes = plain_array([place[5].hex() for place in some])
        counts = plain_array([changes[place] for place in some])
        columns = _places([place[:5] for place in some])
        rows = await connection.fetch(SQL.change_draft_keys, draft, *columns, hashes, counts)
        after |= {key_place(row): row["items"] for row in rows}
    return after


def _places(keys: Sequence[CellKey]) -> tuple[str, ...]:
    """Return the columns of the cells' addresses, each as the text of an array."""
    kpis, grains, starts, dimensions, members = zip(*keys, strict=True)
    return (text_array(kpis), *map(plain_array, (grains, starts, dimensions)), text_array(members))


async def switch(connection: Connection, draft: int, kpis: Sequence[str], series: Sequence[str]) -> list[CellRow]:
    """Put a draft's cells and counts of keys in the place of the active ones; return each cell that is another now."""
    await connection.execute(SQL.switch_keys, draft, kpis)
    return [cell_row(row) for row in await connection.fetch(SQL.switch_cells, draft, series)]


async def end_draft(
    connection: Connection, draft: int, state: str, *, position: int | None = None, error: str | None = None
) -> bool:
    """Say what became of an open draft; one that failed can still be given up. False says that it was neither."""
    return await connection.fetchval(SQL.end_draft, draft, state, position, error) is not None


async def read_draft(connection: Connection, draft: int) -> Any:
    """Return a draft's row, with how far it is; None where there is none."""
    return await connection.fetchrow(SQL.read_draft, draft)
