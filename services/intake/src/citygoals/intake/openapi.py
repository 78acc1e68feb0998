"""How the HTTP side is described: the events door, which FastAPI cannot see, and the problems that routes answer. Pure."""

from typing import Any

_ERRORS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["pointer", "detail"],
        "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
    },
}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": _ERRORS,
    },
}
_REJECTION = {
    "type": "object",
    "required": ["index", "id", "code", "errors"],
    "properties": {
        "index": {"type": "integer"},
        "id": {"type": ["string", "null"]},
        "code": {"enum": ["schema", "identity", "conflict", "future", "card_number", "too_large"]},
        "errors": _ERRORS,
    },
}
_REFUSED = {"allOf": [PROBLEM, _REJECTION]}
RECEIPT: dict[str, Any] = {
    "type": "object",
    "required": ["accepted", "duplicates", "rejected"],
    "properties": {
        "accepted": {"type": "integer"},
        "duplicates": {"type": "integer"},
        "rejected": {"type": "array", "items": _REJECTION},
    },
}
RECEIVED: dict[str, Any] = {"description": "The receipt", "content": {"application/json": {"schema": RECEIPT}}}
CLOUDEVENT: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "time", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "description": "/systems/<system> or below it"},
        "type": {"type": "string", "examples": ["city.payment.settled.v1"]},
        "time": {"type": "string", "format": "date-time"},
        "subject": {"type": "string"},
        "data": {"type": "object"},
    },
}
_REASONS = {
    400: "It cannot be read",
    401: "No live key",
    403: "A key of another role",
    404: "There is none",
    408: "The body came too slowly",
    409: "It conflicts with what is there",
    413: "Too large, or too many events",
    415: "No CloudEvents media type, or an unknown coding",
    422: "It is not valid; `errors` say why",
    429: "Faster than one publisher may send; come back after Retry-After",
    503: "The journal is away or full; come back after Retry-After",
}


def problems(*statuses: int, schema: dict[str, Any] = PROBLEM) -> dict[int | str, dict[str, Any]]:
    """Describe the answers other than success that a route gives."""
    return {
        status: {"description": _REASONS[status], "content": {"application/problem+json": {"schema": schema}}}
        for status in statuses
    }


_DOOR = problems(400, 401, 403, 408, 413, 415, 429, 503) | problems(409, 422, schema=_REFUSED)

EVENTS: dict[str, Any] = {
    "post": {
        "tags": ["events"],
        "operationId": "post_events",
        "summary": "Publish one event or a batch",
        "description": (
            "CloudEvents 1.0 in structured, binary (`ce-*` headers) or batch mode, plain or gzip-coded. "
            "The receipt comes once the events are durable. A batch that parses is always 202, also when all of it is "
            "rejected; the good ones stand, and repeating it changes nothing."
        ),
        "security": [{"HTTPBearer": []}],
        "parameters": [
            {
                "name": "dry_run",
                "in": "query",
                "description": "Answer the same and store nothing",
                "schema": {"type": "boolean", "default": False},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": {"schema": CLOUDEVENT},
                "application/cloudevents-batch+json": {"schema": {"type": "array", "items": CLOUDEVENT}},
                "application/json": {"schema": {"type": "object", "description": "Binary mode: the data"}},
            },
        },
        "responses": {
            "202": RECEIVED,
            **{str(status): described for status, described in sorted(_DOOR.items())},
        },
    }
}


def with_events(document: dict[str, Any]) -> dict[str, Any]:
    """Add the events door, and the keys that it takes, to FastAPI's document."""
    paths = {"/v1/events": EVENTS, **document["paths"]}
    components = document.get("components", {})
    components.setdefault("securitySchemes", {"HTTPBearer": {"type": "http", "scheme": "bearer"}})
    return {**document, "paths": paths, "components": components}
