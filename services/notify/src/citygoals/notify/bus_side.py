"""What notify takes from the bus and puts on it, for /asyncapi.json."""

from typing import Any

import msgspec

from citygoals.notify import relay
from citygoals.notify.news import Closed, Crossed, DutyDue
from citygoals.shared.asyncapi import Operation, document
from citygoals.shared.topology import NOTICES, consumer

_TEXT = {"type": "string"}
_SENT = {
    "type": "object",
    "required": ["event", "template", "language", "channel", "attempts"],
    "properties": {
        "event": {"type": "object", "properties": {"source": _TEXT, "id": _TEXT, "type": _TEXT}},
        "template": {"enum": ["crossing", "closing", "duty"]},
        "language": {"enum": ["en", "es"]},
        "channel": {"enum": ["email", "mailbox"]},
        "attempts": {"type": "integer", "minimum": 1},
    },
}


def asyncapi() -> dict[str, Any]:
    """Return the document."""
    return document(
        "notify",
        "Who is told, how, when, once",
        [
            _received("crossing", "notify-crossings", "A figure or a node entered another status", Crossed),
            _received("closing", "notify-closings", "A service request was closed", Closed),
            _received("duty", "notify-duties", "What a department must do is due soon, due today or overdue", DutyDue),
            Operation(
                name="sent",
                action="send",
                subject=relay.SUBJECT,
                stream=NOTICES,
                summary="A notice was sent; says of what and when, never to whom",
                data=_SENT,
            ),
        ],
    )


def _received(name: str, durable: str, summary: str, data: type[msgspec.Struct]) -> Operation:
    spec = consumer(durable)
    schema = msgspec.json.schema_components([data])[1][data.__name__]
    return Operation(
        name=name,
        action="receive",
        subject=spec.filter_subject or "",
        stream=spec.stream,
        durable=durable,
        summary=summary,
        data=schema,
    )
