"""`/reports` and `/reports/{id}`: pages over the same answers as the JSON API of publications."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from citygoals.reporting import page_reports
from citygoals.reporting.page_cards import Answer
from citygoals.reporting.page_failures import known
from citygoals.reporting.page_scene import Scene
from citygoals.reporting.pages import Pages
from citygoals.reporting.reports import Reports, read_place

RESTATEMENTS_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class ReportPages:
    """The pages of publications."""

    pages: Pages
    reports: Reports

    async def every(self, request: Request) -> Response:
        """`/reports`: all of them."""
        question = await self.pages.read(request)
        t = self.pages.site.words(question.choice)

        def build(_: Scene, answers: Sequence[Answer]) -> Mapping[str, Any]:
            return page_reports.list_page(answers[0], t)

        return await self.pages.answer(question, "reports.html", build, [lambda at: self.reports.reports(as_of=at)])

    async def one(self, request: Request) -> Response:
        """`/reports/{id}`: one as published and as now known."""
        question, identity = await self.pages.read(request), request.path_params["report"]
        every = await self.reports.reports(as_of=question.choice.as_of)
        known("report", identity, every["items"])
        t, after = self.pages.site.words(question.choice), request.query_params.get("after") or None
        if after is not None:
            read_place(after)

        def build(_: Scene, answers: Sequence[Answer]) -> Mapping[str, Any]:
            report, restatements = answers
            return {**page_reports.report_page(report, restatements, t), "is_first": after is None}

        return await self.pages.answer(
            question,
            "report.html",
            build,
            [
                lambda at: self.reports.report(identity, as_of=at),
                lambda at: self.reports.restatements(
                    identity, as_of=at, cursor=after, limit=RESTATEMENTS_A_PAGE, is_patient=True
                ),
            ],
        )


def install_report_pages(app: FastAPI, pages: Pages, reports: Reports) -> None:
    """Add the pages to the application."""
    made = ReportPages(pages, reports)
    for path, page in (("/reports", made.every), ("/reports/{report}", made.one)):
        app.add_route(path, pages.guarded(page), methods=["GET", "HEAD"], include_in_schema=False)
