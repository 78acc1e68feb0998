"""The reading half over a real database, and the whole service over a real broker with a kpi that answers by the book."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
import uvicorn
from brokers import wait_until
from citygoals.reporting.addresses import Addresses
from citygoals.reporting.app import Reporting, assemble
from citygoals.reporting.checkpoints import Checkpointer, CheckpointRule
from citygoals.reporting.moments import Moments, Reader
from citygoals.reporting.present import Present
from citygoals.reporting.queries import DefinitionsBook, Queries
from citygoals.reporting.readmodel import ReadModel
from citygoals.reporting.settings import ReportingSettings
from citygoals.reporting.store import Store
from citygoals.shared import postgres
from citygoals.shared.bus import Bus
from citygoals.shared.changeset import SUBJECT, Changeset, encode_changeset
from citygoals.shared.clock import FixedClock, SystemClock
from citygoals.shared.keys import create_key
from citygoals.shared.ops import Draining
from citygoals.shared.topology import KPI
from patience import PATIENCE_S
from unit.reporting.city import CALENDAR, START

Pool = postgres.Pool
CLOCK = FixedClock(START + timedelta(days=1))


@pytest.fixture(autouse=True)
def no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is lost stay lost: tests are patient enough for the comparison with kpi that would find it in the end."""
    monkeypatch.setattr("citygoals.reporting.projection.RECONCILE_EVERY_S", 10 * PATIENCE_S)


@dataclass
class Shelf:
    """The reading half: what is applied here is read here, without a broker."""

    pool: Pool
    store: Store
    present: Present
    model: ReadModel
    checkpointer: Checkpointer
    moments: Moments

    async def apply(self, *changesets: Changeset) -> None:
        """Apply as the projection does."""
        applied = await self.store.apply(changesets)
        assert applied.before == self.present.position
        self.present.advance(applied.changesets)


def shelf_over(pool: Pool) -> Shelf:
    """Return a reading half that knows nothing yet."""
    book, addresses = DefinitionsBook(), Addresses()
    queries = Queries(pool, book, CALENDAR)
    present = Present(CALENDAR, queries.city_tally)
    reader = Reader(pool, book, addresses, queries, present, CALENDAR, CLOCK)
    moments = Moments(reader)
    checkpointer = Checkpointer(pool, present, CLOCK, CheckpointRule(), lambda: None)
    return Shelf(pool, Store(pool, addresses), present, ReadModel(reader, moments), checkpointer, moments)


@pytest.fixture
async def pool(pool_for: Callable[..., Awaitable[Pool]]) -> Pool:
    return await pool_for("reporting")


@pytest.fixture
def shelf(pool: Pool) -> Shelf:
    return shelf_over(pool)


async def forget(pool: Pool) -> None:
    """Empty the read model, for the next example of a property."""
    await pool.execute("DELETE FROM head; DELETE FROM cell; DELETE FROM series; DELETE FROM history; DELETE FROM definition;"
                       "DELETE FROM checkpoint; DELETE FROM chunk; DELETE FROM touched; DELETE FROM run;"
                       "DELETE FROM report; DELETE FROM restatement")  # fmt: skip


@dataclass
class Kpi:
    """kpi as reporting sees it: it publishes changesets and answers questions about them."""

    bus: Bus
    known: dict[int, list[bytes]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    replies: dict[str, Any] = field(default_factory=dict)
    parts_a_page: int = 1000

    def record(self, changeset: Changeset) -> list[bytes]:
        """Keep a changeset without telling anybody."""
        self.known[changeset.position] = encode_changeset(changeset)
        return self.known[changeset.position]

    async def publish(self, *changesets: Changeset) -> None:
        for changeset in changesets:
            await self.send(*self.record(changeset))

    async def send(self, *bodies: bytes) -> None:
        for number, body in enumerate(bodies):
            data = json.loads(body)["data"]
            identity = f"{data['position']}-{data['part']}-{number}-{id(body)}"
            await self.bus.publish(KPI, SUBJECT, body, msg_id=identity)

    async def serve(self) -> None:
        await self.bus.serve("city.ask.kpi.changesets", "kpi", self._changesets)
        await self.bus.serve("city.ask.kpi.lineage", "kpi", self._reply("lineage"))
        await self.bus.serve("city.ask.kpi.entry", "kpi", self._reply("entry"))

    async def _changesets(self, question: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(question)
        found = [
            body
            for position in sorted(self.known)
            if question["from"] <= position < question["from"] + question["limit"]
            for number, body in enumerate(self.known[position], start=1)
            if position > question["from"] or number >= question.get("part", 1)
        ]
        return {
            "changesets": [body.decode() for body in found[: self.parts_a_page]],
            "position": max(self.known, default=0),
        }

    def _reply(self, name: str) -> Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]:
        async def reply(question: dict[str, Any]) -> dict[str, Any]:
            self.asked.append(question)
            answer: dict[str, Any] = self.replies[name]
            return answer

        return reply


@dataclass
class Service:
    """A running reporting service."""

    parts: Reporting
    kpi: Kpi
    url: str
    http: httpx.AsyncClient
    keys: dict[str, str]

    async def at(self, position: int, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the service answers from a position or later."""
        await wait_until(lambda: self.parts.present.position >= position, timeout_s=timeout_s)

    async def get(self, path: str, status: Any = 200, key: Any = None, **query: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.keys[key]}"} if key else {}
        answer = await self.http.get(path, params=query, headers=headers)
        assert answer.status_code == status, (answer.status_code, answer.text[:1000])
        return answer.json()


@asynccontextmanager
async def running(settings: ReportingSettings, pool: Pool, bus: Bus) -> AsyncIterator[tuple[Reporting, str]]:
    """Run the service with its loops and its own HTTP server."""
    draining = Draining()
    parts = assemble(settings, pool, bus, draining=draining, clock=SystemClock())
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(parts.app, http="h11", lifespan="off", log_config=None, access_log=False,
                                timeout_graceful_shutdown=1)  # fmt: skip
        server = uvicorn.Server(config)
        server.capture_signals = _nothing  # type: ignore[method-assign]  # the test runner has its own
        tasks = [asyncio.create_task(loop(draining.event)) for loop in parts.loops]
        tasks.append(asyncio.create_task(server.serve([listening])))
        try:
            await wait_until(lambda: server.started)
            yield parts, "http://{}:{}".format(*listening.getsockname())
        finally:
            draining.begin()
            server.should_exit = True
            await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_S)


def _nothing() -> Any:
    from contextlib import nullcontext  # noqa: PLC0415

    return nullcontext()


@pytest.fixture
def settings(database: Any, streams: Any, settings_for: Callable[..., Any]) -> ReportingSettings:
    """A test changes the limits by overriding this."""
    built: ReportingSettings = settings_for(ReportingSettings, "reporting", checkpoint_positions=50)
    return built


@pytest.fixture
async def keys(database: Any) -> dict[str, str]:
    pool = await postgres.create_pool(database.dsn(), "access")
    try:
        return {
            role: (await create_key(pool, role, label="test", system="demo" if role == "publisher" else None))[0]
            for role in ("publisher", "analyst", "staff", "admin")
        }
    finally:
        await pool.close()


@pytest.fixture
async def kpi(bus_for: Callable[[str], Awaitable[Bus]]) -> Kpi:
    found = Kpi(await bus_for("kpi"))
    await found.serve()
    return found


@pytest.fixture
async def service(
    settings: ReportingSettings, pool: Pool, bus_for: Callable[[str], Awaitable[Bus]], kpi: Kpi, keys: dict[str, str]
) -> AsyncIterator[Service]:
    async with AsyncExitStack() as stack:
        parts, url = await stack.enter_async_context(running(settings, pool, await bus_for("reporting")))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=PATIENCE_S))
        yield Service(parts, kpi, url, http, keys)
