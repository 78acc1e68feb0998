"""API keys: made once, found by the right role, refused soon after they are revoked."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from brokers import Database
from citygoals.shared import keys
from citygoals.shared.errors import Malformed
from citygoals.shared.keys import KeyRing, create_key, list_keys, revoke_key
from citygoals.shared.postgres import Pool, create_pool


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    pool = await create_pool(database.dsn(), "access")
    yield pool
    pool.terminate()


async def test_a_key_is_found_by_its_text_and_role(pool: Pool) -> None:
    text, key = await create_key(pool, "publisher", system="crm", namespace="311", label="the 311 vendor")
    assert text.startswith(f"cg_publisher_{key.prefix}.")
    ring = KeyRing(pool)
    for bearer in (text, f"Bearer {text}"):
        assert await ring.find(bearer, ("publisher",)) == key
    assert (key.system, key.namespace, key.label, key.revoked_at) == ("crm", "311", "the 311 vendor", None)
    assert await ring.find(text, ("staff", "admin")) is None


async def test_nothing_else_is_a_key(pool: Pool) -> None:
    text, _ = await create_key(pool, "staff")
    other, _ = await create_key(pool, "staff")
    ring = KeyRing(pool)
    prefix, _, secret = text.partition(".")
    wrong = [
        None, "", "Bearer ", "Bearer", text[:-1], text + "x", text.upper(), text.replace("staff", "admin"), prefix,
        f"{prefix}.", f"{prefix}.{other.partition('.')[2]}", f"cg_staff_000000000000.{secret}", f"Basic {text}",
        text.replace("_", " "), "cg_staff_'; DROP TABLE access.api_key; --", "\x00", "é" * 80,
    ]  # fmt: skip
    for bearer in wrong:
        assert await ring.find(bearer, keys.ROLES) is None, bearer
    assert await ring.find(text, keys.ROLES) is not None


async def test_the_secret_is_not_kept(pool: Pool) -> None:
    text, key = await create_key(pool, "admin")
    row = await pool.fetchrow("SELECT * FROM api_key WHERE prefix = $1", key.prefix)
    assert row is not None
    secret = text.partition(".")[2]
    assert secret not in repr(dict(row))
    assert secret.encode() not in bytes(row["hash"])


async def test_a_revoked_key_is_refused_within_the_cache_time(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "CACHE_S", 0.2)
    text, key = await create_key(pool, "analyst")
    ring = KeyRing(pool)
    assert await ring.find(text, ("analyst",))
    assert await revoke_key(pool, key.prefix)
    assert not await revoke_key(pool, key.prefix), "only once"
    await asyncio.sleep(0.25)
    assert await ring.find(text, ("analyst",)) is None
    assert keys.CACHE_S <= 3


async def test_known_keys_cost_no_statement(pool: Pool) -> None:
    text, _ = await create_key(pool, "staff")
    ring = KeyRing(pool)
    assert await ring.find(text, ("staff",))
    pool.terminate()
    assert await ring.find(text, ("staff",))
    assert await ring.find("cg_admin_" + text[9:], ("staff",)) is None


async def test_two_keys_live_side_by_side_for_rotation(pool: Pool) -> None:
    old, old_key = await create_key(pool, "publisher", system="crm", label="old")
    new, _ = await create_key(pool, "publisher", system="crm", label="new")
    ring = KeyRing(pool)
    assert await ring.find(old, ("publisher",))
    assert await ring.find(new, ("publisher",))
    await revoke_key(pool, old_key.prefix)
    listed = {key.label: key.revoked_at is None for key in await list_keys(pool)}
    assert listed == {"old": False, "new": True}


@pytest.mark.parametrize(("role", "system"), [("publisher", None), ("publisher", ""), ("staff", "crm"), ("root", None)])
async def test_keys_that_make_no_sense_are_not_made(pool: Pool, role: str, system: str | None) -> None:
    with pytest.raises(Malformed):
        await create_key(pool, role, system=system)
    assert await list_keys(pool) == []


@pytest.mark.parametrize("system", ["a.b", "*", "Crm", "a b", ">"])
async def test_a_systems_name_must_fit_its_subjects(pool: Pool, system: str) -> None:
    with pytest.raises(Malformed, match="name of a system"):
        await create_key(pool, "publisher", system=system)
