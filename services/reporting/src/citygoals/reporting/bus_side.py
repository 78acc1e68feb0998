"""What reporting takes from the bus and asks over it, for /asyncapi.json."""

from typing import Any

import msgspec

from citygoals.reporting.lineage import ENTRY, LINEAGE
from citygoals.reporting.projection import CHANGESETS, DURABLE
from citygoals.reporting.report_causes import RESTATED
from citygoals.shared.asyncapi import Operation, document, exchange, fields
from citygoals.shared.changeset import SUBJECT, Part
from citygoals.shared.topology import KPI

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer", "minimum": 0}


def operations() -> list[Operation]:
    """Return everything that reporting does on the bus."""
    part = msgspec.json.schema_components([Part])[1]["Part"]
    items = {"type": "array", "items": {"type": "object"}}
    return [
        Operation(
            name="changesets", action="receive", subject=SUBJECT, stream=KPI, durable=DURABLE, data=part,
            summary="One part of what a position changed; applied once all parts of the next position are there",
        ),
        exchange(
            "send", "missing-changesets", CHANGESETS, "Parts from a position on, asked of kpi where the stream has a gap",
            query=fields(**{"from": _NUMBER, "part": _NUMBER, "limit": _NUMBER}),
            reply=fields(changesets={"type": "array", "items": _TEXT}, position=_NUMBER),
        ),
        exchange(
            "send", "lineage", LINEAGE, "The events behind a figure, asked of kpi with the answer's own position",
            query=fields(kpi=_TEXT, grain=_TEXT, start=_TEXT, position=_NUMBER, cursor=_TEXT, limit=_NUMBER),
            reply=fields(items=items, next={"type": ["string", "null"]}),
        ),
        exchange(
            "send", "entry", ENTRY, "Where an event is in the ledger, asked of kpi",
            query=fields(source=_TEXT, id=_TEXT),
            reply=fields(found={"type": "boolean"}, position=_NUMBER, kpis={"type": "array", "items": _TEXT}),
        ),
        exchange(
            "send", "restated", RESTATED, "What came at positions that changed published figures, asked of kpi",
            query=fields(wanted={"type": "object"}, grain=_TEXT, start=_TEXT, cut=_TEXT), reply=fields(positions={"type": "object"}),
        ),
    ]  # fmt: skip


def asyncapi() -> dict[str, Any]:
    """Return the document."""
    return document("reporting", "The numbers as people read them", operations())
