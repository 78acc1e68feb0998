"""What kpi takes from the bus, puts on it, answers and asks over it, for /asyncapi.json."""

from typing import Any

import msgspec

from citygoals.kpi.announcements import CROSSED_SUBJECT
from citygoals.kpi.consumer import DURABLE, LANES
from citygoals.kpi.duty_messages import DUTY_SUBJECT
from citygoals.shared.asyncapi import Operation, document, exchange, fields
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


def _streams() -> list[Operation]:
    part = msgspec.json.schema_components([Part])[1]["Part"]
    crossed = fields(kind=_TEXT, id=_TEXT, period=_TEXT, before=_TEXT, after=_TEXT, position=_COUNT)
    duty = fields(
        id=_TEXT, kind=_TEXT, department=_TEXT, due=_TEXT, state=_TEXT, stage={"enum": ["before", "today", "overdue"]},
        days_before={"type": ["integer", "null"]}, days_left=_COUNT, position=_COUNT, backfill={"type": "boolean"},
    )  # fmt: skip
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
            name="duties", action="send", subject=DUTY_SUBJECT, stream=KPI, data=duty,
            summary="What a department must do is due soon, due today or overdue; once for each of these",
        ),
        Operation(
            name="quarantine", action="send", subject="city.quarantine.kpi", stream=QUARANTINE, is_cloudevent=False,
            data=fields(service=_TEXT, reason=_TEXT, stream=_TEXT, sequence=_COUNT),
            summary="A message of EVENTS that cannot be read; the journal is asked for what it stood for",
        ),
    ]  # fmt: skip


def _answers() -> list[Operation]:
    return [
        exchange(
            "receive", "archive", "city.ask.kpi.changesets", "Parts of changesets from a position on",
            query=fields(**{"from": _COUNT, "part": _COUNT, "limit": _COUNT}), reply=fields(changesets=_TEXTS, position=_COUNT),
        ),
        exchange(
            "receive", "lineage", "city.ask.kpi.lineage", "The entries behind a cell, as of a position",
            query=fields(kpi=_TEXT, grain=_TEXT, start=_TEXT, position=_COUNT, cursor=_TEXT, limit=_COUNT),
            reply=fields(items=_THINGS, next=_CURSOR),
        ),
        exchange(
            "receive", "entry", "city.ask.kpi.entry", "Where an event is in the ledger, and which KPIs it can move",
            query=fields(source=_TEXT, id=_TEXT), reply=fields(found={"type": "boolean"}, position=_COUNT, kpis=_TEXTS),
        ),
        exchange(
            "receive", "restated", "city.ask.kpi.restated", "What came at positions that changed figures of a period, and why it did",
            query=fields(wanted={"type": "object"}, grain=_TEXT, start=_TEXT, cut=_TEXT), reply=fields(positions={"type": "object"}),
        ),
        exchange(
            "receive", "departments", "city.ask.kpi.departments", "The departments that an event may name",
            query=fields(), reply=fields(departments=_TEXTS),
        ),
    ]  # fmt: skip


def _questions() -> list[Operation]:
    return [
        exchange(
            "send", "lanes", LANES, "The next number of each lane of the journal, compared each minute",
            query=fields(), reply=fields(lanes={"type": "object", "additionalProperties": _COUNT}),
        ),
        exchange(
            "send", "journal", JOURNAL, "The entries of a lane that the stream lost",
            query=fields(**{"lane": _COUNT, "from": _COUNT, "limit": _COUNT}), reply=fields(entries=_TEXTS, next_seq=_COUNT),
        ),
    ]  # fmt: skip


def asyncapi() -> dict[str, Any]:
    """Return the document."""
    return document("kpi", "The ledger, the measures, the roll-ups", operations())
