"""POST /v1/events against a real journal."""

import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from citygoals.intake.app import Intake
from citygoals.intake.settings import IntakeSettings
from citygoals.shared.events import decode
from citygoals.shared.keys import create_key, revoke_key
from citygoals.shared.postgres import Pool
from integration.intake.conftest import BATCH, STRUCTURED, Client
from unit.intake.samples import call, payment

PROBLEM = "application/problem+json"


@pytest.fixture
def settings(database: Any, streams: Any, settings_for: Callable[..., IntakeSettings]) -> IntakeSettings:
    return settings_for(IntakeSettings, "intake", trace_ratio=0.0, body_bytes_max=256 * 1024, event_bytes_max=4096)


async def journal(pool: Pool) -> list[Any]:
    rows = await pool.fetch("SELECT lane, seq, key, body FROM journal ORDER BY lane, seq")
    return [decode(row["body"]) for row in rows]


def rejections(receipt: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(item["index"], item["id"], item["code"]) for item in receipt["rejected"]]


async def test_a_batch_with_every_kind_of_event(publisher: Client, pool: Pool) -> None:
    future = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    await publisher.batch([payment("known"), payment("taken")])
    batch = [
        payment("new-1"),
        payment("bad-type", amount_minor="much", channel="pigeon"),
        payment("bad-source", {"source": "/systems/other"}),
        payment("bad-time", {"time": future}),
        payment("bad-card", method="4111 1111 1111 1111"),
        payment("bad-size", note="x" * 5000),
        payment("taken", amount_minor=1),
        payment("known"),
        payment("twice"),
        payment("twice"),
        payment("twice", amount_minor=2),
        "no event",
        {"id": "empty"},
        payment("new-2"),
    ]
    receipt = await publisher.batch(batch)
    assert (receipt["accepted"], receipt["duplicates"]) == (3, 2)
    assert rejections(receipt) == [
        (1, "bad-type", "schema"),
        (2, "bad-source", "identity"),
        (3, "bad-time", "future"),
        (4, "bad-card", "card_number"),
        (5, "bad-size", "too_large"),
        (6, "taken", "conflict"),
        (10, "twice", "conflict"),
        (11, None, "schema"),
        (12, "empty", "schema"),
    ]
    assert {error["pointer"] for error in receipt["rejected"][0]["errors"]} == {"/data/amount_minor", "/data/channel"}
    assert [event.id for event in await journal(pool)] == ["known", "taken", "new-1", "twice", "new-2"]

    again = await publisher.batch(batch)
    assert (again["accepted"], again["duplicates"]) == (0, 5)
    assert rejections(again) == rejections(receipt)
    assert len(await journal(pool)) == 5


async def test_numbers_are_gapless_and_in_the_body(publisher: Client, pool: Pool) -> None:
    for first in range(0, 30, 10):
        await publisher.batch([call(f"c{number}") for number in range(first, first + 10)])
    events = await journal(pool)
    assert [(event.lane, event.seq) for event in events] == [(1, seq) for seq in range(1, 31)]
    assert all(event.recordedtime and event.namespace == "demo" for event in events)


async def test_a_single_event(publisher: Client) -> None:
    answer = await publisher.post(payment("p1"))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0, "rejected": []})
    assert (await publisher.post(payment("p1"))).json() == {"accepted": 0, "duplicates": 1, "rejected": []}

    conflict = await publisher.post(payment("p1", amount_minor=1))
    assert (conflict.status_code, conflict.headers["content-type"]) == (409, PROBLEM)
    assert (conflict.json()["code"], conflict.json()["id"]) == ("conflict", "p1")

    refused = await publisher.post(payment("p2", amount_minor=-1, channel="pigeon"))
    body = refused.json()
    assert (refused.status_code, refused.headers["content-type"], body["status"]) == (422, PROBLEM, 422)
    assert body["code"] == "schema"
    assert {error["pointer"] for error in body["errors"]} == {"/data/amount_minor", "/data/channel"}

    foreign = await publisher.post(payment("p3", {"source": "/systems/other"}))
    assert (foreign.status_code, foreign.json()["code"]) == (422, "identity")


async def test_tracing_and_other_extensions_are_no_content(publisher: Client) -> None:
    await publisher.post(payment("p1"))
    traced = payment("p1", {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01", "partitionkey": "x"})
    assert (await publisher.post(traced)).json()["duplicates"] == 1


async def test_binary_mode_is_the_same_event(publisher: Client, pool: Pool) -> None:
    event = payment("p1", {"subject": "pagó 50 %"})
    headers = {f"CE-{name}": quote(value, safe=":/") for name, value in event.items() if name != "data"}
    content = json.dumps(event["data"]).encode()
    answer = await publisher.post(content, "application/json", **headers)
    assert answer.status_code == 202, answer.text
    assert (await publisher.post(event)).json()["duplicates"] == 1
    (stored,) = await journal(pool)
    assert stored.subject == "pagó 50 %"


async def test_the_cncf_sdk_is_understood(publisher: Client) -> None:
    from cloudevents.core.bindings.http import to_binary, to_structured  # noqa: PLC0415 - a foreign client
    from cloudevents.core.formats.json import JSONFormat  # noqa: PLC0415
    from cloudevents.core.v1.event import CloudEvent  # noqa: PLC0415

    sent = payment("sdk")
    attributes = {name: value for name, value in sent.items() if name not in ("data", "time")}
    attributes |= {"time": datetime.fromisoformat(sent["time"]), "datacontenttype": "application/json"}
    event = CloudEvent(attributes, sent["data"])
    for message in (to_structured(event, JSONFormat()), to_binary(event, JSONFormat())):
        answer = await publisher.http.post(
            "/v1/events", content=message.body, headers=publisher.headers | message.headers
        )
        assert answer.status_code == 202, answer.text
    assert answer.json()["duplicates"] == 1


async def test_a_dry_run_tells_the_truth_and_stores_nothing(publisher: Client, pool: Pool, admin: Client) -> None:
    await publisher.batch([payment("known"), payment("taken")])
    batch = [
        payment("known"),
        payment("taken", amount_minor=1),
        payment("new"),
        payment("new"),
        payment("bad", channel="x"),
    ]
    answer = await publisher.post(batch, BATCH, "?dry_run=true")
    assert answer.status_code == 202
    receipt = answer.json()
    assert (receipt["accepted"], receipt["duplicates"], rejections(receipt)) == (
        *(1, 2),
        [(1, "taken", "conflict"), (4, "bad", "schema")],
    )
    assert (await publisher.post(payment("bad", channel="x"), query="?dry_run=true")).status_code == 422
    assert (await publisher.post(payment("taken", amount_minor=1), query="?dry_run=true")).status_code == 409
    assert len(await journal(pool)) == 2
    assert (await admin.get("/v1/quarantine"))["items"] == []
    assert (await publisher.post(payment("x"), query="?dry_run=maybe")).status_code == 400


async def test_no_path_takes_a_body_without_end(http: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 10_000

    for path in ("/v1/events", "/v1/keys", "/v1/event-types"):
        for content in (endless(), b" " * 300_000):
            answer = await http.post(path, content=content, headers={"content-type": "application/json"})
            assert answer.status_code in (401, 413), path
            assert answer.headers["content-type"] == PROBLEM


async def test_an_empty_batch(publisher: Client) -> None:
    assert await publisher.batch([]) == {"accepted": 0, "duplicates": 0, "rejected": []}


async def test_gzip(publisher: Client) -> None:
    body = json.dumps([call(f"c{number}") for number in range(100)]).encode()
    headers = {"content-encoding": "gzip"}
    answer = await publisher.post(gzip.compress(body), BATCH, **headers)
    assert answer.json()["accepted"] == 100
    assert (await publisher.post(b"no gzip", BATCH, **headers)).status_code == 400
    assert (await publisher.post(gzip.compress(body)[:-20], BATCH, **headers)).status_code == 400
    assert (await publisher.post(gzip.compress(b" " * 50_000_000), BATCH, **headers)).status_code == 413
    assert (await publisher.post(body, BATCH, **{"content-encoding": "br"})).status_code == 415


CANNOT_BE_TAKEN = [
    (b"{", STRUCTURED, 400),
    (b"", STRUCTURED, 400),
    (b"\xff\xfe", STRUCTURED, 400),
    (b'\xef\xbb\xbf{"id": "bom"}', STRUCTURED, 400),
    (b'{"id": NaN}', STRUCTURED, 400),
    (b'{"id": 1e999}', STRUCTURED, 400),
    (b'{"id": "\\ud800"}', STRUCTURED, 400),
    (b'{"id": "a", "id": "b"}', STRUCTURED, 400),
    (b"[" * 100_000, STRUCTURED, 400),
    (b"[{]", BATCH, 400),
    (b"{}", BATCH, 400),
    (b'"text"', BATCH, 400),
    (b"{}", "text/plain", 415),
    (b"{}", "application/json", 415),
    (b"<e/>", "application/cloudevents+xml", 415),
    (b"{}", "application/cloudevents+json; charset=latin-1", 415),
    (b"[]", STRUCTURED, 422),
    (b"{}", STRUCTURED, 422),
    (b" " * 300_000, BATCH, 413),
    (json.dumps([{}] * 1001).encode(), BATCH, 413),
]


async def test_what_cannot_be_taken(publisher: Client) -> None:
    for content, kind, status in CANNOT_BE_TAKEN:
        answer = await publisher.post(content, kind)
        assert answer.status_code == status, (content[:60], kind, answer.text)
        assert answer.headers["content-type"] == PROBLEM
        assert answer.json()["status"] == status


GIANTS = ("123456789012345678901234567890", "1e308", "-0.0", "18446744073709551616", "0.1e-300", "9007199254740993")


async def test_giant_numbers_are_kept_or_refused_but_break_nothing(publisher: Client) -> None:
    for number in GIANTS:
        in_field = json.dumps(payment("p1", amount_minor="@")).replace('"@"', number).encode()
        unknown = json.dumps(payment(f"p2-{number}", extra="@")).replace('"@"', number).encode()
        refused = await publisher.post(in_field)
        assert (refused.status_code, refused.json()["code"]) == (422, "schema")
        assert (await publisher.post(unknown)).status_code == 202
        assert (await publisher.post(unknown)).json()["duplicates"] == 1


async def test_strings_that_postgres_would_choke_on(publisher: Client, admin: Client) -> None:
    receipt = await publisher.batch(
        [
            payment("nul", note="a\0b"),
            payment("nul\0id"),
            payment("deep", x=[[[[[[[[[[]]]]]]]]]]),
            payment("astral", note="\U0001f600\u2028\ufffe"),
            payment("x", {"source": "/systems/demo/\0"}),
            payment("y", {"type": "city.\0"}),
        ]
    )
    assert receipt["accepted"] == 2
    assert {item["code"] for item in receipt["rejected"]} == {"schema"}
    assert len((await admin.get("/v1/quarantine"))["items"]) == 4


async def test_keys(http: httpx.AsyncClient, pool: Pool, client_for: Callable[..., Awaitable[Client]]) -> None:
    kind = {"content-type": STRUCTURED}
    content = json.dumps(payment("p1")).encode()
    for headers in ({}, {"authorization": "Bearer x"}, {"authorization": "Basic eDp5"}, {"authorization": "Bearer"}):
        answer = await http.post("/v1/events", content=content, headers=kind | headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == PROBLEM
    for role in ("analyst", "staff", "admin"):
        assert (await (await client_for(role)).post(payment("p1"))).status_code == 403
    text, key = await create_key(pool, "publisher", system="demo")
    await revoke_key(pool, key.prefix)
    assert (await Client(http, text).post(payment("p1"))).status_code == 401


async def test_other_methods(publisher: Client) -> None:
    answer = await publisher.http.get("/v1/events", headers=publisher.headers)
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


async def test_a_shared_namespace(pool: Pool, client_for: Callable[..., Awaitable[Client]]) -> None:
    shared = await client_for("publisher", system="crm", namespace="311")
    await shared.batch([call("c1", source="/systems/crm/x")])
    (event,) = await journal(pool)
    assert (event.namespace, event.source) == ("311", "/systems/crm/x")


async def test_same_id_of_another_source_is_another_event(publisher: Client) -> None:
    assert (await publisher.batch([call("c1"), call("c1", source="/systems/demo/other")]))["accepted"] == 2


async def test_the_limit_of_one_publisher(intake: Intake, publisher: Client) -> None:
    door = next(route for route in intake.app.router.routes if getattr(route, "path", "") == "/v1/events")
    rate = door.endpoint.__self__.rate  # type: ignore[attr-defined]
    rate._per_s, rate._most = 1, 2.0
    await publisher.batch([call("c1"), call("c2")])
    answer = await publisher.post(call("c3"))
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
