"""Cities that share one PostgreSQL server, each in a database of its own."""

from collections.abc import Iterator

import asyncpg
import pytest
from brokers import private_folder
from citygoals.local import postgres_server
from citygoals.local.postgres_server import PostgresServer
from citygoals.local.schemas import Database, migrate_all, role_of
from citygoals.local.supervisor import SERVICES
from ports import free_port


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server that no city has used yet."""
    with private_folder() as folder:
        made = postgres_server.start(folder, port=free_port(), password="a/b@c:d%")
        yield made
        made.stop()


async def owner(server: PostgresServer, name: str, rights: str) -> str:
    admin = await asyncpg.connect(server.dsn)
    await admin.execute(f"CREATE ROLE {name} LOGIN {rights} PASSWORD 'word'")
    await admin.execute(f"CREATE DATABASE {name} OWNER {name}")
    await admin.close()
    return f"postgresql://{name}:word@127.0.0.1:{server.port}/{name}"


async def users(database: Database) -> set[str]:
    """The roles that the services get in as; all of them do get in."""
    found = set()
    for dsn in database.service_dsns.values():
        connection = await asyncpg.connect(dsn)
        found.add(await connection.fetchval("SELECT current_user"))
        await connection.close()
    return found


async def test_other_cities_leave_the_roles_of_the_first_alone(server: PostgresServer) -> None:
    dsn = await owner(server, "first", "CREATEROLE")
    words = {service: f"p@ss/w:rd%20?#'\\{service}" for service in SERVICES}
    first = await migrate_all(dsn, words)
    for name, rights in (("second", "CREATEROLE"), ("third", "SUPERUSER"), ("fourth", "")):
        other = await migrate_all(await owner(server, name, rights), dict.fromkeys(SERVICES, "another"))
        assert await users(other) == {name}
    assert await users(first) == {role_of(service) for service in SERVICES}
    assert (await migrate_all(dsn, words)).service_dsns == first.service_dsns
