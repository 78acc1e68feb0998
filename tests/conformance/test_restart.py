"""The broker dies and comes back: nothing is lost, nobody is restarted."""

import asyncio

import brokers
import pytest
from brokers import wait_until
from citygoals.shared.bus import Bus, batches
from citygoals.shared.topology import EVENTS
from mortal import Mortal
from patience import PATIENCE_S, within
from traffic import numbered


async def test_consuming_goes_on_after_the_broker_was_killed(mortal: Mortal) -> None:
    intake, kpi = await mortal.connect("intake"), await mortal.connect("kpi")
    got: list[int] = []

    async def consume() -> None:
        async with batches(kpi, EVENTS, "kpi-ledger") as incoming:
            async for batch in incoming:
                got.extend(int(message.body) for message in batch.messages)
                await batch.ack_all()

    consuming = asyncio.create_task(consume())
    await intake.publish_batch(EVENTS, numbered(100))
    await brokers.wait_until(lambda: len(got) == 100)
    mortal.kill()
    await asyncio.sleep(0.3)
    mortal.start()
    await intake.publish_batch(EVENTS, numbered(100, first=100))
    await brokers.wait_until(lambda: len(set(got)) == 200)
    assert sorted(set(got)) == list(range(200))
    consuming.cancel()


async def test_publishing_waits_for_the_broker(mortal: Mortal) -> None:
    intake, kpi = await mortal.connect("intake"), await mortal.connect("kpi")
    await intake.publish_batch(EVENTS, numbered(10))
    mortal.kill()
    single = asyncio.create_task(intake.publish(EVENTS, *numbered(1, first=10)[0][:2], msg_id="m10"))
    many = asyncio.create_task(intake.publish_batch(EVENTS, numbered(20, first=11)))
    await asyncio.sleep(0.5)
    assert not single.done()
    assert not many.done()
    mortal.start()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(single, many)
    got: list[int] = []
    async with asyncio.timeout(PATIENCE_S), batches(kpi, EVENTS, "kpi-ledger") as incoming:
        async for batch in incoming:
            got += [int(message.body) for message in batch.messages]
            await batch.ack_all()
            if len(got) >= 31:
                break
    assert sorted(got) == list(range(31)), "stored once each, although some outcomes were unknown"


async def test_a_broker_killed_in_the_middle_of_batches_loses_and_doubles_nothing(mortal: Mortal) -> None:
    intake, kpi = await mortal.connect("intake"), await mortal.connect("kpi")
    rounds, size, done = 40, 500, 0

    async def publish() -> None:
        nonlocal done
        for number in range(rounds):
            await intake.publish_batch(EVENTS, numbered(size, first=number * size))
            done += 1

    publishing = asyncio.create_task(publish())
    for some in (3, 6):
        while done < some:
            await asyncio.sleep(0.005)
        mortal.kill()
        mortal.start()
    async with asyncio.timeout(PATIENCE_S):
        await publishing
    got: list[int] = []
    async with asyncio.timeout(PATIENCE_S), batches(kpi, EVENTS, "kpi-ledger") as incoming:
        async for batch in incoming:
            got += [int(message.body) for message in batch.messages]
            await batch.ack_all()
            if len(got) >= rounds * size:
                break
    assert len(got) == rounds * size
    assert set(got) == set(range(rounds * size))


async def test_what_a_broken_connection_swallowed_comes_over_the_next_one(mortal: Mortal) -> None:
    intake, kpi = await mortal.connect("intake"), await mortal.connect("kpi")
    await intake.publish_batch(EVENTS, numbered(1000))
    async with asyncio.timeout(PATIENCE_S), batches(kpi, EVENTS, "kpi-ledger", size=300) as incoming:
        first = await anext(incoming)
        await first.ack_all(sync=True)
        await wait_until(lambda: len(incoming._arrived))
        incoming._arrived.clear()  # as if the server had sent them and the connection had not brought them
        await kpi.nc._process_op_err(ConnectionResetError())
        got = {int(message.body) for message in first.messages}
        async for batch in incoming:
            got |= {int(message.body) for message in batch.messages}
            await batch.ack_all()
            if len(got) == 1000:
                break
    assert got == set(range(1000))


async def test_requests_are_answered_again_after_a_restart(mortal: Mortal) -> None:
    intake, kpi = await mortal.connect("intake"), await mortal.connect("kpi")

    async def answer(query: dict[str, object]) -> dict[str, object]:
        return {"lanes": {"1": query["n"]}}

    await intake.serve("city.ask.intake.lanes", "intake", answer)
    assert await kpi.request("city.ask.intake.lanes", {"n": 1}) == {"lanes": {"1": 1}}
    mortal.kill()
    mortal.start()
    await brokers.wait_until(intake.ready)
    await brokers.wait_until(kpi.ready)
    assert await kpi.request("city.ask.intake.lanes", {"n": 2}) == {"lanes": {"1": 2}}


async def test_readiness_follows_the_broker(mortal: Mortal) -> None:
    kpi = await mortal.connect("kpi")
    assert await kpi.ready()
    mortal.kill()
    await brokers.wait_until(lambda: not kpi.nc.is_connected)
    assert not await kpi.ready()
    mortal.start()
    await brokers.wait_until(kpi.ready)


async def test_closing_while_the_broker_is_away_is_quick(mortal: Mortal) -> None:
    intake, kpi = await mortal.connect("intake"), await mortal.connect("kpi")
    await intake.publish_batch(EVENTS, numbered(100))
    incoming = batches(kpi, EVENTS, "kpi-ledger", size=10)
    assert len(await anext(incoming)) > 0
    mortal.kill()
    publishing = asyncio.create_task(intake.publish_batch(EVENTS, numbered(5, first=100)))
    await asyncio.sleep(0.2)
    publishing.cancel()
    with within(3, "closing"):
        await asyncio.gather(kpi.close(), intake.close(), return_exceptions=False)
    with pytest.raises(StopAsyncIteration):
        await anext(incoming)
    assert publishing.cancelled()


async def test_the_late_answer_to_a_flush_that_was_given_up_harms_nobody(intake: Bus, kpi: Bus) -> None:
    for _ in range(20):
        flushing = asyncio.create_task(kpi.nc.flush())
        await asyncio.sleep(0)
        flushing.cancel()
    assert await kpi.ready()
    await intake.publish_batch(EVENTS, numbered(3))
    async with asyncio.timeout(PATIENCE_S), batches(kpi, EVENTS, "kpi-ledger") as incoming:
        assert len(await anext(incoming)) > 0


async def test_an_error_while_reading_ends_the_connection_and_not_the_reading(
    intake: Bus, kpi: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asyncio.timeout(PATIENCE_S), batches(kpi, EVENTS, "kpi-ledger") as incoming:
        first = asyncio.create_task(anext(incoming))
        await wait_until(lambda: incoming._requests)

        async def fail(_: bytes) -> None:
            monkeypatch.undo()
            raise ZeroDivisionError

        monkeypatch.setattr(kpi.nc._ps, "parse", fail)
        await intake.publish_batch(EVENTS, numbered(3))
        got = len(await first)
        while got < 3:
            got += len(await anext(incoming))
        assert got == 3
