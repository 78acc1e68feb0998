"""GET /v1/quarantine, POST /v1/quarantine/{id}/replay: what was refused, and another try by today's rules."""

from datetime import datetime
from typing import Annotated, Any

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel

from citygoals.intake.admission import Admission
from citygoals.intake.auth import Allowed
from citygoals.intake.gate import Publisher
from citygoals.intake.http import answer
from citygoals.intake.openapi import RECEIVED, problems
from citygoals.shared.cloudevents import parse_http
from citygoals.shared.keys import Key, KeyRing
from citygoals.shared.paging import Cursor, Limit, cursor_of, next_link, read_cursor
from citygoals.shared.problem import Problem

ID_MAX = 2**63 - 1
READERS = ("publisher", "admin")
ADMIN = ("admin",)
_STRUCTURED = {"content-type": "application/cloudevents+json"}

RowId = Annotated[int, Path(ge=1, le=ID_MAX)]


class Fault(BaseModel):
    """One thing that was wrong; the pointer starts at the event."""

    pointer: str
    detail: str


class Refusal(BaseModel):
    """One refused event, without its content."""

    id: int
    recorded_at: datetime
    last_seen_at: datetime
    seen: int
    system: str
    door: str
    source: str | None
    event_id: str | None
    type: str | None
    code: str
    errors: list[Fault]
    replayable: bool
    replayed_at: datetime | None


class RefusalList(BaseModel):
    """A page of refused events, newest first."""

    items: list[Refusal]
    next: str | None


def quarantine_routes(admission: Admission, keys: KeyRing) -> APIRouter:
    """Return the routes of the quarantine."""
    router = APIRouter(prefix="/v1/quarantine", tags=["quarantine"], responses=problems(401, 403, 422, 503))
    pool, sql = admission.pool, admission.sql
    reader, replayer = Depends(Allowed(keys, READERS)), Depends(Allowed(keys, ADMIN))

    @router.get(
        "",
        response_model=RefusalList,
        summary="Refused events: a publisher's own, or all for an admin",
        responses=problems(400),
    )
    async def index(  # noqa: PLR0913 - each is a parameter of the request
        request: Request,
        response: Response,
        key: Annotated[Key, reader],
        *,
        limit: Limit = 100,
        cursor: Cursor = None,
        system: Annotated[str | None, Query(max_length=64)] = None,
        code: Annotated[str | None, Query(max_length=32)] = None,
    ) -> Any:
        before = read_cursor(cursor, ID_MAX)
        whose = key.system if key.role == "publisher" else system
        rows = await pool.fetch(sql.read_quarantine, before, whose, code, limit + 1)
        following = cursor_of(rows[limit - 1]["id"]) if len(rows) > limit else None
        if following is not None:
            response.headers["Link"] = next_link(request.url, following)
        return {"items": [_public(row) for row in rows[:limit]], "next": following}

    @router.get("/{row_id}", response_model=Refusal, summary="One refused event", responses=problems(404))
    async def show(row_id: RowId, key: Annotated[Key, reader]) -> Any:
        return _public(await _read(admission, row_id, key))

    @router.post(
        "/{row_id}/replay",
        status_code=202,
        summary="Judge it again by today's rules; a receipt, as at the door",
        responses={202: RECEIVED, **problems(404, 409, 422)},
    )
    async def replay(row_id: RowId, key: Annotated[Key, replayer]) -> Response:
        return await _replay(admission, await _read(admission, row_id, key))

    return router


async def _read(admission: Admission, row_id: int, key: Key) -> asyncpg.Record:
    row = await admission.pool.fetchrow(admission.sql.quarantined, row_id)
    if row is None or (key.role == "publisher" and row["system"] != key.system):
        raise Problem(404, "There is no such refused event.")
    return row


async def _replay(admission: Admission, row: asyncpg.Record) -> Response:
    if row["body"] is None:
        raise Problem(409, "Nothing was kept of this event that could be judged again.")
    items = parse_http(_STRUCTURED, row["body"])
    publisher = Publisher(row["system"], row["namespace"])
    receipt = await admission.take(publisher, row["door"], items, keep_refused=False)
    if not receipt.rejected:
        await admission.pool.execute(admission.sql.mark_replayed, row["id"], admission.clock.now())
    return answer(receipt, is_batch=False)


def _public(row: asyncpg.Record) -> dict[str, Any]:
    known = {name: row[name] for name in Refusal.model_fields}
    return {**known, "errors": orjson.loads(row["errors"])}
