"""Quarantine: what was refused, by whom and why, without the offending value where that must not be kept."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import orjson

from citygoals.intake.gate import Admitted, Publisher, Refused
from citygoals.shared.postgres import Connection, Statements

TEXT_MAX = 512
ERRORS_MAX = 100


class Row(NamedTuple):
    """One refusal as `sql/put_in_quarantine.sql` takes it."""

    fingerprint: bytes
    system: str
    namespace: str
    door: str
    source: str | None
    event_id: str | None
    type: str | None
    code: str
    errors: str
    body: bytes | None


def row_of(publisher: Publisher, door: str, refused: Refused) -> Row:
    """Return the row of a refusal; the same refusal of the same event is the same row, whenever it happens."""
    errors = _storable(orjson.dumps(list(refused.errors[:ERRORS_MAX])).decode().replace("\\u0000", "\\ufffd"))
    identity = (refused.source, refused.id, refused.type)
    seen = orjson.dumps([publisher.system, door, *identity, refused.code, errors], default=str)
    fingerprint = hashlib.blake2b(seen + (refused.body or b""), digest_size=16).digest()
    return Row(
        fingerprint,
        publisher.system,
        publisher.namespace,
        door,
        _short(refused.source),
        _short(refused.id),
        _short(refused.type),
        refused.code,
        errors,
        refused.body,
    )


def conflict(event: Admitted) -> Refused:
    """Return the refusal of an event whose source and id are taken by other content."""
    errors = [{"pointer": "/id", "detail": "this source and id were used before, with other content"}]
    return Refused(event.id, event.source, event.type, "conflict", errors, event.head + b"}")


async def put(connection: Connection, sql: Statements, rows: Iterable[Row], recorded_at: datetime) -> None:
    """Store refusals inside the caller's transaction; one that is there already is counted."""
    distinct = {row.fingerprint: row for row in rows}
    if distinct:
        await connection.execute(sql.put_in_quarantine, recorded_at, *map(list, zip(*distinct.values(), strict=True)))


def _short(text: str | None) -> str | None:
    return None if text is None else _storable(text)[:TEXT_MAX]


def _storable(text: str) -> str:
    """PostgreSQL's text holds any character but NUL."""
    return text.replace("\0", "\ufffd")
