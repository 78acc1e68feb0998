"""Watermill's list, run against our pulling: resend, order, errors, stops, limits."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise

import brokers
import pytest
from citygoals.shared.batches import IDLE_S
from citygoals.shared.bus import Batch, Batches, Bus, Delivery, Outgoing, batches
from citygoals.shared.topology import EVENTS
from nats.aio.client import Client
from patience import PATIENCE_S
from traffic import CLOSED, change_consumer, numbered

NEVER_S = 10 * PATIENCE_S  # as an `ack_wait`: what comes in this test has been handed back, and has not run out of time


def numbers(batch: Batch) -> list[int]:
    return [int(message.body) for message in batch.messages]


async def collect(bus: Bus, durable: str, count: int, *, size: int = 5000) -> list[int]:
    """Consume and acknowledge `count` messages."""
    got: list[int] = []
    async with asyncio.timeout(PATIENCE_S), batches(bus, EVENTS, durable, size=size) as incoming:
        async for batch in incoming:
            got += numbers(batch)
            await batch.ack_all()
            if len(got) >= count:
                return got
    raise AssertionError("the iteration ended by itself")


async def state(admin: Client, durable: str) -> tuple[int, int]:
    """Return how many messages the consumer waits for an ack of, and how many it has still to deliver."""
    info = await admin.jetstream().consumer_info(EVENTS, durable)
    return info.num_ack_pending or 0, info.num_pending or 0


async def until_done(admin: Client, durable: str) -> None:
    """Wait until nothing is left: the server counts an acknowledgement some time after it has taken it."""

    async def is_done() -> bool:
        return await state(admin, durable) == (0, 0)

    await brokers.wait_until(is_done)


async def take(incoming: Batches, count: int) -> list[Delivery]:
    """Take `count` messages, in however many batches they come, and acknowledge them."""
    taken: list[Delivery] = []
    while len(taken) < count:
        batch = await anext(incoming)
        taken += batch.messages
        await batch.ack_all()
    return taken


async def test_everything_arrives_once_and_in_order(intake: Bus, kpi: Bus, streams: Client) -> None:
    await intake.publish_batch(EVENTS, numbered(3500))
    assert await collect(kpi, "kpi-ledger", 3500, size=700) == list(range(3500))
    await until_done(streams, "kpi-ledger")


async def test_what_a_lost_reader_held_comes_to_the_next_one_at_once(
    intake: Bus, streams: Client, bus_for: Callable[[str], Awaitable[Bus]]
) -> None:
    await change_consumer(streams, "kpi-ledger", ack_wait=NEVER_S)
    await intake.publish_batch(EVENTS, numbered(1000))
    lost, following = await bus_for("kpi"), await bus_for("kpi")
    held = await anext(batches(lost, EVENTS, "kpi-ledger", size=300))
    await lost.close()  # without a word about what it had taken
    assert numbers(held)
    assert await collect(following, "kpi-ledger", 1000) == list(range(1000))


async def test_an_ack_for_each_is_one_for_each(intake: Bus, notify: Bus, streams: Client) -> None:
    await intake.publish_batch(EVENTS, numbered(50, subject=CLOSED))

    async def open_ones() -> int:  # a batch may hold fewer than were asked for: what is still on its way is open too
        return sum(await state(streams, "notify-closings"))

    async def are_open(expected: int) -> None:  # the server counts it some time after it has taken it
        async def are_so_many() -> bool:
            return await open_ones() == expected

        await brokers.wait_until(are_so_many)

    async with batches(notify, EVENTS, "notify-closings", size=50) as incoming:
        done = 0
        async for batch in incoming:
            await batch.messages[len(batch) // 2].ack()
            await are_open(50 - done - 1)
            await batch.ack_all(sync=True)
            done += len(batch)
            await are_open(50 - done)
            if done == 50:
                break


async def test_a_message_that_is_not_acknowledged_comes_again(intake: Bus, notify: Bus, streams: Client) -> None:
    await change_consumer(streams, "notify-closings", ack_wait=0.3)
    await intake.publish_batch(EVENTS, numbered(3, subject=CLOSED))
    deliveries: list[tuple[int, int]] = []
    async with asyncio.timeout(PATIENCE_S), batches(notify, EVENTS, "notify-closings") as incoming:
        async for batch in incoming:
            deliveries += [(int(message.body), message.delivered) for message in batch.messages]
            if max(times for _, times in deliveries) > 1:
                await batch.ack_all()
                break
    firsts = [number for number, times in deliveries if times == 1]
    assert firsts == list(range(len(firsts)))
    assert deliveries[0] == (0, 1)


async def test_after_an_error_the_next_iteration_gets_it_again(intake: Bus, kpi: Bus, streams: Client) -> None:
    await change_consumer(streams, "kpi-ledger", ack_wait=NEVER_S)
    await intake.publish_batch(EVENTS, numbered(10))

    async def fail() -> None:
        async with batches(kpi, EVENTS, "kpi-ledger", size=5) as incoming:
            async for batch in incoming:
                await batch.nak()
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    got = await collect(kpi, "kpi-ledger", 10)
    assert sorted(set(got)) == list(range(10))


async def test_naked_messages_come_again_with_growing_gaps(intake: Bus, notify: Bus) -> None:
    await intake.publish_batch(EVENTS, numbered(1, subject=CLOSED))
    at: list[float] = []
    async with asyncio.timeout(PATIENCE_S), batches(notify, EVENTS, "notify-closings") as incoming:
        async for batch in incoming:
            at.append(time.monotonic())
            attempt = batch.messages[0].delivered
            assert attempt == len(at)
            if attempt == 4:
                await batch.ack_all()
                break
            await batch.nak(0.1 * 2 ** (attempt - 1))
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert gaps[0] >= 0.1
    assert gaps[1] >= 0.2
    assert gaps[2] >= 0.4


async def test_one_bad_message_does_not_hold_up_the_good_ones(intake: Bus, notify: Bus, streams: Client) -> None:
    await intake.publish_batch(EVENTS, numbered(9, subject=CLOSED))
    await intake.publish(EVENTS, CLOSED, b"not a number", msg_id="bad")
    good: list[int] = []
    async with asyncio.timeout(PATIENCE_S), batches(notify, EVENTS, "notify-closings") as incoming:
        async for batch in incoming:
            for message in batch.messages:
                if message.body.isdigit():
                    good.append(int(message.body))
                else:
                    await notify.bury("notify", "malformed", {"subject": message.subject}, msg_id=f"n{message.seq}")
            await batch.ack_all()
            if len(good) == 9:
                break
    assert good == list(range(9))
    await until_done(streams, "notify-closings")
    buried = await streams.jetstream().get_last_msg("QUARANTINE", "city.quarantine.notify")
    assert b'"malformed"' in (buried.data or b"")


async def test_a_graceful_stop_hands_back_what_nobody_started(
    intake: Bus, notify: Bus, streams: Client, bus_for: Callable[[str], Awaitable[Bus]]
) -> None:
    await change_consumer(streams, "notify-closings", ack_wait=NEVER_S)
    await intake.publish_batch(EVENTS, numbered(100, subject=CLOSED))
    stop = asyncio.Event()
    started: list[int] = []
    async with batches(notify, EVENTS, "notify-closings", size=10, stop=stop) as incoming:
        async for batch in incoming:
            started += numbers(batch)
            await brokers.wait_until(lambda: incoming._arrived)  # more arrives meanwhile
            stop.set()
            await batch.ack_all()
    assert started == list(range(len(started)))
    assert 0 < len(started) <= 10
    again = await collect(await bus_for("notify"), "notify-closings", 100 - len(started))
    assert sorted(again) == list(range(len(started), 100))


async def test_closing_the_bus_closes_its_iterations(
    intake: Bus, streams: Client, bus_for: Callable[[str], Awaitable[Bus]]
) -> None:
    await change_consumer(streams, "notify-closings", ack_wait=NEVER_S)
    buses = [await bus_for("notify") for _ in range(3)]
    await intake.publish_batch(EVENTS, numbered(200, subject=CLOSED))
    got: list[int] = []

    async def consume(bus: Bus) -> None:
        async for batch in batches(bus, EVENTS, "notify-closings", size=10):
            got.extend(numbers(batch))
            await batch.ack_all()

    tasks = [asyncio.create_task(consume(bus)) for bus in buses]
    await brokers.wait_until(lambda: got)
    await asyncio.gather(*(bus.close() for bus in buses), *(bus.close() for bus in buses))
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*tasks)
    rest = 200 - len(set(got))
    if rest:
        got += await collect(await bus_for("notify"), "notify-closings", rest)
    assert sorted(set(got)) == list(range(200))


async def test_no_more_than_two_requests_are_held(intake: Bus, kpi: Bus, streams: Client) -> None:
    await intake.publish_batch(EVENTS, numbered(1000))
    async with batches(kpi, EVENTS, "kpi-ledger", size=50) as incoming:
        async for batch in incoming:
            assert len(batch) <= 50
            await asyncio.sleep(0.3)  # a slow transaction
            waiting, _ = await state(streams, "kpi-ledger")
            assert waiting <= 50 + 2 * 50
            break


async def test_a_lone_message_is_handed_over_at_once(intake: Bus, kpi: Bus) -> None:
    ages: list[float] = []
    async with batches(kpi, EVENTS, "kpi-ledger", linger_s=0.002) as incoming:
        waiting = asyncio.create_task(anext(incoming))
        await asyncio.sleep(0.05)
        for number in range(20):
            await intake.publish(EVENTS, *numbered(1, first=number)[0][:2], msg_id=f"x{number}")
            stored = time.monotonic()
            batch = await waiting
            ages.append(time.monotonic() - stored)
            await batch.ack_all()
            waiting = asyncio.create_task(anext(incoming))
        waiting.cancel()
    # The luckiest of them: how long the others took says how busy the machine was. It is well below what a request waits.
    assert min(ages) < IDLE_S / 4


async def test_idle_pulls_expire_and_are_sent_again(intake: Bus, kpi: Bus) -> None:
    async with batches(kpi, EVENTS, "kpi-ledger", idle_s=0.2) as incoming:
        waiting = asyncio.create_task(anext(incoming))
        await asyncio.sleep(0.9)  # several times both requests have expired
        await intake.publish_batch(EVENTS, numbered(1))
        async with asyncio.timeout(PATIENCE_S):
            assert numbers(await waiting) == [0]


async def test_a_stop_while_waiting_ends_the_iteration_at_once(kpi: Bus) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(anext(batches(kpi, EVENTS, "kpi-ledger", stop=stop)))
    await asyncio.sleep(0.1)
    stop.set()
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(StopAsyncIteration):
            await task


async def test_a_consumer_that_does_not_exist_yet_is_waited_for(intake: Bus, kpi: Bus, streams: Client) -> None:
    js = streams.jetstream()
    await js.delete_consumer(EVENTS, "kpi-ledger")
    await intake.publish_batch(EVENTS, numbered(3))
    task = asyncio.create_task(collect(kpi, "kpi-ledger", 3))
    await asyncio.sleep(0.6)
    await change_consumer(streams, "kpi-ledger")
    assert await task == [0, 1, 2]


async def test_a_broker_that_takes_nothing_back_costs_time_and_no_message(
    intake: Bus, kpi: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citygoals.shared.batches.TAKE_BACK_TIMEOUT_S", 0.1)
    monkeypatch.setattr("citygoals.shared.batches.REFUSED_PAUSE_S", 0.01)
    await intake.publish_batch(EVENTS, numbered(3))
    async with asyncio.timeout(PATIENCE_S), batches(kpi, EVENTS, "kpi-ledger") as incoming:
        incoming._reset = "$JS.API.CONSUMER.RESET.EVENTS.of-somebody-else"  # which this user may not ask for
        batch = await anext(incoming)
        first = numbers(batch)
        await batch.ack_all()
        assert [*first, *(int(one.body) for one in await take(incoming, 3 - len(first)))] == [0, 1, 2]


async def test_large_bodies_arrive_although_a_request_limits_bytes(intake: Bus, kpi: Bus) -> None:
    body = b"9" * (900 << 10)
    await intake.publish_batch(EVENTS, [Outgoing(CLOSED, body, f"big{n}", None) for n in range(40)])
    got = 0
    async with asyncio.timeout(PATIENCE_S), batches(kpi, EVENTS, "kpi-ledger") as incoming:
        async for batch in incoming:
            assert all(message.body == body for message in batch.messages)
            got += len(batch)
            await batch.ack_all()
            if got == 40:
                break


async def test_headers_and_sequence_come_along(intake: Bus, kpi: Bus) -> None:
    headers = {"content-type": "application/cloudevents+json", "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}
    await intake.publish_batch(EVENTS, [Outgoing(CLOSED, b"1", "one", headers), Outgoing(CLOSED, b"2", "two", None)])
    async with batches(kpi, EVENTS, "kpi-ledger") as incoming:
        first, second = await take(incoming, 2)
    assert {name: first.headers[name] for name in headers} == headers
    assert (first.headers["Nats-Msg-Id"], first.seq, first.delivered, first.subject) == ("one", 1, 1, CLOSED)
    assert second.headers["Nats-Msg-Id"] == "two"
    assert "traceparent" not in second.headers
