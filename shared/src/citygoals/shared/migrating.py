"""Migrations: numbered SQL files, forward only, one transaction a file, checksums kept, one runner at a time.

The files are dbmate's (`-- migrate:up`, table `schema_migrations`), so that dbmate could take over without touching them.
"""

import hashlib
from dataclasses import dataclass
from importlib import resources

import asyncpg

from citygoals.shared.errors import Conflict
from citygoals.shared.scram import scram_verifier

LOCK_KEY = 0x6369747967  # "cityg"; one runner at a time in a whole database
ACCESS = "access"
ACCESS_WRITERS = frozenset({"intake"})  # the schema whose role may also write API keys
UP = "-- migrate:up"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: version is its number, as text."""

    version: str
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text: an applied file must never change."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations_of(package: str) -> list[Migration]:
    """Read `migrations/NNNN_what.sql` of a package, in order.

    Raises:
        ValueError: a file without the `-- migrate:up` line, or two with the same number.
    """
    folder = resources.files(package) / "migrations"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql") and item.name[:4].isdigit())
    found = [Migration(name[:4], name, (folder / name).read_text(encoding="utf-8")) for name in names]
    if len({item.version for item in found}) != len(found):
        raise ValueError(f"{package}: two migrations share a number: {names}")
    for item in found:
        if not item.text.lstrip().startswith(UP):
            raise ValueError(f"{package}: {item.name} does not begin with {UP!r}")
    return found


async def migrate(
    dsn: str, *, package: str, schema: str, role: str | None = None, password: str | None = None
) -> list[str]:
    """Bring `schema` to the package's newest migration and give `role` its rights; return the files applied now.

    Creates the schema, and the role where it is missing (or sets its password where one is given). The role may read
    and write rows of its own schema (or what the package's `migrations/grants.sql` says instead) and read `access`.

    Raises:
        Conflict: an applied file has changed since, or the role is missing and this DSN may not create roles.
    """
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
        applied = await _apply(connection, package, schema)
        if role is not None:
            await _ensure_role(connection, role, password)
            await _grant(connection, package, schema, role)
        return applied
    finally:
        await connection.close()  # also releases the lock


async def pending(pool: "asyncpg.Pool", package: str, schema: str) -> list[str]:
    """Return the package's migrations that the database does not have yet; readiness wants none."""
    if not await pool.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{schema}.schema_migrations"):
        return [item.name for item in migrations_of(package)]
    rows = await pool.fetch(f"SELECT version FROM {schema}.schema_migrations")  # noqa: S608 - a name of ours
    have = {row["version"] for row in rows}
    return [item.name for item in migrations_of(package) if item.version not in have]


async def _apply(connection: "asyncpg.Connection", package: str, schema: str) -> list[str]:
    await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    await connection.execute(f"SET search_path TO {schema}")
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations ("
        " version varchar PRIMARY KEY, name text, checksum text, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    rows = await connection.fetch("SELECT version, checksum FROM schema_migrations")
    known = {row["version"]: row["checksum"] for row in rows}
    applied = []
    for item in migrations_of(package):
        if item.version not in known:
            try:
                await _apply_one(connection, item)
            except asyncpg.PostgresError as error:
                error.add_note(f"in {package}: migrations/{item.name}")
                raise
            applied.append(item.name)
        elif known[item.version] not in (None, item.checksum):
            raise Conflict(f"{package}: {item.name} was changed after it had been applied; write a new migration")
    return applied


async def _apply_one(connection: "asyncpg.Connection", item: Migration) -> None:
    async with connection.transaction():
        await connection.execute(item.text)
        await connection.execute(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
            item.version, item.name, item.checksum,
        )  # fmt: skip


async def _ensure_role(connection: "asyncpg.Connection", role: str, password: str | None) -> None:
    exists = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
    may = await connection.fetchval("SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user")
    if not may:
        if not exists:
            raise Conflict(f"role {role} is missing and this DSN may not create roles; ask the database's owner for it")
        return
    if not exists:
        await connection.execute(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT")
    if password is not None:
        # The verifier, not the password: statements can end up in the server's log.
        await connection.execute(f"ALTER ROLE {role} PASSWORD '{scram_verifier(password)}'")


async def _grant(connection: "asyncpg.Connection", package: str, schema: str, role: str) -> None:
    statements = [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}",
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        _own_grants(package, schema, role),
        f"REVOKE ALL ON {schema}.schema_migrations FROM {role}",
        f"GRANT SELECT ON {schema}.schema_migrations TO {role}",
    ]
    if await connection.fetchval("SELECT true FROM pg_namespace WHERE nspname = $1", ACCESS):
        verbs = "SELECT, INSERT, UPDATE" if schema in ACCESS_WRITERS else "SELECT"
        statements += [
            f"GRANT USAGE ON SCHEMA {ACCESS} TO {role}",
            f"GRANT {verbs} ON ALL TABLES IN SCHEMA {ACCESS} TO {role}",
        ]
    async with connection.transaction():
        for statement in statements:
            await connection.execute(statement)


def _own_grants(package: str, schema: str, role: str) -> str:
    file = resources.files(package) / "migrations" / "grants.sql"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    return (
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};"
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"
    )
