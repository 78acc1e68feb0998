"""A database connection that breaks says so in one way: Unavailable, which everybody knows to try again."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from citygoals.shared.errors import Unavailable
from citygoals.shared.outage import hung_up

Given = ParamSpec("Given")
Found = TypeVar("Found")


def reachable(method: Callable[Given, Awaitable[Found]]) -> Callable[Given, Awaitable[Found]]:
    """Turn the driver's own complaints about a broken connection into Unavailable."""

    @wraps(method)
    async def call(*args: Given.args, **kwargs: Given.kwargs) -> Found:
        try:
            return await method(*args, **kwargs)
        except Exception as error:
            if not hung_up(error):
                raise
            raise Unavailable("the database hung up") from error

    return call
