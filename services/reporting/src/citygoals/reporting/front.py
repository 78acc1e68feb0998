"""In front of everything: answers kept by position, 304, HEAD, and the headers that every answer carries. Pure ASGI.

An answer at an unchanged position costs a look-up. An answer is kept only as long as its position is the present one,
or for good where the question itself names a past position; so no reader ever goes back, and none sees a mixture.
"""

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from citygoals.reporting.headers import API, finished, send_preflight
from citygoals.reporting.present import Present

KEPT_BYTES_MAX = 32 << 20
BODY_BYTES_MAX = 4 << 20
QUERY_MAX = 2048
ETAG_POSITION = re.compile(r'(?:W/)?"([0-9]+)-')
# Answers differ by these request headers only (pages: language and compression; the API: who asks).
VARYING = (b"accept-language", b"accept-encoding")
STREAM = "/v1/live"
NEVER_KEPT = ("/live", "/ready", "/metrics", STREAM, "/static/")

assert KEPT_BYTES_MAX > BODY_BYTES_MAX

Key = tuple[str, bytes, tuple[bytes, ...]]
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer of one position."""

    position: int
    is_past: bool
    etag: bytes
    headers: Headers
    body: bytes


class Answers:
    """Kept answers, the least recently used dropped first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key, position: int) -> Kept | None:
        """Return the answer of a question if it still holds at the present position."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if not kept.is_past and kept.position != position:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept

    def put(self, key: Key, kept: Kept) -> None:
        """Keep an answer."""
        self._drop(key)
        self._kept[key] = kept
        self._bytes += len(kept.body)
        while self._bytes > KEPT_BYTES_MAX:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= len(kept.body)


class Front:
    """The application as the server sees it."""

    def __init__(self, app: ASGIApp, present: Present) -> None:
        self._app = app
        self._present = present
        self._answers = Answers()
        self._making: dict[tuple[Key, int], asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, is_head = scope["path"], scope["method"] == "HEAD"
        send = finished(send, path, without_body=is_head)
        if scope["method"] == "OPTIONS" and path.startswith(API):
            await send_preflight(send)
            return
        if is_head and path != STREAM:  # which has no end to come to
            scope = {**scope, "method": "GET"}
        headers = dict(scope["headers"])
        key = _key(scope, headers)
        if key is None:
            await self._app(scope, receive, send)
            return
        kept = self._answers.get(key, self._present.position) or await self._after_others(key)
        if kept is None:
            await self._make(key, scope, receive, send)
        else:
            await _send_kept(kept, headers.get(b"if-none-match"), send)

    async def _after_others(self, key: Key) -> Kept | None:
        """Where the same answer is being made for this very position, wait for it: a crowd costs one computation."""
        making = self._making.get((key, self._present.position))
        if making is None:
            return None
        await making.wait()
        return self._answers.get(key, self._present.position)

    async def _make(self, key: Key, scope: Scope, receive: Receive, send: Send) -> None:
        mine = (key, self._present.position)
        made = self._making.setdefault(mine, asyncio.Event())
        capture = _Capture(send)
        try:
            await self._app(scope, receive, capture)
            kept = capture.kept(key[1], self._present.position)
            if kept is not None:
                self._answers.put(key, kept)
        finally:
            self._making.pop(mine, None)
            made.set()


class _Capture:
    """Passes messages on and remembers a whole, short answer."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body: bytes | None = None

    async def __call__(self, message: Message) -> None:
        """Pass one message on."""
        if message["type"] == "http.response.start" and message["status"] == 200:
            # A copy: the layers on the way out add their headers to the message itself.
            self._start = {**message, "headers": list(message["headers"])}
        elif message["type"] == "http.response.body" and self._start is not None:
            is_whole = self._body is None and not message.get("more_body", False)
            self._body = message.get("body", b"") if is_whole else None
            if not is_whole:
                self._start = None
        await self._send(message)

    def kept(self, query: bytes, present: int) -> Kept | None:
        """Return the answer if it may be kept: it says its position, which is the present one or was asked for."""
        if self._start is None or self._body is None or len(self._body) > BODY_BYTES_MAX:
            return None
        headers: Headers = self._start["headers"]
        etag = dict(headers).get(b"etag", b"")
        match = ETAG_POSITION.match(etag.decode("latin-1"))
        if match is None:
            return None
        position = int(match[1])
        is_past = position < present and dict(parse_qsl(query.decode("latin-1"))).get("as_of") == match[1]
        if not is_past and position != present:
            return None
        return Kept(position, is_past, etag, headers, self._body)


def _key(scope: Scope, headers: dict[bytes, bytes]) -> Key | None:
    path, query = scope["path"], scope["query_string"]
    if scope["method"] != "GET" or b"authorization" in headers or len(query) > QUERY_MAX or path.startswith(NEVER_KEPT):
        return None
    return path, query, () if path.startswith(API) else tuple(headers.get(name, b"") for name in VARYING)


async def _send_kept(kept: Kept, if_none_match: bytes | None, send: Send) -> None:
    if if_none_match is not None and matches(if_none_match.decode("latin-1"), kept.etag.decode("latin-1")):
        headers = [(name, value) for name, value in kept.headers if name not in (b"content-length", b"content-type")]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": list(kept.headers)})
    await send({"type": "http.response.body", "body": kept.body})


def matches(if_none_match: str, etag: str) -> bool:
    """Whether a reader who sent this If-None-Match has the answer of this ETag already (RFC 9110: compared weakly)."""
    known = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return "*" in known or etag.removeprefix("W/") in known
