"""What is answered to somebody who changes what KPIs count: the position where that was quick, else what is pending."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
from fastapi import Response

from citygoals.kpi.definitions import CATALOGUE_APPLIED, CATALOGUE_PARTS, remeasured, with_cells
from citygoals.kpi.leader import Leadership
from citygoals.shared.instants import format_instant
from citygoals.shared.problem import Problem


async def applied(
    leadership: Leadership, data: dict[str, Any], *, activate: bool, wait_s: float, warnings: Iterable[str] = ()
) -> Response:
    """Apply a checked catalogue: at once where no cells change, else as a draft, waited for as long as asked.

    Answers 200 with the position, or 202 with what is pending and where to follow it. Raises Problem, Unavailable.
    """
    applier, drafter = leadership.applier, leadership.drafter
    known = applier.state.definitions
    after = known.after(CATALOGUE_APPLIED, data, 0)
    is_nothing, is_quick = after.changed_since(known) is None, not with_cells(remeasured(known, after))
    if (is_nothing or (activate and is_quick)) and not await drafter.is_behind_another(data):
        position = await applier.define(CATALOGUE_APPLIED, data)
        said = {"applied": position is not None, "position": position or applier.state.position, **named(data)}
        return json_response(said | {"warnings": list(warnings)})
    draft = await drafter.ask(data, activate=activate)
    return await settled(leadership, draft, wait_s, data, warnings)


async def settled(
    leadership: Leadership, draft: int, wait_s: float, data: Mapping[str, Any], warnings: Iterable[str] = ()
) -> Response:
    """Answer for a draft once it is ended or ready, or after the time. Raises Problem (409)."""
    row = await leadership.drafter.settled(draft, wait_s)
    said = named(data) | {"warnings": list(warnings)}
    if row["state"] in {"applied", "unchanged"}:
        return json_response({"applied": row["state"] == "applied", "position": row["position"], **said})
    told = shown(leadership, row)
    if row["state"] != "open":
        raise Problem(409, f"Draft {draft} is {row['state']}: {row['error'] or 'somebody gave it up'}", draft=told)
    answer = {"applied": False, "position": leadership.applier.state.position, "pending": told, **said}
    return json_response(answer, 202, {"Location": f"/v1/drafts/{draft}"})


def named(data: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the ids of everything in a catalogue."""
    return {part: [item["id"] for item in data[part]] for part in CATALOGUE_PARTS}


def shown(leadership: Leadership, row: Any) -> dict[str, Any]:
    """Return a draft as the API shows it.

    `entries` are those taken in, of the kinds of facts that its KPIs look at; `attempts` are those that broke off since
    it last got on.
    """
    state = row["state"]
    if state == "open":
        is_ready = leadership.is_leader and leadership.drafter.is_ready(row["id"]) and not row["activate"]
        state = "ready" if is_ready else "computing"
    data = orjson.loads(row["data"])
    return {
        "id": row["id"],
        "state": state,
        "activate": row["activate"],
        "kpis": [item["id"] for item in data.get("kpis", ())],
        "asked_at": _instant(row["asked_at"]),
        "ended_at": _instant(row["ended_at"]),
        "position": row["position"],
        "entries": row["entries"],
        "computed": row["computed"] or None,
        "attempts": row["attempts"],
        "error": row["error"],
    }


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    return Response(orjson.dumps(value), status, headers, "application/json")
