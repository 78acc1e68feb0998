"""Is it ready? Asked over the network, the way its users will reach it."""

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable

_TIMEOUT_S = 3.0
_PROTOCOL = 3 << 16  # PostgreSQL wire protocol 3.0
_AUTHENTICATION = b"R"


def http_ready(host: str, port: int, path: str = "/ready") -> Callable[[], Awaitable[bool]]:
    """Return a probe: a GET of `path` answers 200."""

    async def probe() -> bool:
        request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
        return b" 200 " in await _asked(host, port, request, until=b"\r\n")

    return probe


def postgres_ready(host: str, port: int, role: str) -> Callable[[], Awaitable[bool]]:
    """Return a probe: the server asks this role to prove who it is, as it does only once it takes connections."""
    words = b"user\0" + role.encode() + b"\0database\0postgres\0\0"
    hello = struct.pack("!ii", len(words) + 8, _PROTOCOL) + words

    async def probe() -> bool:
        return await _asked(host, port, hello, until=1) == _AUTHENTICATION

    return probe


async def _asked(host: str, port: int, request: bytes, *, until: int | bytes) -> bytes:
    """Return the beginning of the answer (so many bytes, or up to a mark); nothing where nobody answers in time."""
    with contextlib.suppress(OSError, TimeoutError, EOFError, asyncio.LimitOverrunError):
        async with asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(request)
                return await (reader.readuntil(until) if isinstance(until, bytes) else reader.readexactly(until))
            finally:
                writer.close()
    return b""
