"""Commitments over HTTP, for staff. Who locks one or changes what is in force needs an admin's key."""

from operator import attrgetter
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from citygoals.kpi.api import Registry, Staff
from citygoals.kpi.commitments import (
    PART,
    Amendment,
    Proposal,
    Retargeting,
    Transition,
    amend,
    move,
    propose,
    retarget,
)  # fmt: skip
from citygoals.kpi.lists import PageParams
from citygoals.kpi.recording import IfMatch, granted, json_answer, record_of, said, version_of, wish_of, wished
from citygoals.shared.commitment import LEGAL, Commitment, FiscalYear, State
from citygoals.shared.keys import Key
from citygoals.shared.model import KebabId
from citygoals.shared.records import dump


def commitment_routes(registry: Registry, staff: Staff) -> APIRouter:
    """Return the routes for commitments."""
    router = APIRouter(prefix="/v1/commitments", dependencies=[Depends(staff)])
    asker = Annotated[Key, Depends(staff)]
    _add_reading(router, registry)

    @router.post("", status_code=201, summary="Propose a department's targets for a fiscal year",
                 openapi_extra=wished(Proposal))  # fmt: skip
    async def propose_one(request: Request, key: asker) -> Response:
        wish = await wish_of(request)
        done = await granted(registry, PART, key, lambda desk: propose(desk, wish))
        return said(done, _row(done.record), created=True)

    @router.put("/{identity}", summary="Change the targets while they are proposed", openapi_extra=wished(Retargeting))
    async def retarget_one(request: Request, identity: str, key: asker, if_match: IfMatch = None) -> Response:
        wish, version = await wish_of(request), version_of(if_match)
        done = await granted(registry, PART, key, lambda desk: retarget(desk, identity, wish), version=version)
        return said(done, _row(done.record))

    @router.post("/{identity}/transitions", summary="Review, sign, lock, return or withdraw one",
                 openapi_extra=wished(Transition))  # fmt: skip
    async def move_one(request: Request, identity: str, key: asker, if_match: IfMatch = None) -> Response:
        wish, version = await wish_of(request), version_of(if_match)
        done = await granted(registry, PART, key, lambda desk: move(desk, identity, wish), version=version)
        return said(done, _row(done.record))

    @router.post("/{identity}/amendments", summary="Change targets in force, with a reason (admin's key)",
                 openapi_extra=wished(Amendment))  # fmt: skip
    async def amend_one(request: Request, identity: str, key: asker, if_match: IfMatch = None) -> Response:
        wish, version = await wish_of(request), version_of(if_match)
        done = await granted(registry, PART, key, lambda desk: amend(desk, identity, wish), version=version)
        return said(done, _row(done.record))

    return router


def _add_reading(router: APIRouter, registry: Registry) -> None:
    @router.get("", summary="Every commitment, with its history")
    async def every(
        page: PageParams,
        department: Annotated[KebabId | None, Query()] = None,
        fiscal_year: Annotated[FiscalYear | None, Query()] = None,
        state: Annotated[State | None, Query()] = None,
    ) -> Response:
        asked = (department, fiscal_year, state)
        found = [
            one
            for one in (await registry.known()).records[PART].values()
            if all(
                wanted in {None, own}
                for wanted, own in zip(asked, (one.department, one.fiscal_year, one.state), strict=True)
            )
        ]
        return page.of(found, _row, attrgetter("id"))

    @router.get("/{identity}", summary="One commitment, with its history")
    async def one(identity: str) -> Response:
        record = record_of(await registry.known(), PART, identity)
        return json_answer(_row(record), version=record.version)


def _row(record: Any) -> dict[str, Any]:
    assert isinstance(record, Commitment)
    return {**dump(record), "version": record.version, "legal": list(LEGAL[record.state])}
