"""GET, POST /v1/event-types: what may be published, and the city's own types."""

from datetime import datetime
from operator import itemgetter
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from citygoals.intake.auth import Allowed
from citygoals.intake.event_types import CityType, EventTypes
from citygoals.intake.openapi import problems
from citygoals.intake.type_schema import type_errors
from citygoals.shared.catalogue import EVENT_TYPES, schema_of
from citygoals.shared.keys import KeyRing
from citygoals.shared.paging import Cursor, Limit, cursor_of, next_link, read_name
from citygoals.shared.problem import Problem

STAFF = ("staff", "admin")


class NewType(BaseModel):
    """An event type of the city's own."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    type: Annotated[str, Field(max_length=120, examples=["city.permit.issued.v1"])]
    json_schema: Annotated[dict[str, Any], Field(alias="schema", description="JSON Schema of the event's data")]
    description: Annotated[str, Field(max_length=2000)] = ""


class TypeOut(BaseModel):
    """An event type."""

    model_config = ConfigDict(populate_by_name=True)

    type: str
    json_schema: Annotated[dict[str, Any], Field(alias="schema")]
    builtin: bool
    description: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None


class TypeList(BaseModel):
    """All event types."""

    items: list[TypeOut]
    next: str | None = None


def event_type_routes(types: EventTypes, keys: KeyRing) -> APIRouter:
    """Return the routes of the event types."""
    router = APIRouter(prefix="/v1/event-types", tags=["event types"], responses=problems(422, 503))
    staff = Depends(Allowed(keys, STAFF))

    @router.get(
        "",
        response_model=TypeList,
        summary="Every type that may be published, with the schema of its data, by name",
        responses=problems(400),
    )
    async def index(request: Request, response: Response, limit: Limit = 100, cursor: Cursor = None) -> Any:
        await types.refresh()
        after = "" if cursor is None else read_name(cursor)
        everything = sorted([*map(_builtin, EVENT_TYPES), *map(_own, types.own)], key=itemgetter("type"))
        items = [item for item in everything if item["type"] > after]
        following = cursor_of(items[limit - 1]["type"]) if len(items) > limit else None
        if following is not None:
            response.headers["Link"] = next_link(request.url, following)
        return {"items": items[:limit], "next": following}

    @router.get("/{event_type}", response_model=TypeOut, summary="One type", responses=problems(404))
    async def show(event_type: Annotated[str, Path(max_length=120)]) -> Any:
        await types.refresh()
        return _find(types, event_type)

    @router.post(
        "",
        status_code=201,
        response_model=TypeOut,
        summary="Add a type, or replace one of the city's own",
        responses={200: {"model": TypeOut, "description": "It was replaced"}, **problems(401, 403, 409, 413)},
        dependencies=[staff],
    )
    async def put(response: Response, new: NewType) -> Any:
        _check(new)
        item, is_new = await types.put(new.type, new.json_schema, new.description)
        response.status_code = 201 if is_new else 200
        return _own(item)

    return router


def _check(new: NewType) -> None:
    if new.type in EVENT_TYPES:
        raise Problem(409, f"{new.type} ships with the city and cannot be replaced.")
    errors = type_errors(new.type, new.json_schema)
    if errors:
        raise Problem(422, f"{len(errors)} errors", title="The event type is not valid", errors=errors)


def _find(types: EventTypes, event_type: str) -> dict[str, Any]:
    if event_type in EVENT_TYPES:
        return _builtin(event_type)
    for item in types.own:
        if item.type == event_type:
            return _own(item)
    raise Problem(404, "There is no such event type.")


def _builtin(event_type: str) -> dict[str, Any]:
    return {"type": event_type, "schema": schema_of(event_type), "builtin": True}


def _own(item: CityType) -> dict[str, Any]:
    known = {name: getattr(item, name) for name in ("type", "description", "created_at", "updated_at")}
    return {**known, "schema": orjson.loads(item.json_schema), "builtin": False}
