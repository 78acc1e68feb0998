"""SQL is source code: every statement of every service prepares against the migrated schema, as that service's role."""

from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import resources
from pathlib import Path

import asyncpg
import pytest
from brokers import SCHEMAS, Database, package
from citygoals.shared import migrating, postgres
from citygoals.shared.topology import SERVICES

ROOT = Path(__file__).parents[2]
Connect = Callable[[str], Awaitable["asyncpg.Connection[asyncpg.Record]"]]


def statements(service: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / f"services/{service}/src/citygoals/{service}/sql").glob("*.sql"))


@pytest.fixture
async def connection_of(database: Database) -> AsyncIterator[Connect]:
    opened = []

    async def connect(service: str) -> "asyncpg.Connection[asyncpg.Record]":
        opened.append(await asyncpg.connect(database.dsn(service), server_settings={"search_path": service}))
        return opened[-1]

    yield connect
    for connection in opened:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_every_statement_prepares(service: str, connection_of: Connect) -> None:
    connection = await connection_of(service)
    texts = postgres.load_sql(f"citygoals.{service}")
    assert texts.names() == statements(service), "a file is missing from the package"
    broken = {}
    for name in texts.names():
        try:
            await connection.prepare(getattr(texts, name))
        except asyncpg.PostgresError as error:
            broken[name] = str(error)
    assert broken == {}


@pytest.mark.parametrize("service", SERVICES)
def test_every_statement_is_used(service: str) -> None:
    source = "\n".join(path.read_text() for path in (ROOT / f"services/{service}/src").rglob("*.py"))
    assert [name for name in statements(service) if f".{name}" not in source and f'"{name}"' not in source] == []


@pytest.mark.parametrize("schema", SCHEMAS)
def test_migrations_are_numbered_from_one_without_gaps(schema: str) -> None:
    found = migrating.migrations_of(package(schema))
    assert [item.version for item in found] == [f"{number:04d}" for number in range(1, len(found) + 1)]
    assert not [item.name for item in found if "migrate:down" in item.text], "forward only"


@pytest.mark.parametrize("service", SERVICES)
async def test_a_role_reaches_its_own_schema_only(service: str, database: Database) -> None:
    admin = await asyncpg.connect(database.dsn())
    rows = await admin.fetch(
        "SELECT n.nspname AS schema, c.relname AS name, p.verb FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace,"
        " unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE','TRUNCATE','REFERENCES','TRIGGER']) p(verb)"
        " WHERE relkind IN ('r','p','v','m') AND nspname = ANY($1) AND has_table_privilege($2, c.oid, p.verb)",
        list(SCHEMAS), f"citygoals_{service}",
    )  # fmt: skip
    may = {(row["schema"], row["verb"]) for row in rows}
    foreign = {(schema, verb) for schema, verb in may if schema not in (service, "access")}
    assert foreign == set()
    assert {verb for schema, verb in may if schema == "access"} == (
        {"SELECT", "INSERT", "UPDATE"} if service == "intake" else {"SELECT"}
    )
    assert not {verb for _, verb in may} & {"TRUNCATE", "REFERENCES", "TRIGGER"}
    kept = {row["verb"] for row in rows if (row["schema"], row["name"]) == (service, "schema_migrations")}
    assert kept == {"SELECT"}
    for verb in ("CREATE",):
        assert not await admin.fetchval(
            "SELECT has_schema_privilege($1, $2, $3)", f"citygoals_{service}", service, verb
        )
    await admin.close()


async def test_the_ledger_can_only_grow(database: Database) -> None:
    admin = await asyncpg.connect(database.dsn())
    for verb, may in (("SELECT", True), ("INSERT", True), ("UPDATE", False), ("DELETE", False)):
        assert await admin.fetchval("SELECT has_table_privilege('citygoals_kpi', 'kpi.ledger', $1)", verb) == may, verb
    rows = await admin.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'kpi.ledger'::regclass AND attnum > 0"
        " AND has_column_privilege('citygoals_kpi', attrelid, attname, 'UPDATE')"
    )
    assert [row["attname"] for row in rows] == ["fact"]  # computed from the body, which stays as it came
    await admin.close()


def test_package_data_is_where_the_loader_looks() -> None:
    for service in SERVICES:
        assert (resources.files(f"citygoals.{service}") / "migrations").is_dir()
        assert (resources.files(f"citygoals.{service}") / "sql").is_dir()
