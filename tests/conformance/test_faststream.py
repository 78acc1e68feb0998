"""FastStream as `make_broker` gives it: each trap of its defaults is closed."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import brokers
import orjson
import pytest
from citygoals.shared import verdict
from citygoals.shared.bus import Bus
from citygoals.shared.errors import Malformed, Unavailable
from citygoals.shared.events import Event
from citygoals.shared.faststream import leave, make_broker, subscribe
from citygoals.shared.settings import ServiceSettings
from citygoals.shared.topology import EVENTS, QUARANTINE
from faststream.nats import NatsBroker
from mortal import Mortal
from nats.aio.client import Client
from patience import PATIENCE_S
from traffic import CLOSED, change_consumer
from wrappers import Duplicator, RandomFail


def admitted(number: int) -> bytes:
    return orjson.dumps({
        "specversion": "1.0", "id": f"e{number}", "source": "/systems/crm", "type": "city.service_request.closed.v1",
        "time": "2026-11-21T10:00:00Z", "subject": str(number), "lane": 1, "sequence": f"{number:020d}",
        "recordedtime": "2026-11-21T10:00:01.000000Z", "namespace": "crm", "data": {"service_request_id": str(number)},
    })  # fmt: skip


@pytest.fixture
async def broker(streams: Client, settings_for: Callable[..., ServiceSettings]) -> AsyncIterator[NatsBroker]:
    broker = make_broker(settings_for(ServiceSettings, "notify"), "notify")
    yield broker
    await broker.stop()


async def publish(intake: Bus, count: int, *, first: int = 0) -> None:
    for number in range(first, first + count):
        await intake.publish(EVENTS, CLOSED, admitted(number), msg_id=f"m{number}")


async def drained(admin: Client) -> bool:
    info = await admin.jetstream().consumer_info(EVENTS, "notify-closings")
    return (info.num_ack_pending, info.num_pending) == (0, 0)


async def nothing_is_open(admin: Client) -> bool:
    return not (await admin.jetstream().consumer_info(EVENTS, "notify-closings")).num_ack_pending


async def test_events_come_decoded_one_at_a_time_and_in_order(broker: NatsBroker, intake: Bus, streams: Client) -> None:
    got: list[str] = []
    at_once = 0

    @subscribe(broker, "notify-closings")
    async def on_closed(event: Event) -> None:
        nonlocal at_once
        at_once += 1
        assert at_once == 1
        await asyncio.sleep(0.001)
        got.append(event.id)
        at_once -= 1

    await publish(intake, 20)
    await broker.start()
    await brokers.wait_until(lambda: drained(streams))
    assert got == [f"e{number}" for number in range(20)]


async def test_errors_come_again_after_growing_pauses(broker: NatsBroker, intake: Bus, streams: Client) -> None:
    at: list[float] = []

    @subscribe(broker, "notify-closings")
    async def on_closed(_: Event) -> None:
        at.append(time.monotonic())
        if len(at) < 4:
            raise Unavailable("the mail server is away")

    await publish(intake, 1)
    await broker.start()
    await brokers.wait_until(lambda: drained(streams))
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert len(gaps) == 3
    assert gaps[0] >= 0.2
    assert gaps[1] >= 0.4
    assert gaps[2] >= 0.8


async def test_a_malformed_event_is_put_aside_and_the_next_goes_on(
    broker: NatsBroker, intake: Bus, streams: Client
) -> None:
    got: list[str] = []

    @subscribe(broker, "notify-closings")
    async def on_closed(event: Event) -> None:
        if event.id == "e1":
            raise Malformed("no such request")
        got.append(event.id)

    await intake.publish(EVENTS, CLOSED, b"1", msg_id="not an event")
    await publish(intake, 3)
    await broker.start()
    await brokers.wait_until(lambda: drained(streams))
    assert got == ["e0", "e2"]
    js = streams.jetstream()
    buried = [orjson.loads((await js.get_msg(QUARANTINE, seq)).data or b"") for seq in (1, 2)]
    assert [item["service"] for item in buried] == ["notify", "notify"]
    assert buried[1] == {
        "service": "notify", "reason": "malformed: no such request", "subject": CLOSED,
        "source": "/systems/crm", "id": "e1", "type": "city.service_request.closed.v1",
    }  # fmt: skip


async def test_an_unforeseen_error_is_put_aside_after_its_attempts(
    broker: NatsBroker, intake: Bus, streams: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdict, "RETRY_FIRST_S", 0.01)
    attempts = 0

    @subscribe(broker, "notify-closings")
    async def on_closed(_: Event) -> None:
        nonlocal attempts
        attempts += 1
        raise KeyError("a bug")

    await publish(intake, 1)
    await broker.start()
    await brokers.wait_until(lambda: drained(streams))
    assert attempts == verdict.ATTEMPTS_UNFORESEEN
    buried = await streams.jetstream().get_last_msg(QUARANTINE, "city.quarantine.notify")
    assert orjson.loads(buried.data or b"")["reason"] == "failed 5 times: KeyError"


async def test_the_streams_and_consumers_stay_as_they_were(broker: NatsBroker, intake: Bus, streams: Client) -> None:
    js = streams.jetstream()
    await change_consumer(streams, "notify-closings", ack_wait=77)
    before = (await js.stream_info(EVENTS)).config, (await js.consumer_info(EVENTS, "notify-closings")).config

    @subscribe(broker, "notify-closings")
    async def on_closed(_: Event) -> None:
        return

    await publish(intake, 1)
    await broker.start()
    await brokers.wait_until(lambda: drained(streams))
    after = (await js.stream_info(EVENTS)).config, (await js.consumer_info(EVENTS, "notify-closings")).config
    assert after == before


async def test_stopping_hands_nothing_over_half_done(
    broker: NatsBroker, intake: Bus, streams: Client, settings_for: Callable[..., ServiceSettings]
) -> None:
    finished: list[str] = []
    started, go_on = asyncio.Event(), asyncio.Event()

    async def on_closed(event: Event) -> None:
        started.set()
        await go_on.wait()
        finished.append(event.id)

    subscribe(broker, "notify-closings")(on_closed)
    await publish(intake, 5)
    await broker.start()
    await started.wait()
    stopping = asyncio.create_task(broker.stop())
    await asyncio.sleep(0.1)
    assert not stopping.done()
    go_on.set()
    await stopping
    assert finished == ["e0"], "the handler that ran was waited for"
    second = make_broker(settings_for(ServiceSettings, "notify"), "notify")
    subscribe(second, "notify-closings")(on_closed)
    await second.start()
    await brokers.wait_until(lambda: drained(streams))
    await second.stop()
    assert sorted(set(finished)) == [f"e{number}" for number in range(5)]


async def test_a_graceful_stop_leaves_nothing_that_the_server_waits_for(
    intake: Bus, streams: Client, settings_for: Callable[..., ServiceSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    await change_consumer(streams, "notify-closings", ack_wait=10 * PATIENCE_S)
    got: list[str] = []

    async def on_closed(event: Event) -> None:
        await asyncio.sleep(0.001)
        got.append(event.id)

    publishing = asyncio.create_task(publish(intake, 1000))
    while not publishing.done():
        broker = make_broker(settings_for(ServiceSettings, "notify"), "notify")
        subscribe(broker, "notify-closings")(on_closed)
        await broker.start()
        await asyncio.sleep(0.02)
        with monkeypatch.context() as patient:  # a busy machine may need longer to come to the end of an open request
            patient.setattr("citygoals.shared.faststream.PULL_TIMEOUT_S", PATIENCE_S / 2)
            await leave(broker)
        await brokers.wait_until(lambda: nothing_is_open(streams))
    await publishing
    assert len(got) == len(set(got)) > 0


@pytest.mark.parametrize("seed", range(3))
async def test_an_idempotent_handler_survives_duplicates_and_random_failures(
    broker: NatsBroker, intake: Bus, streams: Client, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(verdict, "RETRY_FIRST_S", 0.01)
    done: set[str] = set()

    async def handle(event: Event) -> None:
        done.add(event.id)

    subscribe(broker, "notify-closings")(RandomFail(Duplicator(handle), share=0.4, seed=seed).__call__)
    await publish(intake, 30)
    await broker.start()
    await brokers.wait_until(lambda: drained(streams))
    assert done == {f"e{number}" for number in range(30)}


async def test_handlers_resume_after_the_broker_restarts(mortal: Mortal) -> None:
    intake = await mortal.connect("intake")
    broker = make_broker(mortal.settings("notify"), "notify")
    got: list[str] = []

    @subscribe(broker, "notify-closings")
    async def on_closed(event: Event) -> None:
        got.append(event.id)

    await broker.start()
    await publish(intake, 2)
    await brokers.wait_until(lambda: len(got) == 2)
    mortal.kill()
    heartbeats = 0
    for _ in range(30):  # the event loop keeps turning while the broker is away
        await asyncio.sleep(0.01)
        heartbeats += 1
    assert heartbeats == 30
    mortal.start()
    await publish(intake, 2, first=2)
    await brokers.wait_until(lambda: len(set(got)) == 4)
    await broker.stop()
