"""The NATS doors against a real broker: receipts, fire-only, and what intake answers to the other services."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import nats
import pytest
from brokers import Nats, wait_until
from citygoals.intake.admission import Admission, Items
from citygoals.intake.app import Intake
from citygoals.intake.gate import Publisher
from citygoals.intake.receipt import Receipt
from citygoals.intake.settings import IntakeSettings
from citygoals.shared.bus import Bus, batches, missing_entries
from citygoals.shared.errors import Malformed
from citygoals.shared.events import decode
from citygoals.shared.keys import create_key
from citygoals.shared.postgres import Pool
from citygoals.shared.topology import NO_DUPLICATE_WINDOW_S
from integration.intake.conftest import BATCH, STRUCTURED, Client
from nats.aio.client import Client as NATS  # noqa: N814 - the name that nats-py gives it
from patience import PATIENCE_S
from unit.intake.samples import SYSTEM, call, payment

ADMIT = f"city.admit.{SYSTEM}"


async def connect_as(nats_server: Nats, name: str) -> NATS:
    user = f"sys-{name}"
    return await nats.connect(
        nats_server.url, user=user, password=nats_server.passwords[user], inbox_prefix=f"_INBOX_{user}"
    )


@pytest.fixture
async def system(nats_server: Nats, intake: Intake) -> AsyncIterator[NATS]:
    """The publishing system `demo` with its own user and inbox."""
    client = await connect_as(nats_server, SYSTEM)
    yield client
    await client.close()


@pytest.fixture
async def crm(nats_server: Nats, intake: Intake) -> AsyncIterator[NATS]:
    client = await connect_as(nats_server, "crm")
    yield client
    await client.close()


async def ask(client: NATS, body: Any, subject: str = ADMIT, **headers: str) -> dict[str, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = await client.request(subject, content, timeout=PATIENCE_S, headers=named or None)
    answer: dict[str, Any] = json.loads(reply.data)
    return answer


def receipt(accepted: int = 0, duplicates: int = 0) -> dict[str, Any]:
    return {"accepted": accepted, "duplicates": duplicates, "rejected": []}


def binary(event: dict[str, Any]) -> dict[str, str]:
    return {f"Ce-{name.title()}": quote(value, safe=":/") for name, value in event.items() if name != "data"}


async def test_receipts(system: NATS, pool: Pool) -> None:
    assert await ask(system, call("c1"), content_type=STRUCTURED) == receipt(1)
    assert await ask(system, call("c2")) == receipt(1), "without headers: structured, as the released binding has it"
    assert await ask(system, [call("c1"), call("c3")], content_type=BATCH) == receipt(1, 1)
    assert await ask(system, call("c4"), f"{ADMIT}.calls", Content_Type=STRUCTURED) == receipt(1)
    event = call("c5", subject="línea 50 %")
    assert await ask(system, event["data"], **binary(event)) == receipt(1)
    assert await ask(system, event) == receipt(0, 1), "binary and structured are the same event"
    assert await pool.fetchval("SELECT count(*) FROM journal") == 5


async def test_refusals(system: NATS) -> None:
    answer = await ask(system, [call("c1"), payment("p1", amount_minor=0), call("c2", source="/systems/payments/x")])
    assert answer["accepted"] == 1
    assert [(item["index"], item["id"], item["code"]) for item in answer["rejected"]] == [
        *((1, "p1", "schema"), (2, "c2", "identity"))
    ]
    single = await ask(system, call("c1", data={}))
    assert [item["code"] for item in single["rejected"]] == ["schema"]
    for body, headers, status in (
        (b"{nonsense", {}, 400),
        (b"", {}, 400),
        (b'{"id": "a", "id": "b"}', {}, 400),
        (b"<e/>", {"content_type": "application/cloudevents+xml"}, 415),
        (b"{}", {"content_type": BATCH}, 400),
        (json.dumps([{}] * 1001).encode(), {}, 413),
    ):
        answer = await ask(system, body, **headers)
        assert answer["status"] == status, (body[:40], answer)


async def test_who_asks_for_no_receipt_is_heard_all_the_same(system: NATS, pool: Pool, streams: NATS) -> None:
    await system.publish(ADMIT, json.dumps(call("c1")).encode())
    await system.publish(ADMIT, json.dumps(call("c2")).encode(), reply="city.evt.v1.payment.settled")
    await system.flush()

    async def admitted() -> bool:
        return bool(await pool.fetchval("SELECT count(*) FROM journal") == 2)

    await wait_until(admitted)

    async def relayed() -> bool:
        return (await streams.jetstream().stream_info("EVENTS")).state.messages == 2

    await wait_until(relayed)
    assert await ask(system, [call("c1"), call("c2")]) == receipt(0, 2)
    assert await relayed(), "no answer where events are"


async def test_one_systems_message_ids_are_not_anothers(system: NATS, crm: NATS, intake: Intake, pool: Pool) -> None:
    for client, name in ((system, SYSTEM), (crm, "crm")):
        event = call("1", source=f"/systems/{name}/x")

        async def is_stored(client: NATS = client, name: str = name, event: Any = event) -> bool:
            return await raw(client, event, f"city.raw.{name}.calls", Nats_Msg_Id="1")

        # The broker forgets an id some time after NO_DUPLICATE_WINDOW_S: when it comes to it.
        await wait_until(is_stored, pause_s=2 * NO_DUPLICATE_WINDOW_S)

    async def admitted() -> bool:
        return bool(await pool.fetchval("SELECT count(*) FROM journal") == 2)

    await pump(intake, admitted)


async def test_a_granted_namespace_reaches_the_nats_door(system: NATS, pool: Pool) -> None:
    await create_key(pool, "publisher", system=SYSTEM)
    await create_key(pool, "publisher", system=SYSTEM, namespace="311")
    await ask(system, call("c1"))
    assert decode(await pool.fetchval("SELECT body FROM journal")).namespace == "311"


async def raw(client: NATS, body: Any, subject: str = f"city.raw.{SYSTEM}.calls", **headers: str) -> bool:
    """Say whether it was stored, and no duplicate."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return not (await client.jetstream().publish(subject, content, headers=named or None)).duplicate


async def pump(intake: Intake, until: Callable[[], Awaitable[bool]]) -> None:
    """Let the RAW door work until something is so."""
    stop = asyncio.Event()
    task = asyncio.create_task(intake.raw.run(stop))
    try:
        await wait_until(until)
    finally:
        stop.set()
        await task


async def test_fire_only(system: NATS, intake: Intake, pool: Pool, admin: Client, bus_for: Any) -> None:
    await raw(system, call("c1"), content_type=STRUCTURED)
    event = call("c2", subject='a%b "c" ñ')
    await raw(system, event["data"], **binary(event))
    await raw(system, [call("c3"), payment("bad-2", channel="pigeon")], content_type=BATCH)
    await raw(system, payment("bad-1", method="4111111111111111"))
    await raw(system, b"\xff{nonsense")
    await raw(system, call("c4")["data"], **(binary(call("c4")) | {"Ce-Subject": "%C0%A0"}))
    await raw(system, call("c5", source="/systems/payments"))
    await raw(system, b"<no-json/>", **binary(call("c6")))
    await raw(system, call("c1"))

    async def settled() -> bool:
        info = await intake.bus.js.consumer_info("RAW", "intake-raw")
        return bool(info.num_pending == 0 and info.num_ack_pending == 0)

    await pump(intake, settled)
    events = [decode(row["body"]) for row in await pool.fetch("SELECT body FROM journal ORDER BY seq")]
    assert [(item.id, item.subject) for item in events] == [("c1", None), ("c2", 'a%b "c" ñ'), ("c3", None)]
    held = (await admin.get("/v1/quarantine"))["items"]
    assert {(item["event_id"], item["code"]) for item in held} == {
        *(
            ("bad-2", "schema"),
            ("bad-1", "card_number"),
            (None, "schema"),
            ("c4", "schema"),
            ("c5", "identity"),
            ("c6", "schema"),
        )
    }
    assert {item["door"] for item in held} == {"raw"}
    status = await admin.get("/v1/status")
    assert status["systems"] == [{"system": SYSTEM, "accepted": 3, "duplicates": 1, "rejected": 6}]


class Tripping(Admission):
    """Admission with a mistake in it: it stumbles over one event, and with it over the whole request."""

    async def take(self, publisher: Publisher, door: str, items: Items, **options: Any) -> Receipt:
        if any(getattr(item, "id", None) == "poison" for item in items):
            raise KeyError("nobody foresaw this")
        return await super().take(publisher, door, items, **options)


async def test_a_message_that_breaks_the_door_is_put_aside_and_the_others_enter(
    system: NATS, intake: Intake, pool: Pool, admin: Client
) -> None:
    for name in ("c1", "poison", "c2", "c3"):
        await raw(system, call(name))
    fields = {name: getattr(intake.admission, name) for name in Admission.__dataclass_fields__}
    tripping = replace(intake, raw=replace(intake.raw, admission=Tripping(**fields)))

    async def settled() -> bool:
        info = await intake.bus.js.consumer_info("RAW", "intake-raw")
        return bool(info.num_pending == 0 and info.num_ack_pending == 0)

    await pump(tripping, settled)
    events = [decode(row["body"]) for row in await pool.fetch("SELECT body FROM journal ORDER BY seq")]
    assert [item.id for item in events] == ["c1", "c2", "c3"]
    (held,) = (await admin.get("/v1/quarantine"))["items"]
    assert (held["code"], held["errors"][0]["detail"]) == ("schema", "could not be judged: message 2 of RAW")


async def test_refusals_are_published_without_the_value(
    system: NATS, intake: Intake, streams: NATS, pool: Pool
) -> None:
    await ask(system, [payment("p1", note="4111111111111111"), payment("p2", channel="secret-channel")])

    async def published() -> bool:
        return (await streams.jetstream().stream_info("QUARANTINE")).state.messages == 2

    await wait_until(published)
    for number in (1, 2):
        message = await streams.jetstream().get_msg("QUARANTINE", number)
        assert message.data is not None
        assert b"4111" not in message.data
        assert b"secret-channel" not in message.data
        body = json.loads(message.data)
        assert (message.subject, body["service"], body["system"]) == ("city.quarantine.intake", "intake", SYSTEM)
        assert {"reason", "id", "source", "event_id", "type", "errors", "recorded_at"} <= set(body)

    async def all_marked() -> bool:
        return not await pool.fetchval("SELECT count(*) FROM quarantine WHERE published_at IS NULL")

    await wait_until(all_marked)


async def test_the_journal_by_request(system: NATS, bus_for: Callable[[str], Awaitable[Bus]], pool: Pool) -> None:
    kpi = await bus_for("kpi")
    await ask(system, [call(f"c{number}") for number in range(300)])
    assert await kpi.request("city.ask.intake.lanes", {}) == {"lanes": {"1": 301}}
    page = await kpi.request("city.ask.intake.journal", {"lane": 1, "from": 11, "limit": 5})
    assert page["next_seq"] == 301
    assert [decode(entry.encode()).seq for entry in page["entries"]] == [11, 12, 13, 14, 15]
    whole = [body async for bodies in missing_entries(kpi, 1, 1, 301) for body in bodies]
    assert [decode(body).seq for body in whole] == list(range(1, 301))
    assert (await kpi.request("city.ask.intake.journal", {"lane": 1, "from": 301}))["entries"] == []
    for query in (
        {},
        {"lane": 9, "from": 1},
        {"lane": 1, "from": 0},
        {"lane": 1, "from": "1"},
        {"lane": True, "from": 1},
    ):
        with pytest.raises(Malformed):
            await kpi.request("city.ask.intake.journal", query)


async def test_a_page_stays_below_what_the_bus_takes(
    system: NATS, bus_for: Callable[[str], Awaitable[Bus]], intake: Intake
) -> None:
    kpi = await bus_for("kpi")
    for start in range(0, 30, 5):
        note = '"' * 50_000
        await ask(system, [payment(f"p{number}", note=note) for number in range(start, start + 5)])
    seen = 0
    while seen < 30:
        page = await kpi.request("city.ask.intake.journal", {"lane": 1, "from": seen + 1, "limit": 1000})
        assert page["entries"], "at least one entry a page"
        seen += len(page["entries"])


async def test_kpi_gets_what_was_admitted(
    system: NATS, bus_for: Callable[[str], Awaitable[Bus]], settings: IntakeSettings
) -> None:
    kpi = await bus_for("kpi")
    await ask(system, [call(f"c{number}") for number in range(20)])
    got: list[int] = []
    async with batches(kpi, "EVENTS", "kpi-ledger") as incoming:
        async for batch in incoming:
            got += [decode(message.body).seq for message in batch.messages]
            await batch.ack_all()
            if len(got) >= 20:
                break
    assert got == list(range(1, 21))
