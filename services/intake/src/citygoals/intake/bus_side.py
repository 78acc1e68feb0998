"""What intake does on the bus, as data for /asyncapi.json. Pure."""

from citygoals.intake.openapi import PROBLEM, RECEIPT
from citygoals.shared.asyncapi import Operation

_WHOLE = {"type": "integer", "minimum": 1}

OPERATIONS = (
    Operation(
        name="admit",
        action="receive",
        subject="city.admit.*",
        summary="One event or a batch, answered with a receipt once it is durable",
        reply={"oneOf": [RECEIPT, PROBLEM]},
    ),
    Operation(
        name="raw",
        action="receive",
        subject="city.raw.*.>",
        summary="Events of systems that can only fire; what is refused goes to quarantine",
        stream="RAW",
        durable="intake-raw",
    ),
    Operation(
        name="events",
        action="send",
        subject="city.evt.v1.>",
        summary="Admitted events: valid, attributed, numbered by lane and sequence",
        stream="EVENTS",
    ),
    Operation(
        name="quarantine",
        action="send",
        subject="city.quarantine.intake",
        summary="What was refused, and why, without the content",
        stream="QUARANTINE",
        data={"type": "object", "required": ["service", "reason", "id", "system", "errors"]},
        is_cloudevent=False,
    ),
    Operation(
        name="journal",
        action="receive",
        subject="city.ask.intake.journal",
        summary="A page of a lane's admitted events",
        data={
            "type": "object",
            "required": ["lane", "from"],
            "properties": {"lane": _WHOLE, "from": _WHOLE, "limit": _WHOLE},
        },
        reply={
            "type": "object",
            "properties": {"entries": {"type": "array", "items": {"type": "string"}}, "next_seq": _WHOLE},
        },
        is_cloudevent=False,
    ),
    Operation(
        name="lanes",
        action="receive",
        subject="city.ask.intake.lanes",
        summary="The next number of every lane",
        reply={"type": "object", "properties": {"lanes": {"type": "object", "additionalProperties": _WHOLE}}},
        is_cloudevent=False,
    ),
    Operation(
        name="departments",
        action="send",
        subject="city.ask.kpi.departments",
        summary="Which departments an event may name",
        data={"type": "object"},
        reply={"type": "object", "properties": {"departments": {"type": "array", "items": {"type": "string"}}}},
        is_cloudevent=False,
    ),
)
