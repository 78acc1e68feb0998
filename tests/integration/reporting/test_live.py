"""The live stream: one message for each position, adding up to the snapshot; resumed from history; never a hole."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest
from brokers import wait_until
from citygoals.reporting.cells import BUSY_DAYS_KEPT
from integration.reporting.conftest import Service, running
from patience import PATIENCE_S
from unit.reporting.city import PLAN_2, Contribution, ToyCity

Message = dict[str, Any]


@asynccontextmanager
async def listening(url: str, last: int | None = None, path: str = "/v1/live") -> AsyncIterator[AsyncIterator[Message]]:
    """Listen as a browser does."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    async with (
        httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as http,
        http.stream("GET", path, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield messages(answer)


async def messages(answer: httpx.Response) -> AsyncIterator[Message]:
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield {"id": int(fields["id"]), "event": fields["event"], "data": json.loads(fields["data"])}
            fields = {}


async def take(stream: AsyncIterator[Message], until: int) -> list[Message]:
    taken: list[Message] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for message in stream:
                taken.append(message)
                if message["id"] >= until:
                    return taken
    except TimeoutError:
        ids = [(message["event"], message["id"]) for message in taken]
        raise AssertionError(f"waited for {until}, got {ids}") from None
    raise AssertionError("the stream ended")


def merged(snapshot: dict[str, Any], stream: list[Message]) -> dict[str, Any]:
    """What a page shows that began with a snapshot and followed the stream."""
    shown = {name: {one["id"]: one for one in snapshot[name]} for name in ("kpis", "nodes")}
    for message in stream:
        for name, rows in shown.items():
            rows.update({one["id"]: one for one in message["data"][name]})
            for gone in message["data"].get("gone", {}).get(name, ()):
                del rows[gone]
    return shown


def by_id(snapshot: dict[str, Any]) -> dict[str, Any]:
    return {name: {one["id"]: one for one in snapshot[name]} for name in ("kpis", "nodes")}


@pytest.fixture
async def city(service: Service) -> ToyCity:
    random, city = Random(6), ToyCity()
    await service.kpi.publish(city.define(), *[city.random(random) for _ in range(20)])
    await service.at(city.position)
    return city


async def test_one_message_for_each_position_and_they_add_up(service: Service, city: ToyCity) -> None:
    random = Random(1)
    before = await service.get("/v1/snapshot")
    first = city.position
    async with listening(service.url) as one, listening(service.url) as two:
        await wait_until(lambda: service.parts.live.listeners == 2)
        for _ in range(60):
            await service.kpi.publish(city.random(random))
        await service.kpi.publish(city.define({"plan": PLAN_2}))
        streams = [await take(stream, city.position) for stream in (one, two)]
    assert streams[0] == streams[1]
    assert [message["id"] for message in streams[0]] == list(range(first + 1, city.position + 1))
    assert {message["event"] for message in streams[0]} == {"changeset"}
    assert all(message["data"]["as_of"]["position"] == message["id"] for message in streams[0])
    assert merged(before, streams[0]) == by_id(await service.get("/v1/snapshot"))
    assert not any(one["id"] == "X-99" for message in streams[0] for one in message["data"]["kpis"]), "internal"


async def test_one_payment_moves_its_figure_and_its_nodes_in_one_message(service: Service, city: ToyCity) -> None:
    async with listening(service.url) as stream:
        await service.kpi.publish(city.change([Contribution("MC-01", city.today, 1, 1)]))
        (message,) = await take(stream, city.position)
    assert [one["id"] for one in message["data"]["kpis"]] == ["MC-01"]
    assert {one["id"] for one in message["data"]["nodes"]} >= {"strategy-1"}
    assert message["data"]["totals"]["by_type"] == {"city.payment.settled.v1": city.by_type["city.payment.settled.v1"]}


async def test_taking_everything_back_is_a_message_like_any_other(service: Service, city: ToyCity) -> None:
    standing = [one for one in city.standing if one.kpi == "LI-03"]
    assert 0 < len({one.day for one in standing}) <= BUSY_DAYS_KEPT
    async with listening(service.url) as stream:
        await service.kpi.publish(city.change(take_back=standing))
        (message,) = await take(stream, city.position)
    assert message["event"] == "changeset"
    assert [(one["id"], one["events"], one["value"]) for one in message["data"]["kpis"]] == [("LI-03", 0, None)]


async def test_taking_back_more_days_than_are_remembered_says_reload(service: Service, city: ToyCity) -> None:
    assert len({one.day for one in city.standing if one.kpi == "SR-08"}) > 0
    async with listening(service.url) as stream:
        days = [city.today.replace(day=day) for day in range(1, BUSY_DAYS_KEPT + 3)]
        await service.kpi.publish(city.change([Contribution("SR-08", day, 1, 0) for day in days]))
        await service.kpi.publish(city.change(take_back=[one for one in city.standing if one.kpi == "SR-08"]))
        taken = await take(stream, city.position)
    assert [message["event"] for message in taken] == ["changeset", "reload"]
    assert (await service.get("/v1/kpis/SR-08"))["events"] == 0


async def test_a_reader_who_comes_back_gets_what_it_missed(service: Service, city: ToyCity) -> None:
    random = Random(1)
    snapshots = {city.position: await service.get("/v1/snapshot")}
    for _ in range(30):
        await service.kpi.publish(city.random(random))
        await service.at(city.position)
        snapshots[city.position] = await service.get("/v1/snapshot")
    first = min(snapshots)
    for last in (first, first + 17, city.position - 1, first + 3):
        async with listening(service.url, last) as stream:
            missed = await take(stream, city.position)
        assert [message["id"] for message in missed] == list(range(last + 1, city.position + 1))
        assert merged(snapshots[last], missed) == by_id(snapshots[city.position])
    async with listening(service.url, path=f"/v1/live?after={first}") as stream:
        assert len(await take(stream, city.position)) == 30


async def test_too_old_or_foreign_positions_say_reload_and_go_on(
    service: Service, city: ToyCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citygoals.reporting.live.RESUME_POSITIONS_MAX", 5)
    for last in (1, city.position + 1000):
        async with listening(service.url, last) as stream:
            (first,) = await take(stream, 1)
            assert first == {"id": city.position, "event": "reload", "data": {"position": city.position}}
            await service.kpi.publish(city.change())
            (second,) = await take(stream, city.position)
            assert (second["event"], second["id"]) == ("changeset", city.position)


async def test_a_new_fiscal_year_says_reload(service: Service, city: ToyCity) -> None:
    async with listening(service.url) as stream:
        city.tick += timedelta(days=300)
        await service.kpi.publish(city.change(), city.change())
        taken = await take(stream, city.position)
    assert taken[0]["event"] == "reload"
    assert (await service.get("/v1/snapshot"))["period"] == "FY2028"


async def test_streams_end_when_the_service_leaves(settings: Any, pool: Any, bus_for: Any, kpi: Any) -> None:
    city = ToyCity()
    await kpi.publish(city.define())
    async with running(settings, pool, await bus_for("reporting")) as (parts, url):
        await wait_until(lambda: parts.present.position == 1)

        async def listen() -> list[Message]:
            async with listening(url) as stream:
                return [message async for message in stream]

        listener = asyncio.create_task(listen())
        await wait_until(lambda: parts.live.listeners == 1)
    assert await asyncio.wait_for(listener, PATIENCE_S) == []


async def test_hundreds_listen_and_leave(service: Service, city: ToyCity) -> None:
    """Raw sockets, because a client library costs more than the server."""
    host, port = service.url.removeprefix("http://").split(":")
    connections = []
    for _ in range(300):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /v1/live HTTP/1.1\r\nHost: city\r\n\r\n")
        connections.append((reader, writer))
    await wait_until(lambda: service.parts.live.listeners == 300)
    for _ in range(5):
        await service.kpi.publish(city.change([Contribution("MC-01", city.today, 1, 1)]))
    wanted = b"id: %d\n" % city.position

    async def hear(reader: asyncio.StreamReader) -> bytes:
        return await asyncio.wait_for(reader.readuntil(wanted), PATIENCE_S)

    heard = await asyncio.gather(*(hear(reader) for reader, _ in connections))
    assert all(body.count(b"event: changeset") == 4 for body in heard)
    for _, writer in connections:
        writer.close()


async def test_heartbeats_and_those_who_left(service: Service, city: ToyCity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citygoals.reporting.stream.HEARTBEAT_S", 0.1)
    host, port = service.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /v1/live HTTP/1.1\r\nHost: city\r\n\r\n")
    assert b": still here\n\n" in await asyncio.wait_for(reader.readuntil(b": still here\n\n"), PATIENCE_S)
    writer.close()
    await wait_until(lambda: service.parts.live.listeners == 0)
