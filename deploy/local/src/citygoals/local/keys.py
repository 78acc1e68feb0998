"""API keys of a city, made and looked up in its database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from citygoals.local.city_dir import LocalError
from citygoals.local.passwords import recall, remember
from citygoals.shared.keys import ROLES, KeyRing, create_key
from citygoals.shared.postgres import Pool, create_pool

OWN_ROLES = ("analyst", "staff", "admin")


@asynccontextmanager
async def access_pool(dsn: str) -> AsyncIterator[Pool]:
    """Give a pool on the keys. Raises LocalError if the database cannot be reached."""
    try:
        pool = await create_pool(dsn, "access", min_size=0, max_size=2)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise LocalError(f"the city's database cannot be reached: {error or type(error).__name__}") from error
    try:
        yield pool
    finally:
        await pool.close()


async def ensure_keys(dsn: str, secrets: Path, systems: tuple[str, ...]) -> dict[str, str]:
    """Return the text of the folder's own keys: `analyst`, `staff`, `admin` and `publisher-<system>`.

    A key that is missing, or that the database does not know (any more), is made anew.
    """
    async with access_pool(dsn) as pool:
        ring = KeyRing(pool)
        found = {role: await _ensure(pool, ring, secrets, role) for role in OWN_ROLES}
        for system in systems:
            found[f"publisher-{system}"] = await _ensure(pool, ring, secrets, "publisher", system=system)
    return found


async def _ensure(pool: Pool, ring: KeyRing, secrets: Path, role: str, *, system: str | None = None) -> str:
    name = f"key-{role}" + (f"-{system}" if system else "")
    text = recall(secrets, name)
    if text is not None and await ring.find(text, ROLES) is not None:
        return text
    text, _ = await create_key(pool, role, system=system, label="made by citygoals up")
    remember(secrets, name, text)
    return text
