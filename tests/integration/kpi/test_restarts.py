"""The kpi process with servers of its own, each of them killed while events flow: nothing lost, nothing counted twice."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import brokers
import httpx
import nats
import pytest
from brokers import wait_until
from citygoals.local import nats_server, postgres_server
from citygoals.shared import postgres, topology
from citygoals.shared.bus import Bus, connect
from citygoals.shared.postgres import Pool, create_pool
from citygoals.shared.settings import ServiceSettings
from integration.kpi.conftest import Intake, assert_identical, events_total
from integration.kpi.test_consumer import payments
from patience import PATIENCE_S, within
from ports import free_port
from pydantic import SecretStr

PASSWORD = "a-password-of-this-test"
TESTS = Path(__file__).parents[2]


@dataclass
class Town:
    """A NATS, a PostgreSQL and a kpi of this test alone, each with its folder and its port for good."""

    folder: Path
    postgres: postgres_server.PostgresServer
    nats: nats_server.NatsServer
    http_port: int = field(default_factory=free_port)
    kpi: subprocess.Popen[bytes] | None = None

    def restart_postgres(self) -> None:
        self.postgres.kill()
        self.postgres = postgres_server.start(
            self.folder / "pg", port=self.postgres.port, password=self.postgres.password
        )

    def restart_nats(self) -> None:
        port = int(self.nats.url.rpartition(":")[2])
        self.nats.kill()
        self.nats = brokers.start_nats(self.folder / "nats", port=port)

    def dsn(self) -> str:
        return f"postgresql://citygoals_kpi:{PASSWORD}@127.0.0.1:{self.postgres.port}/citygoals"

    def start_kpi(self, *words: str) -> None:
        """Start kpi, or with `words` a module of the tests that becomes one."""
        environment = {
            "CITYGOALS_PG_DSN": self.dsn(), "CITYGOALS_NATS_URL": self.nats.url, "CITYGOALS_NATS_USER": "kpi",
            "CITYGOALS_NATS_PASSWORD": self.nats.passwords["kpi"], "CITYGOALS_PORT": str(self.http_port),
        }  # fmt: skip
        with (self.folder / "kpi.log").open("ab") as log:
            self.kpi = subprocess.Popen(
                [sys.executable, "-m", *(words or ["citygoals.kpi"])], env={**os.environ, **environment}, cwd=TESTS, stdout=log,
                stderr=log,
            )  # fmt: skip

    def end_kpi(self, number: signal.Signals) -> None:
        """Send the signal and wait for the end."""
        assert self.kpi is not None
        self.kpi.send_signal(number)
        self.kpi.wait(PATIENCE_S)

    async def until_ready(self) -> None:
        async with httpx.AsyncClient() as client:

            async def is_ready() -> bool:
                try:
                    answer = await client.get(f"http://127.0.0.1:{self.http_port}/ready")
                except httpx.HTTPError:
                    return False
                return answer.status_code == 200

            await wait_until(is_ready)

    async def bus(self, user: str) -> Bus:
        settings = ServiceSettings(
            pg_dsn=SecretStr("postgresql://nowhere"), nats_url=self.nats.url, nats_user=user,
            nats_password=SecretStr(self.nats.passwords[user]),
        )  # fmt: skip
        return await connect(settings, f"test-{user}")


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    with brokers.private_folder() as folder:
        folder.chmod(0o711)
        (folder / "nats").mkdir()
        pg = postgres_server.start(folder / "pg", port=free_port(), password="admin")
        running = Town(folder, pg, brokers.start_nats(folder / "nats"))
        admin = await nats.connect(
            running.nats.url, user=topology.ADMIN, password=running.nats.passwords[topology.ADMIN]
        )
        await topology.provision(admin.jetstream())
        await admin.close()
        await postgres.migrate(pg.dsn, package="citygoals.shared", schema="access")
        await postgres.migrate(pg.dsn, package="citygoals.kpi", schema="kpi", role="citygoals_kpi", password=PASSWORD)
        running.start_kpi()
        try:
            await running.until_ready()
            yield running
        finally:
            if running.kpi is not None and running.kpi.poll() is None:
                running.kpi.kill()
                running.kpi.wait()
            running.nats.kill()
            running.postgres.kill()


@pytest.fixture
async def intake(town: Town) -> AsyncIterator[Intake]:
    started = Intake(await town.bus("intake"))
    await started.answer()
    yield started
    await started.bus.close()


async def flow(intake: Intake, batches: int, size: int = 50) -> None:
    for number in range(batches):
        await intake.publish(payments(intake, number * size + 1, (number + 1) * size))
        await asyncio.sleep(0.05)


async def settled(town: Town, intake: Intake, count: int) -> None:
    """Everything is counted, once, and the cells follow from the ledger."""
    pool = await create_pool(town.dsn(), "kpi")
    try:
        await _until_counted(pool, count)
        await assert_identical(pool)
        assert len(intake.journal[1]) == count
    finally:
        pool.terminate()


async def _until_counted(pool: Pool, count: int) -> None:
    async def is_there() -> bool:
        return await events_total(pool) == count

    await wait_until(is_there)


async def test_postgres_is_killed_and_comes_back(town: Town, intake: Intake) -> None:
    flowing = asyncio.create_task(flow(intake, 80))
    for _ in range(2):
        await asyncio.sleep(1.5)
        await asyncio.to_thread(town.restart_postgres)
    await flowing
    await settled(town, intake, 4000)
    assert town.kpi is not None
    assert town.kpi.poll() is None, "kpi itself was never restarted"


async def test_nats_is_killed_and_comes_back(town: Town, intake: Intake) -> None:
    flowing = asyncio.create_task(flow(intake, 80))
    for _ in range(2):
        await asyncio.sleep(1.5)
        await asyncio.to_thread(town.restart_nats)
    await flowing
    await settled(town, intake, 4000)
    assert town.kpi is not None
    assert town.kpi.poll() is None, "kpi itself was never restarted"


async def test_kpi_is_killed_and_comes_back(town: Town, intake: Intake) -> None:
    flowing = asyncio.create_task(flow(intake, 80))
    for _ in range(3):
        await asyncio.sleep(1)
        town.end_kpi(signal.SIGKILL)
        town.start_kpi()
    await flowing
    await settled(town, intake, 4000)


async def test_sigterm_ends_kpi_within_ten_seconds_and_loses_nothing(town: Town, intake: Intake) -> None:
    flowing = asyncio.create_task(flow(intake, 40))
    await asyncio.sleep(1)
    with within(10, "ending kpi"):
        town.end_kpi(signal.SIGTERM)
    assert town.kpi is not None
    assert town.kpi.returncode == 0
    with pytest.raises(OSError, match=r"."), socket.create_connection(("127.0.0.1", town.http_port), 1):
        pass
    town.start_kpi()
    await flowing
    await settled(town, intake, 2000)


async def test_what_operators_ask_of_every_service(town: Town) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{town.http_port}") as client:
        answers: dict[str, Any] = {
            path: await client.get(path) for path in ("/live", "/ready", "/metrics", "/docs", "/openapi.json")
        }
        assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
        assert answers["/ready"].json()["checks"] == {"postgres": True, "nats": True, "leader": True, "serving": True}
        assert "/v1/plan" in answers["/openapi.json"].json()["paths"]
