"""A running intake on this test's database and broker, and the people who speak to it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from citygoals.intake.app import Intake, running
from citygoals.intake.settings import IntakeSettings
from citygoals.shared import postgres
from citygoals.shared.keys import create_key
from nats.aio.client import Client as NATS  # noqa: N814 - the name that nats-py gives it
from unit.intake.samples import SYSTEM

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


@pytest.fixture
def settings(database: Any, streams: NATS, settings_for: Callable[..., IntakeSettings]) -> IntakeSettings:
    """A test changes the limits by overriding this."""
    return settings_for(IntakeSettings, "intake", trace_ratio=0.0)


@pytest.fixture
async def intake(settings: IntakeSettings) -> AsyncIterator[Intake]:
    async with running(settings) as running_intake:
        yield running_intake


@pytest.fixture
async def pool(pool_for: Callable[..., Awaitable[postgres.Pool]]) -> postgres.Pool:
    """A second look at the database, with the rights of intake's role."""
    return await pool_for("intake")


class Client:
    """A person or system with a key at intake's HTTP side."""

    def __init__(self, http: httpx.AsyncClient, key: str) -> None:
        self.http, self.headers = http, {"authorization": f"Bearer {key}"}

    async def post(self, event: Any, kind: str = STRUCTURED, query: str = "", **headers: str) -> httpx.Response:
        content = event if isinstance(event, bytes) else json.dumps(event).encode()
        all_headers = self.headers | {"content-type": kind} | headers
        return await self.http.post(f"/v1/events{query}", content=content, headers=all_headers)

    async def batch(self, events: list[Any], **headers: str) -> dict[str, Any]:
        answer = await self.post(events, BATCH, **headers)
        assert answer.status_code == 202, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.http.get(path, params=query, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def http(intake: Intake) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(intake.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        yield client


@pytest.fixture
def client_for(http: httpx.AsyncClient, pool: postgres.Pool) -> Callable[..., Awaitable[Client]]:
    """`await client_for("publisher", system="demo")`: a client with a new key."""

    async def make(role: str, **options: Any) -> Client:
        text, _ = await create_key(pool, role, **options)
        return Client(http, text)

    return make


@pytest.fixture
async def publisher(client_for: Callable[..., Awaitable[Client]]) -> Client:
    return await client_for("publisher", system=SYSTEM)


@pytest.fixture
async def admin(client_for: Callable[..., Awaitable[Client]]) -> Client:
    return await client_for("admin")
