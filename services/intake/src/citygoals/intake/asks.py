"""What intake answers over request/reply: pages of the journal, and how far the lanes are."""

from typing import Any

from citygoals.shared.bus import Bus
from citygoals.shared.errors import Malformed
from citygoals.shared.postgres import Pool, Statements, snapshot
from citygoals.shared.topology import MAX_PAYLOAD_BYTES

JOURNAL, LANES, QUEUE = "city.ask.intake.journal", "city.ask.intake.lanes", "intake"
PAGE_BYTES_MAX = 700 << 10
PAGE_ENTRIES_MAX = 1000
# As a JSON string an entry grows: every quotation mark is escaped.
_ESCAPED, _ESCAPED_MOST = 1.5, 2.0

assert PAGE_BYTES_MAX / _ESCAPED * _ESCAPED_MOST < MAX_PAYLOAD_BYTES


class Asks:
    """Answers from the journal."""

    def __init__(self, pool: Pool, sql: Statements) -> None:
        self._pool, self._sql = pool, sql

    async def open(self, bus: Bus) -> None:
        """Start answering, together with the other intake processes."""
        await bus.serve(JOURNAL, QUEUE, self.journal)
        await bus.serve(LANES, QUEUE, self.lanes)

    async def journal(self, query: dict[str, Any]) -> dict[str, Any]:
        """Return {"entries": [admitted bodies from number `from` on], "next_seq": the lane's next number}.

        At most `limit` entries and about 700 KiB, but at least one if there is one.
        """
        lane, first = _whole(query, "lane"), _whole(query, "from")
        limit = min(_whole(query, "limit", PAGE_ENTRIES_MAX), PAGE_ENTRIES_MAX)
        async with snapshot(self._pool) as connection:
            next_seq = await connection.fetchval(self._sql.next_seq, lane)
            rows = await connection.fetch(self._sql.read_bodies, lane, first, limit)
        if next_seq is None:
            raise Malformed(f"there is no lane {lane}")
        return {"entries": _page([row["body"].decode() for row in rows]), "next_seq": next_seq}

    async def lanes(self, _: dict[str, Any]) -> dict[str, Any]:
        """Return {"lanes": {lane: its next number}}."""
        rows = await self._pool.fetch(self._sql.lanes)
        return {"lanes": {str(row["lane"]): row["next_seq"] for row in rows}}


def _page(bodies: list[str]) -> list[str]:
    size = 0
    for count, body in enumerate(bodies):
        size += round(len(body.encode()) * _ESCAPED)
        if size > PAGE_BYTES_MAX and count:
            return bodies[:count]
    return bodies


def _whole(query: dict[str, Any], name: str, default: int | None = None) -> int:
    value = query.get(name, default)
    if type(value) is not int or not 0 < value < 2**62:
        raise Malformed(f"{name} is a whole number above 0")
    return value
