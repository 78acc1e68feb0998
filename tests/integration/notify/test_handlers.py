"""The handlers on a real bus when nothing goes smoothly: each message twice, and every third attempt fails."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from brokers import Database, wait_until
from citygoals.notify.closings import follow_closings
from citygoals.notify.handlers import Desk, subscribe_desk
from citygoals.notify.news import News
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

    def concerns_nobody(self, news: News) -> bool:
        return self.desk.concerns_nobody(news)

    async def tell(self, event: Event) -> int:
        await self.desk.tell(event)
        return await self.desk.tell(event)


@dataclass
class RandomFail:
    """Fails before the work, or after it, one time in three."""

    desk: Desk
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    failures: int = 0

    def concerns_nobody(self, news: News) -> bool:
        return self.desk.concerns_nobody(news)

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
    database: Database, streams: Client, settings_for: Callable[..., ServiceSettings],
    bus_for: Callable[[str], Awaitable[Bus]],
) -> AsyncIterator[Subscribe]:  # fmt: skip
    broker, stop = make_broker(settings_for(ServiceSettings, "notify"), "notify"), asyncio.Event()
    following = []

    async def connect(desk: Any) -> None:
        subscribe_desk(broker, desk)
        await broker.start()
        following.append(asyncio.create_task(follow_closings(await bus_for("notify"), desk, stop)))

    yield connect
    stop.set()
    await asyncio.wait_for(asyncio.gather(*following), 10)
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

    await wait_until(all_told)
    sender = notify.sender()
    while await sender.send_due():
        pass
    assert len(office.mails) == len(office.inbox()) == CROSSINGS + 1
    assert wrapper is Duplicator or wrapped.failures > 5


async def put_aside(streams: Client, count: int) -> list[dict[str, Any]]:
    """Return what is on QUARANTINE, once there are `count`."""
    js = streams.jetstream()

    async def is_there() -> bool:
        return (await js.stream_info("QUARANTINE")).state.messages >= count

    await wait_until(is_there)
    return [orjson.loads((await js.get_msg("QUARANTINE", seq)).data or b"") for seq in range(1, count + 1)]


async def settled(streams: Client) -> bool:
    """Tell whether no closing waits any more."""
    info = await streams.jetstream().consumer_info("EVENTS", "notify-closings")
    return not info.num_pending and not info.num_ack_pending


@pytest.mark.parametrize("wrapper", [Duplicator, RandomFail])
async def test_of_many_closings_those_that_concern_somebody_are_told_and_bad_ones_put_aside(
    notify: Office, subscribed: Subscribe, bus_for: Callable[[str], Awaitable[Bus]], streams: Client, *, wrapper: Any
) -> None:
    wanted = [f"SR-{number}" for number in range(0, 600, 40)]
    intake = await bus_for("intake")
    bodies = [encode(a_closing(f"SR-{number}")) for number in range(600)]
    bodies[100:100] = [b"not json", encode(a_closing("SR-9", reason="whatever")), b'{"id": 5}']
    closings = [("city.evt.v1.service_request.closed", body, f"{n}", None) for n, body in enumerate(bodies)]
    await intake.publish_batch("EVENTS", closings)
    await subscribed(wrapper(notify.desk(a_subscription(on="closing", when={"request": wanted}))))
    await wait_until(lambda: settled(streams), timeout_s=30)
    rows = await notify.pool.fetch(
        "SELECT facets ->> 'request' AS request FROM news JOIN notice ON notice.event_key = news.key"
    )
    assert sorted(row["request"] for row in rows) == sorted(wanted)
    refused = await put_aside(streams, 3)
    assert {one["service"] for one in refused} == {"notify"}
    assert all(one["reason"].startswith("malformed") for one in refused)
