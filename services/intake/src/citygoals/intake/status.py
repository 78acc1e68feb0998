"""GET /v1/status: what came in from each system, and how far the lanes are."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from citygoals.intake.openapi import problems
from citygoals.shared.postgres import Pool, Statements, snapshot


class SystemCounts(BaseModel):
    """What one publishing system sent, since the beginning."""

    system: str
    accepted: int
    duplicates: int
    rejected: int


class LaneState(BaseModel):
    """One lane: its next number, the next one to publish, and whether a process holds it."""

    lane: int
    next_seq: int
    relayed_seq: int
    held: bool


class Status(BaseModel):
    """The door at a glance."""

    systems: list[SystemCounts]
    lanes: list[LaneState]


def status_routes(pool: Pool, sql: Statements) -> APIRouter:
    """Return the status route. Counts are public: they name no event."""
    router = APIRouter(tags=["status"])

    @router.get(
        "/v1/status",
        response_model=Status,
        summary="Accepted, duplicates, rejected by system; the lanes",
        responses=problems(503),
    )
    async def status() -> Any:
        async with snapshot(pool) as connection:
            systems = await connection.fetch(sql.tallies)
            lanes = await connection.fetch(sql.lanes)
        return {"systems": list(map(dict, systems)), "lanes": list(map(dict, lanes))}

    return router
