"""The HTTP side of duties, for staff: what is due, and the statement that something is done."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict

from citygoals.kpi.api import Registry, Staff
from citygoals.kpi.definitions import Definitions
from citygoals.shared.duties import Duty, State, duties, duty_row
from citygoals.shared.period import CityCalendar
from citygoals.shared.problem import Problem
from citygoals.shared.statement import Person, Reason, Statement


class Said(BaseModel):
    """That a duty is done: who says so, and what it rests on (where the report or the memo is, for example)."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    by: Person
    reason: Reason


def duty_routes(registry: Registry, staff: Staff) -> APIRouter:
    """Return the routes under /v1/duties."""
    router = APIRouter(prefix="/v1/duties", dependencies=[Depends(staff)])

    @router.get("", summary="What departments must do, when it is due, and whether it is done")
    async def listed(
        state: Annotated[State | None, Query(description="Only those in this state")] = None,
        department: Annotated[str | None, Query(max_length=80, description="Only those of this department")] = None,
    ) -> Response:
        definitions, now = await registry.known(), await registry.now()
        today = registry.calendar.local_day(now)
        rows = [duty_row(duty, now, today) for duty in duties(definitions, registry.calendar, now)]
        items = [row for row in rows if state in (None, row["state"]) and department in (None, row["department"])]
        return _json({"items": items, "next": None})

    @router.post("/{identity}/done", summary="Say that a duty is done: who says so, and what it rests on")
    async def done(identity: str, said: Said) -> Response:
        def decide(definitions: Definitions, now: datetime) -> Sequence[Statement]:
            return [stated(definitions, registry.calendar, now, identity, said)]

        position = await registry.leadership.applier.record("statements", decide)
        definitions, now = await registry.known(), await registry.now()
        duty = find(duties(definitions, registry.calendar, now), identity)
        return _json({"position": position, "duty": duty_row(duty, now, registry.calendar.local_day(now))})

    return router


def stated(definitions: Definitions, calendar: CityCalendar, now: datetime, identity: str, said: Said) -> Statement:
    """Return the statement that a duty is done. Raises Problem (404, 409): there is none, it is not open."""
    duty = find(duties(definitions, calendar, now), identity)
    if duty.done is not None:
        raise Problem(
            409, f"The duty {duty.id} is done already", done=duty_row(duty, now, calendar.local_day(now))["done"]
        )
    if duty.opens is not None and now < duty.opens:
        raise Problem(
            409, f"The duty {duty.id} cannot be done before {duty.opens.isoformat()}: what it is about is not over"
        )
    return Statement(id=duty.id, by=said.by, at=now, reason=said.reason)


def find(found: Sequence[Duty], identity: str) -> Duty:
    """Return the duty of that id. Raises Problem (404)."""
    for duty in found:
        if duty.id == identity:
            return duty
    raise Problem(404, f"No duty {identity[:260]}")


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
