"""The pool, snapshots and migrations against a real PostgreSQL."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from brokers import Database
from citygoals.shared import migrating, postgres
from citygoals.shared.errors import Conflict

PACKAGE = "a_package_of_this_test"


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[postgres.Pool]:
    pool = await postgres.create_pool(database.dsn(), "access", max_size=4)
    yield pool
    pool.terminate()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package with one migration; returns its folder."""
    folder = tmp_path / PACKAGE
    (folder / "migrations").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "migrations/0001_first.sql").write_text("-- migrate:up\nCREATE TABLE thing (n bigint PRIMARY KEY);\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop(PACKAGE, None)  # an earlier test's
    return folder


async def test_every_option_is_said(pool: postgres.Pool) -> None:
    async with pool.acquire() as connection:
        shown = {name: await connection.fetchval(f"SHOW {name}") for name in
                 ("search_path", "timezone", "jit", "statement_timeout", "idle_in_transaction_session_timeout")}  # fmt: skip
    assert shown == {
        "search_path": "access", "timezone": "UTC", "jit": "off", "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "1min",
    }  # fmt: skip


async def test_long_statements_are_given_up(database: Database) -> None:
    pool = await postgres.create_pool(database.dsn(), "access", statement_timeout_s=0.5)
    with pytest.raises(asyncpg.QueryCanceledError):
        await pool.execute("SELECT pg_sleep(5)")
    pool.terminate()


@pytest.mark.parametrize("value", [0, 1, -1, 9999, 10_000, 10**40, -(10**40) + 1, 2**63])
async def test_numeric_columns_are_integers_both_ways(pool: postgres.Pool, value: int) -> None:
    assert await pool.fetchval("SELECT $1::numeric", value) == value
    assert await pool.fetchval("SELECT $1::numeric + 1", value) == value + 1
    assert await pool.fetchval("SELECT $1::text::numeric", str(value)) == value
    assert await pool.fetchval("SELECT array_agg(x ORDER BY x) FROM unnest($1::numeric[]) x", [value]) == [value]
    async with postgres.transaction(pool) as connection:
        await connection.execute("CREATE TEMP TABLE copied (n numeric) ON COMMIT DROP")
        await connection.copy_records_to_table("copied", records=[(value,)])
        assert await connection.fetchval("SELECT n FROM copied") == value


async def test_a_fraction_never_becomes_a_number_here(pool: postgres.Pool) -> None:
    with pytest.raises(ValueError, match="whole number"):
        await pool.fetchval("SELECT 1.5::numeric")
    with pytest.raises(asyncpg.DataError):
        await pool.fetchval("SELECT $1::numeric", 1.5)


async def test_a_snapshot_does_not_move_and_cannot_write(pool: postgres.Pool) -> None:
    insert = "INSERT INTO access.api_key (prefix, role, hash) VALUES ($1, 'staff', $2)"
    async with postgres.snapshot(pool) as reader:
        assert await reader.fetchval("SELECT count(*) FROM access.api_key") == 0
        await pool.execute(insert, "one", bytes(32))
        assert await reader.fetchval("SELECT count(*) FROM access.api_key") == 0
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await reader.execute(insert, "two", bytes(32))
    assert await pool.fetchval("SELECT count(*) FROM access.api_key") == 1


async def test_a_transaction_is_all_or_nothing(pool: postgres.Pool) -> None:
    async def fail() -> None:
        async with postgres.transaction(pool) as connection:
            await connection.execute("INSERT INTO api_key (prefix, role, hash) VALUES ('x', 'staff', $1)", bytes(32))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await pool.fetchval("SELECT count(*) FROM api_key") == 0


def test_statements_are_attributes(package: Path) -> None:
    (package / "sql").mkdir()
    (package / "sql/read_things.sql").write_text("SELECT 1")
    texts = postgres.load_sql(PACKAGE)
    assert texts.read_things == "SELECT 1"
    assert texts.names() == ["read_things"]
    with pytest.raises(AttributeError, match=r"no statement read_thing\.sql"):
        _ = texts.read_thing


async def test_migrating_twice_does_nothing_the_second_time(database: Database, package: Path) -> None:
    first = await postgres.migrate(database.dsn(), package=PACKAGE, schema="extra")
    again = await postgres.migrate(database.dsn(), package=PACKAGE, schema="extra")
    assert (first, again) == (["0001_first.sql"], [])


async def test_pending_files_are_told(database: Database, package: Path) -> None:
    pool = await postgres.create_pool(database.dsn(), "extra")
    assert await postgres.pending(pool, PACKAGE, "extra") == ["0001_first.sql"], "no table yet means all of them"
    await postgres.migrate(database.dsn(), package=PACKAGE, schema="extra")
    assert await postgres.pending(pool, PACKAGE, "extra") == []
    (package / "migrations/0002_second.sql").write_text("-- migrate:up\nALTER TABLE thing ADD COLUMN t text;\n")
    assert await postgres.pending(pool, PACKAGE, "extra") == ["0002_second.sql"]
    assert await postgres.migrate(database.dsn(), package=PACKAGE, schema="extra") == ["0002_second.sql"]
    pool.terminate()


async def test_an_applied_file_must_not_change(database: Database, package: Path) -> None:
    await postgres.migrate(database.dsn(), package=PACKAGE, schema="extra")
    (package / "migrations/0001_first.sql").write_text("-- migrate:up\nCREATE TABLE other (n bigint);\n")
    with pytest.raises(Conflict, match="was changed after it had been applied"):
        await postgres.migrate(database.dsn(), package=PACKAGE, schema="extra")


async def test_a_broken_file_leaves_nothing_and_is_named(database: Database, package: Path) -> None:
    (package / "migrations/0002_broken.sql").write_text("-- migrate:up\nCREATE TABLE half (n bigint);\nSELECT nope;\n")
    with pytest.raises(asyncpg.UndefinedColumnError) as failed:
        await postgres.migrate(database.dsn(), package=PACKAGE, schema="extra")
    assert failed.value.__notes__ == [f"in {PACKAGE}: migrations/0002_broken.sql"]
    connection = await asyncpg.connect(database.dsn())
    assert await connection.fetchval("SELECT to_regclass('extra.thing') IS NOT NULL")
    assert await connection.fetchval("SELECT to_regclass('extra.half') IS NULL")
    await connection.close()


async def test_two_runners_at_once_apply_each_file_once(database: Database, package: Path) -> None:
    (package / "migrations/0002_slow.sql").write_text("-- migrate:up\nSELECT pg_sleep(0.2);\n")
    both = await asyncio.gather(*(postgres.migrate(database.dsn(), package=PACKAGE, schema="extra") for _ in range(2)))
    assert sorted(both) == [[], ["0001_first.sql", "0002_slow.sql"]]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [("0002_x.sql", "SELECT 1;", "does not begin with"), ("0001_again.sql", "-- migrate:up\n", "share a number")],
)
def test_files_that_are_no_migrations_are_refused(package: Path, name: str, text: str, says: str) -> None:
    (package / "migrations" / name).write_text(text)
    with pytest.raises(ValueError, match=says):
        migrating.migrations_of(PACKAGE)


async def test_a_role_logs_in_with_its_password_and_does_only_its_work(database: Database, package: Path) -> None:
    role = "citygoals_test_extra"
    await postgres.migrate(database.dsn(), package=PACKAGE, schema="extra", role=role, password="first")
    await postgres.migrate(database.dsn(), package=PACKAGE, schema="extra", role=role, password="sécond'")
    host, port = database.server.address
    login: dict[str, Any] = {"host": host, "port": port, "user": role, "database": database.name}
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(**login, password="first")
    connection = await asyncpg.connect(**login, password="sécond'")
    await connection.execute("INSERT INTO extra.thing VALUES (1)")
    assert await connection.fetchval("SELECT count(*) FROM access.api_key") == 0
    for forbidden in (
        "INSERT INTO access.api_key (prefix, role, hash) VALUES ('x', 'staff', '')",
        "DELETE FROM extra.schema_migrations", "TRUNCATE extra.thing", "DROP TABLE extra.thing",
        "CREATE TABLE extra.more (n int)", "CREATE TABLE public.more (n int)", "CREATE ROLE another",
    ):  # fmt: skip
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(forbidden)
    await connection.execute("CREATE TEMP TABLE allowed (n int)")
    await connection.close()
    admin = await asyncpg.connect(database.dsn())
    await admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    await admin.close()


async def test_a_package_may_grant_less(database: Database, package: Path) -> None:
    role = "citygoals_test_append"
    (package / "migrations/grants.sql").write_text(f"GRANT SELECT, INSERT ON thing TO {role}")
    await postgres.migrate(database.dsn(), package=PACKAGE, schema="extra", role=role, password="x")
    admin = await asyncpg.connect(database.dsn())
    may = {verb: await admin.fetchval("SELECT has_table_privilege($1, 'extra.thing', $2)", role, verb)
           for verb in ("SELECT", "INSERT", "UPDATE", "DELETE")}  # fmt: skip
    assert may == {"SELECT": True, "INSERT": True, "UPDATE": False, "DELETE": False}
    await admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    await admin.close()


async def test_a_missing_role_is_told_where_roles_may_not_be_made(database: Database, package: Path) -> None:
    admin = await asyncpg.connect(database.dsn())
    await admin.execute(
        f"CREATE ROLE citygoals_test_owner LOGIN PASSWORD 'x'; GRANT CREATE ON DATABASE {database.name} TO citygoals_test_owner"
    )
    host, port = database.server.address
    dsn = f"postgresql://citygoals_test_owner:x@{host}:{port}/{database.name}"
    with pytest.raises(Conflict, match="may not create roles"):
        await postgres.migrate(dsn, package=PACKAGE, schema="extra", role="citygoals_test_nobody")
    await admin.execute("DROP OWNED BY citygoals_test_owner CASCADE; DROP ROLE citygoals_test_owner")
    await admin.close()
