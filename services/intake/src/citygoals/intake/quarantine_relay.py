"""Tells the city's operators on QUARANTINE what was refused, and forgets what is old."""

import asyncio
from datetime import timedelta
from time import monotonic

import orjson
import structlog

from citygoals.shared.bus import Bus
from citygoals.shared.outage import is_away
from citygoals.shared.postgres import Pool, Statements, transaction

log = structlog.get_logger(__name__)

EVERY_S = 0.5
AWAY_S = 2.0  # between attempts while the database or the bus is away
ROWS_MAX = 100
FORGET_EVERY_S = 3600.0


class QuarantineRelay:
    """Publishes refusals: reason and identity, never the content."""

    def __init__(self, bus: Bus, pool: Pool, sql: Statements, *, keep_days: int) -> None:
        self._bus, self._pool, self._sql = bus, pool, sql
        self._keep = timedelta(days=keep_days)
        self._forget_at = monotonic()

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            try:
                while await self.publish() == ROWS_MAX:
                    pass
                await self._forget()
            except Exception as error:
                if not is_away(error):
                    raise
                log.warning("quarantine not published", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(AWAY_S)
            await asyncio.sleep(EVERY_S)

    async def publish(self) -> int:
        """Publish a page of what nobody has published yet; return how many."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(self._sql.unpublished_quarantine, ROWS_MAX)
            for row in rows:
                identity = {name: row[name] for name in ("id", "system", "door", "source", "event_id", "type")}
                identity |= {"recorded_at": row["recorded_at"], "errors": orjson.loads(row["errors"])}
                await self._bus.bury("intake", row["code"], identity, msg_id=f"intake-{row['id']}")
            await connection.execute(self._sql.mark_published, [row["id"] for row in rows])
        return len(rows)

    async def _forget(self) -> None:
        if monotonic() >= self._forget_at:
            await self._pool.execute(self._sql.forget_quarantine, self._keep)
            self._forget_at = monotonic() + FORGET_EVERY_S
