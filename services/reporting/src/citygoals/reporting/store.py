"""Writing: complete, contiguous positions become cells, history and a new head, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import chain
from typing import Any

import orjson

from citygoals.reporting.addresses import Address, Addresses, add
from citygoals.reporting.cells import DIMENSIONS, Totals
from citygoals.reporting.definitions import DEFINED, records_of, roster_of
from citygoals.reporting.packed import NumberedCell, pack
from citygoals.reporting.queries import SQL, reachable, totals_of
from citygoals.shared.changeset import Changeset
from citygoals.shared.literals import plain_array
from citygoals.shared.postgres import Connection, Pool, transaction


@dataclass(frozen=True, slots=True)
class Applied:
    """What a transaction found and did: the position before it, and the changesets that it applied."""

    before: int
    changesets: Sequence[Changeset]


class Store:
    """The projection's side of the database."""

    def __init__(self, pool: Pool, addresses: Addresses) -> None:
        self._pool = pool
        self._addresses = addresses

    async def position(self) -> int:
        """Return the last applied position, 0 before the first. Raises Unavailable."""
        async with reachable():
            return await self._pool.fetchval(SQL.read_position) or 0

    async def apply(self, changesets: Sequence[Changeset]) -> Applied:
        """Apply contiguous changesets in order, all of them or none; those that are applied already are left out.

        Nothing is applied when the first would leave a hole: `Applied.before` says where the database is.

        Raises:
            Unavailable: the database does not answer; whether it was applied is not known. Call again with the same.
        """
        async with reachable(), transaction(self._pool) as connection:
            head = await connection.fetchrow(SQL.lock_head)
            if head is None:
                await connection.execute(SQL.hold_beginning)
                head = await connection.fetchrow(SQL.lock_head)
            before = head["position"] if head is not None else 0
            fresh = [one for one in changesets if one.position > before]
            if not fresh or fresh[0].position != before + 1:
                return Applied(before, ())
            totals = totals_of(head["totals"]) if head is not None else Totals()
            numbered = await self._write(connection, fresh, totals)
        self._addresses.learn(numbered)
        return Applied(before, fresh)

    async def _write(
        self, connection: Connection, changesets: Sequence[Changeset], totals: Totals
    ) -> list[tuple[int, Address]]:
        addresses = [[(row[0], row[1], row[3], row[4]) for row in one.cells] for one in changesets]
        numbered = await self._number(connection, set(chain.from_iterable(addresses)))
        ids = self._addresses.ids
        if numbered:
            ids = {**ids, **{address: number for number, address in numbered}}
        rows = _Rows(totals=totals)
        for one, named in zip(changesets, addresses, strict=True):
            rows.add(one, [ids[address] for address in named])
        await connection.execute(SQL.upsert_cells, *map(plain_array, _columns(sorted(rows.cells.values()), 5)))
        touched = [(*key, at) for key, at in sorted(rows.buckets.items())]
        await connection.execute(SQL.touch_buckets, *map(plain_array, _columns(touched, 4)))
        await connection.execute(SQL.append_history, *_columns(rows.history, 8))
        for one in changesets:
            if one.definitions is not None:
                texts = [*map(_text, map(one.definitions.get, DEFINED)), _text(records_of(one.definitions))]
                texts.append(_text(roster_of(one.definitions)))
                await connection.execute(SQL.append_definition, one.position, *texts, one.recorded_at)
        last = changesets[-1]
        lanes, counts = _text(dict(last.lanes)), totals_text(rows.totals)
        await connection.execute(SQL.move_head, last.position, last.recorded_at, last.tick, lanes, counts)
        return numbered

    async def _number(self, connection: Connection, wanted: set[Address]) -> list[tuple[int, Address]]:
        """Return numbers for the addresses that have none yet; other processes may have added some."""
        if wanted <= self._addresses.ids.keys():
            return []
        await self._addresses.refresh(connection)
        missing = wanted - self._addresses.ids.keys()
        return await add(connection, sorted(missing)) if missing else []


@dataclass(slots=True)
class _Rows:
    """The rows of one transaction: the last value of each cell, a history row for each position, touched buckets."""

    totals: Totals
    cells: dict[tuple[int, int], NumberedCell] = field(default_factory=dict)
    history: list[tuple[Any, ...]] = field(default_factory=list)
    buckets: dict[tuple[str, bool, int], int] = field(default_factory=dict)

    def add(self, one: Changeset, numbers: Sequence[int]) -> None:
        """Take in the next position; `numbers` are its cells' series."""
        bodies: dict[str, list[NumberedCell]] = {dimension: [] for dimension in DIMENSIONS}
        places = set()
        for number, row in zip(numbers, one.cells, strict=True):
            _, grain, start, dimension, _, numerator, denominator, events = row
            cell = (number, start.toordinal(), numerator, denominator, events)
            bodies[dimension].append(cell)
            self.cells[cell[:2]] = cell
            places.add((dimension, grain == "day", start))
        for dimension, days, start in places:
            self.buckets[dimension, days, bucket_of(start, days=days)] = one.position
        self.totals = self.totals.after(one.events_total, one.by_type)
        changed = None if one.events_total is None else totals_text(Totals(one.events_total, one.by_type))
        self.history.append((one.position, one.recorded_at, one.tick, changed, *map(pack, bodies.values())))


@lru_cache(maxsize=4096)
def bucket_of(start: date, *, days: bool) -> int:
    """Return the bucket of a checkpoint that a cell belongs to: the ordinal of its month's or its year's first day."""
    return (start.replace(day=1) if days else start.replace(month=1, day=1)).toordinal()


def totals_text(totals: Totals) -> str:
    """Return totals as the tables keep them."""
    return orjson.dumps({"events": totals.events, "by_type": dict(totals.by_type)}).decode()


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(count)]


def _text(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
