"""The topology is data; these audits are what makes it true."""

import re
from pathlib import Path

import pytest
from citygoals.shared import topology
from citygoals.shared.topology import CONSUMERS, PULL_MESSAGES_MAX, SERVICES, STREAMS, consumer
from nats.aio.client import Client
from nats.js.api import StorageType

ROOT = Path(__file__).parents[2]


def overlaps(one: str, other: str) -> bool:
    """Tell whether some subject matches both patterns."""
    first, second = one.split("."), other.split(".")
    for left, right in zip(first, second, strict=False):
        if ">" in (left, right):
            return True
        if left != right and "*" not in (left, right):
            return False
    return len(first) == len(second)


def test_names_are_unique_and_subjects_of_streams_do_not_overlap() -> None:
    assert len({spec.name for spec in STREAMS}) == len(STREAMS)
    assert len({spec.durable for spec in CONSUMERS}) == len(CONSUMERS)
    patterns = [(spec.name, subject) for spec in STREAMS for subject in spec.subjects]
    for name, subject in patterns:
        assert not [other for other, pattern in patterns if other != name and overlaps(subject, pattern)]


def test_every_consumer_reads_a_stream_that_has_its_subject() -> None:
    streams = {spec.name: spec for spec in STREAMS}
    for spec in CONSUMERS:
        stream = streams[spec.stream]
        assert spec.user in SERVICES
        if spec.filter_subject is not None:
            assert any(overlaps(spec.filter_subject, subject) for subject in stream.subjects)


def test_every_consumer_has_a_reader_and_every_reader_a_consumer() -> None:
    named = {
        match
        for path in ROOT.glob("services/*/src/**/*.py")
        for match in re.findall(r"\"((?:intake|kpi|notify|reporting)-[a-z]+)\"", path.read_text())
    }
    durables = {spec.durable for spec in CONSUMERS}
    assert durables <= named, f"nobody consumes {durables - named}"


def test_subjects_carry_no_ids() -> None:
    for spec in STREAMS:
        for subject in spec.subjects:
            assert re.fullmatch(r"city\.[a-z]+(\.v1)?\.>", subject)


def test_limits_fit_each_other() -> None:
    for spec in STREAMS:
        # What several systems write has none: their message ids may be the same.
        own = (topology.NO_DUPLICATE_WINDOW_S,) * 2 if spec.name == topology.RAW else (120, 600)
        assert own[0] <= spec.duplicate_window_s <= own[1]
        assert spec.max_bytes > 0
        assert spec.max_age_s >= 30 * topology.DAY_S
    for reader in CONSUMERS:
        if reader.durable in ("kpi-ledger", "intake-raw"):
            assert reader.max_ack_pending >= 2 * min(PULL_MESSAGES_MAX, reader.max_ack_pending // 2)
    assert consumer("kpi-ledger").max_ack_pending >= 4 * PULL_MESSAGES_MAX
    assert consumer("kpi-ledger").ack == consumer("reporting-projection").ack == "all"


def test_an_unknown_consumer_is_an_error() -> None:
    with pytest.raises(KeyError):
        consumer("kpi-legder")


async def test_the_broker_has_what_the_table_says(streams: Client) -> None:
    js = streams.jetstream()
    for spec in STREAMS:
        config = (await js.stream_info(spec.name)).config
        assert config.storage == StorageType.FILE
        assert (config.deny_delete, config.deny_purge) == (True, True)
        # Each of these would let a header of a publisher purge, expire, delay or count.
        acting = ("allow_rollup_hdrs", "allow_msg_ttl", "allow_msg_schedules", "allow_msg_counter", "allow_direct")
        assert [name for name in acting if getattr(config, name)] == []
        assert (config.discard, config.retention) == ("new", "limits")
        assert (config.max_bytes, config.max_age) == (spec.max_bytes, spec.max_age_s)
        assert config.duplicate_window == spec.duplicate_window_s
        assert bool(config.allow_atomic) == spec.allow_atomic
    for reader in CONSUMERS:
        found = (await js.consumer_info(reader.stream, reader.durable)).config
        assert found.ack_policy == reader.ack
        assert (found.max_deliver, found.max_ack_pending) == (-1, reader.max_ack_pending)
        assert found.ack_wait == reader.ack_wait_s
        assert found.filter_subject == reader.filter_subject


async def test_provisioning_brings_a_drifted_broker_back(streams: Client) -> None:
    js = streams.jetstream()
    reader = consumer("notify-crossings")
    drifted = topology.consumer_config(reader)
    drifted.ack_wait, drifted.max_ack_pending = 77, 9
    await js.add_consumer(reader.stream, drifted)
    stream = topology.stream_config(STREAMS[0])
    stream.max_age = 3600
    await js.update_stream(stream)
    await topology.provision(js)
    await topology.provision(js)
    found = (await js.consumer_info(reader.stream, reader.durable)).config
    assert (found.ack_wait, found.max_ack_pending) == (reader.ack_wait_s, reader.max_ack_pending)
    assert (await js.stream_info(STREAMS[0].name)).config.max_age == STREAMS[0].max_age_s


async def test_messages_cannot_be_deleted_even_by_the_admin(streams: Client) -> None:
    js = streams.jetstream()
    ack = await js.publish("city.evt.v1.payment.settled", b"{}")
    with pytest.raises(Exception, match="message delete not permitted"):
        await js.delete_msg("EVENTS", ack.seq)
    with pytest.raises(Exception, match="purge not permitted"):
        await js.purge_stream("EVENTS")
    assert (await js.get_msg("EVENTS", ack.seq)).data == b"{}"
