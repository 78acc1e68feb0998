"""Which namespace a publisher's facts live in when it shows no key: the one that its key was granted."""

from time import monotonic

from citygoals.intake.gate import Publisher
from citygoals.shared.postgres import Pool, Statements

REMEMBERED_S = 3.0


class Namespaces:
    """Reads the grants of all systems, at most once in three seconds."""

    def __init__(self, pool: Pool, sql: Statements) -> None:
        self._pool, self._sql = pool, sql
        self._granted: dict[str, str] = {}
        self._until = 0.0

    async def publisher(self, system: str) -> Publisher:
        """Return the publisher that a subject's token names."""
        if monotonic() >= self._until:
            rows = await self._pool.fetch(self._sql.namespaces)
            self._granted = {row["system"]: row["namespace"] for row in rows}
            self._until = monotonic() + REMEMBERED_S
        return Publisher(system, self._granted.get(system, system))
