"""The headers that every answer carries, and what a browser is told that asks whether another site's page may ask."""

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

API = "/v1/"
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# The numbers are for everybody, also from the pages of others. No cookie is ever looked at, so there is nothing to abuse.
OPEN_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Link, Retry-After, X-Citygoals-Position",
}
PREFLIGHT_HEADERS = {
    "Allow": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, If-None-Match, Last-Event-ID",
    "Access-Control-Max-Age": "86400",
}


def finished(send: Send, path: str, *, without_body: bool) -> Send:
    """Add to an answer the headers that it has not set itself, and for HEAD leave the body out."""
    defaults = SECURITY_HEADERS | OPEN_HEADERS if path.startswith(API) else SECURITY_HEADERS

    async def finish(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message["headers"]))
            for name, value in defaults.items():
                headers.setdefault(name, value)
            message = {**message, "headers": headers.raw}
        elif without_body and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return finish


async def send_preflight(send: Send) -> None:
    """Answer OPTIONS: everything here may be read from anywhere."""
    headers = [(name.lower().encode(), value.encode()) for name, value in PREFLIGHT_HEADERS.items()]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
