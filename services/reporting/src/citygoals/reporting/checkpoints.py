"""Checkpoints: every so often, all cells that changed, from one snapshot, so that the past needs only a short replay."""

import asyncio
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from time import monotonic

import structlog

from citygoals.reporting.packed import pack_chunk
from citygoals.reporting.present import Present
from citygoals.reporting.queries import SQL, reachable
from citygoals.reporting.runs import RUNS_A_LOOK, merge_runs
from citygoals.shared.clock import Clock
from citygoals.shared.errors import Unavailable
from citygoals.shared.postgres import Connection, Pool

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0
PRUNE_EVERY_S = 3600.0
GRACE = timedelta(hours=3)
"""How much longer than declared the past is remembered: kpi, whose clock ticks by the hour, lets a publication pin what
is just within the retention, and that publication must be here before its position is forgotten."""


@dataclass(frozen=True, slots=True)
class CheckpointRule:
    """How much may have to be replayed, and for how long the past is kept (None: for ever)."""

    positions: int = 5000
    bytes: int = 16 << 20
    retention: timedelta | None = None


class Checkpointer:
    """Writes checkpoints behind the projection, and forgets what is past the retention."""

    def __init__(
        self, pool: Pool, present: Present, clock: Clock, rule: CheckpointRule, needed: Callable[[], int | None]
    ) -> None:
        """`needed` says from which position on history must stay, whatever its age; None: from nowhere, 0: all of it, for now."""
        self._pool = pool
        self._needed = needed
        self._present = present
        self._clock = clock
        self._rule = rule
        self._looked_at = 0
        self._pruned_at: float | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Look every few seconds until told to stop."""
        while not stop.is_set():
            try:
                await self.look()
            except Unavailable as error:
                log.warning("no checkpoint for now", reason=str(error))
            try:
                await asyncio.wait_for(stop.wait(), LOOK_EVERY_S)
            except TimeoutError:
                continue

    async def look(self) -> int | None:
        """Write a checkpoint if enough has changed since the last; return its position."""
        if self._present.position == self._looked_at:
            return None
        self._looked_at = self._present.position
        async with reachable():
            while await merge_runs(self._pool) == RUNS_A_LOOK:
                continue
            await self._prune()
            row = await self._pool.fetchrow(SQL.read_history_since_checkpoint)
            assert row is not None
            if row["positions"] < self._rule.positions and row["bytes"] < self._rule.bytes:
                return None
            return await self.write()

    async def write(self) -> int:
        """Write a checkpoint of the newest position. Only buckets that changed since the last one are written."""
        started = monotonic()
        async with (
            reachable(),
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read"),
        ):
            position: int = await connection.fetchval(SQL.read_position) or 0
            chunks = [tuple(row) for row in await connection.fetch(SQL.read_stale_buckets)]
            for dimension, days, bucket in chunks:
                await _write_chunk(connection, dimension, bucket, days=days, position=position)
            await connection.execute(SQL.add_checkpoint)
        log.info("checkpoint", position=position, chunks=len(chunks), seconds=round(monotonic() - started, 3))
        return position

    async def _prune(self) -> None:
        if self._rule.retention is None or (
            self._pruned_at is not None and monotonic() < self._pruned_at + PRUNE_EVERY_S
        ):
            return
        edge = self._clock.now() - self._rule.retention - GRACE
        async with self._pool.acquire() as connection, connection.transaction():
            kept = await connection.fetchval(SQL.find_oldest_kept, edge, self._needed())
            if kept is not None:
                self._pruned_at = monotonic()
                for statement in (SQL.prune_history, SQL.prune_runs, SQL.prune_checkpoints, SQL.prune_chunks):
                    await connection.execute(statement, kept)
                log.info("forgot the past before a checkpoint", position=kept)


async def _write_chunk(connection: Connection, dimension: str, bucket: int, *, days: bool, position: int) -> None:
    rows = await connection.fetch(
        SQL.read_bucket, dimension, days, bucket, _end_of(date.fromordinal(bucket), days=days)
    )
    body = await asyncio.to_thread(pack_chunk, [(row["id"], row["columns"]) for row in rows])
    await connection.execute(SQL.add_chunk, dimension, days, bucket, position, body)


def _end_of(bucket: date, *, days: bool) -> int:
    """Return the ordinal after a bucket's last: its month's for days, its year's for longer grains."""
    if not days:
        return bucket.replace(month=12, day=31).toordinal() + 1
    return bucket.toordinal() + monthrange(bucket.year, bucket.month)[1]
