"""What kpi takes from the bus, puts on it, answers and asks over it, for /asyncapi.json."""

from typing import Any

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse

from citygoals.kpi.announcements import CROSSED_SUBJECT
from citygoals.kpi.consumer import DURABLE, LANES
from citygoals.shared.asyncapi import MEDIA_TYPE, Operation, document
from citygoals.shared.changeset import SUBJECT, Part
from citygoals.shared.gaps import JOURNAL
from citygoals.shared.topology import EVENTS, KPI, QUARANTINE

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_TEXTS = {"type": "array", "items": _TEXT}
_THINGS = {"type": "array", "items": {"type": "object"}}
_CURSOR = {"type": ["string", "null"]}


def operations() -> list[Operation]:
    """Return everything that kpi does on the bus."""
    return [*_streams(), *_answers(), *_questions()]


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _streams() -> list[Operation]:
    part = msgspec.json.schema_components([Part])[1]["Part"]
    crossed = _object(kind=_TEXT, id=_TEXT, period=_TEXT, before=_TEXT, after=_TEXT, position=_COUNT)
    return [
        Operation(
            name="events", action="receive", subject="city.evt.v1.>", stream=EVENTS, durable=DURABLE,
            summary="Admitted events, applied in the order of their lanes, many as one position",
        ),
        Operation(
            name="changesets", action="send", subject=SUBJECT, stream=KPI, data=part,
            summary="One part of what a position changed: the absolute integers of its cells",
        ),
        Operation(
            name="crossings", action="send", subject=CROSSED_SUBJECT, stream=KPI, data=crossed,
            summary="A KPI or a node that entered another status at a position",
        ),
        Operation(
            name="quarantine", action="send", subject="city.quarantine.kpi", stream=QUARANTINE, is_cloudevent=False,
            data=_object(service=_TEXT, reason=_TEXT, stream=_TEXT, sequence=_COUNT),
            summary="A message of EVENTS that cannot be read; the journal is asked for what it stood for",
        ),
    ]  # fmt: skip


def _answers() -> list[Operation]:
    return [
        _exchange(
            "receive", "archive", "city.ask.kpi.changesets", "Parts of changesets from a position on",
            _object(**{"from": _COUNT, "part": _COUNT, "limit": _COUNT}), _object(changesets=_TEXTS, position=_COUNT),
        ),
        _exchange(
            "receive", "lineage", "city.ask.kpi.lineage", "The entries behind a cell, as of a position",
            _object(kpi=_TEXT, grain=_TEXT, start=_TEXT, position=_COUNT, cursor=_TEXT, limit=_COUNT),
            _object(items=_THINGS, next=_CURSOR),
        ),
        _exchange(
            "receive", "entry", "city.ask.kpi.entry", "Where an event is in the ledger, and which KPIs it can move",
            _object(source=_TEXT, id=_TEXT), _object(found={"type": "boolean"}, position=_COUNT, kpis=_TEXTS),
        ),
        _exchange(
            "receive", "departments", "city.ask.kpi.departments", "The departments that an event may name",
            _object(), _object(departments=_TEXTS),
        ),
    ]  # fmt: skip


def _questions() -> list[Operation]:
    return [
        _exchange(
            "send", "lanes", LANES, "The next number of each lane of the journal, compared each minute",
            _object(), _object(lanes={"type": "object", "additionalProperties": _COUNT}),
        ),
        _exchange(
            "send", "journal", JOURNAL, "The entries of a lane that the stream lost",
            _object(**{"lane": _COUNT, "from": _COUNT, "limit": _COUNT}), _object(entries=_TEXTS, next_seq=_COUNT),
        ),
    ]  # fmt: skip


def _exchange(action: Any, name: str, subject: str, summary: str, *shapes: dict[str, Any]) -> Operation:
    query, reply = shapes
    return Operation(
        name=name, action=action, subject=subject, summary=summary, data=query, reply=reply, is_cloudevent=False
    )


def install_asyncapi(app: FastAPI) -> None:
    """Add `/asyncapi.json`."""
    described = document("kpi", "The ledger, the measures, the roll-ups", operations())

    async def asyncapi(_: Request) -> JSONResponse:
        return JSONResponse(described, media_type=MEDIA_TYPE)

    app.add_route("/asyncapi.json", asyncapi, include_in_schema=False)
