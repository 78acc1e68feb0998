"""The bus side of a service as an AsyncAPI 3.0 document: what it takes, what it sends, what it answers. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

MEDIA_TYPE = "application/vnd.aai.asyncapi+json;version=3.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that a service does on the bus; `data` is the JSON Schema of the event's data, or of the whole body."""

    name: str
    action: Literal["send", "receive"]
    subject: str
    summary: str
    stream: str | None = None
    durable: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    reply: Mapping[str, Any] | None = None
    """JSON Schema of the answer, for subjects that are asked by request and reply."""
    is_cloudevent: bool = True


def fields(**properties: Any) -> dict[str, Any]:
    """Return the JSON Schema of an object with these properties."""
    return {"type": "object", "properties": properties}


def exchange(
    action: Literal["send", "receive"], name: str, subject: str, summary: str, *, query: Any, reply: Any
) -> Operation:
    """Return a question that a service asks (`send`) or answers (`receive`) by request and reply, in plain JSON."""
    return Operation(
        name=name, action=action, subject=subject, summary=summary, data=query, reply=reply, is_cloudevent=False
    )


def document(service: str, summary: str, operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the service's AsyncAPI document. The server's address is left out: it differs everywhere, and is no secret."""
    operations = list(operations)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": f"City Goals {service}", "version": "1", "description": summary},
        "defaultContentType": "application/cloudevents+json",
        "servers": {"bus": {"host": "nats", "protocol": "nats"}},
        "channels": {operation.name: _channel(operation) for operation in operations},
        "operations": {operation.name: _operation(operation) for operation in operations},
    }


def _channel(operation: Operation) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": operation.subject,
        "summary": operation.summary,
        "messages": {"event" if operation.is_cloudevent else "body": _message(operation)},
    }
    if operation.reply is not None:
        channel["messages"]["reply"] = {"contentType": "application/json", "payload": dict(operation.reply)}
    if operation.stream is not None:
        channel["x-nats-stream"] = operation.stream
    return channel


def _message(operation: Operation) -> dict[str, Any]:
    if not operation.is_cloudevent:
        return {"contentType": "application/json", "payload": dict(operation.data)}
    return {"contentType": "application/cloudevents+json", "payload": _cloudevent(operation.data)}


def _cloudevent(data: Mapping[str, Any]) -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    return {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text,
            "source": {**text, "format": "uri-reference"},
            "type": text,
            "time": {"type": "string", "format": "date-time"},
            "subject": text,
            "data": dict(data),
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    channel = f"#/channels/{operation.name}"
    described: dict[str, Any] = {
        "action": operation.action,
        "channel": {"$ref": channel},
        "summary": operation.summary,
        "messages": [{"$ref": f"{channel}/messages/{'event' if operation.is_cloudevent else 'body'}"}],
    }
    if operation.reply is not None:
        described["reply"] = {"channel": {"$ref": channel}, "messages": [{"$ref": f"{channel}/messages/reply"}]}
    if operation.durable is not None:
        described["x-nats-durable"] = operation.durable
    return described
