"""The JSON API of publications: the list, one as published and as now known, and its restatements."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from starlette.responses import Response

from citygoals.reporting.api import AsOfParam, BearerHeader, Doors, PagingParams
from citygoals.reporting.http import continued, page, read_cursor, respond
from citygoals.reporting.reports import Reports

KpiParam = Annotated[str | None, Query(description="Only restatements of this KPI")]


@dataclass(frozen=True, slots=True)
class ReportDoors:
    """What the endpoints answer from, for the public and for analysts."""

    doors: Doors
    public: Reports
    analyst: Reports

    async def reports(self, request: Request, bearer: BearerHeader = None) -> Reports:
        """Return the reports that the bearer may see. Raises Problem 401 for a key that is none."""
        model = await self.doors.model(request, bearer)
        return self.public if model is self.doors.public else self.analyst


def install_reports(app: FastAPI, doors: ReportDoors) -> None:
    """Add the endpoints."""
    router = APIRouter(prefix="/v1/reports")
    reports_of = Depends(doors.reports)

    @router.get("", summary="The publications, the newest first; withdrawn ones too")
    async def reports(
        request: Request, paging: PagingParams, as_of: AsOfParam = None, reports: Reports = reports_of
    ) -> Response:
        position, offset = read_cursor(paging.cursor, as_of, kind=int)
        return page(request, await reports.reports(as_of=position), limit=paging.limit, offset=offset)

    @router.get("/{report}", summary="A publication: figures and nodes as published, beside the same as now known")
    async def report(request: Request, report: str, as_of: AsOfParam = None, reports: Reports = reports_of) -> Response:
        return respond(request, await reports.report(report, as_of=as_of))

    @router.get("/{report}/restatements", summary="Every later position that changed a published figure, and why")
    async def restatements(
        request: Request,
        report: str,
        paging: PagingParams,
        kpi: KpiParam = None,
        as_of: AsOfParam = None,
        reports: Reports = reports_of,
    ) -> Response:
        position, place = read_cursor(paging.cursor, as_of, kind=str)
        answer = await reports.restatements(report, kpi=kpi, as_of=position, cursor=place, limit=paging.limit)
        return continued(request, answer)

    app.include_router(router)
