"""Changes of what KPIs count, over HTTP, for staff: applied at once where that is quick, else followed as drafts."""

from typing import Any

import orjson
from fastapi import APIRouter, Depends, Response

from citygoals.kpi.api import WAIT_DEFAULT_S, Registry, Staff, Wait
from citygoals.kpi.definitions import DEFINITION_TYPES, Definitions
from citygoals.kpi.draft_answers import json_response, settled, shown
from citygoals.kpi.draft_store import Overtaken
from citygoals.kpi.lists import PageParams
from citygoals.kpi.merging import Clashing
from citygoals.kpi.side_by_side import side_by_side
from citygoals.kpi.store import SQL, read_definitions
from citygoals.shared.events import decode
from citygoals.shared.problem import Problem

_UNDECIDED = frozenset({"open", "failed"})


def draft_routes(registry: Registry, staff: Staff) -> APIRouter:
    """Return the routes that follow, compare, activate, try again and give up drafts."""
    router = APIRouter(prefix="/v1/drafts", dependencies=[Depends(staff)])
    _add_looks(router, registry)
    _add_decisions(router, registry)
    return router


def _add_looks(router: APIRouter, registry: Registry) -> None:
    @router.get("", summary="Every draft, the latest first")
    async def listed(page: PageParams) -> Response:
        rows = await registry.pool.fetch(SQL.read_drafts, page.before, page.limit + 1)
        last = rows[page.limit - 1]["id"] if len(rows) > page.limit else None
        return page.answer([shown(registry.leadership, row) for row in rows[: page.limit]], last)

    @router.get("/{draft}", summary="How far a draft is; old and new figures side by side once it is ready")
    async def one(draft: int) -> Response:
        row = await _found(registry, draft)
        answer = shown(registry.leadership, row)
        if answer["state"] == "ready":
            answer |= await _compared(registry, row)
        return json_response(answer | {"clashes": await _clashes(registry, row)})


def _add_decisions(router: APIRouter, registry: Registry) -> None:
    @router.post("/{draft}/activate", summary="Switch a draft on, in one position")
    async def activate(draft: int, wait: Wait = WAIT_DEFAULT_S) -> Response:
        row = await _found(registry, draft)
        await _refuse_clashes(registry, row)
        if not await registry.leadership.drafter.activate(draft) and row["state"] != "applied":
            raise Problem(409, f"Draft {draft} is {row['state']}", draft=shown(registry.leadership, row))
        return await settled(registry.leadership, draft, wait, orjson.loads(row["data"]))

    @router.post("/{draft}/retry", summary="Try a draft again that failed, behind those that were asked for meanwhile")
    async def retry(draft: int, wait: Wait = WAIT_DEFAULT_S) -> Response:
        row = await _found(registry, draft)
        await _refuse_clashes(registry, row)
        if not await registry.leadership.drafter.retry(draft) and row["state"] != "open":
            raise Problem(409, f"Draft {draft} is {row['state']}", draft=shown(registry.leadership, row))
        return await settled(registry.leadership, draft, wait, orjson.loads(row["data"]))

    @router.delete("/{draft}", summary="Give a draft up; what was computed of it is deleted")
    async def discard(draft: int) -> Response:
        await _found(registry, draft)
        is_given_up = await registry.leadership.drafter.discard(draft)
        row = await _found(registry, draft)
        if not is_given_up and row["state"] != "discarded":
            raise Problem(409, f"Draft {draft} is {row['state']}", draft=shown(registry.leadership, row))
        return json_response(shown(registry.leadership, row))


def version_routes(registry: Registry, staff: Staff) -> APIRouter:
    """Return the route that tells what a KPI ever counted."""
    router = APIRouter(prefix="/v1/kpis", dependencies=[Depends(staff)])

    @router.get("/{identity}/versions", summary="Every formula that the KPI had, the last first, with its positions")
    async def versions(identity: str) -> Response:
        async with registry.pool.acquire() as connection:
            rows = await read_definitions(connection, DEFINITION_TYPES)
        items = versions_of(identity, rows)
        if not items:
            raise Problem(404, f"No KPI {identity[:80]} in the catalogue, now or ever")
        return json_response({"items": items, "next": None})

    return router


def versions_of(identity: str, applied_ones: list[tuple[int, bytes]]) -> list[dict[str, Any]]:
    """Return {"version", "until", "definition"} of each formula of a KPI, the last first.

    It holds from position `version` on and, unless `until` is null, not any more at that one. The definition is the last
    one with this formula: its title or target may have changed meanwhile.
    """
    items: list[dict[str, Any]] = []
    known = Definitions()
    for position, body in applied_ones:
        event = decode(body)
        known = known.after(event.type, event.data, position)
        kpi = known.kpis.get(identity)
        held = items[-1] if items and items[-1]["until"] is None else None
        if held is not None and (kpi is None or kpi.version != held["version"]):
            held["until"], held = position, None
        if kpi is not None and held is None:
            items.append({"version": kpi.version, "until": None, "definition": None})
        if kpi is not None:
            items[-1]["definition"] = kpi.model_dump(mode="json")
    return items[::-1]


async def _found(registry: Registry, draft: int) -> Any:
    """Return a draft's row. Raises Problem (404)."""
    row = await registry.pool.fetchrow(SQL.read_draft, draft) if 0 < draft < 2**62 else None
    if row is None or row["kind"] != "catalogue":
        raise Problem(404, f"No draft {draft}")
    return row


async def _clashes(registry: Registry, row: Any) -> list[dict[str, Any]]:
    """Return what a draft that may still be switched on, and others since, changed otherwise."""
    if row["state"] not in _UNDECIDED or row["since"] is None or not registry.leadership.is_leader:
        return []
    wish = await registry.leadership.drafter.wish(row)
    return [clash._asdict() for clash in wish.onto(await registry.known()).clashes]


async def _refuse_clashes(registry: Registry, row: Any) -> None:
    """Raise Problem (409) for a draft that cannot be applied to what others have made of the definitions since."""
    if row["state"] not in _UNDECIDED:
        return
    wish = await registry.leadership.drafter.wish(row)
    try:
        wish.settled_onto(await registry.known())
    except Clashing as error:
        clashes = await _clashes(registry, row)
        raise Problem(409, str(error), title="Others changed the same meanwhile", clashes=clashes) from None


async def _compared(registry: Registry, row: Any) -> dict[str, Any]:
    """Return both figures of each KPI that a draft that is ready would change, at the present position."""
    drafter = registry.leadership.drafter
    try:
        found = await side_by_side(registry.pool, drafter, registry.calendar, row["id"], await drafter.wish(row))
    except Overtaken:
        drafter.doubt(row["id"])
        return {"state": "computing"}
    return {"side_by_side": found}
