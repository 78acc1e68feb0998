"""Whether an error says that a server is away, so that the same work may be tried again. Knows the database's driver."""

import asyncpg

from citygoals.shared.verdict import is_passing


def hung_up(error: BaseException) -> bool:
    """Tell whether `error` is the driver's own complaint about a connection that broke under it; it has no SQLSTATE.

    When it breaks in the middle of an operation, the rollback that follows hides the first error behind
    InternalClientError. A wrong argument is an InterfaceError as well, but a ValueError too, and no outage.
    """
    complaints = (asyncpg.InterfaceError, asyncpg.InternalClientError)
    return isinstance(error, complaints) and not isinstance(error, ValueError)


def is_away(error: BaseException) -> bool:
    """Tell whether trying again later can cure `error`; a group of errors, where it can cure each of them."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_away(one) for one in error.exceptions)
    return hung_up(error) or is_passing(error)
