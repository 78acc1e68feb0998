"""What the database's driver says when the server is away, and what it says when we are wrong."""

import asyncpg
import pytest
from citygoals.shared.errors import Malformed, Unavailable
from citygoals.shared.outage import hung_up, is_away


@pytest.mark.parametrize(
    "error", [asyncpg.InterfaceError("connection is closed"), asyncpg.InternalClientError("got result for unknown")]
)
def test_a_connection_that_broke_is_an_outage(error: Exception) -> None:
    assert hung_up(error)
    assert is_away(error)


@pytest.mark.parametrize(
    "error", [asyncpg.CannotConnectNowError("starting up"), ConnectionRefusedError(), TimeoutError(), Unavailable("x")]
)
def test_so_is_a_server_that_is_not_there(error: Exception) -> None:
    assert is_away(error)
    assert not hung_up(error)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DataError("invalid input for query argument $1"),
        asyncpg.UniqueViolationError("x"),
        Malformed("x"),
        KeyError(),
    ],
)
def test_a_mistake_of_ours_is_none(error: Exception) -> None:
    assert not is_away(error)
    assert not hung_up(error)
