"""A database connection that breaks says so in one way: Unavailable, which everybody knows to try again."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import asyncpg

from citygoals.shared.errors import Unavailable

Given = ParamSpec("Given")
Found = TypeVar("Found")


def reachable(method: Callable[Given, Awaitable[Found]]) -> Callable[Given, Awaitable[Found]]:
    """Turn the driver's own complaints about a broken connection, which have no SQLSTATE, into Unavailable.

    When it breaks in the middle of an operation, the clean-up that follows hides the first error behind
    InternalClientError. A wrong argument is a ValueError as well, and stays what it is.
    """

    @wraps(method)
    async def call(*args: Given.args, **kwargs: Given.kwargs) -> Found:
        try:
            return await method(*args, **kwargs)
        except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            if isinstance(error, ValueError):
                raise
            raise Unavailable("the database hung up") from error

    return call
