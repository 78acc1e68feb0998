"""API keys `cg_<role>_<prefix>.<secret>`: 256 random bits, kept as SHA-256, found by prefix.

A fast hash is right for random keys: slow ones protect guessable passwords, and would let anybody tire the server.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from citygoals.shared.errors import Malformed
from citygoals.shared.postgres import Pool
from citygoals.shared.topology import is_system

ROLES = ("publisher", "analyst", "staff", "admin")
CACHE_S = 3.0  # a revoked key is refused at the latest after this
CACHE_KEYS_MAX = 10_000
_FORM = re.compile(r"cg_(publisher|analyst|staff|admin)_([0-9a-f]{12})\.([A-Za-z0-9_-]{43})")
_COLUMNS = "prefix, role, system, namespace, label, created_at, revoked_at"


@dataclass(frozen=True, slots=True)
class Key:
    """What is known about a key; the secret is not."""

    prefix: str
    role: str
    system: str | None
    namespace: str | None
    label: str
    created_at: datetime
    revoked_at: datetime | None


class KeyRing:
    """Finds the key behind a bearer token. Answers, also negative ones, are remembered for at most 3 s."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: dict[str, tuple[float, Key | None, bytes]] = {}

    async def find(self, bearer: str | None, roles: Collection[str]) -> Key | None:
        """Return the live key of one of `roles` whose text `bearer` is (with or without `Bearer `), else None."""
        match = _FORM.fullmatch((bearer or "").removeprefix("Bearer ").strip())
        if match is None or match[1] not in roles:
            return None
        key, digest = await self._lookup(match[2])
        is_same = hmac.compare_digest(digest, _hash(match[3]))
        return key if key is not None and is_same and key.role == match[1] and key.revoked_at is None else None

    async def _lookup(self, prefix: str) -> tuple[Key | None, bytes]:
        now = monotonic()
        known = self._known.get(prefix)
        if known is not None and known[0] > now:
            return known[1], known[2]
        row = await self._pool.fetchrow(f"SELECT {_COLUMNS}, hash FROM access.api_key WHERE prefix = $1", prefix)  # noqa: S608 - column names of ours
        if len(self._known) >= CACHE_KEYS_MAX:
            self._known.clear()
        digest = row["hash"] if row else bytes(32)
        key = Key(**{name: row[name] for name in Key.__slots__}) if row else None
        self._known[prefix] = (now + CACHE_S, key, digest)
        return key, digest


async def create_key(
    pool: Pool, role: str, *, label: str = "", system: str | None = None, namespace: str | None = None
) -> tuple[str, Key]:
    """Make a key and return its text, which is shown once and kept nowhere, and what is known about it.

    Raises:
        Malformed: an unknown role, or a publisher key without a system, or another key with one.
    """
    if role not in ROLES:
        raise Malformed(f"role {role!r} is none of {', '.join(ROLES)}")
    if (role == "publisher") != bool(system):
        raise Malformed("a publisher key, and no other, belongs to a system")
    if system and not is_system(system):
        raise Malformed(f"{system!r} cannot be the name of a system: a-z, 0-9, - and _, at most 63")
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = await pool.fetchrow(
        "INSERT INTO access.api_key (prefix, role, system, namespace, hash, label)"  # noqa: S608 - column names of ours
        f" VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_COLUMNS}",
        prefix, role, system, namespace, _hash(secret), label,
    )  # fmt: skip
    assert row is not None, "RETURNING always gives the row that was inserted"
    return f"cg_{role}_{prefix}.{secret}", Key(**row)


async def revoke_key(pool: Pool, prefix: str) -> bool:
    """Revoke the key with this prefix; False if there is none that is live."""
    done = await pool.fetchval(
        "UPDATE access.api_key SET revoked_at = now() WHERE prefix = $1 AND revoked_at IS NULL RETURNING true", prefix
    )
    return bool(done)


async def list_keys(pool: Pool) -> list[Key]:
    """Return every key, newest first."""
    rows = await pool.fetch(f"SELECT {_COLUMNS} FROM access.api_key ORDER BY created_at DESC, prefix")  # noqa: S608 - column names of ours
    return [Key(**row) for row in rows]


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
