"""A body has an end; whoever sends too much hears so, even if it goes on sending."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from citygoals.shared import body_limit
from citygoals.shared.body_limit import BodyLimit
from fastapi import FastAPI, Request
from starlette.types import Message, Scope

LIMIT = 1000


def limited() -> BodyLimit:
    app = FastAPI()

    @app.post("/sizes")
    async def size(request: Request) -> int:
        return len(await request.body())

    @app.post("/things")
    async def thing(body: dict[str, Any]) -> int:  # the framework reads this one, before any dependency
        return len(body)

    return BodyLimit(app, LIMIT)


async def in_pieces(total: int) -> AsyncIterator[bytes]:
    for _ in range(total // 100):
        yield b" " * 100


@pytest.mark.parametrize("path", ["/sizes", "/things"])
async def test_a_body_beyond_the_limit_is_refused_whether_its_length_is_declared_or_not(path: str) -> None:
    transport = httpx.ASGITransport(app=limited())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for content in (b" " * (LIMIT + 1), in_pieces(LIMIT + 100), in_pieces(100_000)):
            answer = await client.post(path, content=content, headers={"content-type": "application/json"})
            assert answer.status_code == 413
        assert (await client.post("/sizes", content=in_pieces(LIMIT))).json() == LIMIT
        assert (await client.post("/things", json={"a": 1})).json() == 1


def asked(**headers: str) -> Scope:
    return {
        "type": "http", "method": "POST", "path": "/sizes", "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip


async def sent(scope: Scope, pieces: int) -> tuple[int, int]:
    """Return the status, and how many of the pieces of a megabyte had been received when it was said."""
    received, told = 0, []

    async def receive() -> Message:
        nonlocal received
        if received == pieces:
            await asyncio.sleep(3600)  # the client waits for its answer
        received += 1
        return {"type": "http.request", "body": b" " * 1024 * 1024, "more_body": True}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            told.append((message["status"], received))

    await limited()(scope, receive, send)
    return told[0]


async def test_what_a_client_is_still_sending_is_received_before_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing a connection with unread bytes resets it, and the client would never see the answer."""
    monkeypatch.setattr(body_limit, "DISCARD_S_MAX", 0.05)
    assert await sent(asked(**{"content-length": "10000000"}), 10) == (413, 10)
    assert await sent(asked(**{"content-length": "10000000", "expect": "100-continue"}), 10) == (413, 0)
    assert await sent(asked(**{"content-length": "1000000000"}), 1000) == (413, 16), "not without end"
