"""What reporting takes from the bus and asks over it, for /asyncapi.json."""

from typing import Any

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse

from citygoals.reporting.lineage import ENTRY, LINEAGE
from citygoals.reporting.projection import CHANGESETS, DURABLE
from citygoals.shared.asyncapi import MEDIA_TYPE, Operation, document
from citygoals.shared.changeset import SUBJECT, Part
from citygoals.shared.topology import KPI

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer", "minimum": 0}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _asks(name: str, subject: str, summary: str, *, query: dict[str, Any], reply: dict[str, Any]) -> Operation:
    return Operation(
        name=name, action="send", subject=subject, summary=summary, data=query, reply=reply, is_cloudevent=False
    )


def operations() -> list[Operation]:
    """Return everything that reporting does on the bus."""
    part = msgspec.json.schema_components([Part])[1]["Part"]
    items = {"type": "array", "items": {"type": "object"}}
    return [
        Operation(
            name="changesets", action="receive", subject=SUBJECT, stream=KPI, durable=DURABLE, data=part,
            summary="One part of what a position changed; applied once all parts of the next position are there",
        ),
        _asks(
            "missing-changesets", CHANGESETS, "Parts from a position on, asked of kpi where the stream has a gap",
            query=_object(**{"from": _NUMBER, "part": _NUMBER, "limit": _NUMBER}),
            reply=_object(changesets={"type": "array", "items": _TEXT}, position=_NUMBER),
        ),
        _asks(
            "lineage", LINEAGE, "The events behind a figure, asked of kpi with the answer's own position",
            query=_object(kpi=_TEXT, grain=_TEXT, start=_TEXT, position=_NUMBER, cursor=_TEXT, limit=_NUMBER),
            reply=_object(items=items, next={"type": ["string", "null"]}),
        ),
        _asks(
            "entry", ENTRY, "Where an event is in the ledger, asked of kpi",
            query=_object(source=_TEXT, id=_TEXT),
            reply=_object(found={"type": "boolean"}, position=_NUMBER, kpis={"type": "array", "items": _TEXT}),
        ),
    ]  # fmt: skip


def install_asyncapi(app: FastAPI) -> None:
    """Add `/asyncapi.json`."""
    described = document("reporting", "The numbers as people read them", operations())

    async def asyncapi(_: Request) -> JSONResponse:
        return JSONResponse(described, media_type=MEDIA_TYPE)

    app.add_route("/asyncapi.json", asyncapi, include_in_schema=False)
