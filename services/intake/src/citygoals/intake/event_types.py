"""The event types that may enter: those that ship, and the city's own, which every intake process learns in a second.

With them the departments of the catalogue, which the schemas ask for.
"""

import asyncio
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import structlog

from citygoals.intake.departments import Departments
from citygoals.shared.catalogue import Validator
from citygoals.shared.outage import is_away
from citygoals.shared.postgres import Pool, Statements, transaction

log = structlog.get_logger(__name__)

REFRESH_S = 1.0
AWAY_S = 2.0  # between attempts while the database is away


class CityType(NamedTuple):
    """A type that the city added."""

    type: str
    revision: int
    json_schema: str
    description: str
    created_at: datetime
    updated_at: datetime


class EventTypes:
    """The compiled schemas, kept as new as the database."""

    def __init__(self, pool: Pool, sql: Statements, departments: Departments) -> None:
        self._pool, self._sql, self._departments = pool, sql, departments
        self._revision = -1
        self._known_departments: frozenset[str] = frozenset()
        self.own: list[CityType] = []
        self.validator = Validator({})

    async def refresh(self) -> None:
        """Read the city's types anew if there is a newer one."""
        revision = await self._pool.fetchval(self._sql.event_type_revision)
        if revision != self._revision:
            rows = await self._pool.fetch(self._sql.event_types)
            self.own = [CityType(*row) for row in rows]
            self._revision = max((item.revision for item in self.own), default=0)
            self._compile()

    async def learn_departments(self) -> bool:
        """Ask for the departments; return whether they are others than before."""
        await self._departments.refresh()
        if self._departments.ids == self._known_departments:
            return False
        self._compile()
        return True

    def _compile(self) -> None:
        self._known_departments = self._departments.ids
        own = {item.type: orjson.loads(item.json_schema) for item in self.own}
        self.validator = Validator(own, departments=self._known_departments)

    async def run(self) -> None:
        """Refresh every second until cancelled."""
        while True:
            try:
                await self.refresh()
                await self.learn_departments()
            except Exception as error:
                if not is_away(error):
                    raise
                log.warning("event types not refreshed", error=type(error).__name__)
                await asyncio.sleep(AWAY_S)
            await asyncio.sleep(REFRESH_S)

    async def put(self, event_type: str, schema: dict[str, Any], description: str) -> tuple[CityType, bool]:
        """Add or replace a type; return it and whether it is new. The schema must have been checked."""
        async with transaction(self._pool) as connection:
            await connection.execute(self._sql.lock_event_types)
            row = await connection.fetchrow(
                self._sql.put_event_type, event_type, orjson.dumps(schema).decode(), description
            )
        assert row is not None, "an upsert returns its row"
        await self.refresh()
        return CityType(*row), row["created_at"] == row["updated_at"]
