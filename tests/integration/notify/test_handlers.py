"""The handlers on a real bus when nothing goes smoothly: each message twice, and every third attempt fails."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from brokers import Database, wait_until
from citygoals.notify.handlers import Desk, subscribe_desk
from citygoals.shared.bus import Bus
from citygoals.shared.errors import Unavailable
from citygoals.shared.events import Event, encode
from citygoals.shared.faststream import make_broker
from citygoals.shared.settings import ServiceSettings
from integration.notify.conftest import Office
from integration.notify.post_office import PostOffice
from nats.aio.client import Client
from unit.notify.happenings import a_closing, a_crossing, a_subscription

CROSSINGS = 40


@dataclass
class Duplicator:
    """Handles every event twice: the second time must change nothing."""

    desk: Desk

    async def tell(self, event: Event) -> int:
        await self.desk.tell(event)
        return await self.desk.tell(event)


@dataclass
class RandomFail:
    """Fails before the work, or after it, one time in three."""

    desk: Desk
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    failures: int = 0

    async def tell(self, event: Event) -> int:
        await self._perhaps("before")
        new = await self.desk.tell(event)
        await self._perhaps("after")
        return new

    async def _perhaps(self, when: str) -> None:
        if self.chance.random() < 1 / 6:
            self.failures += 1
            raise Unavailable(f"{when} the work")


Subscribe = Callable[[Any], Awaitable[None]]


@pytest.fixture
async def subscribed(
    database: Database, streams: Client, settings_for: Callable[..., ServiceSettings]
) -> AsyncIterator[Subscribe]:
    broker = make_broker(settings_for(ServiceSettings, "notify"), "notify")

    async def connect(desk: Any) -> None:
        subscribe_desk(broker, desk)
        await broker.start()

    yield connect
    await broker.stop()


@pytest.mark.parametrize("wrapper", [Duplicator, RandomFail])
async def test_one_mail_each_whatever_the_handlers_do(
    notify: Office, office: PostOffice, subscribed: Subscribe, bus_for: Callable[[str], Awaitable[Bus]], *, wrapper: Any
) -> None:
    people = (a_subscription(), a_subscription(id="bob", to="bob@example.org", on="closing"))
    wrapped = wrapper(notify.desk(*people))
    await subscribed(wrapped)
    kpi, intake = await bus_for("kpi"), await bus_for("intake")
    for number in range(CROSSINGS):
        await kpi.publish("KPI", "city.kpi.v1.crossed", encode(a_crossing(position=number)), msg_id=f"{number}")
    await intake.publish("EVENTS", "city.evt.v1.service_request.closed", encode(a_closing()), msg_id="closed")

    async def all_told() -> bool:
        return len(await notify.pool.fetch("SELECT 1 FROM notice")) == CROSSINGS + 1

    await wait_until(all_told, timeout_s=30)
    sender = notify.sender()
    while await sender.send_due():
        pass
    assert len(office.mails) == len(office.inbox()) == CROSSINGS + 1
    assert wrapper is Duplicator or wrapped.failures > 5
