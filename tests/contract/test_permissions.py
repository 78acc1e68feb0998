"""What each NATS user can do, tried for real: the allow-lists let the work through and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import brokers
import nats
import pytest
from brokers import Nats
from citygoals.shared import topology
from citygoals.shared.topology import ADMIN, CONSUMERS, SERVICES, Permissions, inbox, permissions
from nats.aio.client import Client

OTHERS = (*SERVICES, "sys-payments", "sys-crm")

PUBLISH = (
    "city.evt.v1.payment.settled", "city.kpi.v1.changeset", "city.notice.v1.sent", "city.raw.demo.x", "city.raw.crm.x",
    "city.admit.demo", "city.admit.demo.x", "city.admit.crm", "city.ask.intake.journal", "city.ask.kpi.lineage",
    "city.ask.kpi.departments",
    *(f"city.quarantine.{service}" for service in SERVICES),
    *(f"$JS.API.CONSUMER.MSG.NEXT.{spec.stream}.{spec.durable}" for spec in CONSUMERS),
    *(f"$JS.ACK.{spec.stream}.{spec.durable}.1.1.1.1.1" for spec in CONSUMERS),
    "$JS.API.STREAM.INFO.EVENTS", "$JS.API.STREAM.DELETE.EVENTS", "$JS.API.STREAM.PURGE.EVENTS",
    "$JS.API.STREAM.MSG.GET.EVENTS", "$JS.API.CONSUMER.CREATE.EVENTS", "$JS.API.INFO", "$SYS.REQ.SERVER.PING", "any",
)  # fmt: skip
SUBSCRIBE = (
    ">", "city.>", "city.evt.>", "city.raw.>", "city.admit.>", "city.admit.demo", "city.ask.intake.>", "city.ask.kpi.>",
    "$JS.EVENT.ADVISORY.>", "_INBOX.>", *(f"{inbox(user)}.>" for user in (*SERVICES, "sys-demo", "sys-crm")),
)  # fmt: skip


def matches(pattern: str, subject: str) -> bool:
    """Tell whether a subject, or every subject of a narrower pattern, matches."""
    wanted, given = pattern.split("."), subject.split(".")
    for index, token in enumerate(wanted):
        if token == ">":
            return len(given) > index
        if index >= len(given) or given[index] == ">" or (token not in ("*", given[index])):
            return False
    return len(wanted) == len(given)


def test_a_system_may_do_three_things() -> None:
    assert permissions("sys-water") == Permissions(
        ("city.admit.water", "city.admit.water.>", "city.raw.water.>"), ("_INBOX_sys-water.>",)
    )


@pytest.mark.parametrize("name", ["", "sys-", "root", "sys", "intake2"])
def test_nobody_else_exists(name: str) -> None:
    with pytest.raises(ValueError, match="no such NATS user"):
        permissions(name)


@pytest.mark.parametrize("name", ["sys-a.b", "sys->", "sys-*", "sys-a b", 'sys-a"', "sys-A", "sys-" + "a" * 65])
def test_a_system_name_cannot_widen_its_own_rights(name: str) -> None:
    with pytest.raises(ValueError, match="no such NATS user"):
        permissions(name)


def test_only_intake_publishes_events_and_only_kpi_changesets() -> None:
    for subject, owner in (
        ("city.evt.v1.x.y", "intake"),
        ("city.kpi.v1.changeset", "kpi"),
        ("city.notice.v1.x", "notify"),
    ):
        may = [user for user in OTHERS if any(matches(rule, subject) for rule in permissions(user).publish)]
        assert may == [owner]


def test_no_service_may_change_the_topology() -> None:
    for user in OTHERS:
        for rule in permissions(user).publish:
            assert not rule.startswith(
                ("$JS.API.STREAM", "$JS.API.CONSUMER.CREATE", "$JS.API.CONSUMER.DELETE", "$SYS", ">")
            )


@pytest.fixture
async def connect_as(
    nats_server: Nats, streams: Client
) -> AsyncIterator[Callable[[str, list[str]], Awaitable[Client]]]:
    clients: list[Client] = []

    async def connect(user: str, denied: list[str]) -> Client:
        async def on_error(error: Exception) -> None:
            denied.append(str(error))

        clients.append(
            await nats.connect(
                nats_server.url, user=user, password=nats_server.passwords[user], error_cb=on_error,
                inbox_prefix=inbox(user),
            )
        )  # fmt: skip
        return clients[-1]

    yield connect
    for client in clients:
        await client.close()


@pytest.mark.parametrize("user", [*SERVICES, "sys-demo"])
async def test_the_server_enforces_the_matrix(
    connect_as: Callable[[str, list[str]], Awaitable[Client]], user: str
) -> None:
    denied: list[str] = []
    client = await connect_as(user, denied)
    for subject in PUBLISH:
        await client.publish(subject, b"")
    for subject in SUBSCRIBE:
        await client.subscribe(subject)
    await client.flush()
    await brokers.wait_until(lambda: len(denied) > 0)
    await asyncio.sleep(0.1)
    told = " ".join(denied).lower()
    for subject in PUBLISH:
        allowed = any(matches(rule, subject) for rule in permissions(user).publish)
        assert (f'publish to "{subject.lower()}"' in told) != allowed, subject
    for subject in SUBSCRIBE:
        allowed = any(matches(rule, subject) for rule in permissions(user).subscribe)
        assert (f'subscription to "{subject.lower()}"' in told) != allowed, subject


@pytest.mark.parametrize("login", [{"user": "intake", "pass": "wrong"}, {}, {"user": "nobody", "pass": ""}])
async def test_a_wrong_password_and_no_user_are_refused(nats_server: Nats, login: dict[str, str]) -> None:
    where = urlsplit(nats_server.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    await reader.readline()  # INFO
    options = {"verbose": False, "pedantic": False, "lang": "test", "version": "1", **login}
    writer.write(b"CONNECT %b\r\nPING\r\n" % json.dumps(options).encode())
    assert b"Authorization Violation" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_the_admin_provisions(nats_server: Nats, streams: Client) -> None:
    await topology.provision(streams.jetstream())
    assert ADMIN in nats_server.passwords
