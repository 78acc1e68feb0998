"""Bad input at each door: clear errors, nothing stored that should not be, the others of the batch unaffected."""

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import nats
import pytest
from e2e.city import City, event
from nats.aio.client import Client
from patience import PATIENCE_S, wait_for

NOW = datetime.now(UTC).isoformat(timespec="seconds")


def call(city: City, identity: str, **change: Any) -> dict[str, Any]:
    data = {"call_id": identity, "queue": "311", "department": "city-manager", "wait_s": 5}
    return event(city, "call.answered", identity, NOW, data) | change


def pay(city: City, identity: str, **change: Any) -> dict[str, Any]:
    data = {
        "payment_id": identity,
        "department": "tax-office",
        "service_code": "levy",
        "channel": "web",
        "amount_minor": 100,
        "currency": "USD",
    }
    return event(city, "payment.settled", identity, NOW, data | change)


def post(
    city: City, content: bytes | str, kind: str = "application/cloudevents+json", **headers: str
) -> httpx.Response:
    url = city.endpoints["intake"] + "/v1/events"
    return httpx.post(url, content=content, headers=city.key("publisher") | {"content-type": kind} | headers)


def test_every_wrong_field_is_named_at_once(city: City) -> None:
    answer = post(city, json.dumps(pay(city, "bad-1", amount_minor=-5, channel="pigeon")))
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert {error["pointer"] for error in answer.json()["errors"]} >= {"/data/amount_minor", "/data/channel"}


def test_a_department_is_one_of_the_catalogues(city: City) -> None:
    body = json.dumps(pay(city, "no-department", department="ministry-of-silly-walks"))
    url, kind = city.endpoints["intake"] + "/v1/events?dry_run=true", {"content-type": "application/cloudevents+json"}

    def is_known() -> bool:  # intake learns the catalogue from kpi a moment after it was applied
        return httpx.post(url, content=body, headers=city.key("publisher") | kind).status_code == 422

    wait_for(is_known, what="the catalogue")
    answer = post(city, body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/data/department"]
    assert post(city, json.dumps(pay(city, "some-department", department="zoo"))).status_code == 202
    assert post(city, json.dumps(pay(city, "no-department-yet", department="unassigned"))).status_code == 202


def test_nanoseconds_west_of_greenwich_are_no_card_number(city: City) -> None:
    # 49 989917083 07 is a run of 13 digits that passes Luhn behind an issuer's prefix.
    event = pay(city, "nanoseconds") | {"time": "2026-11-20T10:03:49.989917083-07:00"}
    assert post(city, json.dumps(event)).status_code == 202


def test_good_ones_of_a_batch_stand(city: City) -> None:
    future = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    batch = [
        call(city, "good-1"),
        pay(city, "bad-2", amount_minor="much"),
        call(city, "bad-3", source="/systems/somebody-else/x"),
        call(city, "bad-4", time=future),
        pay(city, "bad-5", method="4111 1111 1111 1111"),
        call(city, "good-2"),
    ]
    answer = post(city, json.dumps(batch), "application/cloudevents-batch+json")
    assert answer.status_code == 202
    receipt = answer.json()
    assert receipt["accepted"] == 2
    codes = {(item["index"], item["id"], item["code"]) for item in receipt["rejected"]}
    assert codes == {
        (1, "bad-2", "schema"),
        (2, "bad-3", "identity"),
        (3, "bad-4", "future"),
        (4, "bad-5", "card_number"),
    }
    again = post(city, json.dumps(batch), "application/cloudevents-batch+json").json()
    assert (again["accepted"], again["duplicates"]) == (0, 2)


def test_the_card_number_is_nowhere(city: City) -> None:
    post(city, json.dumps(pay(city, "bad-card", note="paid with 5555555555554444")))
    held = httpx.get(city.endpoints["intake"] + "/v1/quarantine", headers=city.key("publisher")).text
    assert "bad-card" in held
    assert "5555555555554444" not in held
    for log in (city.folder / "logs").glob("*.log*"):
        assert "5555555555554444" not in log.read_text(errors="replace"), log


def test_same_id_other_content_is_a_conflict(city: City) -> None:
    assert post(city, json.dumps(pay(city, "once"))).status_code == 202
    assert post(city, json.dumps(pay(city, "once"))).json()["duplicates"] == 1
    assert post(city, json.dumps(pay(city, "once", amount_minor=101))).status_code == 409


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/cloudevents+json", 400),
        (b"\xff\xfe", "application/cloudevents+json", 400),
        (b"[{]", "application/cloudevents-batch+json", 400),
        (b"[" * 100_000, "application/cloudevents-batch+json", 400),
        (b"{}", "text/plain", 415),
        (b"[" + b"0," * 600_000 + b"0]", "application/cloudevents-batch+json", 413),
    ],
)
def test_what_cannot_be_read(city: City, content: bytes, kind: str, status: int) -> None:
    answer = post(city, content, kind)
    assert answer.status_code == status, answer.text[:300]
    assert answer.json()["status"] == status


def test_a_gzip_bomb_is_stopped(city: City) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    answer = post(city, bomb, "application/cloudevents-batch+json", **{"content-encoding": "gzip"})
    assert answer.status_code == 413


def test_no_key_wrong_key_wrong_role(city: City) -> None:
    url, body = city.endpoints["intake"] + "/v1/events", json.dumps(call(city, "nobody"))
    headers = {"content-type": "application/cloudevents+json"}
    assert httpx.post(url, content=body, headers=headers).status_code == 401
    assert httpx.post(url, content=body, headers=headers | {"authorization": "Bearer x"}).status_code == 401
    assert httpx.post(url, content=body, headers=headers | city.key("analyst")).status_code == 403


def test_a_dry_run_stores_nothing(city: City) -> None:
    url = city.endpoints["intake"] + "/v1/events?dry_run=true"
    headers = city.key("publisher") | {"content-type": "application/cloudevents+json"}
    assert httpx.post(url, json=call(city, "dry"), headers=headers).json()["accepted"] == 1
    assert post(city, json.dumps(call(city, "dry"))).json()["accepted"] == 1


async def connect(city: City) -> Client:
    publisher = city.endpoints["credentials"]["publisher"]
    return await nats.connect(
        city.endpoints["nats"],
        user=publisher["nats_user"],
        password=publisher["nats_password"],
        inbox_prefix=publisher["nats_inbox"],
    )


async def test_the_nats_door_gives_the_same_receipt(city: City) -> None:
    client = await connect(city)
    system = city.endpoints["credentials"]["publisher"]["system"]
    batch = [call(city, "nats-1"), pay(city, "nats-2", amount_minor=0), call(city, "nats-3")]
    headers = {"content-type": "application/cloudevents-batch+json"}
    reply = await client.request(
        f"city.admit.{system}", json.dumps(batch).encode(), timeout=PATIENCE_S, headers=headers
    )
    receipt = json.loads(reply.data)
    assert (receipt["accepted"], [item["code"] for item in receipt["rejected"]]) == (2, ["schema"])
    reply = await client.request(f"city.admit.{system}", b"{nonsense", timeout=PATIENCE_S)
    assert json.loads(reply.data)["status"] == 400
    await client.close()


async def test_the_raw_door_quarantines_what_it_refuses(city: City) -> None:
    client = await connect(city)
    system = city.endpoints["credentials"]["publisher"]["system"]
    before = city.get("/v1/snapshot", period="all")["totals"]["events"]
    stream = client.jetstream()
    headers = {"content-type": "application/cloudevents+json"}
    for body in (call(city, "raw-1"), pay(city, "raw-bad", amount_minor=-1), call(city, "raw-2")):
        await stream.publish(f"city.raw.{system}.calls", json.dumps(body).encode(), headers=headers)
    await client.close()
    city.wait_for_events(before + 2)

    def is_held() -> bool:
        held = httpx.get(city.endpoints["intake"] + "/v1/quarantine", headers=city.key("publisher")).json()
        return "raw-bad" in {item["event_id"] for item in held["items"]}

    wait_for(is_held, what="the refused event")


async def anonymous(city: City) -> bytes:
    """What the broker says to somebody without a name who publishes; spoken by hand, so that nothing hides it."""
    address = urlsplit(city.endpoints["nats"])
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(b'CONNECT {"verbose":true}\r\nPUB city.evt.v1.payment.settled 2\r\n{}\r\nPING\r\n')
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_nobody_writes_to_nats_unnamed(city: City) -> None:
    refused: list[Exception] = []

    async def note(error: Exception) -> None:
        refused.append(error)

    assert b"Authorization Violation" in await anonymous(city)
    client = await connect(city)
    client._error_cb = note
    await client.publish("city.evt.v1.payment.settled", b"{}")
    await client.flush()
    for _ in range(50):
        if any("permissions violation" in str(error).lower() for error in refused):
            break
        await client.flush()
    await client.close()
    assert any("permissions violation" in str(error).lower() for error in refused), refused
