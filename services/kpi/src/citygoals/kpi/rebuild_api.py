"""Rebuilds over HTTP, for staff: the ledger is checked against the cells, and the cells put right where they differ."""

from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from citygoals.kpi.api import Staff
from citygoals.kpi.draft_answers import json_response
from citygoals.kpi.rebuild import Rebuilds
from citygoals.shared.problem import Problem


def rebuild_routes(rebuilds: Rebuilds, staff: Staff) -> APIRouter:
    """Return the routes that compute all cells anew and compare."""
    router = APIRouter(prefix="/v1/rebuilds", dependencies=[Depends(staff)])

    @router.post("", status_code=202, summary="Compute all cells anew from the ledger, compare, and switch if asked")
    async def start(request: Request) -> Response:
        rebuild = rebuilds.start(switch=_switches(await request.body()))
        return json_response(rebuild.to_dict(), 202, {"Location": f"/v1/rebuilds/{rebuild.id}"})

    @router.get("/{identity}", summary="How far a rebuild is, and what it found")
    async def progress(identity: str) -> Response:
        rebuild = rebuilds.find(identity)
        if rebuild is None:
            raise Problem(404, f"No rebuild {identity[:80]} in this process")
        return json_response(rebuild.to_dict())

    return router


def _switches(asked: bytes) -> bool:
    """Say whether a rebuild that is asked for puts right what differs. Raises Problem (422)."""
    wish = _object(asked) if asked else {}
    if not isinstance(wish, dict) or not all(isinstance(wish.get(name, False), bool) for name in ("verify", "switch")):
        raise Problem(422, 'A rebuild is {"verify": true}, or {"switch": true} to put right what differs')
    if wish.get("verify") and wish.get("switch"):
        raise Problem(422, "`verify` changes nothing, `switch` does: one of them")
    return bool(wish.get("switch"))


def _object(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Problem(400, "The body is no JSON") from None
