"""Request bodies have an end: nobody, with or without a key, may fill a process's memory."""

import asyncio
import contextlib

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from citygoals.shared.problem import problem

DISCARD_BYTES_MAX = 16 * 1024 * 1024
DISCARD_S_MAX = 5.0
_CLOSE = {"Connection": "close"}
"""Else the server goes on to receive, and to throw away, for as long as the client sends."""


class BodyLimit:
    """ASGI middleware: a request whose body is larger than `bytes_max` as sent is answered 413, whatever its path.

    It stands before the keys are looked at, and before a framework collects the body. The rest of such a body is thrown
    away for a while before the answer is sent: a client that is still sending would find the connection reset instead.
    """

    def __init__(self, app: ASGIApp, bytes_max: int) -> None:
        self._app, self._bytes_max = app, bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._bytes_max:
            if "expect" not in headers:  # else the client waits to be asked for the body, and receiving would ask
                await _discard(receive)
            await problem(413, None, self._too_large, headers=_CLOSE)(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._bytes_max:
                if message.get("more_body", False):
                    await _discard(receive)
                raise HTTPException(413, self._too_large, headers=_CLOSE)
            return message

        await self._app(scope, counted, send)

    @property
    def _too_large(self) -> str:
        return f"A body may have {self._bytes_max} bytes."


async def _discard(receive: Receive) -> None:
    """Receive and forget what is still coming of a body; not without end, and not for long."""
    seen = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_S_MAX):
            while seen < DISCARD_BYTES_MAX:
                message = await receive()
                seen += len(message.get("body", b""))
                if not message.get("more_body", False):  # the end of it, or of the connection
                    return
