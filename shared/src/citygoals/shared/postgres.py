"""PostgreSQL: the pool with every option said, one-snapshot reads, SQL files as source code.

Migrations live in `citygoals.shared.migrating`; its functions are offered here too.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import PurePath
from typing import TYPE_CHECKING

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from citygoals.shared.migrating import migrate, pending
from citygoals.shared.numeric import decode_integer, encode_integer

__all__ = [
    "Connection",
    "Pool",
    "Statements",
    "create_pool",
    "load_sql",
    "migrate",
    "pending",
    "snapshot",
    "transaction",
]

if TYPE_CHECKING:
    Connection = PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:  # asyncpg's own classes take no parameters
    Connection = PoolConnectionProxy
    Pool = asyncpg.Pool

STATEMENT_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 5.0
IDLE_IN_TRANSACTION_S = 60.0


async def create_pool(
    dsn: str, schema: str, *, min_size: int = 1, max_size: int = 8, statement_timeout_s: float = STATEMENT_TIMEOUT_S
) -> Pool:
    """Open a pool whose connections look in `schema` only, speak UTC, and give up on long statements.

    `numeric` columns come and go as Python integers of any size; a fraction in one is an error. `json` and `jsonb`
    are text. The search path is the schema alone, so a statement means the same table whoever runs it.

    Raises:
        OSError, asyncpg.PostgresError: the server cannot be reached or refuses.
    """
    pool: Pool = await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        timeout=CONNECT_TIMEOUT_S,
        max_inactive_connection_lifetime=0,
        init=_init_connection,
        server_settings={
            "application_name": f"citygoals-{schema}",
            "search_path": schema,
            "timezone": "UTC",
            "jit": "off",  # compiling costs more than any statement here
            "statement_timeout": _milliseconds(statement_timeout_s),
            "idle_in_transaction_session_timeout": _milliseconds(IDLE_IN_TRANSACTION_S),
        },
    )
    return pool


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


async def _init_connection(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.set_type_codec(
        "numeric", schema="pg_catalog", encoder=encode_integer, decoder=decode_integer, format="binary"
    )


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Connection]:
    """Give a connection on which every statement reads the same state of the whole database, and none can write.

    Under READ COMMITTED each statement sees its own state: a report of two statements mixes two positions.
    """
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        yield connection


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """Give a connection inside one read-write transaction: all of it on success, none of it on any error."""
    async with pool.acquire() as connection, connection.transaction():
        yield connection


class Statements:
    """SQL texts by file name: `sql/append_entries.sql` is `.append_entries`."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = texts

    def __getattr__(self, name: str) -> str:
        try:
            return self._texts[name]
        except KeyError:
            raise AttributeError(f"no statement {name}.sql; there are: {', '.join(sorted(self._texts))}") from None

    def names(self) -> list[str]:
        """Return the names of all statements, sorted."""
        return sorted(self._texts)


def load_sql(package: str) -> Statements:
    """Read the package's `sql/*.sql`, one statement a file.

    Raises:
        FileNotFoundError: the package has no such folder.
    """
    folder = resources.files(package) / "sql"
    files = [item for item in folder.iterdir() if item.name.endswith(".sql")]
    return Statements({PurePath(item.name).stem: item.read_text(encoding="utf-8") for item in files})
