"""A real kpi and a real reporting service on one database and broker: what staff do at one is read at the other."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from brokers import wait_until
from citygoals.kpi.answers import answer
from citygoals.kpi.api import Registry
from citygoals.kpi.app import build_http
from citygoals.kpi.definitions import CATALOGUE_APPLIED, PLAN_APPLIED
from citygoals.kpi.rebuild import Rebuilds
from citygoals.reporting.settings import ReportingSettings
from citygoals.shared import postgres
from citygoals.shared.bus import Bus
from citygoals.shared.clock import FixedClock
from citygoals.shared.keys import create_key
from citygoals.shared.kpi import KpiDef
from integration.kpi.conftest import Intake, Running, catalogue, leading
from integration.reporting.conftest import forget, running
from patience import PATIENCE_S
from unit.kpi.samples import CALENDAR, KPIS, body

Pool = postgres.Pool
NOW = datetime(2026, 9, 4, 12, 0, tzinfo=UTC)  # the fiscal year 2027 is four days old
IN_AUGUST = datetime(2026, 8, 28, 18, 0, tzinfo=UTC)
PAST, OPEN = "FY2026", "FY2027"
HIDDEN = "VOIDED"
PLAN: dict[str, Any] = {
    "id": "toy", "version": "1", "effective": {"from": "2020-01-01"},
    "nodes": [
        {"id": "city", "kind": "city", "title": {"en": "City"}},
        {"id": "goal-1", "kind": "goal", "title": {"en": "Goal"}, "parent": "city"},
    ],
    "links": [{"kpi": "ONLINE", "node": "goal-1"}, {"kpi": HIDDEN, "node": "goal-1"}],
}  # fmt: skip
CATALOGUE = {one.id: one for one in KPIS}


def changed(kpi: str, **more: Any) -> KpiDef:
    """A KPI of the catalogue with other members."""
    return KpiDef.model_validate({**CATALOGUE[kpi].model_dump(mode="json"), **more})


CATALOGUE |= {
    "ONLINE": changed("ONLINE", target={"value": "0.65"}),
    "COURT": changed("COURT", target={"value": "2"}),
    HIDDEN: changed(HIDDEN, internal=True),
}


@dataclass
class City:
    """Both services, and those who send events, staff and readers."""

    kpi: Running
    office: httpx.AsyncClient
    reading: httpx.AsyncClient
    keys: dict[str, str]
    intake: Intake
    clock: FixedClock
    catalogue: dict[str, KpiDef] = field(default_factory=lambda: dict(CATALOGUE))
    kpi_answers: Bus | None = None
    start: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]] | None = None
    services: AsyncExitStack = field(default_factory=AsyncExitStack)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def restart(self, pool: Pool | None = None, **settings: Any) -> None:
        """Start another reporting service in the place of the first; with a pool over its tables, from nothing."""
        await self.services.aclose()
        if pool is not None:
            await forget(pool)
        assert self.start is not None
        self.reading = await self.services.enter_async_context(self.start(**settings))

    @property
    def position(self) -> int:
        return self.kpi.leadership.applier.state.position

    async def wait(self, time: timedelta) -> int:
        """Let time pass, and the city's clock strike; return the position of its tick."""
        self.clock.advance(time)
        await self.kpi.leadership.applier.tick(self.clock.now())
        return self.position

    async def tell(self, fact: str, at: datetime = IN_AUGUST, **data: Any) -> int:
        """Let one thing happen; return the position that it made, once both services are there."""
        number, before = next(self._numbers), self.position
        await self.intake.publish([self.intake.admit(body(fact, data, at=at, identity=f"e-{number}"))])
        await wait_until(lambda: self.position > before)
        return self.position

    async def pay(self, payment: str, at: datetime = IN_AUGUST, channel: str = "web", minor: int = 100) -> int:
        data = {"payment_id": payment, "department": "municipal-court", "service_code": "x", "channel": channel}
        return await self.tell("payment.settled", at, **data, amount_minor=minor, currency="USD")

    async def define(self, *kpis: KpiDef) -> int:
        """Apply the catalogue with some KPIs changed."""
        self.catalogue |= {one.id: one for one in kpis}
        applier = self.kpi.leadership.applier
        await applier.define(CATALOGUE_APPLIED, catalogue(self.catalogue.values()))
        return self.position

    async def plan(self, **more: Any) -> int:
        await self.kpi.leadership.applier.define(PLAN_APPLIED, {"plan": {**PLAN, **more}})
        return self.position

    async def post(self, path: str, status: int = 201, role: str = "staff", **said: Any) -> Any:
        """Ask kpi for something to be done."""
        headers = {"authorization": f"Bearer {self.keys[role]}"}
        answered = await self.office.post(f"/v1/publications{path}", json=said, headers=headers)
        assert answered.status_code == status, (answered.status_code, answered.text)
        return answered.json()

    async def publish(self, identity: str = "fy2026-council", period: str = PAST, **more: Any) -> dict[str, Any]:
        draft = {"id": identity, "title": "The year", "period": period, "by": "City Manager", **more}
        return dict((await self.post("", **draft))["publication"])

    async def read(self, path: str, status: int = 200, key: str | None = None, **query: Any) -> Any:
        """Ask reporting, once it is where kpi is."""
        headers = {} if key is None else {"authorization": f"Bearer {self.keys[key]}"}

        async def is_there() -> bool:
            answered = (await self.reading.get("/v1/kpis?limit=1")).json()
            return bool(answered.get("as_of", {}).get("position", 0) >= self.position)

        await wait_until(is_there)
        answered = await self.reading.get(path, params=query, headers=headers)
        assert answered.status_code == status, (answered.status_code, answered.text[:1000])
        return answered.json()

    async def restatements(self, report: str = "fy2026-council", key: str | None = None, **query: Any) -> Any:
        """Every restatement, page by page."""
        items: list[Any] = []
        cursor: dict[str, Any] = {}
        while True:
            answered = await self.read(f"/v1/reports/{report}/restatements", key=key, **query, **cursor)
            items += answered["items"]
            if answered["next"] is None:
                return items
            cursor = {"cursor": answered["next"]}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
async def keys(database: Any) -> dict[str, str]:
    pool = await postgres.create_pool(database.dsn(), "access")
    try:
        return {role: (await create_key(pool, role, label="test"))[0] for role in ("analyst", "staff", "admin")}
    finally:
        await pool.close()


@pytest.fixture
def retention() -> timedelta | None:
    """For how long kpi is told that the past can be read."""
    return None


@pytest.fixture
async def kpi(
    pool_for: Callable[..., Awaitable[Pool]],
    bus_for: Callable[[str], Awaitable[Bus]],
    clock: FixedClock,
    retention: timedelta | None,
) -> AsyncIterator[tuple[Running, httpx.AsyncClient, Bus]]:
    pool, bus, answers = await pool_for("kpi"), await bus_for("kpi"), await bus_for("kpi")
    await answer(answers, pool, CALENDAR)
    async with leading(pool, bus, clock) as led:
        await led.until_leading()
        rebuilds = Rebuilds(pool, CALENDAR, led.leadership)
        transport = httpx.ASGITransport(build_http(Registry(led.leadership, pool, CALENDAR, retention), rebuilds))
        async with httpx.AsyncClient(transport=transport, base_url="http://kpi") as http:
            yield led, http, answers
        await rebuilds.close()


@asynccontextmanager
async def reading(
    settings_for: Callable[..., Any], pool: Pool, bus: Bus, **more: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A reporting service, and a reader of it."""
    settings = settings_for(ReportingSettings, "reporting", **{"checkpoint_positions": 5, **more})
    async with AsyncExitStack() as stack:
        _, url = await stack.enter_async_context(running(settings, pool, bus))
        yield await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=PATIENCE_S))


@pytest.fixture
async def city(
    kpi: tuple[Running, httpx.AsyncClient, Bus], keys: dict[str, str], clock: FixedClock, settings_for: Callable[..., Any],
    pool_for: Callable[..., Awaitable[Pool]], bus_for: Callable[[str], Awaitable[Bus]],
) -> AsyncIterator[City]:  # fmt: skip
    intake = Intake(await bus_for("intake"))
    await intake.answer()
    pool, bus = await pool_for("reporting"), await bus_for("reporting")

    def start(**more: Any) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        return reading(settings_for, pool, bus, **more)

    async with AsyncExitStack() as services:
        http = await services.enter_async_context(start())
        made = City(kpi[0], kpi[1], http, keys, intake, clock, kpi_answers=kpi[2], start=start, services=services)
        await made.define()
        await made.plan()
        yield made
