"""The public pages: Jinja2 over the same answers as the JSON API, so a page and the API can never disagree.

Every answer that a page is made of is of one position. The browser asks for the whole page again when `/v1/live`
announces a position, and swaps the parts that changed (static/live.js).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from citygoals.reporting import page_board, page_duties
from citygoals.reporting.commitments import Commitments
from citygoals.reporting.duty_answers import Duties
from citygoals.reporting.page_cards import Answer
from citygoals.reporting.page_commitments import of_department, said_of_figure
from citygoals.reporting.page_failures import known, trouble
from citygoals.reporting.page_reports import published_notes
from citygoals.reporting.page_scene import Scene
from citygoals.reporting.page_site import Choice, Site
from citygoals.reporting.page_together import Ask, together
from citygoals.reporting.readmodel import ReadModel
from citygoals.reporting.reports import Reports
from citygoals.reporting.series import SERIES_GRAINS
from citygoals.shared.period import CityCalendar, Period

TREND_MONTHS = 12
RETRY_AFTER_S = "30"

log = structlog.get_logger()
Page = Callable[[Request], Awaitable[Response]]
Build = Callable[[Scene, Sequence[Answer]], Mapping[str, Any]]


def install_pages(
    app: FastAPI, model: ReadModel, reports: Reports, *, calendar: CityCalendar, synthetic: bool = False
) -> "Pages":
    """Add the pages and their static files to the application; `synthetic` puts a banner on every page."""
    site, commitments, duties = (
        Site(calendar.zone, synthetic=synthetic),
        Commitments(model),
        Duties(model.moments, calendar),
    )
    pages = Pages(
        model=model, reports=reports, commitments=commitments, duties=duties, calendar=calendar, site=site
    )  # fmt: skip
    for path, page in (
        ("/", pages.scoreboard), ("/kpis/{kpi}", pages.kpi), ("/plan", pages.plan), ("/plan/{node}", pages.node),
        ("/departments", pages.departments), ("/departments/{department}", pages.department),
    ):  # fmt: skip
        app.add_route(path, pages.guarded(page), methods=["GET", "HEAD"], include_in_schema=False)
    app.add_route("/static/{name}", pages.static, methods=["GET", "HEAD"], include_in_schema=False)
    return pages


@dataclass(frozen=True, slots=True)
class Question:
    """One request for a page: what the reader chose, and the first answer, which says what else to ask."""

    request: Request
    choice: Choice
    snapshot: Answer
    period: Period
    asks: list[Ask] = field(default_factory=list)

    @property
    def day(self) -> date:
        """The city's day where it is in the period, else the period's last."""
        today = date.fromisoformat(self.snapshot["city_date"])
        return today if today in self.period else self.period.last

    @property
    def months(self) -> dict[str, Any]:
        """Return the twelve months that end with the period, as far as it has come, as a series is asked for them."""
        last = min(date.fromisoformat(self.snapshot["city_date"]), self.period.last)
        count = max(last.year * 12 + last.month - TREND_MONTHS, 12)  # no earlier than the calendar
        first = date(count // 12, count % 12 + 1, 1)
        return {"grain": "month", "first": first.isoformat(), "last": last.isoformat()}


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages over one read model."""

    model: ReadModel
    reports: Reports
    commitments: Commitments
    duties: Duties
    calendar: CityCalendar
    site: Site

    async def scoreboard(self, request: Request) -> Response:
        """`/`: the city, its plan, every KPI."""
        question = await self.read(request)
        choice, t = question.choice, self.site.words(question.choice)

        def build(scene: Scene, answers: Sequence[Answer]) -> Mapping[str, Any]:
            trends, plan = answers
            context = page_board.board(scene, trends["kpis"], t, choice.status)
            return {**context, "versions": plan["versions"], "periods": self._periods(scene)}

        return await self.answer(
            question,
            "board.html",
            build,
            [
                lambda at: self.model.trends(**question.months, as_of=at),
                lambda at: self.model.plan(period=choice.period, plan=choice.plan, as_of=at),
            ],
        )

    async def kpi(self, request: Request) -> Response:
        """`/kpis/{id}`: one KPI."""
        question, kpi = await self.read(request), request.path_params["kpi"]
        known("kpi", kpi, question.snapshot["kpis"])
        t, whole = self.site.words(question.choice), question.period

        def build(scene: Scene, answers: Sequence[Answer]) -> Mapping[str, Any]:
            months, published, said, *splits = answers
            members = [(split["by"], page_board.members(scene, split, t)) for split in splits]
            notes = published_notes(published, t)
            beside = said_of_figure(said, scene.figures[kpi], t)
            return {**page_board.kpi_page(scene, kpi, months, t), **beside, "splits": members, "published": notes}

        def split(by: str) -> Ask:
            span: dict[str, Any] = {"grain": whole.grain, "first": whole.label, "last": whole.label}
            return lambda at: self.model.series(kpi, **span, by=by, as_of=at)

        asks: list[Ask] = [
            lambda at: self.model.series(kpi, **question.months, as_of=at, control=True),
            lambda at: self.reports.of_figure(kpi, whole.label, as_of=at),
            lambda at: self.commitments.of_figure(kpi, question.choice.period, as_of=at),
        ]
        if whole.grain in SERIES_GRAINS:
            asks += [split("department"), split("district"), split("channel")]
        return await self.answer(question, "kpi.html", build, asks)

    async def plan(self, request: Request) -> Response:
        """`/plan`: the way to the top of the plan."""
        question = await self.read(request)
        top = next(node["id"] for node in question.snapshot["nodes"] if not node["parents"])
        return RedirectResponse(question.choice.href(f"/plan/{top}"), HTTPStatus.SEE_OTHER)

    async def node(self, request: Request) -> Response:
        """`/plan/{node}`: one part of the plan and how it adds up."""
        question, node = await self.read(request), request.path_params["node"]
        known("node", node, question.snapshot["nodes"])
        t = self.site.words(question.choice)
        return await self.answer(question, "node.html", lambda scene, _: page_board.node_page(scene, node, t), [])

    async def departments(self, request: Request) -> Response:
        """`/departments`: all of them."""
        question = await self.read(request)
        t = self.site.words(question.choice)

        def build(scene: Scene, answers: Sequence[Answer]) -> Mapping[str, Any]:
            due = page_duties.pressing(answers[0], scene, t, self.calendar.zone)
            return {**page_board.departments_page(scene, t), **due}

        return await self.answer(question, "departments.html", build, [lambda at: self.duties.duties(as_of=at)])

    async def department(self, request: Request) -> Response:
        """`/departments/{id}`: one department."""
        question, department = await self.read(request), request.path_params["department"]
        known("department", department, question.snapshot["departments"])
        choice, t = question.choice, self.site.words(question.choice)
        year = f"FY{self.calendar.fiscal_year_of(question.day):04d}"

        def build(scene: Scene, answers: Sequence[Answer]) -> Mapping[str, Any]:
            answer, trends, promised, due = answers
            page = page_board.department_page(scene, answer, trends["kpis"], t)
            return {
                **page,
                **of_department(promised, year, t),
                **page_duties.of_department(due, scene, t, self.calendar.zone),
            }

        asks: list[Ask] = [
            lambda at: self.model.department(department, period=choice.period, as_of=at),
            lambda at: self.model.trends(**question.months, as_of=at),
            lambda at: self.commitments.of_department(department, year, as_of=at),
            lambda at: self.duties.duties(department=department, as_of=at),
        ]
        return await self.answer(question, "department.html", build, asks)

    async def static(self, request: Request) -> Response:
        """`/static/{name}`: our own style sheet, script and pictures."""
        return self.site.file(request.path_params["name"]) or Response(status_code=HTTPStatus.NOT_FOUND)

    def guarded(self, page: Page) -> Page:
        """Answer every failure of a page with a page: what is missing, what cannot be read, what is away."""

        async def answer(request: Request) -> Response:
            try:
                return await page(request)
            except Exception as error:
                status, key, values = trouble(error)
                if status == HTTPStatus.INTERNAL_SERVER_ERROR:
                    log.exception("page failed", path=request.url.path)
                return self._error(request, status, key, values)

        return answer

    async def read(self, request: Request) -> Question:
        """Read what the reader chose, and the snapshot of it."""
        choice = Choice.of(request)
        snapshot = await self.model.snapshot(period=choice.period, plan=choice.plan, as_of=choice.as_of)
        period = self.calendar.parse(snapshot["period"], date.fromisoformat(snapshot["city_date"]))
        return Question(request, choice, snapshot, period)

    async def answer(self, question: Question, template: str, build: Build, asks: Sequence[Ask]) -> Response:
        """Answer with a page that `build` makes of answers of one position."""
        choice, t = question.choice, self.site.words(question.choice)
        tag = self.site.tag(question.snapshot, choice)
        if self.site.is_known(question.request, tag):
            return self.site.not_modified(choice, tag)
        snapshot, definitions, *answers = await together(
            [
                lambda at: self.model.snapshot(period=choice.period, plan=choice.plan, as_of=at),
                lambda at: self.model.definitions(plan=choice.plan, as_of=at),
                *asks,
            ],
            choice.as_of,
        )
        scene, period = Scene.of(snapshot, definitions), question.period
        ends = "" if period.grain == "all" else t("period.range", first=t.day(period.start), last=t.day(period.last))
        context = {**build(scene, answers), "scene": scene, "dates": ends}
        return self.site.page(question.request, template, context, tag=self.site.tag(snapshot, choice))

    def _periods(self, scene: Scene) -> list[str]:
        """Return the periods to choose from: this fiscal year and its parts up to now, this month, last year, all."""
        day = date.fromisoformat(scene.snapshot["city_date"])
        year = self.calendar.containing(day, "fiscal_year")
        parts = [part.label for grain in ("half", "quarter") for part in self.calendar.periods(grain, year.start, day)]
        before = self.calendar.containing(year.start - timedelta(days=1), "fiscal_year")
        labels = [year.label, *parts, self.calendar.containing(day, "month").label, before.label, "all"]
        shown = scene.snapshot["period"]
        return labels if shown in labels else [shown, *labels]

    def _error(self, request: Request, status: HTTPStatus, key: str, values: Mapping[str, str]) -> Response:
        response = self.site.page(request, "error.html", {"status_code": status, "key": key, "values": values})
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            response.headers["Retry-After"] = RETRY_AFTER_S
        return response
