"""Answers over HTTP: their position in the headers, 304 for who has them, lists in pages of one position."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from inspect import signature
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response

from citygoals.reporting.answers import encode
from citygoals.reporting.front import matches
from citygoals.reporting.questions import Misread
from citygoals.reporting.readmodel import Answer

T = TypeVar("T")


def unthreaded(made: Callable[..., T]) -> Callable[..., Awaitable[T]]:
    """Return what makes a question's parameters as a coroutine that takes the same ones.

    FastAPI runs whatever is no coroutine, a class as well, in a thread: that took as long as answering.
    """

    async def make(**values: Any) -> T:
        return made(**values)

    vars(make)["__signature__"] = signature(made)
    return make


def mark_as_analysts(request: Request) -> None:
    """Say that the answer is not the public's: it gets an ETag of its own, and no shared cache may keep it."""
    request.state.is_analysts = True


def respond(request: Request, answer: Answer, *, links: str | None = None) -> Response:
    """Return an answer with its position; 304 where the reader has it already."""
    position, analyst = answer["as_of"]["position"], getattr(request.state, "is_analysts", False)
    etag = f'"{position}-{answer["city_date"]}{"-key" if analyst else ""}"'
    headers = {
        "ETag": etag,
        "X-Citygoals-Position": str(position),
        "Cache-Control": "private, no-cache" if analyst else "no-cache",
        "Vary": "Authorization",
    }
    if links is not None:
        headers["Link"] = links
    if_none_match = request.headers.get("if-none-match")
    if if_none_match is not None and matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return Response(encode(answer), headers=headers, media_type="application/json")


def told(request: Request, answer: Answer) -> Response:
    """Return an answer to a question that was a body, which no cache may keep."""
    position, analyst = answer["as_of"]["position"], getattr(request.state, "is_analysts", False)
    cached = "private, no-store" if analyst else "no-store"
    headers = {"X-Citygoals-Position": str(position), "Cache-Control": cached, "Vary": "Authorization"}
    return Response(encode(answer), headers=headers, media_type="application/json")


def page_cursor(position: int, offset: int | str) -> str:
    """Return an opaque cursor: where a list goes on, and as of which position."""
    return base64.urlsafe_b64encode(orjson.dumps([position, offset])).decode().rstrip("=")


def read_cursor(cursor: str | None, as_of: str | None, *, kind: type[int] | type[str]) -> tuple[str | None, Any]:
    """Return the `as_of` and the offset that a cursor stands for. Raises Misread."""
    if cursor is None:
        return as_of, None
    try:
        position, offset = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, TypeError) as error:
        raise Misread("the cursor cannot be read; use `next` of the page before") from error
    if not isinstance(position, int) or not isinstance(offset, kind) or (isinstance(offset, int) and offset < 0):
        raise Misread("the cursor is not one of this list; use `next` of the page before")
    return str(position), offset


def next_link(request: Request, cursor: str | None) -> str | None:
    """Return the Link header of a list's next page."""
    if cursor is None:
        return None
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f'<{request.url.path}?{urlencode([*query, ("cursor", cursor)])}>; rel="next"'


def page(request: Request, answer: Answer, *, limit: int, offset: int | None) -> Response:
    """Return one page of a list; the next page is of the same position, so that no item is missed or seen twice."""
    first = offset or 0
    items = answer["items"]
    after = first + limit
    following = after if after < len(items) else None
    return continued(request, {**answer, "items": items[first:after], "next": following})


def continued(request: Request, answer: Answer) -> Response:
    """Return a page whose `next` says where the list goes on, made a cursor that holds the position as well."""
    following = answer["next"]
    cursor = None if following is None else page_cursor(answer["as_of"]["position"], following)
    return respond(request, {**answer, "next": cursor}, links=next_link(request, cursor))
