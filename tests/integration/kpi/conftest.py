"""A kpi on this test's database and broker, fed as intake would feed it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from brokers import wait_until
from citygoals.kpi.announcements import Announcement
from citygoals.kpi.answers import answer
from citygoals.kpi.applier import Applier
from citygoals.kpi.contributions import CellKey, KeyPlace
from citygoals.kpi.definitions import CATALOGUE_APPLIED
from citygoals.kpi.entries import EntryReader
from citygoals.kpi.leader import Leadership
from citygoals.kpi.rebuild import Rebuild, verify
from citygoals.kpi.store import key_place
from citygoals.kpi.ticks import strike
from citygoals.shared.bus import Bus
from citygoals.shared.changeset import Changeset, assemble, decode_changeset
from citygoals.shared.clock import FixedClock
from citygoals.shared.events import decode, event_subject
from citygoals.shared.figures import Cell
from citygoals.shared.postgres import Connection, Pool
from citygoals.shared.topology import EVENTS
from nats.aio.client import Client
from patience import PATIENCE_S
from unit.kpi.samples import CALENDAR, KPIS, START

NOW = datetime(2026, 9, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
async def pool(pool_for: Callable[..., Awaitable[Pool]]) -> Pool:
    return await pool_for("kpi")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture(autouse=True)
def patient_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a change be waited for as long as a busy machine may need; what becomes of those who wait no longer is asked for."""
    monkeypatch.setattr("citygoals.kpi.api.WAIT_DEFAULT_S", PATIENCE_S)
    monkeypatch.setattr("citygoals.kpi.draft_api.WAIT_DEFAULT_S", PATIENCE_S)


@dataclass
class Archive:
    """What an applier announced, position by position."""

    messages: dict[int, list[Announcement]] = field(default_factory=dict)

    def hand_over(self, position: int, messages: Iterable[Announcement], _: Iterable[str]) -> None:
        self.messages[position] = list(messages)

    def changeset(self, position: int) -> Changeset:
        parts = [m.body for m in self.messages[position] if m.subject.endswith("changeset")]
        return assemble(decode_changeset(body) for body in parts)

    def crossings(self, position: int) -> list[dict[str, Any]]:
        return [json.loads(m.body)["data"] for m in self.messages[position] if m.subject.endswith("crossed")]


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.acquire() as acquired:
        yield acquired


@pytest.fixture
async def applier(connection: Connection, clock: FixedClock, archive: Archive) -> Applier:
    """An applier at position 2: its first tick, and the sample catalogue of the unit tests."""
    begun = await Applier.begin(connection, CALENDAR, clock, archive.hand_over)
    await strike(begun, clock)
    await begun.define(CATALOGUE_APPLIED, catalogue(KPIS))
    return begun


def catalogue(kpis: Iterable[Any]) -> dict[str, Any]:
    return {"kpis": [kpi.model_dump(mode="json") for kpi in kpis], "departments": []}


async def assert_identical(pool: Pool) -> Rebuild:
    """A rebuild gives the stored cells, totals and lanes, to the last digit."""
    rebuild = Rebuild(id="test")
    await verify(pool, CALENDAR, rebuild)
    assert rebuild.identical, str(rebuild.differences)
    return rebuild


async def stored_cells(pool: Pool, kpi: str, grain: int = 6) -> dict[tuple[int, str], tuple[int, int, int]]:
    """The cells of one KPI and grain (`all` by default) by slice, those that are zero left out."""
    rows = await pool.fetch("SELECT * FROM cell WHERE kpi = $1 AND grain = $2 AND events <> 0", kpi, grain)
    return {(row["dimension"], row["member"]): (row["numerator"], row["denominator"], row["events"]) for row in rows}


async def read_cells(connection: Connection | Pool, kpis: Iterable[str]) -> dict[CellKey, Cell]:
    """Every cell of the KPIs, and of their parts, that is not zero."""
    rows = await connection.fetch(
        "SELECT * FROM cell WHERE split_part(kpi, '/', 1) = ANY ($1) AND (numerator, denominator, events) <> (0, 0, 0)",
        list(kpis),
    )
    return {tuple(row)[:5]: Cell(*tuple(row)[5:]) for row in rows}


async def read_key_counts(connection: Connection | Pool, kpis: Iterable[str]) -> dict[KeyPlace, int]:
    """Every count of a key of the KPIs that is not zero."""
    rows = await connection.fetch("SELECT * FROM key_count WHERE kpi = ANY ($1) AND items <> 0", list(kpis))
    return {key_place(row): row["items"] for row in rows}


class Intake:
    """Stands where intake stands: numbers bodies in lanes, publishes them, and answers for its journal."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.journal: dict[int, list[bytes]] = {}
        self.asked: list[dict[str, Any]] = []
        self.compared = 0

    async def answer(self) -> None:
        await self.bus.serve("city.ask.intake.journal", "intake", self._page)
        await self.bus.serve("city.ask.intake.lanes", "intake", self._lanes)

    async def _page(self, query: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(query)
        lane = self.journal.get(query["lane"], [])
        first = query["from"] - 1
        return {"entries": [body.decode() for body in lane[first : first + query["limit"]]], "next_seq": len(lane) + 1}

    async def _lanes(self, _: dict[str, Any]) -> dict[str, Any]:
        self.compared += 1
        return {"lanes": {str(lane): len(bodies) + 1 for lane, bodies in self.journal.items()}}

    def admit(self, body: bytes, lane: int = 1) -> bytes:
        """Give the event the next number of the lane."""
        numbered = json.loads(body) | {"lane": lane, "sequence": f"{len(self.journal.get(lane, [])) + 1:020d}"}
        admitted = json.dumps(numbered).encode()
        self.journal.setdefault(lane, []).append(admitted)
        return admitted

    async def publish(self, bodies: Iterable[bytes], *, again: str = "") -> None:
        messages = []
        for body in bodies:
            event = json.loads(body)
            message_id = f"{event['lane']}-{event['sequence']}{again}"
            messages.append((event_subject(event["type"]), body, message_id, None))
        await self.bus.publish_batch(EVENTS, messages)


@pytest.fixture
async def intake(bus_for: Callable[[str], Awaitable[Bus]]) -> Intake:
    started = Intake(await bus_for("intake"))
    await started.answer()
    return started


@dataclass
class Running:
    """A leading kpi inside the test's process."""

    leadership: Leadership
    task: asyncio.Task[None]
    stop: asyncio.Event

    async def until_leading(self) -> Applier:
        await wait_until(lambda: self.leadership.is_leader or self.task.done())
        if self.task.done():
            self.task.result()
        return self.leadership.applier


@asynccontextmanager
async def leading(pool: Pool, bus: Bus, clock: FixedClock) -> AsyncIterator[Running]:
    """Run the leadership loop; on the way out it is told to stop and must end by itself."""
    stop = asyncio.Event()
    leadership = Leadership(pool, bus, CALENDAR, clock)
    task = asyncio.create_task(leadership.run(stop))
    try:
        yield Running(leadership, task, stop)
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_S)


@pytest.fixture
async def kpi(
    pool: Pool, streams: Client, bus_for: Callable[[str], Awaitable[Bus]], clock: FixedClock
) -> AsyncIterator[Running]:
    """A leading kpi with the sample catalogue, at position 2, answering on the bus."""
    bus = await bus_for("kpi")
    await answer(bus, pool, CALENDAR)
    async with leading(pool, bus, clock) as running:
        applier = await running.until_leading()
        await applier.define(CATALOGUE_APPLIED, catalogue(KPIS))
        yield running


async def events_total(pool: Pool) -> int:
    return int(await pool.fetchval("SELECT events_total FROM applier"))


READER = EntryReader(CALENDAR)
__all__ = ["START", "decode"]
