"""Is it ready? Asked over the network, the way its users will reach it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

_TIMEOUT_S = 3.0


def http_ready(host: str, port: int, path: str = "/ready") -> Callable[[], Awaitable[bool]]:
    """Return a probe: a GET of `path` answers 200."""

    async def probe() -> bool:
        request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
        return b" 200 " in await _first_line(host, port, request)

    return probe


def nats_ready(host: str, port: int) -> Callable[[], Awaitable[bool]]:
    """Return a probe: the server greets and says that JetStream is on."""

    async def probe() -> bool:
        return b'"jetstream":true' in await _first_line(host, port, b"")

    return probe


async def _first_line(host: str, port: int, request: bytes) -> bytes:
    """Return the first line of the answer; nothing where nobody answers in time."""
    with contextlib.suppress(OSError, TimeoutError, asyncio.LimitOverrunError, ValueError):
        async with asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(request)
                return await reader.readline()
            finally:
                writer.close()
    return b""
