"""A city on servers that somebody else runs: a role for each service where that is allowed, else the one that was given."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from brokers import private_folder, start_nats
from citygoals.local import postgres_server
from citygoals.local.nats_server import NatsServer
from citygoals.local.postgres_server import PostgresServer
from citygoals.shared import topology
from e2e.city import City, event
from ports import free_port, free_port_base


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    made = City(folder=tmp_path / "data", port_base=free_port_base())
    yield made
    made.down()


@pytest.fixture
def their_nats() -> Iterator[NatsServer]:
    with private_folder() as folder:
        server = start_nats(folder)
        yield server
        server.stop()


@pytest.fixture
def their_postgres() -> Iterator[PostgresServer]:
    with private_folder() as folder:
        server = postgres_server.start(folder, port=free_port(), password=secrets.token_hex(16))
        yield server
        server.stop()


async def owner_of_a_database(server: PostgresServer, rights: str) -> str:
    """Make a role with these rights and a database of its own; the address for it."""
    word = secrets.token_hex(16)
    admin = await asyncpg.connect(server.dsn)
    await admin.execute(f"CREATE ROLE owner LOGIN {rights} PASSWORD '{word}'")
    await admin.execute("CREATE DATABASE theirs OWNER owner")
    await admin.close()
    return f"postgresql://owner:{word}@127.0.0.1:{server.port}/theirs"


@pytest.mark.parametrize("rights", ["CREATEROLE", ""], ids=["a role for each service", "one role for all"])
async def test_a_city_on_given_servers(
    city: City, their_nats: NatsServer, their_postgres: PostgresServer, rights: str
) -> None:
    nats_url = their_nats.url.replace("//", f"//{topology.ADMIN}:{their_nats.passwords[topology.ADMIN]}@")
    pg_dsn = await owner_of_a_database(their_postgres, rights)
    city.up("--nats-url", nats_url, "--pg-dsn", pg_dsn)
    assert set(city.processes()) == {"reporting", "intake", "kpi", "notify"}
    assert not (city.folder / "postgres").exists()
    data = {
        "payment_id": "p", "department": "municipal-court", "service_code": "citation", "channel": "web",
        "amount_minor": 100, "currency": "USD",
    }  # fmt: skip
    assert city.publish([event(city, "payment.settled", "p", "2026-11-20T10:00:00-07:00", data)])["accepted"] == 1
    city.wait_for_events(1)
    assert city.cli("doctor", "--data", str(city.folder)).returncode == 0
    inside = await asyncpg.connect(city.endpoints["postgres"])
    users = await inside.fetch("SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'theirs'")
    await inside.close()
    assert ("citygoals_kpi" in {row["usename"] for row in users}) is bool(rights)


def test_wrong_addresses_say_so(city: City) -> None:
    base = ["up", "--data", str(city.folder), "--port-base", str(city.port_base), "--detach"]
    done = city.cli(*base, "--pg-dsn", "postgresql://nobody:secret-word@127.0.0.1:1/nowhere", check=False)
    assert done.returncode == 1
    assert "the database cannot be used" in done.stderr
    assert "secret-word" not in done.stderr
    done = city.cli(*base, "--nats-url", "nats://nobody:secret-word@127.0.0.1:1", check=False)
    assert done.returncode == 1
    assert "nats://127.0.0.1:1" in done.stderr
    assert "secret-word" not in done.stderr
    assert json.loads(city.cli("status", "--data", str(city.folder), "--json", check=False).stdout) == {"processes": []}
