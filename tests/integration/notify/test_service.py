"""The whole service as a process, between a real NATS, a real PostgreSQL and a real mail server."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx
import orjson
import pytest
from brokers import Database, Nats, wait_until
from citygoals.shared.bus import Bus
from citygoals.shared.events import Event, encode
from integration.notify.post_office import OK, Mail, PostOffice
from nats.aio.client import Client
from patience import PATIENCE_S, within
from ports import free_port
from unit.notify.happenings import a_closing, a_crossing

SUBSCRIPTIONS = """\
subscriptions:
  - {id: ana, to: ana@example.org, language: es, on: crossing}
  - {id: bob, to: bob@example.org, on: closing, when: {request: [SR-1, SR-2]}}
"""
CROSSED, CLOSED = "city.kpi.v1.crossed", "city.evt.v1.service_request.closed"


@dataclass
class Notify:
    """The process, and the address of its HTTP side."""

    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    process: Process | None = None

    async def start(self) -> None:
        environment = {**os.environ, **self.environment, "CITYGOALS_PORT": str(self.port)}
        self.process = await asyncio.create_subprocess_exec(sys.executable, "-m", "citygoals.notify", env=environment)
        await wait_until(lambda: self.get("/ready"))

    async def get(self, path: str) -> httpx.Response | None:
        """Return a good answer, else None."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}") as client:
            try:
                answer = await client.get(path)
            except httpx.TransportError:
                return None
            return answer if answer.status_code == 200 else None

    async def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        with within(12, "the end of notify"):
            return await asyncio.wait_for(self.process.wait(), PATIENCE_S)


@pytest.fixture
def smtp_timeout_s() -> int:
    """A mail server that is only slow is waited for: else it would get the same mail again."""
    return 10


soon_taken_up = pytest.mark.parametrize("smtp_timeout_s", [1])
"""What a killed process has claimed is taken up when no mail server can be at it any more; 30 s would be a long test."""


@pytest.fixture
async def notify(
    database: Database, nats_server: Nats, streams: Client, office: PostOffice, tmp_path: Path, smtp_timeout_s: int
) -> AsyncIterator[Notify]:
    file = tmp_path / "subscriptions.yaml"
    file.write_text(SUBSCRIPTIONS)
    password = tmp_path / "nats-password"
    password.write_text(nats_server.passwords["notify"] + "\n")
    service = Notify(
        {
            "CITYGOALS_PG_DSN": database.dsn("notify"),
            "CITYGOALS_NATS_URL": nats_server.url,
            "CITYGOALS_NATS_USER": "notify",
            "CITYGOALS_NATS_PASSWORD_FILE": str(password),
            "CITYGOALS_SUBSCRIPTIONS": str(file),
            "CITYGOALS_SMTP_HOST": "127.0.0.1",
            "CITYGOALS_SMTP_PORT": str(office.port),
            "CITYGOALS_SMTP_SECURITY": "none",
            "CITYGOALS_SMTP_SENDER": "city-goals@example.org",
            "CITYGOALS_SMTP_TIMEOUT_S": str(smtp_timeout_s),
            "CITYGOALS_CLAIM_MARGIN_S": "1",
        }
    )
    await service.start()
    yield service
    if service.process is not None and service.process.returncode is None:
        await service.end(signal.SIGKILL)


@dataclass(frozen=True)
class City:
    """What kpi and intake put on the bus."""

    kpi: Bus
    intake: Bus

    async def cross(self, event: Event | bytes, msg_id: str) -> None:
        body = event if isinstance(event, bytes) else encode(event)
        await self.kpi.publish("KPI", CROSSED, body, msg_id=msg_id)

    async def close(self, event: Event | bytes, msg_id: str) -> None:
        body = event if isinstance(event, bytes) else encode(event)
        await self.intake.publish("EVENTS", CLOSED, body, msg_id=msg_id)


@pytest.fixture
async def city(database: Database, bus_for: Callable[[str], Awaitable[Bus]]) -> City:
    return City(await bus_for("kpi"), await bus_for("intake"))


async def drained(streams: Client) -> bool:
    """Tell whether both consumers have nothing left."""
    js = streams.jetstream()
    for stream, durable in (("KPI", "notify-crossings"), ("EVENTS", "notify-closings")):
        info = await js.consumer_info(stream, durable)
        if info.num_pending or info.num_ack_pending:
            return False
    return True


async def last(streams: Client, stream: str, count: int) -> list[bytes]:
    """Return a stream's messages, once there are `count`."""
    js = streams.jetstream()

    async def is_there() -> bool:
        return (await js.stream_info(stream)).state.messages >= count

    await wait_until(is_there)
    return [(await js.get_msg(stream, seq)).data or b"" for seq in range(1, count + 1)]


async def all_sent(database: Database, count: int) -> bool:
    """Say whether there are so many notices, and no more, and all of them are sent."""
    connection = await asyncpg.connect(database.dsn())
    try:
        states = [row["state"] for row in await connection.fetch("SELECT state FROM notify.notice")]
    finally:
        await connection.close()
    assert len(states) <= count
    return states == ["sent"] * count


async def test_a_storm_of_redeliveries_gives_one_mail(
    city: City, notify: Notify, office: PostOffice, streams: Client, database: Database
) -> None:
    for number in range(30):
        await city.cross(a_crossing(), f"storm-{number}")  # the same event, stored thirty times
        await city.close(a_closing("SR-1"), f"storm-{number}")
    await wait_until(lambda: drained(streams))
    await wait_until(lambda: all_sent(database, 2))
    assert sorted(mail.to for mail in office.mails) == ["ana@example.org", "bob@example.org"]


async def test_the_bus_learns_what_was_sent_but_not_to_whom(
    city: City, notify: Notify, office: PostOffice, streams: Client
) -> None:
    await city.cross(a_crossing(), "one")
    (body,) = await last(streams, "NOTICES", 1)
    event = orjson.loads(body)
    assert (event["type"], event["source"], event["specversion"]) == (
        "city.notice.sent.v1",
        "/city-goals/notify",
        "1.0",
    )
    assert event["data"]["event"]["id"] == a_crossing().id
    assert event["data"]["channel"] == "email"
    assert b"ana" not in body
    assert b"example.org" not in body


async def test_a_malformed_crossing_is_put_aside_and_the_others_go_on(
    city: City, notify: Notify, office: PostOffice, streams: Client
) -> None:
    poison = [
        b"not json",
        b"{}",
        encode(a_crossing(after="EXCELLENT")),
        orjson.dumps({"id": 5, "secret": "4111111111111111"}),
    ]
    for number, body in enumerate(poison):
        await city.cross(body, f"poison-{number}")
    await city.cross(a_crossing(position=99), "good")
    await wait_until(lambda: office.mails)
    refusals = [orjson.loads(body) for body in await last(streams, "QUARANTINE", len(poison))]
    assert {refusal["service"] for refusal in refusals} == {"notify"}
    assert all(refusal["reason"].startswith("malformed") for refusal in refusals)
    assert b"4111" not in b"".join(await last(streams, "QUARANTINE", len(poison)))
    await wait_until(lambda: drained(streams))


async def test_backfill_notifies_nobody(city: City, notify: Notify, office: PostOffice, streams: Client) -> None:
    await city.cross(a_crossing(backfill=True), "old-crossing")
    await city.close(a_closing("SR-1", age=timedelta(hours=25)), "old-closing")
    await city.close(a_closing("SR-2", age=timedelta(hours=23)), "new-closing")
    await wait_until(lambda: drained(streams))
    await wait_until(lambda: office.mails)
    assert [(mail.to, mail.message["Subject"]) for mail in office.mails] == [
        ("bob@example.org", "Request SR-2 was closed")
    ]


async def test_mail_server_away_then_back(
    city: City, notify: Notify, office: PostOffice, streams: Client, database: Database
) -> None:
    office.closes()
    for position in range(1, 6):
        await city.cross(a_crossing(position=position), f"p{position}")
    await wait_until(lambda: drained(streams))
    assert await notify.get("/ready") is not None, "a mail server that is away is no reason to refuse work"
    office.opens()
    await wait_until(lambda: all_sent(database, 5))
    assert len(office.inbox()) == len(office.mails) == 5


@soon_taken_up
async def test_killed_between_the_servers_yes_and_our_note(
    city: City, notify: Notify, office: PostOffice, database: Database
) -> None:
    assert notify.process is not None
    victim = notify.process

    def kill_and_accept(_: Mail) -> str:
        victim.kill()
        return OK

    office.on_data = kill_and_accept
    await city.cross(a_crossing(), "one")
    await asyncio.wait_for(victim.wait(), PATIENCE_S)
    assert len(office.mails) == 1
    office.on_data = lambda _: OK
    await notify.start()
    await wait_until(lambda: len(office.mails) == 2)
    first, second = office.mails
    assert first.body == second.body  # not to be told from the first: same Message-ID, same Date, same everything
    assert len(office.inbox()) == 1
    await wait_until(lambda: all_sent(database, 1))


async def delivers_again_after(streams: Client, seconds: float) -> None:
    """Say when the broker delivers again what a process held that is gone."""
    js = streams.jetstream()
    config = (await js.consumer_info("KPI", "notify-crossings")).config
    await js.add_consumer("KPI", config=config.evolve(ack_wait=seconds))


@pytest.mark.fault
@soon_taken_up
async def test_killed_again_and_again_while_the_city_goes_on(
    city: City, notify: Notify, office: PostOffice, streams: Client
) -> None:
    await delivers_again_after(streams, 2)  # 30 s would be a long test
    for position in range(1, 61):
        await city.cross(a_crossing(position=position), f"p{position}")
        if position % 15 == 0:
            await notify.end(signal.SIGKILL)
            await notify.start()
    await wait_until(lambda: len(office.inbox()) == 60)
    bodies: dict[str, set[bytes]] = {}
    for mail in office.mails:
        bodies.setdefault(mail.message_id, set()).add(mail.body)
    assert {len(versions) for versions in bodies.values()} == {1}


async def test_the_database_hanging_up_again_and_again_costs_no_notice_and_repeats_none(
    city: City, notify: Notify, office: PostOffice, database: Database
) -> None:
    connection = await asyncpg.connect(database.dsn())
    for position in range(1, 31):
        await city.cross(a_crossing(position=position), f"p{position}")
        if position % 5 == 0:
            await connection.execute(HANG_UP)
    await connection.close()
    await wait_until(lambda: all_sent(database, 30))
    assert len(office.mails) == 30
    assert notify.process is not None
    assert notify.process.returncode is None


HANG_UP = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'citygoals-notify'"""


async def test_a_tidy_end_is_quick_and_loses_nothing(
    city: City, notify: Notify, office: PostOffice, streams: Client
) -> None:
    await delivers_again_after(streams, 10 * PATIENCE_S)  # what comes to the next process was handed back
    for position in range(1, 21):
        await city.cross(a_crossing(position=position), f"p{position}")
    assert await notify.end(signal.SIGTERM) == 0
    await notify.start()
    await wait_until(lambda: len(office.mails) >= 20)
    assert len(office.mails) == len(office.inbox()) == 20


async def test_the_backlog_is_a_metric(city: City, notify: Notify, office: PostOffice) -> None:
    office.closes()
    await notify.end(signal.SIGTERM)
    await city.cross(a_crossing(), "one")
    await notify.start()

    async def shows_it() -> bool:
        metrics = await notify.get("/metrics")
        lines = [line for line in (metrics.text if metrics else "").splitlines() if not line.startswith("#")]
        waiting = sum(float(line.split()[1]) for line in lines if line.startswith("citygoals_notify_waiting"))
        return waiting == 1 and "citygoals_notify_channel_up 0.0" in lines

    await wait_until(shows_it)


async def test_what_operators_and_readers_ask_for(notify: Notify) -> None:
    for path in ("/live", "/ready", "/metrics", "/docs", "/openapi.json", "/asyncapi.json", "/", "/mailbox"):
        assert await notify.get(path) is not None, path
    document = (await notify.get("/asyncapi.json")) or pytest.fail("no document")
    assert document.json()["asyncapi"].startswith("3.")
    addresses = {channel["address"] for channel in document.json()["channels"].values()}
    assert {CROSSED, CLOSED, "city.notice.v1.sent"} <= addresses


async def test_a_wrong_subscriptions_file_stops_the_start_with_every_mistake(notify: Notify, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("subscriptions:\n  - {id: A b, to: nobody, on: crossing}\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "citygoals.notify", stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **notify.environment, "CITYGOALS_SUBSCRIPTIONS": str(wrong)},
    )  # fmt: skip
    _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 2
    assert errors.decode().count("wrong.yaml:2:") == 2
