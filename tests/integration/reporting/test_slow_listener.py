"""A listener that takes its time is not forgotten: what came while it was being written to follows at once."""

import asyncio

import pytest
from brokers import wait_until
from citygoals.reporting.stream import LiveResponse
from integration.reporting.conftest import Service
from patience import PATIENCE_S
from starlette.types import Message, Scope
from unit.reporting.city import Contribution, ToyCity


class Pipe:
    """One connection as the server sees it, whose buffer is full until told otherwise."""

    def __init__(self) -> None:
        self.taken = b""
        self.has_room = asyncio.Event()
        self.is_full = asyncio.Event()

    async def send(self, message: Message) -> None:
        self.is_full.set()
        await self.has_room.wait()
        self.taken += message.get("body", b"")

    async def receive(self) -> Message:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize("positions", [1, 3])
async def test_what_came_during_a_write_follows_it(
    service: Service, positions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citygoals.reporting.stream.HEARTBEAT_S", 10 * PATIENCE_S)  # which would bring it too
    city, pipe = ToyCity(), Pipe()
    await service.kpi.publish(city.define())
    await service.at(1)
    scope: Scope = {"type": "http", "method": "GET"}
    listening = asyncio.create_task(LiveResponse(service.parts.live, None)(scope, pipe.receive, pipe.send))
    await pipe.is_full.wait()
    for _ in range(positions):
        await service.kpi.publish(city.change([Contribution("MC-01", city.today, 1, 1)]))
    await service.at(city.position)
    await asyncio.sleep(0.3)  # everybody has been woken
    pipe.has_room.set()
    await wait_until(lambda: b"id: %d\n" % city.position in pipe.taken)
    assert pipe.taken.count(b"event: changeset") == positions
    listening.cancel()
