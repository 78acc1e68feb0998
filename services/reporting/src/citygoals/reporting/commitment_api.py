"""The JSON API of commitments and narratives, for everybody to read."""

from dataclasses import asdict, dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from starlette.responses import Response

from citygoals.reporting.api import AsOfParam, BearerHeader, Doors, PagingParams
from citygoals.reporting.commitments import Commitments
from citygoals.reporting.http import page, read_cursor, respond, unthreaded


@dataclass(frozen=True, slots=True)
class WhichCommitments:
    """Which commitments a list is of."""

    department: Annotated[str | None, Query(description="Only those of this department")] = None
    fiscal_year: Annotated[str | None, Query(description="Only those for this fiscal year, like FY2027")] = None
    state: Annotated[str | None, Query(description="proposed, reviewed, signed, locked or withdrawn")] = None


@dataclass(frozen=True, slots=True)
class WhichNarratives:
    """Which narratives a list is of."""

    kpi: Annotated[str | None, Query(description="Only those of this KPI")] = None
    period: Annotated[str | None, Query(description="Only those of this period, like 2026-11 or FY2027-Q1")] = None


CommitmentsParams = Annotated[WhichCommitments, Depends(unthreaded(WhichCommitments))]
NarrativesParams = Annotated[WhichNarratives, Depends(unthreaded(WhichNarratives))]


def install_commitments(app: FastAPI, doors: Doors) -> None:
    """Add the endpoints."""
    router = APIRouter(prefix="/v1")

    async def seen(request: Request, bearer: BearerHeader = None) -> Commitments:
        model = await doors.model(request, bearer)
        return Commitments(model, analyst=model is doors.analyst)

    asked_of = Depends(seen)

    @router.get("/commitments", summary="What departments have committed themselves to, and how they came to it")
    async def commitments(
        request: Request, paging: PagingParams, which: CommitmentsParams, as_of: AsOfParam = None,
        asked: Commitments = asked_of,
    ) -> Response:  # fmt: skip
        at, offset = read_cursor(paging.cursor, as_of, kind=int)
        answer = await asked.commitments(**asdict(which), as_of=at)
        return page(request, answer, limit=paging.limit, offset=offset)

    @router.get("/commitments/{commitment}", summary="One commitment, with the figures of its fiscal year")
    async def commitment(
        request: Request, commitment: str, as_of: AsOfParam = None, asked: Commitments = asked_of
    ) -> Response:
        return respond(request, await asked.commitment(commitment, as_of=as_of))

    @router.get("/narratives", summary="What is said of KPIs in periods, once it is approved")
    async def narratives(
        request: Request, paging: PagingParams, which: NarrativesParams, as_of: AsOfParam = None,
        asked: Commitments = asked_of,
    ) -> Response:  # fmt: skip
        at, offset = read_cursor(paging.cursor, as_of, kind=int)
        answer = await asked.narratives(**asdict(which), as_of=at)
        return page(request, answer, limit=paging.limit, offset=offset)

    @router.get("/narratives/{narrative}", summary="One approved narrative")
    async def narrative(
        request: Request, narrative: str, as_of: AsOfParam = None, asked: Commitments = asked_of
    ) -> Response:
        return respond(request, await asked.narrative(narrative, as_of=as_of))

    app.include_router(router)
