"""The HTTP side, for staff: definitions are applied and read here, and the ledger is checked against the cells."""

from typing import Annotated, Any, NoReturn

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from citygoals.kpi.definitions import (
    CATALOGUE_APPLIED,
    PLAN_APPLIED,
    Definitions,
    missing_kpis,
    read_catalogue,
    read_departments,
    read_plan,
)
from citygoals.kpi.leader import Leadership
from citygoals.kpi.rebuild import Rebuilds
from citygoals.kpi.standing import read_definitions
from citygoals.shared.clock import Clock
from citygoals.shared.keys import ROLES, KeyRing
from citygoals.shared.period import CityCalendar
from citygoals.shared.plan import InvalidFile, PlanDef, kpi_schema, plan_schema
from citygoals.shared.postgres import Pool
from citygoals.shared.problem import Problem

STAFF = ("staff", "admin")
FILE_MAX_BYTES = 4 << 20

DryRun = Annotated[bool, Query(description="Check the file and change nothing")]
FileName = Annotated[str, Query(alias="file", max_length=200, description="The file's name, for messages about it")]


class Staff:
    """Lets staff in and nobody else."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    async def __call__(self, request: Request) -> None:
        """Raise Problem (401, 403) unless the request carries a live staff or admin key."""
        key = await self._keys.find(request.headers.get("authorization"), ROLES)
        if key is None:
            challenge = {"WWW-Authenticate": "Bearer"}
            raise Problem(401, "A staff key is needed: Authorization: Bearer <key>", headers=challenge)
        if key.role not in STAFF:
            raise Problem(403, f"A staff key is needed; this is a key of the role {key.role}")


def definition_routes(
    leadership: Leadership, pool: Pool, calendar: CityCalendar, clock: Clock, staff: Staff
) -> APIRouter:
    """Return the routes for plans, KPIs and departments."""
    router = APIRouter(prefix="/v1", dependencies=[Depends(staff)])

    async def known() -> Definitions:
        async with pool.acquire() as connection:
            return await read_definitions(connection)

    async def define(event_type: str, data: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        if dry_run:
            return {"applied": False, "dry_run": True}
        position = await leadership.applier.define(event_type, data)
        return {"applied": position is not None, "position": position or leadership.applier.state.position}

    @router.post("/plan", summary="Apply a version of the plan (YAML or JSON)")
    async def apply_plan(request: Request, name: FileName = "plan.yaml", *, dry_run: DryRun = False) -> Response:
        data = _checked(read_plan, await _text(request), name)
        plan = PlanDef.model_validate(data["plan"])
        answer = await define(PLAN_APPLIED, data, dry_run=dry_run)
        warnings = [f"no KPI {kpi} in the catalogue (yet)" for kpi in missing_kpis(plan, await known())]
        return _json({**answer, "plan": {"id": plan.id, "version": plan.version}, "warnings": warnings})

    @router.get("/plan", summary="Every plan version, the last applied first")
    async def plans() -> Response:
        definitions = await known()
        in_force = definitions.in_force(calendar.local_day(clock.now()))
        items = [
            {"position": one.position, "in_force": one.plan is in_force, **one.plan.model_dump(mode="json")}
            for one in reversed(definitions.plans)
        ]
        return _json({"items": items, "next": None})

    @router.post("/kpis", summary="Apply a catalogue: KPIs, departments, or both (YAML or JSON)")
    async def apply_catalogue(request: Request, name: FileName = "kpis.yaml", *, dry_run: DryRun = False) -> Response:
        data = _checked(read_catalogue, await _text(request), name, await known())
        answer = await define(CATALOGUE_APPLIED, data, dry_run=dry_run)
        return _json({**answer, "kpis": _ids(data["kpis"]), "departments": _ids(data["departments"])})

    @router.post("/departments", summary="Apply the departments (YAML or JSON)")
    async def apply_departments(
        request: Request, name: FileName = "departments.yaml", *, dry_run: DryRun = False
    ) -> Response:
        data = _checked(read_departments, await _text(request), name, await known())
        answer = await define(CATALOGUE_APPLIED, data, dry_run=dry_run)
        return _json({**answer, "departments": _ids(data["departments"])})

    @router.get("/kpis", summary="The KPI catalogue")
    async def catalogue() -> Response:
        items = [kpi.model_dump(mode="json") for kpi in (await known()).kpis.values()]
        return _json({"items": items, "next": None})

    @router.get("/kpis/{identity}", summary="One KPI of the catalogue")
    async def one_kpi(identity: str) -> Response:
        kpi = (await known()).kpis.get(identity)
        if kpi is None:
            raise Problem(404, f"No KPI {identity[:80]} in the catalogue")
        return _json(kpi.model_dump(mode="json"))

    @router.get("/departments", summary="The departments")
    async def departments() -> Response:
        items = [item.model_dump(mode="json") for item in (await known()).departments.values()]
        return _json({"items": items, "next": None})

    return router


def schema_routes() -> APIRouter:
    """Return the routes for the JSON Schemas of the files, for anybody."""
    router = APIRouter(prefix="/v1/schemas")

    @router.get("/plan", summary="JSON Schema of a plan file")
    async def plan() -> Response:
        return _json(plan_schema())

    @router.get("/kpi", summary="JSON Schema of a catalogue file")
    async def kpi() -> Response:
        return _json(kpi_schema())

    return router


def rebuild_routes(rebuilds: Rebuilds, staff: Staff) -> APIRouter:
    """Return the routes that compute all cells anew and compare."""
    router = APIRouter(prefix="/v1/rebuilds", dependencies=[Depends(staff)])

    @router.post("", status_code=202, summary="Compute all cells anew from the ledger and compare")
    async def start(request: Request) -> Response:
        asked = await request.body()
        if asked and (not isinstance(wish := _object(asked), dict) or wish.get("verify") is not True):
            raise Problem(422, 'A rebuild verifies and changes nothing: {"verify": true}')
        rebuild = rebuilds.start()
        return _json(rebuild.to_dict(), 202, {"Location": f"/v1/rebuilds/{rebuild.id}"})

    @router.get("/{identity}", summary="How far a rebuild is, and what it found")
    async def progress(identity: str) -> Response:
        rebuild = rebuilds.find(identity)
        if rebuild is None:
            raise Problem(404, f"No rebuild {identity[:80]} in this process")
        return _json(rebuild.to_dict())

    return router


async def _text(request: Request) -> str:
    body = await request.body()
    if len(body) > FILE_MAX_BYTES:
        raise Problem(413, f"A file has at most {FILE_MAX_BYTES} bytes")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Problem(400, "The file is not UTF-8 text") from None


def _checked(read: Any, *arguments: Any) -> dict[str, Any]:
    try:
        data: dict[str, Any] = read(*arguments)
    except InvalidFile as error:
        _refuse(error)
    return data


def _refuse(error: InvalidFile) -> NoReturn:
    count = len(error.errors)
    raise Problem(422, f"{count} mistakes; nothing was changed", title="The file is not valid", errors=error.errors)


def _object(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Problem(400, "The body is no JSON") from None


def _ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers, "application/json")
