"""What answers are made of: stamps, plans, departments, nodes with what is around them; and how they are written. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from citygoals.reporting.cells import Mark, Totals
from citygoals.reporting.definitions import Definitions
from citygoals.reporting.sheet import Row, Sheet
from citygoals.shared.business_def import BusinessCalendarDef
from citygoals.shared.instants import format_instant
from citygoals.shared.kpi import DepartmentDef, KpiDef
from citygoals.shared.plan import PlanDef
from citygoals.shared.population import ReferenceDef


def encode(answer: Mapping[str, Any]) -> bytes:
    """Return an answer as JSON. Integers beyond 64 bits are whole numbers too, which only the slower writer can write."""
    try:
        return orjson.dumps(answer)
    except orjson.JSONEncodeError:
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def stamp(mark: Mark) -> dict[str, Any]:
    """Return the `as_of` of an answer."""
    return {"position": mark.position, "recorded_at": format_instant(mark.recorded_at)}


def totals_row(totals: Totals) -> dict[str, Any]:
    """Return the totals of the whole ledger."""
    return {"events": totals.events, "by_type": dict(sorted(totals.by_type.items()))}


def plan_row(plan: PlanDef) -> dict[str, Any]:
    """Return what an answer says about the plan that it was rolled up with."""
    title = plan.title.labels() if plan.title is not None else {"en": plan.id, "es": plan.id}
    whole = plan.model_dump(mode="json", exclude={"nodes", "links", "title"})
    return {"id": whole.pop("id"), "version": whole.pop("version"), "title": title["en"], "labels": title, **whole}


def versions(definitions: Definitions) -> list[dict[str, Any]]:
    """Return every plan version that `?plan=` can name, in the order in which they were applied."""
    return [plan_row(one.plan) | {"position": one.position} for one in definitions.plans]


def departments_of(definitions: Definitions, rows: Mapping[str, Row]) -> list[Row]:
    """Return every department with its KPIs and how many of them have which status."""
    own: dict[str, list[Row]] = {name: [] for name in definitions.departments}
    for row in rows.values():
        if row["department"] in own:
            own[row["department"]].append(row)
    return [_department(definitions.departments[name], kpis) for name, kpis in own.items()]


def _department(department: DepartmentDef, rows: list[Row]) -> Row:
    labels = department.title.labels()
    statuses: dict[str, int] = {}
    for row in rows:
        statuses[row["status"]] = statuses.get(row["status"], 0) + 1
    return {
        "id": department.id,
        "title": labels["en"],
        "labels": labels,
        "vision_block": department.vision_block,
        "verified": department.verified,
        "kpis": [row["id"] for row in rows],
        "statuses": dict(sorted(statuses.items())),
    }


def around(plan: PlanDef, nodes: Mapping[str, Row], node: str) -> dict[str, Any]:
    """Return what is around a node: its children, and the way from the root down to its first parent."""
    parents = {one.id: one.edges[0].node for one in plan.nodes if one.edges}
    path = []
    above = parents.get(node)
    while above is not None:
        path.append(nodes[above])
        above = parents.get(above)
    return {"nodes": [nodes[child["node"]] for child in nodes[node]["children"]], "path": path[::-1]}


def links_of(plan: PlanDef, nodes: Mapping[str, Row], kpi: str) -> list[Row]:
    """Return the nodes under which a KPI counts directly, and with which weight."""
    return [
        {"id": link.node, "title": nodes[link.node]["title"], "weight": link.weight}
        for link in plan.links
        if link.kpi == kpi
    ]


def looked_up_by(kpi: KpiDef, definitions: Definitions) -> dict[str, Any]:
    """Return the business calendars and reference tables that a KPI counts by, whole."""
    measure = kpi.measure.model_dump(mode="json")
    calendars = {measure.get("clock"), (measure.get("deadline") or {}).get("calendar")}
    references = {(measure.get("over") or {}).get("reference")}
    return {
        "calendars": [one.model_dump(mode="json") for name, one in definitions.calendars.items() if name in calendars],
        "references": [
            one.model_dump(mode="json") for name, one in definitions.references.items() if name in references
        ],
    }


def dumped(definitions: Definitions, plan: PlanDef) -> dict[str, Any]:
    """Return KPIs, departments and one plan whole, as the models dump, and what calendars and tables are called."""
    return {
        "plan": plan.model_dump(mode="json"),
        "kpis": [kpi.model_dump(mode="json") for kpi in definitions.kpis.values()],
        "departments": [one.model_dump(mode="json") for one in definitions.departments.values()],
        "calendars": called(definitions.calendars.values()),
        "references": called(definitions.references.values()),
    }


def called(looked_up: Iterable[BusinessCalendarDef | ReferenceDef]) -> list[dict[str, Any]]:
    """Return ids and titles alone: what is in calendars and reference tables is no page's matter."""
    return [{"id": one.id, "title": one.title.model_dump(mode="json")} for one in looked_up]


def city_wide(definitions: Definitions, visible: Mapping[str, Row], part: Sheet) -> list[Row]:
    """Return the figures of KPIs of no single department that a slice has anything of."""
    kpis = definitions.kpis
    return [part.rows[name] for name in visible if kpis[name].department is None and part.tally.holds(name)]
