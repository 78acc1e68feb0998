"""Servers that go away and come back, and intake as a process of its own that is told to stop, or killed."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import brokers
import httpx
import nats
import pytest
from brokers import wait_until
from citygoals.local import postgres_server
from citygoals.shared import topology
from citygoals.shared.events import decode
from citygoals.shared.keys import create_key
from citygoals.shared.postgres import create_pool
from integration.intake.conftest import BATCH, Client
from nats.aio.client import Client as NATS  # noqa: N814 - the name that nats-py gives it
from nats.js.api import AckPolicy, ConsumerConfig
from patience import PATIENCE_S, within
from ports import free_port
from unit.intake.samples import SYSTEM, call


class World:
    """A NATS server, a PostgreSQL and intakes of this test's own, each of which can be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "nats").mkdir()
        (folder / "postgres").mkdir()
        folder.chmod(0o711)
        (folder / "postgres").chmod(0o711)
        self.nats_port, self.pg_port = free_port(), free_port()
        self.start_nats()
        self.start_postgres()
        self.intakes: list[subprocess.Popen[bytes]] = []

    def start_nats(self) -> None:
        self.nats = brokers.start_nats(self.folder / "nats", port=self.nats_port)

    def start_postgres(self) -> None:
        self.postgres = postgres_server.start(self.folder / "postgres", port=self.pg_port, password="test-password")

    async def prepare(self) -> str:
        """Migrate, provision; return a publisher's key."""
        server = brokers.Postgres(self.postgres.dsn, {"intake": "intake-password"})
        await brokers.make_template(server, "city", ("access", "intake"))
        self.pg_dsn, self.admin_dsn = server.dsn("city", "intake"), server.dsn("city")
        client = await self.admin()
        await topology.provision(client.jetstream())
        await client.close()
        async with create_pool_now(self.pg_dsn) as pool:
            text, _ = await create_key(pool, "publisher", system=SYSTEM)
        return text

    async def admin(self) -> NATS:
        return await nats.connect(self.nats.url, user=topology.ADMIN, password=self.nats.passwords[topology.ADMIN])

    def start_intake(self, **settings: str) -> str:
        port = free_port()
        environment = {
            "CITYGOALS_PG_DSN": self.pg_dsn,
            "CITYGOALS_NATS_URL": self.nats.url,
            "CITYGOALS_NATS_USER": "intake",
            "CITYGOALS_NATS_PASSWORD": self.nats.passwords["intake"],
            "CITYGOALS_PORT": str(port),
            **settings,
        }
        process = subprocess.Popen([sys.executable, "-m", "citygoals.intake"], env={**os.environ, **environment})
        self.intakes.append(process)
        return f"http://127.0.0.1:{port}"

    def close(self) -> None:
        for process in self.intakes:
            process.kill()
            process.wait()
        self.nats.stop()
        self.postgres.stop()


@contextlib.asynccontextmanager
async def create_pool_now(dsn: str) -> AsyncIterator[Any]:
    pool = await create_pool(dsn, "intake", max_size=2)
    try:
        yield pool
    finally:
        pool.terminate()


@pytest.fixture
def world() -> Iterator[World]:
    with brokers.private_folder() as folder:
        made = World(folder)
        yield made
        made.close()


async def is_ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/ready")).status_code == 200
    except httpx.HTTPError:
        return False


@contextlib.asynccontextmanager
async def door(world: World, key: str, **settings: str) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(base_url=world.start_intake(**settings), timeout=PATIENCE_S) as http:
        await wait_until(lambda: is_ready(http))
        yield Client(http, key)


async def numbers_on_the_bus(world: World) -> list[tuple[int, int]]:
    """Lane and number of everything on EVENTS, in its order."""
    client = await world.admin()
    js = client.jetstream()
    left = (await js.stream_info("EVENTS")).state.messages
    reader = await js.pull_subscribe("city.evt.v1.>", stream="EVENTS", config=ConsumerConfig(ack_policy=AckPolicy.NONE))
    found: list[tuple[int, int]] = []
    while len(found) < left:
        for message in await reader.fetch(min(500, left - len(found)), timeout=PATIENCE_S):
            event = decode(message.data)
            found.append((event.lane or 0, event.seq))
    await client.close()
    return found


async def test_the_door_stays_open_while_nats_is_away(world: World) -> None:
    key = await world.prepare()
    async with door(world, key) as publisher:
        assert (await publisher.batch([call("before")]))["accepted"] == 1
        world.nats.kill()
        for number in range(5):
            assert (await publisher.batch([call(f"during-{number}")]))["accepted"] == 1
        assert (await publisher.http.get("/ready")).status_code == 503
        world.start_nats()
        assert (await publisher.batch([call("after")]))["accepted"] == 1

        async def all_there() -> bool:
            return await numbers_on_the_bus(world) == [(1, seq) for seq in range(1, 8)]

        await wait_until(all_there)
        await wait_until(lambda: is_ready(publisher.http))


async def test_postgres_away_means_later_and_comes_back_without_a_restart(world: World) -> None:
    key = await world.prepare()
    async with door(world, key) as publisher:
        assert (await publisher.batch([call("before")]))["accepted"] == 1
        world.postgres.kill()
        answer = await publisher.post([call("during")], BATCH)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["content-type"] == "application/problem+json"
        assert (await publisher.http.get("/ready")).status_code == 503
        assert (await publisher.http.get("/v1/status")).status_code == 503
        assert (await publisher.http.get("/live")).status_code == 200
        world.start_postgres()

        async def is_taken() -> bool:
            return (await publisher.post([call("during")], BATCH)).status_code == 202

        await wait_until(is_taken)
        assert (await publisher.batch([call("before"), call("during")]))["duplicates"] == 2
        assert world.intakes[0].poll() is None, "no restart was needed"


async def test_a_postgres_that_says_nothing_is_away_too(world: World) -> None:
    key = await world.prepare()
    async with door(world, key) as publisher:
        assert (await publisher.batch([call("before")]))["accepted"] == 1
        with paused(world.postgres.pid):
            for _ in range(2):  # the second time, the key has been forgotten as well
                answer = await publisher.post([call("during")], BATCH)
                assert answer.status_code == 503
                assert int(answer.headers["retry-after"]) > 0

        async def is_taken() -> bool:
            return (await publisher.post([call("during")], BATCH)).status_code == 202

        await wait_until(is_taken)
        assert (await publisher.batch([call("before"), call("during")]))["duplicates"] == 2


@contextlib.contextmanager
def paused(pid: int) -> Iterator[None]:
    """Stop a process and its children, as a hanging disk does."""
    family = [pid, *(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    for member in family:
        os.kill(member, signal.SIGSTOP)
    try:
        yield
    finally:
        for member in family:
            os.kill(member, signal.SIGCONT)


class Sender:
    """A publisher that repeats a batch until it has a receipt, and counts what it was promised."""

    def __init__(self, urls: list[str], key: str, batches: int, size: int) -> None:
        self.urls, self.key = urls, key
        self.batches = [[call(f"{b}-{n}") for n in range(size)] for b in range(batches)]
        self.accepted = self.duplicates = self.done = 0

    async def run(self) -> None:
        async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
            for batch in self.batches:
                await self._send(http, batch)
                self.done += 1

    async def _send(self, http: httpx.AsyncClient, batch: list[Any]) -> None:
        while True:
            for url in self.urls:
                try:
                    headers = {"authorization": f"Bearer {self.key}", "content-type": BATCH}
                    answer = await http.post(f"{url}/v1/events", json=batch, headers=headers)
                except httpx.HTTPError:
                    continue
                if answer.status_code == 202:
                    receipt = answer.json()
                    assert receipt["rejected"] == []
                    self.accepted += receipt["accepted"]
                    self.duplicates += receipt["duplicates"]
                    return
                assert answer.status_code in (429, 503), answer.text
            await asyncio.sleep(0.05)


async def test_sigterm_loses_nothing_and_leaves_in_time(world: World) -> None:
    key = await world.prepare()
    urls = [world.start_intake()]
    async with httpx.AsyncClient(base_url=urls[0]) as http:
        await wait_until(lambda: is_ready(http))
    sender = Sender(urls, key, 150, 20)
    sending = asyncio.create_task(sender.run())
    await wait_until(lambda: sender.done > 30)
    with within(10, "leaving"):
        world.intakes[0].send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(world.intakes[0].wait, PATIENCE_S) == 0
    assert not sending.done(), "the signal came in the middle"
    async with create_pool_now(world.pg_dsn) as pool:
        assert await pool.fetchval("SELECT count(*) FROM lane WHERE leased_until > now()") == 0, (
            "the lane was given back"
        )
        assert await pool.fetchval(
            "SELECT bool_and(l.next_seq = c.next_seq) FROM lane l JOIN relay_cursor c USING (lane)"
        )
        assert await pool.fetchval("SELECT count(*) FROM journal") >= sender.accepted
        sender.urls.append(world.start_intake())
        await asyncio.wait_for(sending, 2 * PATIENCE_S)
        assert await pool.fetchval("SELECT count(*) FROM journal") == 3000
        assert await pool.fetchval("SELECT count(*) FROM lane") == 1
    await wait_until(lambda: _all_on_the_bus(world, 3000))


async def _all_on_the_bus(world: World, count: int) -> bool:
    client = await world.admin()
    messages = (await client.jetstream().stream_info("EVENTS")).state.messages
    await client.close()
    return bool(messages == count)


@pytest.mark.fault
async def test_kill_nine_again_and_again(world: World) -> None:
    key = await world.prepare()
    sender = Sender([world.start_intake(), world.start_intake()], key, 150, 20)
    sending = asyncio.create_task(sender.run())
    for number in range(4):

        def is_due(after: int = 20 + 30 * number) -> bool:
            return sender.done > after

        await wait_until(is_due)
        world.intakes[-1 - number % 2].kill()
        world.intakes[-1 - number % 2].wait()
        sender.urls = [sender.urls[-1 - (number + 1) % 2], world.start_intake()]
    await asyncio.wait_for(sending, 2 * PATIENCE_S)
    async with create_pool_now(world.pg_dsn) as pool:
        assert await pool.fetchval("SELECT count(*) FROM journal") == 3000
        gaps = await pool.fetchval(
            "SELECT count(*) FROM (SELECT lane, count(*) AS n, max(seq) AS top FROM journal GROUP BY lane) s WHERE n <> top"
        )
        assert gaps == 0
        assert sender.accepted + sender.duplicates == 3000
    await wait_until(lambda: _all_on_the_bus(world, 3000))
    numbers = await numbers_on_the_bus(world)
    for lane in {lane for lane, _ in numbers}:
        sequence = [seq for its, seq in numbers if its == lane]
        assert sequence == list(range(1, len(sequence) + 1)), f"lane {lane} in order, each once"
