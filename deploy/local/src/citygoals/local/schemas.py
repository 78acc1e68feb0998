"""The city's one database: schemas, roles and what each service needs to connect."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from citygoals.local.city_dir import LocalError
from citygoals.shared.errors import Conflict
from citygoals.shared.postgres import migrate

_TIMEOUT_S = 10.0
# Roles belong to a whole server: with new passwords, another city in another database of it could not get in any more.
_WHERE_ROLES_ARE_USED = """
SELECT coalesce(bool_or(used.dbid = mine.oid), false), coalesce(bool_or(used.dbid NOT IN (0, mine.oid)), false)
FROM pg_shdepend AS used
JOIN pg_roles AS role ON role.oid = used.refobjid AND used.refclassid = 'pg_authid'::regclass
JOIN pg_database AS mine ON mine.datname = current_database()
WHERE role.rolname = ANY($1)
"""


@dataclass(frozen=True, kw_only=True)
class Database:
    """The owner's address, and each service's."""

    admin_dsn: str
    service_dsns: Mapping[str, str]


def role_of(service: str) -> str:
    """Return the role that a service connects as."""
    return f"citygoals_{service}"


async def migrate_all(dsn: str, passwords: Mapping[str, str]) -> Database:
    """Bring every schema to its newest migration and return how each service gets in.

    Each service has a role of its own, with rights in its own schema only. Where the given role may not create roles
    and they are not there, or where they belong to another city on the same server, every service uses the given role.
    Raises LocalError if the database cannot be used.
    """
    try:
        own_roles = await _may_have_roles(dsn, passwords)
        await migrate(dsn, package="citygoals.shared", schema="access")
        await asyncio.gather(*(_migrate(dsn, service, word, own_roles) for service, word in passwords.items()))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, Conflict) as error:
        raise LocalError(f"the database cannot be used: {error or type(error).__name__}") from error
    dsns = {service: _as_role(dsn, role_of(service), word) if own_roles else dsn for service, word in passwords.items()}
    return Database(admin_dsn=dsn, service_dsns=dsns)


async def _migrate(dsn: str, service: str, password: str, own_roles: bool) -> None:  # noqa: FBT001 - said by every caller
    role = role_of(service) if own_roles else None
    await migrate(dsn, package=f"citygoals.{service}", schema=service, role=role, password=password)


async def _may_have_roles(dsn: str, services: Mapping[str, str]) -> bool:
    connection = await asyncpg.connect(dsn, timeout=_TIMEOUT_S)
    try:
        may = await connection.fetchval("SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user")
        [row] = await connection.fetch(_WHERE_ROLES_ARE_USED, [role_of(service) for service in services])
    finally:
        await connection.close()
    here, elsewhere = row
    if here and not may:
        raise Conflict(
            "the roles of the services exist, but this role may not set their passwords; "
            "give --pg-dsn a role with CREATEROLE, or drop those roles"
        )
    return bool(may) and (here or not elsewhere)


def _as_role(dsn: str, role: str, password: str) -> str:
    parts = urlsplit(dsn)
    where = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role)}:{quote(password, safe='')}@{where}"))
