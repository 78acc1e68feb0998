"""Notify's own fixtures: a post office, a store on a fresh database, a desk, a sender."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from citygoals.notify.channels import SmtpChannel
from citygoals.notify.handlers import Desk
from citygoals.notify.letters import Writer
from citygoals.notify.sender import Sender
from citygoals.notify.settings import NotifySettings
from citygoals.notify.store import Store
from citygoals.notify.subscriptions import Subscription
from citygoals.shared.clock import FixedClock
from citygoals.shared.postgres import Pool
from integration.notify.post_office import PostOffice, post_office
from pydantic import SecretStr
from unit.notify.happenings import NOON, a_subscription

LEASE = timedelta(seconds=60)


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as opened:
        yield opened


@pytest.fixture
async def pool(pool_for: Callable[..., Awaitable[Pool]]) -> Pool:
    return await pool_for("notify")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@dataclass
class Office:
    """Everything of notify between the bus and the mail server, driven step by step."""

    store: Store
    clock: FixedClock
    channel: SmtpChannel
    pool: Pool

    def desk(self, *subscriptions: Subscription) -> Desk:
        return Desk(
            subscriptions=subscriptions or (a_subscription(),),
            writer=Writer(ZoneInfo("America/Denver")),
            store=self.store,
            clock=self.clock,
            channel=self.channel.name,
        )

    def sender(self, at_once: int = 4) -> Sender:
        return Sender(store=self.store, channel=self.channel, clock=self.clock, lease=LEASE, at_once=at_once)

    async def states(self) -> dict[str, tuple[str, int, str | None]]:
        rows = await self.pool.fetch("SELECT recipient, state, attempts, reason FROM notice")
        return {row["recipient"]: (row["state"], row["attempts"], row["reason"]) for row in rows}


def smtp_settings(port: int, **values: Any) -> NotifySettings:
    defaults: dict[str, Any] = {
        "pg_dsn": SecretStr("postgresql://unused"),
        "subscriptions": Path("unused.yaml"),
        "smtp_host": "localhost",
        "smtp_port": port,
        "smtp_security": "none",
        "smtp_sender": "city-goals@example.org",
        "smtp_timeout_s": 30,
    }
    return NotifySettings(**(defaults | values))


@pytest.fixture
async def notify(pool: Pool, office: PostOffice, clock: FixedClock) -> AsyncIterator[Office]:
    channel = SmtpChannel(smtp_settings(office.port))
    yield Office(Store(pool), clock, channel, pool)
    await channel.close()
    await asyncio.sleep(0)
