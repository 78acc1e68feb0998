"""What kpi answers over request and reply: the archive of changesets, lineage both ways, the departments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from citygoals.kpi.lineage import Lineage
from citygoals.kpi.restated import Restated
from citygoals.kpi.standing import KnownDefinitions
from citygoals.kpi.store import SQL
from citygoals.shared.bus import Bus
from citygoals.shared.connection import JsonHandler
from citygoals.shared.errors import Malformed
from citygoals.shared.period import CityCalendar
from citygoals.shared.postgres import Pool, snapshot

PAGE_POSITIONS_MAX = 1_000
PAGE_BYTES_MAX = 560 * 1024
"""Of the bodies as they are. Inside a JSON string their quotes are escaped, and the whole must stay below 700 KiB."""


@dataclass(frozen=True, slots=True)
class Archive:
    """Answers for the outbox, which is kept for ever."""

    pool: Pool

    async def changesets(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Return {"changesets", "position"}: parts from `from` (and `part`) on, of at most `limit` positions."""
        first, part = _natural(query, "from", 1), _natural(query, "part", 1)
        limit = min(_natural(query, "limit", PAGE_POSITIONS_MAX), PAGE_POSITIONS_MAX)
        async with snapshot(self.pool) as connection:
            position = await connection.fetchval("SELECT position FROM applier")
            rows = await connection.fetch(SQL.read_changesets, first, part, limit, PAGE_BYTES_MAX)
        return {"changesets": [row["body"].decode() for row in rows], "position": position}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Answers for the catalogue that holds."""

    pool: Pool
    _read: KnownDefinitions = field(default_factory=KnownDefinitions)

    async def departments(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """Return {"departments"}: the ids that an event may name, besides `unassigned`."""
        async with self.pool.acquire() as connection:
            definitions = await self._read(connection)
        return {"departments": list(definitions.departments)}


async def answer(bus: Bus, pool: Pool, calendar: CityCalendar) -> None:
    """Answer for as long as the bus is open; every kpi process does, leader or not."""
    for subject, handler in handlers(pool, calendar).items():
        await bus.serve(subject, "kpi", handler)


def handlers(pool: Pool, calendar: CityCalendar) -> dict[str, JsonHandler]:
    """Return who answers which subject."""
    archive, lineage, catalogue = Archive(pool), Lineage(pool, calendar), Catalogue(pool)
    restated = Restated(pool, calendar)
    return {
        "city.ask.kpi.changesets": archive.changesets,
        "city.ask.kpi.lineage": lineage.items,
        "city.ask.kpi.entry": lineage.entry,
        "city.ask.kpi.restated": restated.entries,
        "city.ask.kpi.departments": catalogue.departments,
    }


def _natural(query: Mapping[str, Any], name: str, default: int) -> int:
    value = query.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**62:
        raise Malformed(f"`{name}` is a number from 1 on")
    return value
