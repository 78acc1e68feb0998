"""Lanes, group commit and the relay, against a real journal and broker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from brokers import wait_until
from citygoals.intake.app import Intake, running
from citygoals.intake.commit import Offer, Terms, commit
from citygoals.intake.gate import Admitted, Publisher
from citygoals.intake.journal import Journal, Overloaded
from citygoals.intake.keeper import Keeper
from citygoals.intake.lanes import Fenced, Lanes, Lease
from citygoals.intake.numbering import Outcome
from citygoals.intake.relay import Relay
from citygoals.intake.settings import IntakeSettings
from citygoals.shared.bus import Bus
from citygoals.shared.clock import SystemClock
from citygoals.shared.ending import end
from citygoals.shared.events import decode, digest_of, key_of
from citygoals.shared.postgres import Pool, load_sql, transaction
from nats.aio.client import Client as NATS  # noqa: N814 - the name that nats-py gives it
from unit.intake.samples import SYSTEM

SQL = load_sql("citygoals.intake")
PUBLISHER = Publisher(SYSTEM, SYSTEM)
TYPE = "city.call.answered.v1"
ACCEPTED, DUPLICATE, CONFLICT = Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.CONFLICT


def event(identity: str, content: int = 0) -> Admitted:
    source, time = f"/systems/{SYSTEM}", "2026-11-21T10:00:00Z"
    head = (
        f'{{"specversion":"1.0","id":"{identity}","source":"{source}","type":"{TYPE}","time":"{time}",'
        f'"data":{{"n":{content}}}'
    )
    key, digest = key_of(source, identity).bytes, digest_of(TYPE, None, time, {"n": content})
    return Admitted(identity, source, TYPE, key, digest, "city.evt.v1.call.answered", head.encode(), None)


def offer(*events: Admitted) -> Offer:
    return Offer(PUBLISHER, "http", events)


class Writer:
    """One intake process's journal with its lanes, without doors."""

    def __init__(self, pool: Pool, bus: Bus, *, lease_s: float = 6.0, queue_rows_max: int = 20_000) -> None:
        self.keeper = Keeper(Lanes(pool, SQL, lease_s=lease_s), lambda lease: Relay(bus, pool, SQL, lease))
        self.journal = Journal(pool, SQL, self.keeper, SystemClock(), queue_rows_max=queue_rows_max)
        self.task: asyncio.Task[None] | None = None

    async def admit(self, *events: Admitted) -> list[Outcome]:
        return await self.journal.admit(offer(*events))

    async def lane(self) -> Lease:
        return (await self.keeper.writing()).lease

    async def crash(self) -> None:
        """End as a killed process does: no goodbye to the lanes."""
        await end(*self.keeper._tasks.values(), *([self.task] if self.task else []))


@pytest.fixture
async def writer(
    pool: Pool, bus_for: Callable[[str], Awaitable[Bus]]
) -> AsyncIterator[Callable[..., Awaitable[Writer]]]:
    """`await writer(...)`: a running writer; several of them are several processes."""
    made: list[Writer] = []

    async def make(**options: Any) -> Writer:
        made.append(Writer(pool, await bus_for("intake"), **options))
        made[-1].task = asyncio.create_task(made[-1].journal.run())
        return made[-1]

    yield make
    for item in made:
        await item.crash()


async def expire_leases(pool: Pool) -> None:
    """Let the time pass after which a lane is anybody's whose holder has not been heard of."""
    await pool.execute("UPDATE lane SET leased_until = now() - interval '1 second'")


async def sequences(pool: Pool) -> dict[int, list[int]]:
    rows = await pool.fetch("SELECT lane, seq FROM journal ORDER BY lane, seq")
    lanes: dict[int, list[int]] = {}
    for row in rows:
        lanes.setdefault(row["lane"], []).append(row["seq"])
    return lanes


async def on_the_bus(streams: NATS) -> list[Any]:
    js = streams.jetstream()
    state = (await js.stream_info("EVENTS")).state
    found = []
    for number in range(1, state.last_seq + 1):
        message = await js.get_msg("EVENTS", number)
        found.append(decode(message.data or b""))
    return found


async def all_published(pool: Pool) -> bool:
    return bool(
        await pool.fetchval("SELECT bool_and(l.next_seq = c.next_seq) FROM lane l JOIN relay_cursor c USING (lane)")
    )


Make = Callable[..., Awaitable[Writer]]


async def test_concurrent_requests_share_a_transaction(writer: Make, pool: Pool) -> None:
    one = await writer()
    await one.lane()
    outcomes = await asyncio.gather(*(one.admit(event(f"e{number % 40}")) for number in range(100)))
    assert sum(outcome == [ACCEPTED] for outcome in outcomes) == 40
    assert sum(outcome == [DUPLICATE] for outcome in outcomes) == 60
    assert await sequences(pool) == {1: list(range(1, 41))}
    transactions = await pool.fetchval("SELECT count(DISTINCT recorded_at) FROM journal")
    assert transactions < 10, "a hundred requests, a few commits"


async def test_two_processes_with_the_same_events(writer: Make, pool: Pool) -> None:
    one, other = await writer(), await writer()
    await one.lane()
    await other.lane()
    races = []
    for start in range(0, 400, 20):
        events = [event(f"e{number}") for number in range(start, start + 20)]
        races += [one.admit(*events), other.admit(*reversed(events))]
    outcomes = await asyncio.gather(*races)
    flat = [outcome for share in outcomes for outcome in share]
    assert (flat.count(ACCEPTED), flat.count(DUPLICATE)) == (400, 400)
    lanes = await sequences(pool)
    assert sum(map(len, lanes.values())) == 400
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in lanes.values()), "no gaps in any lane"


async def test_two_processes_with_different_content(writer: Make, pool: Pool) -> None:
    one, other = await writer(), await writer()
    shares = await asyncio.gather(
        *(who.admit(*(event(f"e{n}", content) for n in range(50))) for content, who in enumerate((one, other)))
    )
    for n in range(50):
        assert {shares[0][n], shares[1][n]} == {ACCEPTED, CONFLICT}
    assert await pool.fetchval("SELECT count(*) FROM quarantine WHERE code = 'conflict'") == 50


async def test_a_stale_epoch_commits_nothing(writer: Make, pool: Pool) -> None:
    lanes = Lanes(pool, SQL, lease_s=0.0)
    paused = await lanes.take()
    successor = await lanes.take()
    assert (paused.lane, successor.lane, successor.epoch) == (1, 1, paused.epoch + 1)
    terms = Terms(paused, lanes.lease, SystemClock().now())

    async def commit_late() -> None:
        async with transaction(pool) as connection:
            await commit(connection, SQL, terms, [offer(event("late"))])

    with pytest.raises(Fenced):
        await commit_late()
    assert await sequences(pool) == {}
    with pytest.raises(Fenced):
        await lanes.renew(paused)


async def test_a_fenced_writer_goes_on_in_another_lane(writer: Make, pool: Pool) -> None:
    one = await writer()
    assert await one.admit(event("first")) == [ACCEPTED]
    await expire_leases(pool)
    thief = await Lanes(pool, SQL).take()
    assert thief.lane == 1
    assert await one.admit(event("second"), event("first")) == [ACCEPTED, DUPLICATE]
    assert await sequences(pool) == {1: [1], 2: [1]}


async def test_a_lane_is_given_back_and_taken_up_again(writer: Make, pool: Pool) -> None:
    one = await writer()
    await one.admit(event("a"), event("b"))
    await one.journal.close(1)
    await one.keeper.close(2)
    lease = await (await writer()).lane()
    assert (lease.lane, lease.epoch, lease.next_seq, lease.relayed_seq) == (1, 2, 3, 3)


async def test_everything_reaches_the_bus_in_order(writer: Make, pool: Pool, streams: NATS) -> None:
    one = await writer()
    for start in range(0, 2500, 500):
        await one.admit(*(event(f"e{number}") for number in range(start, start + 500)))
    await wait_until(lambda: all_published(pool))
    events = await on_the_bus(streams)
    assert [item.seq for item in events] == list(range(1, 2501))
    rows = await pool.fetch("SELECT body FROM journal ORDER BY seq")
    assert [decode(row["body"]) for row in rows] == events, "the body on the bus is the journal's"
    message = await streams.jetstream().get_msg("EVENTS", 1)
    assert message.headers is not None
    assert message.headers["Nats-Msg-Id"] == key_of(events[0].source, events[0].id).hex
    assert message.headers["content-type"] == "application/cloudevents+json"


async def test_a_crash_between_commit_and_relay(writer: Make, pool: Pool, streams: NATS) -> None:
    dead = await writer()
    relay = await dead.keeper.writing()
    dead.keeper._tasks[relay].cancel()  # commits, but publishes nothing any more
    await dead.admit(*(event(f"e{number}") for number in range(10)))
    await dead.crash()
    heir = await writer()
    assert (await heir.lane()).lane == 2, "the dead one's lease still runs"
    await pool.execute("UPDATE lane SET leased_until = now() - interval '1 second' WHERE lane = 1")
    keeping = asyncio.create_task(heir.keeper.run())
    await wait_until(lambda: all_published(pool))
    assert [item.seq for item in await on_the_bus(streams)] == list(range(1, 11))
    await wait_until(lambda: len(heir.keeper.relays) == 1)
    keeping.cancel()


async def test_a_crash_between_relay_and_cursor_repeats_and_doubles_nothing(
    writer: Make, pool: Pool, streams: NATS
) -> None:
    one = await writer()
    await one.admit(*(event(f"e{number}") for number in range(10)))
    await wait_until(lambda: all_published(pool))
    await one.crash()
    await pool.execute("UPDATE relay_cursor SET next_seq = 4")
    await expire_leases(pool)
    heir = await writer()
    assert (await heir.lane()).relayed_seq == 4
    assert await heir.admit(event("e10")) == [ACCEPTED]
    await wait_until(lambda: all_published(pool))
    assert [item.seq for item in await on_the_bus(streams)] == list(range(1, 12))


async def test_the_relay_reads_what_did_not_fit_into_memory(
    writer: Make, pool: Pool, streams: NATS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citygoals.intake.relay.MEMORY_ROWS_MAX", 30)
    monkeypatch.setattr("citygoals.intake.relay.PAGE_ROWS", 20)
    one = await writer()
    await asyncio.gather(*(one.admit(*(event(f"e{s}-{n}") for n in range(25))) for s in range(20)))
    await wait_until(lambda: all_published(pool))
    assert [item.seq for item in await on_the_bus(streams)] == list(range(1, 501))


async def test_a_full_queue_says_so(writer: Make) -> None:
    one = await writer(queue_rows_max=30)
    waiting = [asyncio.create_task(one.admit(*(event(f"{s}-{n}") for n in range(10)))) for s in range(6)]
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(isinstance(result, Overloaded) for result in done) >= 1
    assert all(isinstance(result, Overloaded) or result == [ACCEPTED] * 10 for result in done)
    assert await one.admit(event("later")) == [ACCEPTED], "and recovers by itself"


async def test_one_poisoned_request_fails_alone(writer: Make, pool: Pool) -> None:
    one = await writer()
    await one.lane()
    poisoned = Admitted("x", "/s", TYPE, b"k" * 16, "no bytes", "r", b"{", None)  # type: ignore[arg-type]
    results = await asyncio.gather(
        one.admit(event("a")), one.admit(event("b")), one.admit(poisoned), one.admit(event("c")), return_exceptions=True
    )
    assert [result == [ACCEPTED] for result in results] == [True, True, False, True]
    assert (await sequences(pool))[1] == [1, 2, 3]


@asynccontextmanager
async def processes(settings: IntakeSettings, count: int) -> AsyncIterator[list[Intake]]:
    if count == 0:
        yield []
        return
    async with running(settings) as one, processes(settings, count - 1) as others:
        yield [one, *others]


async def test_lanes_of_several_processes(settings: IntakeSettings, pool: Pool) -> None:
    async with processes(settings, 3):
        held = await pool.fetch("SELECT lane FROM lane WHERE leased_until > now() ORDER BY lane")
        assert [row["lane"] for row in held] == [1, 2, 3]
    assert await pool.fetchval("SELECT count(*) FROM lane WHERE leased_until > now()") == 0
    async with processes(settings, 1):
        assert await pool.fetchval("SELECT count(*) FROM lane") == 3, "a free lane is taken before a new one is opened"
