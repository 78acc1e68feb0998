"""Whether an error says that a server is away, so that the work may be tried again."""

import asyncpg

from citygoals.shared.verdict import is_passing


def is_away(error: BaseException) -> bool:
    """Tell whether trying again later can cure `error`.

    Besides what every service takes for that: the driver's own complaint about a connection that broke under it. When
    it breaks in the middle of an operation, the rollback that follows hides the first error behind InternalClientError.
    """
    complaints = (asyncpg.InterfaceError, asyncpg.InternalClientError)
    is_driver = isinstance(error, complaints) and not isinstance(error, ValueError)
    return is_driver or is_passing(error)
