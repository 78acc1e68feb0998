"""Narratives over HTTP, for staff. Who approves one, or withdraws what is public, needs an admin's key."""

from operator import attrgetter
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from citygoals.kpi.api import Registry, Staff
from citygoals.kpi.lists import PageParams
from citygoals.kpi.narratives import PART, Draft, Rewriting, Transition, draft, move, rewrite
from citygoals.kpi.recording import IfMatch, granted, json_answer, record_of, said, version_of, wish_of, wished
from citygoals.shared.keys import Key
from citygoals.shared.model import KpiId
from citygoals.shared.narrative import LEGAL, Narrative, NarrativePeriod, State
from citygoals.shared.records import dump


def narrative_routes(registry: Registry, staff: Staff) -> APIRouter:
    """Return the routes for narratives."""
    router = APIRouter(prefix="/v1/narratives", dependencies=[Depends(staff)])
    asker = Annotated[Key, Depends(staff)]
    _add_reading(router, registry)

    @router.post("", status_code=201, summary="Write what is to be said of a KPI in a period",
                 openapi_extra=wished(Draft))  # fmt: skip
    async def draft_one(request: Request, key: asker) -> Response:
        wish = await wish_of(request)
        done = await granted(registry, PART, key, lambda desk: draft(desk, wish))
        return said(done, _row(done.record), created=True)

    @router.put("/{identity}", summary="Write a draft anew", openapi_extra=wished(Rewriting))
    async def rewrite_one(request: Request, identity: str, key: asker, if_match: IfMatch = None) -> Response:
        wish, version = await wish_of(request), version_of(if_match)
        done = await granted(registry, PART, key, lambda desk: rewrite(desk, identity, wish), version=version)
        return said(done, _row(done.record))

    @router.post("/{identity}/transitions", summary="Submit, approve, return or withdraw one",
                 openapi_extra=wished(Transition))  # fmt: skip
    async def move_one(request: Request, identity: str, key: asker, if_match: IfMatch = None) -> Response:
        wish, version = await wish_of(request), version_of(if_match)
        done = await granted(registry, PART, key, lambda desk: move(desk, identity, wish), version=version)
        return said(done, _row(done.record))

    return router


def _add_reading(router: APIRouter, registry: Registry) -> None:
    @router.get("", summary="Every narrative, with its history")
    async def every(
        page: PageParams,
        kpi: Annotated[KpiId | None, Query()] = None,
        period: Annotated[NarrativePeriod | None, Query()] = None,
        state: Annotated[State | None, Query()] = None,
    ) -> Response:
        asked = (kpi, period, state)
        found = [
            one
            for one in (await registry.known()).records[PART].values()
            if all(wanted in {None, own} for wanted, own in zip(asked, (one.kpi, one.period, one.state), strict=True))
        ]
        return page.of(found, _row, attrgetter("id"))

    @router.get("/{identity}", summary="One narrative, with its earlier texts")
    async def one(identity: str) -> Response:
        record = record_of(await registry.known(), PART, identity)
        return json_answer(_row(record), version=record.version)


def _row(record: Any) -> dict[str, Any]:
    assert isinstance(record, Narrative)
    return {
        **dump(record), "version": record.version, "author": record.author, "is_public": record.approved is not None,
        "legal": list(LEGAL[record.state]),
    }  # fmt: skip
