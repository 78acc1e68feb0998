"""The JSON API: parameters in, the read model's answers out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from citygoals.reporting.http import (
    continued,
    mark_as_analysts,
    page,
    read_cursor,
    respond,
    told,
    unthreaded,
)
from citygoals.reporting.lineage import Lineage
from citygoals.reporting.live import Live
from citygoals.reporting.questions import Misread, Unknown
from citygoals.reporting.readmodel import ReadModel
from citygoals.reporting.stream import LiveResponse, last_event
from citygoals.reporting.what_if import WhatIf
from citygoals.shared.keys import KeyRing
from citygoals.shared.problem import Problem, problem

LIMIT_DEFAULT = 100
LIMIT_MAX = 1000
ANALYSTS = ("analyst", "staff", "admin")
ALL_ROLES = ("publisher", *ANALYSTS)

PeriodParam = Annotated[
    str | None,
    Query(description="2026-11-21, 2026-W47, 2026-11, FY2027-Q1, FY2027-H1, FY2027, all or last-30d@2026-11-21; "
                      "by default the fiscal year of now"),
]  # fmt: skip
AsOfParam = Annotated[
    str | None, Query(description="A past position, or an instant: the newest position recorded by then")
]
PlanParam = Annotated[str | None, Query(description="A plan version that /v1/plan lists; by default the one in force")]
LimitParam = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
CursorParam = Annotated[str | None, Query(description="`next` of the page before")]
BearerHeader = Annotated[str | None, Header(alias="authorization", include_in_schema=False)]


@dataclass(frozen=True, slots=True)
class When:
    """Which period, as of which position."""

    period: PeriodParam = None
    as_of: AsOfParam = None


@dataclass(frozen=True, slots=True)
class Question:
    """Which period, as of which position, rolled up by which plan."""

    period: PeriodParam = None
    as_of: AsOfParam = None
    plan: PlanParam = None

    @property
    def reading(self) -> dict[str, str | None]:
        """Return what the read model is asked with."""
        return {"period": self.period, "as_of": self.as_of, "plan": self.plan}


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list."""

    limit: LimitParam = LIMIT_DEFAULT
    cursor: CursorParam = None


class SeriesQuestionParams(BaseModel):
    """What a series may be asked with."""

    grain: str | None = Field(default=None, description="day, week, month (the default), quarter, half or fiscal_year")
    first: str | None = Field(default=None, alias="from", description="First day or period; the fiscal year's first")
    last: str | None = Field(default=None, alias="to", description="Last day or period; today")
    by: str | None = Field(default=None, description="department, district or channel")
    control: bool = Field(default=False, description="Add the XmR limits, signals and trend of the whole run")
    as_of: str | None = Field(default=None, description="A past position or instant")
    limit: int = Field(default=LIMIT_DEFAULT, ge=1, le=LIMIT_MAX)
    cursor: str | None = Field(default=None, description="`next` of the page before")


WhenParams = Annotated[When, Depends(unthreaded(When))]
QuestionParams = Annotated[Question, Depends(unthreaded(Question))]
PagingParams = Annotated[Paging, Depends(unthreaded(Paging))]
SeriesParams = Annotated[SeriesQuestionParams, Query()]


@dataclass(frozen=True, slots=True)
class Doors:
    """What the endpoints answer from."""

    public: ReadModel
    analyst: ReadModel
    lineage: Lineage
    live: Live
    keys: KeyRing

    async def model(self, request: Request, bearer: BearerHeader = None) -> ReadModel:
        """Return the model that the bearer may see. Raises Problem 401 for a key that is none."""
        if bearer is None or await self._role(bearer) not in ANALYSTS:
            return self.public
        mark_as_analysts(request)
        return self.analyst

    async def need_analyst(self, request: Request, bearer: BearerHeader = None) -> None:
        """Raise Problem unless the bearer is an analyst, staff or admin."""
        if await self._role(bearer) not in ANALYSTS:
            raise Problem(403, "single events need an analyst's key")
        mark_as_analysts(request)

    async def _role(self, bearer: str | None) -> str:
        key = await self.keys.find(bearer, ALL_ROLES)
        if key is None:
            raise Problem(401, "a valid API key is needed", headers={"WWW-Authenticate": 'Bearer realm="City Goals"'})
        return key.role


def install_api(app: FastAPI, doors: Doors) -> None:
    """Add the endpoints, and say every wrong question as a problem document."""
    app.add_exception_handler(Unknown, _said(404, "There is no such thing"))
    app.add_exception_handler(Misread, _said(400, "The question cannot be read"))
    router = APIRouter(prefix="/v1")
    _add_figures(router, doors)
    _add_thoughts(router, doors)
    _add_plan(router, doors)
    _add_lineage(router, doors)
    _add_live(router, doors)
    app.include_router(router)


def _said(status: int, title: str) -> Callable[[Request, Exception], Response]:
    def say(_: Request, error: Exception) -> Response:
        assert isinstance(error, Unknown | Misread)
        extra: Mapping[str, Any] = error.allowed
        return problem(status, title, error.detail, **extra)

    return say


def _add_figures(router: APIRouter, doors: Doors) -> None:
    model_of = Depends(doors.model)

    @router.get("/snapshot", summary="Every figure of a period and every node over them, at one position")
    async def snapshot(request: Request, question: QuestionParams, model: ReadModel = model_of) -> Response:
        return respond(request, await model.snapshot(**question.reading))

    @router.get("/cityscore", summary="The figures as Boston's CityScore would show them, with its defects fixed")
    async def cityscore(request: Request, when: WhenParams, model: ReadModel = model_of) -> Response:
        return respond(request, await model.cityscore(period=when.period, as_of=when.as_of))

    @router.get("/kpis", summary="The figures of a period")
    async def kpis(request: Request, when: WhenParams, paging: PagingParams, model: ReadModel = model_of) -> Response:
        as_of, offset = read_cursor(paging.cursor, when.as_of, kind=int)
        return page(request, await model.kpis(period=when.period, as_of=as_of), limit=paging.limit, offset=offset)

    @router.get("/kpis/{kpi}", summary="One figure, its definition and where it counts")
    async def kpi(request: Request, kpi: str, question: QuestionParams, model: ReadModel = model_of) -> Response:
        return respond(request, await model.kpi(kpi, **question.reading))

    @router.get(
        "/kpis/{kpi}/series", summary="One KPI over time, for the city or split by department, district or channel"
    )
    async def series(request: Request, kpi: str, asked: SeriesParams, model: ReadModel = model_of) -> Response:
        as_of, offset = read_cursor(asked.cursor, asked.as_of, kind=int)
        run = {"grain": asked.grain, "first": asked.first, "last": asked.last, "by": asked.by, "as_of": as_of}
        items = slice(offset or 0, (offset or 0) + asked.limit)
        return continued(request, await model.series(kpi, items, **run, control=asked.control))


def _add_thoughts(router: APIRouter, doors: Doors) -> None:
    model_of = Depends(doors.model)

    @router.post("/what-if", summary="The snapshot as it would be with other targets, links, weights or another plan")
    async def what_if(request: Request, thought: WhatIf, model: ReadModel = model_of) -> Response:
        return told(request, await model.what_if(thought))


def _add_plan(router: APIRouter, doors: Doors) -> None:
    model_of = Depends(doors.model)

    @router.get("/plan", summary="The plan with its roll-ups, and the versions that there are")
    async def plan(request: Request, question: QuestionParams, model: ReadModel = model_of) -> Response:
        return respond(request, await model.plan(**question.reading))

    @router.get("/nodes/{node}", summary="One node, what it counts and what is around it")
    async def node(request: Request, node: str, question: QuestionParams, model: ReadModel = model_of) -> Response:
        return respond(request, await model.node(node, **question.reading))

    @router.get("/departments", summary="The departments and how their KPIs stand")
    async def departments(
        request: Request, when: WhenParams, paging: PagingParams, model: ReadModel = model_of
    ) -> Response:
        as_of, offset = read_cursor(paging.cursor, when.as_of, kind=int)
        return page(
            request, await model.departments(period=when.period, as_of=as_of), limit=paging.limit, offset=offset
        )

    @router.get("/departments/{department}", summary="One department's figures")
    async def department(request: Request, department: str, when: WhenParams, model: ReadModel = model_of) -> Response:
        return respond(request, await model.department(department, period=when.period, as_of=when.as_of))


def _add_lineage(router: APIRouter, doors: Doors) -> None:
    analysts_only = [Depends(doors.need_analyst)]

    @router.get("/kpis/{kpi}/events", summary="The events behind a figure (analyst's key)", dependencies=analysts_only)
    async def events(request: Request, kpi: str, when: WhenParams, paging: PagingParams) -> Response:
        as_of, cursor = read_cursor(paging.cursor, when.as_of, kind=str)
        answer = await doors.lineage.events(kpi, period=when.period, as_of=as_of, cursor=cursor, limit=paging.limit)
        return continued(request, answer)

    @router.get(
        "/effects", summary="Every number that an event's position moved (analyst's key)", dependencies=analysts_only
    )
    async def effects(
        request: Request,
        source: Annotated[str, Query()],
        event: Annotated[str, Query(alias="id")],
        question: QuestionParams,
    ) -> Response:
        return respond(request, await doors.lineage.effects(source, event, **question.reading))


def _add_live(router: APIRouter, doors: Doors) -> None:
    @router.head("/live", include_in_schema=False)
    @router.get("/live", summary="Server-sent events: what each position changed in the fiscal year of now")
    async def live(
        last_event_id: Annotated[str | None, Header(description="The last position seen")] = None,
        after: Annotated[str | None, Query(description="The same, for a first connection")] = None,
    ) -> Response:
        return LiveResponse(doors.live, last_event(last_event_id, after))
