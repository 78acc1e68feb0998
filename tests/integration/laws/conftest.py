"""A real kpi and a real reporting service with every kind of measure, under two plans, on one database and broker."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import httpx
import pytest
from brokers import wait_until
from citygoals.kpi.definitions import CATALOGUE_APPLIED, PLAN_APPLIED
from citygoals.kpi.entries import Entry
from citygoals.shared.bus import Bus
from citygoals.shared.clock import FixedClock
from integration.kpi.conftest import Intake, Running
from integration.publications.conftest import City, Pool, keys, kpi, reading, retention
from unit.kpi.kinds import START
from unit.reporting.kinds_city import DEFINITIONS, PLAN

__all__ = ["keys", "kpi", "retention"]  # fixtures

OTHER_PLAN: dict[str, Any] = {
    **PLAN, "version": "2", "cap": "1.1",
    "nodes": [
        {"id": "city", "kind": "city", "title": {"en": "City"}},
        *({"id": name, "kind": "pillar", "parent": "city", "title": {"en": name}} for name in ("a", "b", "c")),
    ],
    "links": [{"kpi": link["kpi"], "node": "abc"[place % 3]} for place, link in enumerate(PLAN["links"])],
}  # fmt: skip


class Kinds(City):
    """The city, fed with entries and definitions of every kind."""

    async def take(self, entries: Iterable[Entry]) -> int:
        """Let a batch be admitted; return the position at which all of it is counted."""
        bodies = [self.intake.admit(one.body) for one in entries]
        state = self.kpi.leadership.applier.state
        expected = state.events_total + len(bodies)
        await self.intake.publish(bodies)
        await wait_until(lambda: self.kpi.leadership.applier.state.events_total >= expected)
        return self.position

    async def catalogue_is(self, **changes: Any) -> int:
        """Apply the catalogue, with parts of it changed."""
        wanted = {name: DEFINITIONS[name] for name in ("kpis", "departments", "calendars", "references")} | changes
        await self.kpi.leadership.applier.define(CATALOGUE_APPLIED, wanted)
        return self.position

    async def plan_is(self, plan: dict[str, Any]) -> int:
        await self.kpi.leadership.applier.define(PLAN_APPLIED, {"plan": plan})
        return self.position

    async def hours_pass(self, hours: int) -> None:
        before = self.kpi.leadership.applier.state.tick
        self.clock.advance(timedelta(hours=hours))
        await wait_until(lambda: self.kpi.leadership.applier.state.tick > before)

    async def pages(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Every item of a list, page by page, as an analyst."""
        items: list[dict[str, Any]] = []
        while True:
            page = await self.read(path, key="analyst", **query)
            items += page["items"]
            if page["next"] is None:
                return items
            query["cursor"] = page["next"]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START + timedelta(days=390))


@pytest.fixture
async def city(
    kpi: tuple[Running, httpx.AsyncClient], keys: dict[str, str], clock: FixedClock, settings_for: Callable[..., Any],
    pool_for: Callable[..., Awaitable[Pool]], bus_for: Callable[[str], Awaitable[Bus]],
) -> AsyncIterator[Kinds]:  # fmt: skip
    intake = Intake(await bus_for("intake"))
    await intake.answer()
    async with AsyncExitStack() as services:
        http = await services.enter_async_context(
            reading(settings_for, await pool_for("reporting"), await bus_for("reporting"))
        )
        made = Kinds(kpi[0], kpi[1], http, keys, intake, clock)
        await made.catalogue_is()
        await made.plan_is(PLAN)
        yield made
