"""Publications over HTTP, for staff: publish, explain what was restated, withdraw, list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request, Response

from citygoals.kpi import store
from citygoals.kpi.api import Registry, Staff
from citygoals.kpi.applier import Applier
from citygoals.kpi.definitions import Definitions
from citygoals.kpi.lists import PageParams
from citygoals.kpi.own_entries import TICKED
from citygoals.kpi.publications import (
    PART,
    Asker,
    Cut,
    Draft,
    Explanation,
    Recall,
    explained,
    found,
    published,
    withdrawn,
)  # fmt: skip
from citygoals.kpi.recording import key_name, read, wish_of, wished
from citygoals.kpi.standing import KnownDefinitions
from citygoals.shared.instants import format_instant
from citygoals.shared.keys import Key
from citygoals.shared.postgres import Connection
from citygoals.shared.publication import Publication
from citygoals.shared.records import dump

Decide = Callable[[Definitions, datetime], Sequence[Publication]]


@dataclass(frozen=True, slots=True)
class Press:
    """Publishes: the leader's applier decides in its turn, from what holds then."""

    registry: Registry
    _read: KnownDefinitions = field(default_factory=KnownDefinitions)

    async def publish(self, draft: Draft, key: Key) -> tuple[Publication, int | None]:
        """Return the publication and the position at which it came, None when it was one already. Raises Problem."""
        calendar, applier = self.registry.calendar, self.registry.leadership.applier
        past = None if draft.position is None else await self._past_cut(draft.position, applier.state.tick)

        def decide(known: Definitions, now: datetime) -> list[Publication]:
            state = applier.state
            cut = past or Cut(state.position, calendar.local_day(state.tick), known)
            return published(known, draft, cut, calendar, _asker(key, now))

        return await self._record(applier, draft.id, decide)

    async def explain(self, identity: str, wish: Explanation, key: Key) -> tuple[Publication, int | None]:
        """Add a reason. Raises Problem."""
        applier = self.registry.leadership.applier
        return await self._record(
            applier,
            identity,
            lambda known, now: explained(known, identity, wish, applier.state.position, _asker(key, now)),
        )

    async def withdraw(self, identity: str, recall: Recall, key: Key) -> tuple[Publication, int | None]:
        """Withdraw a publication. Raises Problem."""
        return await self._record(
            self.registry.leadership.applier,
            identity,
            lambda known, now: withdrawn(known, identity, recall, _asker(key, now)),
        )

    async def _record(self, applier: Applier, identity: str, decide: Decide) -> tuple[Publication, int | None]:
        position = await applier.record(PART, decide)
        return found(applier.state.definitions, identity), position

    async def _past_cut(self, position: int, now: datetime) -> Cut | None:
        """Return what held at a position, which never changes; None for one that is still to come.

        How old it may be is told by ticks, the city's own clock; reporting forgets nothing until hours after that.
        """
        async with self.registry.pool.acquire() as connection:
            header = await store.read_header(connection)
            tick = await store.read_tick(connection, TICKED, position)
            if position > header.position or tick is None:
                return None
            definitions = await self._read(connection, until=position)
            oldest = await self._oldest(connection, now)
        return Cut(position, self.registry.calendar.local_day(tick), definitions, oldest)

    async def _oldest(self, connection: Connection, now: datetime) -> tuple[int, datetime] | None:
        if self.registry.retention is None:
            return None
        row = await connection.fetchrow(store.SQL.find_tick, TICKED, now - self.registry.retention)
        return None if row is None else (row["position"], row["occurred_at"])


def publication_routes(registry: Registry, staff: Staff) -> APIRouter:
    """Return the routes for publications."""
    router = APIRouter(prefix="/v1/publications", dependencies=[Depends(staff)])
    press = Press(registry)
    asker = Annotated[Key, Depends(staff)]

    @router.post("", status_code=201, summary="Publish a period's figures as they are, or were at a position",
                 openapi_extra=wished(Draft))  # fmt: skip
    async def publish(request: Request, key: asker) -> Response:
        draft = read(Draft, await wish_of(request))
        return _said(*await press.publish(draft, key), created=201)

    @router.get("", summary="Every publication, the newest first; withdrawn ones too")
    async def publications(page: PageParams) -> Response:
        found = (await registry.known()).records[PART].values()
        return page.of(found, _row, _place, newest_first=True)

    @router.get("/{identity}", summary="One publication, with its reasons and its history")
    async def publication(identity: str) -> Response:
        return _json(_row(found(await registry.known(), identity)))

    @router.post("/{identity}/reasons", summary="Say why figures of a KPI were restated since",
                 openapi_extra=wished(Explanation))  # fmt: skip
    async def explain(request: Request, identity: str, key: asker) -> Response:
        wish = read(Explanation, await wish_of(request))
        return _said(*await press.explain(identity, wish, key))

    @router.post("/{identity}/withdraw", summary="Withdraw a publication; it stays listed, with the reason",
                 openapi_extra=wished(Recall))  # fmt: skip
    async def withdraw(request: Request, identity: str, key: asker) -> Response:
        recall = read(Recall, await wish_of(request))
        return _said(*await press.withdraw(identity, recall, key))

    return router


def _place(record: Publication) -> str:
    return f"{format_instant(record.published_at)} {record.id}"


def _asker(key: Key, now: datetime) -> Asker:
    return Asker(now, key_name(key))


def _row(record: Publication) -> dict[str, object]:
    return {**dump(record), "state": record.state, "history": record.history()}


def _said(record: Publication, position: int | None, *, created: int = 200) -> Response:
    """Return the record and the position at which it came to be so; null where it was so already."""
    answer = {"applied": position is not None, "position_of_change": position, "publication": _row(record)}
    return _json(answer, created if position is not None else 200)


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
