"""The reporting service of the made-up city as a process of its own, and Chromium to look at it with."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx
import nats
import pytest
from brokers import Nats, Postgres
from citygoals.shared import topology
from citygoals.shared.bus import Bus, connect
from citygoals.shared.changeset import SUBJECT, Changeset, encode_changeset
from citygoals.shared.figures import Cell
from citygoals.shared.settings import ServiceSettings
from e2e import dashboard_story as story
from patience import PATIENCE_S
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from ports import free_port
from pydantic import SecretStr

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Dashboard:
    """A running reporting service, and the bus on which this test is its kpi service."""

    environment: dict[str, str]
    bus: Bus
    log: IO[bytes]
    position: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.environment['CITYGOALS_PORT']}"

    def start(self) -> None:
        """Start the service."""
        command = [sys.executable, "-m", "citygoals.reporting"]
        self.process = subprocess.Popen(command, env=self.environment, stdout=self.log, stderr=self.log)

    def kill(self) -> None:
        """End the service without a warning."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE_S)

    async def tell(self, changeset: Changeset) -> None:
        """Publish a position as the kpi service would, and wait until the pages are of it."""
        for number, body in enumerate(encode_changeset(changeset), 1):
            await self.bus.publish(topology.KPI, SUBJECT, body, msg_id=f"{changeset.position}-{number}")
        self.position = changeset.position
        await self._reached()

    async def count(self, cell: Cell) -> None:
        """Publish the next position, at which MC-01 has that cell in the fiscal year."""
        await self.tell(story.court_payments(self.position + 1, cell))

    async def _reached(self) -> None:
        async with httpx.AsyncClient(base_url=self.url) as client, asyncio.timeout(PATIENCE_S):
            while not await self._has_reached(client):
                await asyncio.sleep(0.05)

    async def _has_reached(self, client: httpx.AsyncClient) -> bool:
        try:
            answer = await client.get("/v1/snapshot")
        except httpx.TransportError:
            return False  # it has not opened its port yet
        if answer.status_code == httpx.codes.OK:
            return bool(answer.json()["as_of"]["position"] >= self.position)
        return self.position == 1  # definitions alone are no position to wait for


@asynccontextmanager
async def running_dashboard(nats_server: Nats, postgres_server: Postgres, database: str) -> AsyncIterator[Dashboard]:
    """Start the service over an empty database and empty streams, and tell it thirteen months."""
    await _empty_streams(nats_server)
    environment = {
        **os.environ,
        "CITYGOALS_PG_DSN": postgres_server.dsn(database, "reporting"),
        "CITYGOALS_NATS_URL": nats_server.url,
        "CITYGOALS_NATS_USER": "reporting",
        "CITYGOALS_NATS_PASSWORD": nats_server.passwords["reporting"],
        "CITYGOALS_PORT": str(free_port()),
        "CITYGOALS_SYNTHETIC": "true",
    }
    settings = ServiceSettings(
        pg_dsn=SecretStr("postgresql://nowhere"),
        nats_url=nats_server.url,
        nats_user="kpi",
        nats_password=SecretStr(nats_server.passwords["kpi"]),
    )
    with tempfile.TemporaryFile() as log:
        async with await connect(settings, "test-dashboard") as bus:
            dashboard = Dashboard(environment, bus, log)
            dashboard.start()
            try:
                await dashboard.tell(story.definitions())
                await dashboard.tell(story.thirteen_months())
                await dashboard.tell(story.publication())
                await dashboard.count(story.AFTER)
                yield dashboard
            except TimeoutError:
                log.seek(0)
                pytest.fail(log.read().decode()[-3000:])
            finally:
                dashboard.kill()


async def _empty_streams(server: Nats) -> None:
    client = await nats.connect(server.url, user=topology.ADMIN, password=server.passwords[topology.ADMIN])
    js = client.jetstream()
    for info in await js.streams_info():
        await js.delete_stream(info.config.name or "")
    await topology.provision(js)
    await client.close()


@dataclass
class Windows:
    """Opens browser windows, and closes them all in the end. `complaints` is what their consoles said."""

    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def open(self, *, width: int = 1280, **options: Any) -> Page:
        """Open a window of a reader of its own."""
        options = {"reduced_motion": "reduce", "viewport": {"width": width, "height": 900}, **options}
        self.contexts.append(await self.browser.new_context(**options))
        self.contexts[-1].set_default_timeout(PATIENCE_S * 1000)
        page = await self.contexts[-1].new_page()
        page.on(
            "console", lambda line: self.complaints.append(line.text) if line.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    async def close(self) -> None:
        """Close every window."""
        for context in self.contexts:
            await context.close()


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Give Chromium, or say why there is none: skipped, or failed where CITYGOALS_REQUIRE_BROWSER=1 asks for it."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    executable = next((path for path in found if path), None)
    if executable is None:
        reason = "browser: NOT RUN (there is no Chromium on this machine; install the package `chromium`)"
        sys.stderr.write(f"\n{reason}\n")
        if os.environ.get("CITYGOALS_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, headless=True, args=CHROMIUM_ARGS)
        expect.set_options(timeout=PATIENCE_S * 1000)
        yield browser
        await browser.close()


def picture_path(folder: Path) -> Path:
    """Return where a picture goes: with CITYGOALS_SCREENSHOT=1 among the documents, else away."""
    wanted = os.environ.get("CITYGOALS_SCREENSHOT") == "1"
    path = Path(__file__).parents[2] / "docs/images/dashboard.png" if wanted else folder / "dashboard.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
