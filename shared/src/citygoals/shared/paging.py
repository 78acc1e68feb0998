"""Pages of a list: a limit, an opaque cursor, a Link header. Pure."""

import base64
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import Query
from starlette.datastructures import URL

from citygoals.shared.problem import Problem

LIMIT_DEFAULT, LIMIT_MAX = 100, 1000
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Most items of one page")]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]


def cursor_of(last: int | str) -> str:
    """Return the opaque cursor for what comes after a row, by its number or its name."""
    return base64.urlsafe_b64encode(str(last).encode()).decode().rstrip("=")


def read_name(cursor: str) -> str:
    """Return the name in a cursor. Raises Problem 400 for one that was not given out here."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise Problem(400, "This cursor was not given out here.") from error


def read_cursor(cursor: str | None, default: int) -> int:
    """Return the row that a cursor names. Raises Problem 400 for one that was not given out here."""
    if cursor is None:
        return default
    try:
        number = int(read_name(cursor))
    except ValueError as error:
        raise Problem(400, "This cursor was not given out here.") from error
    if not 0 <= number <= default:
        raise Problem(400, "This cursor was not given out here.")
    return number


def next_link(url: URL, cursor: str) -> str:
    """Return the Link header to the next page."""
    query = {name: value for name, value in parse_qsl(url.query) if name != "cursor"} | {"cursor": cursor}
    return f'<{url.path}?{urlencode(query)}>; rel="next"'
