"""The live stream over HTTP: server-sent events for one listener."""

import asyncio
import re

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from citygoals.reporting.live import Live
from citygoals.shared.problem import problem

HEARTBEAT_S = 15.0
LISTENERS_MAX = 5000
STALLED_AFTER_S = 60.0
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_POSITION = re.compile(r"[0-9]{1,18}\Z")

assert STALLED_AFTER_S > HEARTBEAT_S


def last_event(header: str | None, after: str | None) -> int | None:
    """Return the position that a reader has seen: `Last-Event-ID`, or `?after=` on a first connection; -1 if unreadable."""
    text = header or after
    if not text:
        return None
    return int(text) if _POSITION.match(text) else -1


class LiveResponse(Response):
    """Writes to one listener until it leaves, stalls, or the service does."""

    def __init__(self, live: Live, position: int | None) -> None:
        super().__init__()
        self._live = live
        self._position = position

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if self._live.listeners >= LISTENERS_MAX:
            busy = problem(503, None, "too many listeners", headers={"Retry-After": "30"})
            await busy(scope, receive, send)
            return
        self._live.listeners += 1
        try:
            position, missed = await self._live.join(self._position)
            await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
            if scope["method"] != "HEAD":  # who asks for the headers only gets nothing else to wait for
                await _write(send, b": position %d\n\n" % position + missed)
                await self._write_on(position, receive, send)
        except TimeoutError:
            return  # a reader that takes nothing for a minute is gone; the server closes the connection
        finally:
            self._live.listeners -= 1
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write_on(self, position: int, receive: Receive, send: Send) -> None:
        while not self._live.is_closed:
            is_news = await self._live.news(position, HEARTBEAT_S)
            if not is_news and await _has_left(receive):
                return
            position, missed = self._live.after(position)
            if missed or not is_news:
                await _write(send, missed or b": still here\n\n")


async def _write(send: Send, body: bytes) -> None:
    async with asyncio.timeout(STALLED_AFTER_S):
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _has_left(receive: Receive) -> bool:
    """Ask the server without waiting; it answers at once when the reader has gone, or with the empty request body."""
    while True:
        try:
            message = await asyncio.wait_for(receive(), 0.001)
        except TimeoutError:
            return False
        if message["type"] == "http.disconnect":
            return True
