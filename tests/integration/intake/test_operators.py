"""Quarantine, event types, keys, status, documents: what operators and staff use."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from brokers import wait_until
from citygoals.intake.app import Intake, running
from citygoals.intake.settings import IntakeSettings
from citygoals.shared.catalogue import EVENT_TYPES
from citygoals.shared.events import decode
from citygoals.shared.postgres import Pool
from integration.intake.conftest import Client
from unit.intake.samples import call, payment

PERMIT = "city.permit.issued.v1"
PERMIT_SCHEMA = {
    "type": "object",
    "required": ["permit_id", "fee_minor"],
    "properties": {"permit_id": {"type": "string"}, "fee_minor": {"type": "integer", "minimum": 0}},
}
Clients = Callable[..., Awaitable[Client]]


def permit(identity: str, **data: Any) -> dict[str, Any]:
    return call(identity, type=PERMIT, data={"permit_id": identity, "fee_minor": 100} | data)


async def test_a_publisher_sees_only_its_own_refusals(publisher: Client, admin: Client, client_for: Clients) -> None:
    crm = await client_for("publisher", system="crm")
    await publisher.batch([payment("mine", channel="x")])
    await crm.batch([call("theirs", source="/systems/crm", data={})])
    mine = (await publisher.get("/v1/quarantine"))["items"]
    assert [(item["event_id"], item["system"]) for item in mine] == [("mine", "demo")]
    assert [item["event_id"] for item in (await publisher.get("/v1/quarantine", system="crm"))["items"]] == ["mine"]
    everything = (await admin.get("/v1/quarantine"))["items"]
    assert [item["event_id"] for item in everything] == ["theirs", "mine"], "newest first"
    assert [item["system"] for item in (await admin.get("/v1/quarantine", system="crm"))["items"]] == ["crm"]
    foreign = everything[0]["id"]
    assert (await publisher.http.get(f"/v1/quarantine/{foreign}", headers=publisher.headers)).status_code == 404
    assert (await admin.get(f"/v1/quarantine/{foreign}"))["event_id"] == "theirs"
    for client, status in ((await client_for("analyst"), 403), (await client_for("staff"), 403)):
        assert (await client.http.get("/v1/quarantine", headers=client.headers)).status_code == status
    assert (await publisher.http.get("/v1/quarantine")).status_code == 401


async def test_pages_of_the_quarantine(publisher: Client) -> None:
    await publisher.batch([payment(f"bad-{number}", channel="x") for number in range(25)])
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 10}
    while True:
        answer = await publisher.http.get("/v1/quarantine", params=query, headers=publisher.headers)
        page = answer.json()
        seen += [item["event_id"] for item in page["items"]]
        assert ("next" in answer.links) == (page["next"] is not None)
        if page["next"] is None:
            break
        if len(seen) == 10:  # new ones in between move nothing
            await publisher.batch([payment("later", channel="x")])
        query["cursor"] = page["next"]
    assert seen == [f"bad-{number}" for number in reversed(range(25))]
    for bad in ({"limit": 0}, {"limit": 1001}, {"cursor": "rubbish"}):
        answer = await publisher.http.get("/v1/quarantine", params=bad, headers=publisher.headers)
        assert answer.status_code in (400, 422)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_repeating_a_refused_batch_adds_no_rows(publisher: Client, pool: Pool) -> None:
    await publisher.batch([payment("taken")])
    batch = [payment("bad", channel="x"), payment("taken", amount_minor=1), payment("card", note="4111111111111111")]
    for _ in range(3):
        await publisher.batch(batch)
    (first, *others) = (await publisher.get("/v1/quarantine"))["items"]
    assert len(others) == 2
    assert first["seen"] == 3
    card = await pool.fetchrow("SELECT body, errors FROM quarantine WHERE code = 'card_number'")
    assert card is not None
    assert card["body"] is None
    assert "4111" not in card["errors"]
    assert await pool.fetchval("SELECT count(*) FROM journal WHERE position('4111'::bytea IN body) > 0") == 0


async def test_replay_by_todays_rules(publisher: Client, admin: Client, client_for: Clients, pool: Pool) -> None:
    staff = await client_for("staff")
    await publisher.batch([permit("early"), payment("card", note="4111111111111111"), permit("wrong", fee_minor=-1)])
    held = {item["event_id"]: item for item in (await admin.get("/v1/quarantine"))["items"]}
    assert held["early"]["errors"] == [{"pointer": "/type", "detail": "is not a known event type"}]

    async def replay(name: str, client: Client = admin) -> httpx.Response:
        return await client.http.post(f"/v1/quarantine/{held[name]['id']}/replay", headers=client.headers)

    assert (await replay("early")).status_code == 422
    assert (await replay("early", publisher)).status_code == 403
    body = {"type": PERMIT, "schema": PERMIT_SCHEMA}
    assert (await staff.http.post("/v1/event-types", json=body, headers=staff.headers)).status_code == 201
    answer = await replay("early")
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0, "rejected": []})
    assert (await replay("early")).json()["duplicates"] == 1
    assert (await replay("wrong")).json()["errors"][0]["pointer"] == "/data/fee_minor"
    assert (await replay("card")).status_code == 409
    assert (await admin.http.post("/v1/quarantine/999999/replay", headers=admin.headers)).status_code == 404
    (event,) = [decode(row["body"]) for row in await pool.fetch("SELECT body FROM journal")]
    assert (event.id, event.namespace) == ("early", "demo")
    after = {item["event_id"]: item for item in (await admin.get("/v1/quarantine"))["items"]}
    assert after["early"]["replayed_at"] is not None
    assert after["wrong"]["replayed_at"] is None
    assert len(after) == 3, "a replay that is refused again adds no row"


async def test_event_types(publisher: Client, client_for: Clients) -> None:
    staff = await client_for("staff")

    async def put(event_type: str, schema: Any, client: Client = staff) -> httpx.Response:
        body = {"type": event_type, "schema": schema, "description": "A permit."}
        return await client.http.post("/v1/event-types", json=body, headers=client.headers)

    assert (await publisher.batch([permit("a")]))["rejected"][0]["code"] == "schema"
    assert (await put(PERMIT, PERMIT_SCHEMA)).status_code == 201
    assert (await publisher.batch([permit("a")]))["accepted"] == 1
    assert (await put(PERMIT, PERMIT_SCHEMA | {"required": ["permit_id", "fee_minor", "zone"]})).status_code == 200
    assert (await publisher.batch([permit("b")]))["rejected"][0]["errors"] == [
        {"pointer": "/data/zone", "detail": "is required"}
    ]
    listed = {item["type"]: item for item in (await publisher.get("/v1/event-types"))["items"]}
    assert listed[PERMIT]["builtin"] is False
    assert listed["city.payment.settled.v1"]["builtin"] is True
    assert (await publisher.get(f"/v1/event-types/{PERMIT}"))["schema"]["required"] == [
        "permit_id",
        "fee_minor",
        "zone",
    ]
    assert (await put("city.payment.settled.v1", PERMIT_SCHEMA)).status_code == 409
    refused = await put("permit", {"type": "nonsense"})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/type", "/schema"]
    assert (await put(PERMIT, PERMIT_SCHEMA, publisher)).status_code == 403


async def test_pages_of_event_types(http: httpx.AsyncClient, client_for: Clients) -> None:
    staff = await client_for("staff")
    for event_type in (PERMIT, "city.aaa.first.v1", "city.zzz.last.v1"):
        await staff.http.post("/v1/event-types", json={"type": event_type, "schema": {}}, headers=staff.headers)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 7}
    while True:
        answer = await http.get("/v1/event-types", params=query)
        page = answer.json()
        seen += [item["type"] for item in page["items"]]
        assert len(page["items"]) <= 7
        assert ("next" in answer.links) == (page["next"] is not None)
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == sorted([*EVENT_TYPES, PERMIT, "city.aaa.first.v1", "city.zzz.last.v1"])
    for bad in ({"limit": 0}, {"limit": 1001}, {"cursor": "!"}):
        assert (await http.get("/v1/event-types", params=bad)).status_code in (400, 422)


async def test_who_may_is_asked_before_what(http: httpx.AsyncClient, publisher: Client) -> None:
    for path in ("/v1/event-types", "/v1/keys"):
        assert (await http.post(path, json={})).status_code == 401
        assert (await http.post(path, json={}, headers=publisher.headers)).status_code == 403
    assert (await http.get("/v1/quarantine?limit=0")).status_code == 401
    assert (await http.post("/v1/quarantine/x/replay", headers=publisher.headers)).status_code == 403


async def test_characters_that_nobody_can_store_are_refused(
    publisher: Client, admin: Client, client_for: Clients
) -> None:
    staff = await client_for("staff")
    key = {"role": "publisher", "system": "crm"}
    requests = [
        publisher.http.get("/v1/quarantine?code=%00", headers=publisher.headers),
        admin.http.get("/v1/quarantine?system=%00", headers=admin.headers),
        admin.http.delete("/v1/keys/%00", headers=admin.headers),
        admin.http.post("/v1/keys", json=key | {"label": "\0"}, headers=admin.headers),
        admin.http.post("/v1/keys", content=json.dumps(key | {"label": "\ud800"}), headers=admin.headers),
        staff.http.get("/v1/event-types/%00"),
        *(
            staff.http.post("/v1/event-types", content=json.dumps({"type": PERMIT} | body), headers=staff.headers)
            for body in (
                {"schema": {}, "description": "\0"},
                {"schema": {"title": "\ud800"}},
                {"schema": {"\ud800": 1}},
                {"schema": {"maximum": 10**400}},
                {"schema": {"maximum": 10**30}},
                {"schema": {"pattern": "("}},
                {"schema": {"$ref": "https://nowhere.example/x"}},
            )
        ),
    ]
    for request in requests:
        answer = await request
        assert answer.status_code in (400, 404, 422), (answer.request.url, answer.request.content, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_new_type_reaches_every_process_in_seconds(
    publisher: Client, client_for: Clients, settings: IntakeSettings
) -> None:
    staff = await client_for("staff")
    async with running(settings) as other:
        transport = httpx.ASGITransport(other.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://other") as http:
            elsewhere = Client(http, publisher.headers["authorization"].removeprefix("Bearer "))
            await staff.http.post(
                "/v1/event-types", json={"type": PERMIT, "schema": PERMIT_SCHEMA}, headers=staff.headers
            )

            async def is_known() -> bool:
                answer = await elsewhere.post(permit("a"), query="?dry_run=true")
                return answer.status_code == 202

            await wait_until(is_known)


async def test_keys(admin: Client, http: httpx.AsyncClient, client_for: Clients) -> None:
    async def create(**body: Any) -> httpx.Response:
        return await http.post("/v1/keys", json=body, headers=admin.headers)

    made = await create(role="publisher", system="crm", namespace="311", label="the CRM")
    assert made.status_code == 201
    key = made.json()
    assert (key["role"], key["system"], key["namespace"], key["label"]) == ("publisher", "crm", "311", "the CRM")
    crm = Client(http, key["key"])
    assert (await crm.post(call("c1", source="/systems/crm"))).status_code == 202
    listed = await http.get("/v1/keys", headers=admin.headers)
    assert key["prefix"] in {item["prefix"] for item in listed.json()["items"]}
    assert key["key"].partition(".")[2] not in listed.text, "the secret is shown once"
    assert (await http.delete(f"/v1/keys/{key['prefix']}", headers=admin.headers)).status_code == 204
    assert (await http.delete(f"/v1/keys/{key['prefix']}", headers=admin.headers)).status_code == 404

    async def is_refused() -> bool:
        return (await crm.post(call("c2", source="/systems/crm"))).status_code == 401

    await wait_until(is_refused)
    for bad in (
        {"role": "publisher"},
        {"role": "admin", "system": "x"},
        {"role": "god"},
        {"role": "publisher", "system": "a.b"},
        {"role": "publisher", "system": "*"},
        {"role": "publisher", "system": "Ä"},
        {"role": "staff", "namespace": "311"},
    ):
        assert (await create(**bad)).status_code == 422, bad
    for client in (await client_for("staff"), crm):
        assert (await http.get("/v1/keys", headers=client.headers)).status_code in (401, 403)
        assert (await http.post("/v1/keys", json={"role": "admin"}, headers=client.headers)).status_code in (401, 403)


async def test_status_counts_by_system(publisher: Client, client_for: Clients, http: httpx.AsyncClient) -> None:
    crm = await client_for("publisher", system="crm")
    await publisher.batch([call("a"), call("b"), call("a"), call("c", data={})])
    await crm.batch([call("a", source="/systems/crm")])
    status = (await http.get("/v1/status")).json()
    assert status["systems"] == [
        {"system": "crm", "accepted": 1, "duplicates": 0, "rejected": 0},
        {"system": "demo", "accepted": 2, "duplicates": 1, "rejected": 1},
    ]
    assert [(lane["lane"], lane["next_seq"], lane["held"]) for lane in status["lanes"]] == [(1, 4, True)]


async def test_operations(http: httpx.AsyncClient, publisher: Client, intake: Intake) -> None:
    await publisher.batch([call("a"), call("b", data={})])
    assert (await http.get("/live")).status_code == 200
    ready = await http.get("/ready")
    assert (ready.status_code, ready.json()["checks"]) == (
        200,
        {"postgres": True, "nats": True, "lane": True, "serving": True},
    )
    metrics = (await http.get("/metrics")).text
    assert 'citygoals_intake_events_total{door="http",outcome="accepted"}' in metrics
    assert "citygoals_intake_relay_lag_events" in metrics
    intake.draining.begin()
    assert (await http.get("/ready")).status_code == 503


async def test_documents(http: httpx.AsyncClient) -> None:
    openapi = (await http.get("/openapi.json")).json()
    assert set(openapi["paths"]) == {
        *("/v1/events", "/v1/event-types", "/v1/event-types/{event_type}", "/v1/status"),
        *(
            "/v1/quarantine",
            "/v1/quarantine/{row_id}",
            "/v1/quarantine/{row_id}/replay",
            "/v1/keys",
            "/v1/keys/{prefix}",
        ),
    }
    assert set(openapi["paths"]["/v1/events"]["post"]["requestBody"]["content"]) >= {
        *("application/cloudevents+json", "application/cloudevents-batch+json")
    }
    open_to_all = {("/v1/status", "get"), ("/v1/event-types", "get"), ("/v1/event-types/{event_type}", "get")}
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            has_key = (path, method) not in open_to_all
            assert ("security" in operation) == has_key, (path, method)
            assert ({"401", "403"} <= operation["responses"].keys()) == has_key, (path, method)
            assert "503" in operation["responses"], (path, method)
            for status, described in operation["responses"].items():
                assert (status >= "400") == ("application/problem+json" in described.get("content", {})), (path, status)
    assert "HTTPBearer" in openapi["components"]["securitySchemes"]
    assert "HTTPValidationError" not in openapi["components"]["schemas"], "errors are problem documents"
    asyncapi = (await http.get("/asyncapi.json")).json()
    assert asyncapi["asyncapi"] == "3.0.0"
    assert "city.admit.*" in {channel["address"] for channel in asyncapi["channels"].values()}
    assert (await http.get("/docs")).status_code == 200
    missing = await http.get("/nowhere")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
