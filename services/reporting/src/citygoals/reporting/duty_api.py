"""The JSON API of duties: what departments must do, until when, and whether it is done."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from starlette.responses import Response

from citygoals.reporting.api import AsOfParam, BearerHeader, Doors, PagingParams
from citygoals.reporting.duty_answers import Duties
from citygoals.reporting.http import page, read_cursor
from citygoals.shared.duties import State

StateParam = Annotated[State | None, Query(description="Only duties in this state")]
DepartmentParam = Annotated[str | None, Query(description="Only duties of this department")]


@dataclass(frozen=True, slots=True)
class DutyDoors:
    """What the endpoint answers from, for the public and for analysts."""

    doors: Doors
    public: Duties
    analyst: Duties

    async def duties(self, request: Request, bearer: BearerHeader = None) -> Duties:
        """Return the duties that the bearer may see. Raises Problem 401 for a key that is none."""
        model = await self.doors.model(request, bearer)
        return self.public if model is self.doors.public else self.analyst


def install_duties(app: FastAPI, doors: DutyDoors) -> None:
    """Add the endpoint."""
    router = APIRouter(prefix="/v1")
    duties_of = Depends(doors.duties)

    @router.get("/duties", summary="What departments must report, commit to and write for meetings, and until when")
    async def duties(
        request: Request,
        paging: PagingParams,
        state: StateParam = None,
        department: DepartmentParam = None,
        as_of: AsOfParam = None,
        found: Duties = duties_of,
    ) -> Response:
        position, offset = read_cursor(paging.cursor, as_of, kind=int)
        answer = await found.duties(state=state, department=department, as_of=position)
        return page(request, answer, limit=paging.limit, offset=offset)

    app.include_router(router)
