"""The HTTP side, for staff: definitions are applied and read here, and the ledger is checked against the cells."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from citygoals.kpi import store
from citygoals.kpi.definition_files import read_catalogue, read_departments, read_plan
from citygoals.kpi.definitions import (
    CATALOGUE_APPLIED,
    CATALOGUE_PARTS,
    PLAN_APPLIED,
    TOLD_MAX_BYTES,
    Definitions,
    missing_kpis,
    told_bytes,
)
from citygoals.kpi.draft_answers import applied, named
from citygoals.kpi.leader import Leadership
from citygoals.kpi.standing import KnownDefinitions
from citygoals.shared.doubts import doubts
from citygoals.shared.keys import ROLES, Key, KeyRing
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import CityCalendar
from citygoals.shared.plan import InvalidFile, PlanDef, kpi_schema, plan_schema
from citygoals.shared.postgres import Pool
from citygoals.shared.problem import Problem

STAFF = ("staff", "admin")
FILE_MAX_BYTES = 4 << 20
WAIT_DEFAULT_S = 10.0
DRY_RUN: dict[str, Any] = {"applied": False, "dry_run": True}

Reader = Callable[..., dict[str, Any]]
DryRun = Annotated[bool, Query(description="Check the file and change nothing")]
Wait = Annotated[float, Query(ge=0, le=60, description="For how many seconds to wait for the position")]
Activate = Annotated[bool, Query(description="Switch on when computed; false keeps it beside what holds")]
FileName = Annotated[str, Query(alias="file", max_length=200, description="The file's name, for messages about it")]


_LISTED = {
    "kpis": "The KPI catalogue",
    "departments": "The departments",
    "calendars": "The business calendars that deadlines are counted by",
    "references": "The dated reference tables that rates are divided by",
    "duties": "What departments must report, commit to and write for meetings, as it is defined",
}
assert tuple(_LISTED) == CATALOGUE_PARTS

_PATHS = {"duties": "duty-definitions"}
"""Where a part is not listed under its own name: /v1/duties says what is due now."""


class Staff:
    """Lets staff in and nobody else."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    async def __call__(self, request: Request) -> Key:
        """Return the request's key. Raises Problem (401, 403) unless it is a live staff or admin key."""
        key = await self._keys.find(request.headers.get("authorization"), ROLES)
        if key is None:
            challenge = {"WWW-Authenticate": "Bearer"}
            raise Problem(401, "A staff key is needed: Authorization: Bearer <key>", headers=challenge)
        if key.role not in STAFF:
            raise Problem(403, f"A staff key is needed; this is a key of the role {key.role}")
        return key


@dataclass(frozen=True, slots=True)
class Registry:
    """The definitions: read from the database, so by any process; applied by the leader alone.

    `retention` is for how long any past position can be read; None for ever.
    """

    leadership: Leadership
    pool: Pool
    calendar: CityCalendar
    retention: timedelta | None = None
    _read: KnownDefinitions = field(default_factory=KnownDefinitions)

    async def today(self) -> date:
        """Return the city's day: that of the last tick."""
        return self.calendar.local_day(await self.now())

    async def now(self) -> datetime:
        """Return the city's now: the last tick."""
        tick: datetime = await self.pool.fetchval("SELECT coalesce(tick, now()) FROM applier")
        return tick

    async def known(self) -> Definitions:
        """Return the definitions that hold."""
        async with self.pool.acquire() as connection:
            return await self._read(connection)

    async def check(self, event_type: str, data: dict[str, Any]) -> None:
        """Raise Problem (413) for more than a changeset can tell."""
        told = await asyncio.to_thread(told_bytes, await self.known(), event_type, data)
        if told > TOLD_MAX_BYTES:
            raise Problem(413, f"All of it together takes {told} bytes; a changeset tells at most {TOLD_MAX_BYTES}")

    async def doubts(self, data: dict[str, Any]) -> list[str]:
        """Return what the KPIs of a checked catalogue may have misspelled: nothing is wrong with it, or nobody knows."""
        async with self.pool.acquire() as connection:
            arrived = await store.read_totals(connection)
        return doubts([KpiDef.model_validate(one) for one in data["kpis"]], arrived)

    async def define(self, event_type: str, data: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        """Apply checked definitions and say at which position; a dry run stops before.

        Raises Problem (413) for more than a changeset can tell, and Unavailable.
        """
        await self.check(event_type, data)
        if dry_run:
            return DRY_RUN
        applier = self.leadership.applier
        position = await applier.define(event_type, data)
        return {"applied": position is not None, "position": position or applier.state.position}


def plan_routes(registry: Registry, staff: Staff) -> APIRouter:
    """Return the routes for plans."""
    router = APIRouter(prefix="/v1/plan", dependencies=[Depends(staff)])

    @router.post("", summary="Apply a version of the plan (YAML or JSON)")
    async def apply(request: Request, name: FileName = "plan.yaml", *, dry_run: DryRun = False) -> Response:
        data = await _checked(read_plan, await _text(request), name)
        plan = PlanDef.model_validate(data["plan"])
        answer = await registry.define(PLAN_APPLIED, data, dry_run=dry_run)
        warnings = [f"no KPI {kpi} in the catalogue yet" for kpi in missing_kpis(plan, await registry.known())]
        return _json({**answer, "plan": {"id": plan.id, "version": plan.version}, "warnings": warnings})

    @router.get("", summary="Every plan version, the last applied first")
    async def versions() -> Response:
        definitions = await registry.known()
        in_force = definitions.in_force(await registry.today())
        items = [
            {"position": one.position, "in_force": one.plan is in_force, **one.plan.model_dump(mode="json")}
            for one in reversed(definitions.plans)
        ]
        return _json({"items": items, "next": None})

    return router


def catalogue_routes(registry: Registry, staff: Staff) -> APIRouter:
    """Return the routes for KPIs, and for the departments, calendars and references that they name."""
    router = APIRouter(prefix="/v1", dependencies=[Depends(staff)])

    @router.post("/kpis", summary="Apply a catalogue: KPIs, departments, calendars, references (YAML or JSON)")
    async def apply_kpis(
        request: Request, name: FileName = "kpis.yaml", wait: Wait = WAIT_DEFAULT_S, *,
        activate: Activate = True, dry_run: DryRun = False,
    ) -> Response:  # fmt: skip
        data = await _catalogue(registry, read_catalogue, request, name)
        doubted = await registry.doubts(data)
        if dry_run:
            return _valid(data, doubted)
        return await applied(registry.leadership, data, activate=activate, wait_s=wait, warnings=doubted)

    @router.post("/departments", summary="Apply departments alone (YAML or JSON)")
    async def apply_departments(
        request: Request, name: FileName = "departments.yaml", wait: Wait = WAIT_DEFAULT_S, *, dry_run: DryRun = False
    ) -> Response:
        data = await _catalogue(registry, read_departments, request, name)
        return _valid(data) if dry_run else await applied(registry.leadership, data, activate=True, wait_s=wait)

    for part, summary in _LISTED.items():
        router.add_api_route(f"/{_PATHS.get(part, part)}", _lister(registry, part), summary=summary)

    @router.get("/kpis/{identity}", summary="One KPI of the catalogue")
    async def kpi(identity: str) -> Response:
        found = (await registry.known()).kpis.get(identity)
        if found is None:
            raise Problem(404, f"No KPI {identity[:80]} in the catalogue")
        return _json(found.model_dump(mode="json"))

    return router


def _lister(registry: Registry, part: str) -> Callable[[], Awaitable[Response]]:
    async def listed() -> Response:
        return _list(getattr(await registry.known(), part).values())

    return listed


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


async def _catalogue(registry: Registry, reader: Reader, request: Request, name: str) -> dict[str, Any]:
    data = await _checked(reader, await _text(request), name, await registry.known())
    await registry.check(CATALOGUE_APPLIED, data)
    return data


def _valid(data: dict[str, Any], warnings: Iterable[str] = ()) -> Response:
    return _json(DRY_RUN | named(data) | {"warnings": list(warnings)})


async def _text(request: Request) -> str:
    body = await request.body()
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Problem(400, "The file is not UTF-8 text") from None


async def _checked(read: Reader, *arguments: Any) -> dict[str, Any]:
    """Read a file in a thread: a large plan takes a second, in which events must go on flowing."""
    try:
        return await asyncio.to_thread(read, *arguments)
    except InvalidFile as error:
        detail = f"{len(error.errors)} mistake{'s' if len(error.errors) > 1 else ''}; nothing was changed"
        raise Problem(422, detail, title="The file is not valid", errors=error.errors) from error


def _list(models: Iterable[BaseModel]) -> Response:
    return _json({"items": [model.model_dump(mode="json") for model in models], "next": None})


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers, "application/json")
