"""From the bus to the cells and back onto the bus: whatever the broker does, nothing is lost and nothing counted twice."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from brokers import wait_until
from citygoals.kpi.consumer import Consumer
from citygoals.kpi.definitions import CATALOGUE_APPLIED
from citygoals.kpi.store import Fenced
from citygoals.shared.bus import Batch, Bus
from citygoals.shared.changeset import assemble, decode_changeset
from citygoals.shared.clock import FixedClock
from citygoals.shared.postgres import Pool
from citygoals.shared.topology import EVENTS, KPI, QUARANTINE
from integration.kpi.conftest import Intake, Running, assert_identical, catalogue, events_total, leading, stored_cells
from nats.aio.client import Client
from unit.kpi.samples import body
from unit.kpi.samples import kpi as a_kpi

SETTLED = {"department": "municipal-court", "service_code": "x", "channel": "web", "amount_minor": 1}


def payments(intake: Intake, first: int, last: int, lane: int = 1) -> list[bytes]:
    """Payments numbered `first` to `last`, in the journal."""
    return [
        intake.admit(body("payment.settled", {"payment_id": f"p-{number}", **SETTLED}, identity=f"e-{number}"), lane)
        for number in range(first, last + 1)
    ]


async def until_counted(pool: Pool, count: int) -> None:
    async def is_there() -> bool:
        return await events_total(pool) == count

    await wait_until(is_there)


async def published(streams: Client, stream: str) -> list[Any]:
    """Every message of a stream, in order."""
    js = streams.jetstream()
    state = (await js.stream_info(stream)).state
    return [await js.get_msg(stream, seq) for seq in range(1, state.last_seq + 1)]


async def test_events_become_cells_and_contiguous_changesets(
    kpi: Running, intake: Intake, pool: Pool, streams: Client
) -> None:
    await intake.publish(payments(intake, 1, 700))
    await intake.publish(payments(intake, 701, 1000, lane=2))
    await until_counted(pool, 1000)
    assert (await stored_cells(pool, "ONLINE"))[0, ""] == (1000, 1000, 1000)
    position = kpi.leadership.applier.state.position

    async def is_relayed() -> bool:
        parts = [
            decode_changeset(message.data)
            for message in await published(streams, KPI)
            if "changeset" in message.subject
        ]
        return bool(parts) and parts[-1].position == position

    await wait_until(is_relayed)
    parts = [decode_changeset(m.data) for m in await published(streams, KPI) if "changeset" in m.subject]
    assert [part.position for part in parts if part.part == 1] == list(range(1, position + 1))
    last = assemble([part for part in parts if part.position == position])
    assert last.events_total == 1000
    await assert_identical(pool)


async def is_drained(streams: Client) -> bool:
    """Say whether kpi has taken everything that is on the bus."""
    info = await streams.jetstream().consumer_info(EVENTS, "kpi-ledger")
    return not (info.num_pending or info.num_ack_pending)


async def test_duplicates_and_disorder_change_nothing(
    kpi: Running, intake: Intake, pool: Pool, streams: Client
) -> None:
    chance = random.Random(7)
    sent = payments(intake, 1, 300) + payments(intake, 301, 500, lane=2)
    for attempt in range(3):
        chance.shuffle(sent)
        await intake.publish(sent, again=f"-{attempt}")
    await until_counted(pool, 500)
    await wait_until(lambda: is_drained(streams))
    assert await events_total(pool) == 500
    assert (await stored_cells(pool, "ONLINE"))[0, ""] == (500, 500, 500)
    await assert_identical(pool)


async def test_what_the_bus_lost_comes_from_the_journal(kpi: Running, intake: Intake, pool: Pool) -> None:
    sent = payments(intake, 1, 1500)
    await intake.publish(sent[:100] + sent[1300:])
    await until_counted(pool, 1500)
    assert [(query["from"], query["limit"]) for query in intake.asked] == [(101, 500), (601, 500), (1101, 200)]
    await assert_identical(pool)


async def test_the_end_of_a_lane_that_was_lost_is_found_by_comparing(
    kpi: Running, intake: Intake, pool: Pool, bus_for: Callable[[str], Awaitable[Bus]]
) -> None:
    sent = payments(intake, 1, 30)
    await intake.publish(sent[:10])
    await until_counted(pool, 10)
    consumer = Consumer(await bus_for("kpi"), kpi.leadership.applier)
    first = await consumer.compare({})
    assert first == {1: 31}
    assert await events_total(pool) == 10, "what is on its way is not missing yet"
    await consumer.compare(first)
    await until_counted(pool, 30)


async def test_lanes_are_compared_as_soon_as_a_tenure_begins(
    pool: Pool, bus_for: Callable[[str], Awaitable[Bus]], clock: FixedClock, intake: Intake
) -> None:
    async with leading(pool, await bus_for("kpi"), clock):
        await wait_until(lambda: intake.compared)


async def test_poison_is_buried_and_its_lane_goes_on(kpi: Running, intake: Intake, pool: Pool, streams: Client) -> None:
    good = payments(intake, 1, 20)
    await intake.publish(good[:9])
    for number, poison in enumerate(
        (b"not JSON", b'{"id": "x"}', json.dumps(json.loads(good[9]) | {"lane": 0}).encode())
    ):
        await intake.bus.publish(EVENTS, "city.evt.v1.payment.settled", poison, msg_id=f"poison-{number}")
    await intake.publish(good[10:])  # number 10 never comes, but the journal has it
    await until_counted(pool, 20)

    async def are_buried() -> bool:
        return len(await published(streams, QUARANTINE)) == 3

    await wait_until(are_buried)
    reasons = [json.loads(message.data)["reason"] for message in await published(streams, QUARANTINE)]
    assert all("not an admitted event" in reason for reason in reasons[:2])
    assert reasons[2] == "lane 0 is kpi's own"
    await assert_identical(pool)


async def test_poison_in_the_journal_itself_leaves_a_hole(kpi: Running, intake: Intake, pool: Pool) -> None:
    sent = payments(intake, 1, 5)
    intake.journal[1][2] = b"{}"
    await intake.publish([*sent[:2], *sent[3:]])
    await until_counted(pool, 4)
    assert await pool.fetchval("SELECT count(*) FROM unreadable") == 1
    await assert_identical(pool)


async def test_a_crash_between_commit_and_ack_only_repeats_work(
    pool: Pool, streams: Client, bus_for: Callable[[str], Awaitable[Bus]], clock: FixedClock, intake: Intake,
    monkeypatch: Any,
) -> None:  # fmt: skip
    crashes, ack_all = 0, Batch.ack_all

    async def crash(self: Batch, *, sync: bool = False) -> None:
        nonlocal crashes
        if crashes:
            return await ack_all(self, sync=sync)
        crashes += 1
        raise OSError("gone before the acknowledgement")

    async with leading(pool, await bus_for("kpi"), clock) as running:
        await running.until_leading()
        with monkeypatch.context() as patch:
            patch.setattr("citygoals.shared.batches.Batch.ack_all", crash)
            await intake.publish(payments(intake, 1, 50))
            await wait_until(lambda: crashes)
            await until_counted(pool, 50)
        await intake.publish(payments(intake, 51, 60))
        await until_counted(pool, 60)
    assert await pool.fetchval("SELECT epoch FROM applier") == 2
    await assert_identical(pool)


async def test_a_standby_takes_over_and_the_paused_leader_cannot_commit(
    pool_for: Callable[..., Awaitable[Pool]], bus_for: Callable[[str], Awaitable[Bus]], clock: FixedClock,
    intake: Intake, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    pool = await pool_for("kpi")
    with monkeypatch.context() as patch:
        patch.setattr("citygoals.kpi.leader._watch", blind)
        async with leading(pool, await bus_for("kpi"), clock) as first:
            paused = await first.until_leading()
            patch.undo()
            async with leading(await pool_for("kpi"), await bus_for("kpi"), clock) as second:
                await wait_until(lambda: second.leadership.has_competed)
                assert not second.leadership.is_leader
                await intake.publish(payments(intake, 1, 20))
                await until_counted(pool, 20)
                await pool.execute(KILL_THE_LOCK)
                await wait_until(lambda: second.leadership.is_leader)
                with pytest.raises(Fenced):
                    await paused.tick(clock.now())
                await intake.publish(payments(intake, 21, 60))
                await until_counted(pool, 60)
                await wait_until(lambda: not first.leadership.is_leader)
    await assert_identical(pool)


KILL_THE_LOCK = """
    SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def blind(_: Any, stop: asyncio.Event) -> None:
    """Stands for a process that is paused: it does not see that its lock is gone."""
    await stop.wait()


async def test_stopping_in_the_middle_loses_nothing(
    pool: Pool, bus_for: Callable[[str], Awaitable[Bus]], clock: FixedClock, intake: Intake, streams: Client
) -> None:
    await intake.publish(payments(intake, 1, 20_000))
    tenures = 0
    while await events_total(pool) < 20_000:
        tenures += 1
        assert tenures < 100
        bus = await bus_for("kpi")
        async with leading(pool, bus, clock) as running:
            before = await events_total(pool)
            await running.until_leading()
            await wait_until(lambda: running.leadership.is_leader)

            async def has_moved(before: int = before) -> bool:
                return await events_total(pool) > before

            await wait_until(has_moved)
        await bus.close()
    assert await events_total(pool) == 20_000
    assert await pool.fetchval("SELECT position FROM relay_cursor") == await pool.fetchval(
        "SELECT position FROM applier"
    )
    await assert_identical(pool)


async def test_definitions_change_while_events_flow(kpi: Running, intake: Intake, pool: Pool) -> None:
    async def flow() -> None:
        for first in range(1, 3000, 100):
            await intake.publish(payments(intake, first, first + 99))

    flowing = asyncio.create_task(flow())
    for number in range(6):
        where = "data.channel == 'web'" if number % 2 else "data.amount_minor > 0"
        changing = a_kpi("CHANGING", {"kind": "count", "event": "city.payment.settled.v1", "where": where})
        await kpi.leadership.applier.define(CATALOGUE_APPLIED, catalogue([changing]))
        await asyncio.sleep(0.05)
    await flowing
    await until_counted(pool, 3000)
    assert (await stored_cells(pool, "CHANGING"))[0, ""] == (3000, 0, 3000)
    await assert_identical(pool)
