"""Publishing: stored before it returns, in order, once, whatever was stored before."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from citygoals.shared import publishing
from citygoals.shared.bus import Bus, Outgoing
from citygoals.shared.errors import Malformed, Unavailable
from citygoals.shared.topology import EVENTS, MAX_PAYLOAD_BYTES
from nats.aio.client import Client
from traffic import OPENED, numbered


async def bodies(admin: Client) -> list[bytes]:
    js = admin.jetstream()
    info = await js.stream_info(EVENTS)
    return [(await js.get_msg(EVENTS, seq)).data or b"" for seq in range(1, info.state.messages + 1)]


async def test_one_message_is_stored_and_says_where(intake: Bus) -> None:
    first = await intake.publish(EVENTS, OPENED, b"1", msg_id="a")
    again = await intake.publish(EVENTS, OPENED, b"1", msg_id="a")
    assert (first.stream, first.seq, first.duplicate) == (EVENTS, 1, False)
    assert (again.seq, again.duplicate) == (1, True)


async def test_a_batch_is_stored_in_order(intake: Bus, streams: Client) -> None:
    await intake.publish_batch(EVENTS, numbered(250))
    assert await bodies(streams) == [b"%d" % number for number in range(250)]


async def test_more_than_one_batch_is_cut_at_the_limit(intake: Bus, streams: Client) -> None:
    await intake.publish_batch(EVENTS, numbered(2001))
    assert (await streams.jetstream().stream_info(EVENTS)).state.messages == 2001


async def test_a_batch_with_known_messages_stores_only_the_new(intake: Bus, streams: Client) -> None:
    await intake.publish_batch(EVENTS, numbered(5, first=3))
    await intake.publish_batch(EVENTS, numbered(10))
    assert sorted(int(body) for body in await bodies(streams)) == list(range(10))
    await intake.publish_batch(EVENTS, numbered(10))
    assert len(await bodies(streams)) == 10


async def test_a_duplicate_within_one_batch_is_stored_once(intake: Bus, streams: Client) -> None:
    await intake.publish_batch(EVENTS, [*numbered(3), *numbered(1)])
    assert [int(body) for body in await bodies(streams)] == [0, 1, 2]


async def test_nothing_and_one_are_batches_too(intake: Bus, streams: Client) -> None:
    await intake.publish_batch(EVENTS, [])
    await intake.publish_batch(EVENTS, [(OPENED, b"0", "one", None)])
    assert await bodies(streams) == [b"0"]


async def test_what_the_broker_would_not_take_is_refused_before_anything_is_sent(intake: Bus, streams: Client) -> None:
    too_large = Outgoing(OPENED, b"x" * MAX_PAYLOAD_BYTES, "large", None)
    with pytest.raises(Malformed, match="larger"):
        await intake.publish_batch(EVENTS, [*numbered(3), too_large])
    with pytest.raises(Malformed, match="larger"):
        await intake.publish(EVENTS, OPENED, too_large.body, msg_id="large")
    with pytest.raises(Malformed, match="larger"):
        await intake.publish(EVENTS, OPENED, b"", msg_id="h", headers={"x": "y" * MAX_PAYLOAD_BYTES})
    assert await bodies(streams) == []
    almost = Outgoing(OPENED, b"x" * (MAX_PAYLOAD_BYTES - 400), "almost", {"content-type": "text/plain"})
    await intake.publish_batch(EVENTS, [almost, almost._replace(msg_id="almost2")])
    assert len(await bodies(streams)) == 2


async def test_a_header_cannot_smuggle_protocol(intake: Bus, streams: Client) -> None:
    for msg_id, headers in [("a\r\nNats-Rollup: all", None), ("b", {"traceparent": "x\r\n\r\nPUB city.evt.v1.x 0"})]:
        with pytest.raises(Malformed, match="control character"):
            await intake.publish_batch(EVENTS, [*numbered(2), (OPENED, b"", msg_id, headers)])
    assert await bodies(streams) == []


async def test_a_subject_of_another_stream_is_not_stored_there(
    bus_for: Callable[[str], Awaitable[Bus]], streams: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "ACK_TIMEOUT_S", 0.5)
    admin = await bus_for("citygoals")
    with pytest.raises(Unavailable):
        await admin.publish(EVENTS, "city.kpi.v1.crossed", b"", msg_id="x", patience_s=0)
    with pytest.raises(Unavailable):
        await admin.publish_batch(EVENTS, numbered(2, subject="city.kpi.v1.crossed"), patience_s=0)
    assert (await streams.jetstream().stream_info("KPI")).state.messages == 0


async def test_a_denied_subject_ends_in_unavailable(intake: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "ACK_TIMEOUT_S", 0.5)
    with pytest.raises(Unavailable):
        await intake.publish("KPI", "city.kpi.v1.crossed", b"", msg_id="x", patience_s=0)


async def test_several_batches_at_once_stay_whole(intake: Bus, streams: Client) -> None:
    await asyncio.gather(*(intake.publish_batch(EVENTS, numbered(100, first=1000 * n)) for n in range(5)))
    stored = [int(body) for body in await bodies(streams)]
    assert len(stored) == 500
    for n in range(5):
        assert [number for number in stored if number // 1000 == n] == list(range(1000 * n, 1000 * n + 100))
