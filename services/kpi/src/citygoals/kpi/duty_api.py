"""The HTTP side of duties, for staff: what is due, and the statement that something is done."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import ConfigDict

from citygoals.kpi.api import Registry, Staff
from citygoals.kpi.definitions import Definitions
from citygoals.kpi.lists import PageParams
from citygoals.kpi.recording import Desk, json_answer, read, wish_of, wished
from citygoals.shared.duties import Duty, State, duties, duty_row
from citygoals.shared.instants import format_instant
from citygoals.shared.keys import Key
from citygoals.shared.model import Model
from citygoals.shared.moves import Person, ReasonText
from citygoals.shared.problem import Problem
from citygoals.shared.statement import Statement


class Said(Model):
    """That a duty is done: who says so, and what it rests on (where the report or the memo is, for example)."""

    model_config = ConfigDict(str_strip_whitespace=True)

    by: Person
    reason: ReasonText


def duty_routes(registry: Registry, staff: Staff) -> APIRouter:
    """Return the routes under /v1/duties."""
    router = APIRouter(prefix="/v1/duties", dependencies=[Depends(staff)])

    @router.get("", summary="What departments must do, when it is due, and whether it is done")
    async def listed(
        page: PageParams,
        state: Annotated[State | None, Query(description="Only those in this state")] = None,
        department: Annotated[str | None, Query(max_length=80, description="Only those of this department")] = None,
    ) -> Response:
        definitions, now = await registry.known(), await registry.now()
        today = registry.calendar.local_day(now)
        found = [
            duty
            for duty in duties(definitions, registry.calendar, now)
            if state in (None, duty.state(now, today)) and department in (None, duty.department)
        ]
        return page.of(found, lambda duty: duty_row(duty, now, today), _place)

    @router.post("/{identity}/done", summary="Say that a duty is done: who says so, and what it rests on",
                 openapi_extra=wished(Said))  # fmt: skip
    async def done(request: Request, identity: str, key: Annotated[Key, Depends(staff)]) -> Response:
        said = read(Said, await wish_of(request))
        calendar, applier = registry.calendar, registry.leadership.applier

        def decide(known: Definitions, now: datetime) -> list[Statement]:
            return [stated(identity, said, Desk(known, calendar, calendar.local_day(now), now, key))]

        position = await applier.record("statements", decide)
        definitions, now = await registry.known(), await registry.now()
        duty = find(duties(definitions, calendar, now), identity)
        return json_answer({"position": position, "duty": duty_row(duty, now, calendar.local_day(now))})

    return router


def _place(duty: Duty) -> str:
    return f"{format_instant(duty.due)} {duty.id}"


def stated(identity: str, said: Said, desk: Desk) -> Statement:
    """Return the statement that a duty is done. Raises Problem (404, 409): there is none, or it is not open."""
    duty = find(duties(desk.known, desk.calendar, desk.now), identity)
    if duty.done is not None:
        raise Problem(409, f"The duty {duty.id} is done already", done=duty_row(duty, desk.now, desk.today)["done"])
    if duty.opens is not None and desk.now < duty.opens:
        opens = format_instant(duty.opens)
        raise Problem(409, f"The duty {duty.id} cannot be done before {opens}: what it is about is not over")
    return Statement(id=duty.id, **desk.act(said.by, said.reason).model_dump())


def find(found: Sequence[Duty], identity: str) -> Duty:
    """Return the duty of that id. Raises Problem (404)."""
    for duty in found:
        if duty.id == identity:
            return duty
    raise Problem(404, f"No duty {identity[:260]}")
