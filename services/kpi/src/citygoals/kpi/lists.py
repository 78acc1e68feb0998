"""Lists over HTTP, page by page: a row's place in the order is its cursor, so a page goes on where the last one ended.

What is added or changed meanwhile moves nothing else: no row is seen twice, and none that stays is missed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Depends, Request, Response

from citygoals.shared.paging import LIMIT_DEFAULT, Cursor, Limit, cursor_of, next_link, read_cursor, read_name

NUMBER_MAX = 2**62

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """Which page of a list a request asks for."""

    request: Request
    limit: Limit = LIMIT_DEFAULT
    cursor: Cursor = None

    def of(
        self, found: Iterable[T], row: Callable[[T], Any], place: Callable[[T], str], *, newest_first: bool = False
    ) -> Response:
        """Return the page of what was found, in the order of `place`, of which each has its own. Raises Problem 400."""
        last = None if self.cursor is None else read_name(self.cursor)
        ordered = sorted(found, key=place, reverse=newest_first)
        left = [one for one in ordered if last is None or (place(one) < last if newest_first else place(one) > last)]
        following = place(left[self.limit - 1]) if len(left) > self.limit else None
        return self.answer([row(one) for one in left[: self.limit]], following)

    @property
    def before(self) -> int:
        """The number before which the page is of a list that is numbered and the latest first. Raises Problem 400."""
        return read_cursor(self.cursor, NUMBER_MAX)

    def answer(self, rows: list[Mapping[str, Any]], last: int | str | None) -> Response:
        """Return rows as the page, which ends with the row of this place or number; None: the list ends."""
        following = None if last is None else cursor_of(last)
        headers = None if following is None else {"Link": next_link(self.request.url, following)}
        body = orjson.dumps({"items": rows, "next": following})
        return Response(body, headers=headers, media_type="application/json")


PageParams = Annotated[Page, Depends()]
