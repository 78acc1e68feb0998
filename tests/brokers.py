"""Real servers for the tests: given by address, embedded (the default), or containers with TEST_BACKEND=docker.

What cannot start fails the test that needs it; nothing is skipped and nothing is faked.
"""

import asyncio
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from citygoals.local import nats_server, postgres_server
from citygoals.shared import natsconf, postgres
from citygoals.shared.topology import ADMIN, SERVICES, system_user
from patience import PATIENCE_S
from ports import free_port

NATS_IMAGE = os.environ.get("TEST_NATS_IMAGE", "nats:2.15-alpine")
POSTGRES_IMAGE = os.environ.get("TEST_POSTGRES_IMAGE", "postgres:18-alpine")
CONTAINER_TIMEOUT_S = 120.0
# The session's databases die with the session, and a fresh one for each test is a lot of syncing. What must survive a
# power cut is tested on servers with the product's own settings (tests/fault, tests/integration/shared/test_servers.py).
THROW_AWAY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
SYSTEMS = ("demo", "payments", "crm")
USERS = (ADMIN, *SERVICES, *(system_user(system) for system in SYSTEMS))
SCHEMAS = ("access", *SERVICES)


def backend() -> str:
    """Return `embedded` or `docker`."""
    chosen = os.environ.get("TEST_BACKEND", "embedded")
    assert chosen in ("embedded", "docker"), f"TEST_BACKEND={chosen!r} is neither embedded nor docker"
    return chosen


def package(schema: str) -> str:
    """Return the package that owns a schema's migrations."""
    return "citygoals.shared" if schema == "access" else f"citygoals.{schema}"


def role(service: str) -> str:
    return f"citygoals_{service}"


@dataclass(frozen=True)
class Nats:
    """A running NATS server with the topology's users."""

    url: str
    passwords: dict[str, str]


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL: the admin's address of any database, and the services' passwords."""

    admin_dsn: str
    passwords: dict[str, str]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.admin_dsn)
        return parts.hostname or "", parts.port or 0

    def dsn(self, database: str, service: str | None = None) -> str:
        """Return a database's address for a service's role, or for the admin."""
        parts = urlsplit(self.admin_dsn)
        where = f"{parts.hostname}:{parts.port}/{database}"
        if service is None:
            return f"postgresql://{parts.username}:{parts.password}@{where}"
        return f"postgresql://{role(service)}:{self.passwords[service]}@{where}"


@dataclass(frozen=True)
class Database:
    """One test's own database."""

    server: Postgres
    name: str

    def dsn(self, service: str | None = None) -> str:
        """Return its address for a service's role, or for the admin."""
        return self.server.dsn(self.name, service)


@contextmanager
def private_folder() -> Iterator[Path]:
    """Give a folder of its own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="citygoals-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def start_nats(folder: Path, *, port: int | None = None) -> nats_server.NatsServer:
    """Start an embedded server; the same folder and port again continue where it was killed."""
    passwords = {user: secrets.token_urlsafe(16) for user in USERS}
    kept = folder / "passwords"
    if kept.exists():
        passwords = dict(line.split(" ") for line in kept.read_text().splitlines())
    kept.write_text("\n".join(f"{user} {secret}" for user, secret in passwords.items()))
    return nats_server.start(folder, port=port or free_port(), monitor_port=free_port(), passwords=passwords)


@contextmanager
def running_nats() -> Iterator[Nats]:
    """Give a NATS server for the session."""
    with private_folder() as folder:
        if backend() == "docker":
            with _nats_container(folder) as nats:
                yield nats
            return
        server = start_nats(folder)
        try:
            yield Nats(server.url, server.passwords)
        finally:
            server.stop()


@contextmanager
def _nats_container(folder: Path) -> Iterator[Nats]:
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - needs an engine
    from testcontainers.core.wait_strategies import HttpWaitStrategy  # noqa: PLC0415

    passwords = {user: secrets.token_urlsafe(16) for user in USERS}
    listening = natsconf.Listening("0.0.0.0", 4222, 8222, "0.0.0.0")
    folder.chmod(0o755)
    (folder / "nats.conf").write_text(natsconf.server_conf("test", listening, "/data"))
    (folder / natsconf.USERS_FILE).write_text(natsconf.users_conf(passwords))
    container = (
        DockerContainer(NATS_IMAGE)
        .with_volume_mapping(str(folder), "/etc/citygoals", "ro")
        .with_command("-c /etc/citygoals/nats.conf")
        .with_exposed_ports(4222, 8222)
        .waiting_for(HttpWaitStrategy(8222, "/healthz").for_status_code(200))
    )
    with container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(4222)
        yield Nats(f"nats://{host}:{port}", passwords)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Give a PostgreSQL for the session."""
    passwords = {service: secrets.token_urlsafe(16) for service in SERVICES}
    if backend() == "docker":
        with _postgres_container() as dsn:
            yield Postgres(dsn, passwords)
        return
    with private_folder() as folder:
        folder.chmod(0o711)  # the server's unprivileged user passes through, nobody else reads
        server = postgres_server.start(
            folder, port=free_port(), password=secrets.token_urlsafe(16), settings=THROW_AWAY
        )
        try:
            yield Postgres(server.dsn, passwords)
        finally:
            server.stop()


@contextmanager
def _postgres_container() -> Iterator[str]:
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - needs an engine

    password = secrets.token_urlsafe(16)
    container = (
        DockerContainer(POSTGRES_IMAGE)
        .with_env("POSTGRES_USER", postgres_server.ADMIN_ROLE)
        .with_env("POSTGRES_PASSWORD", password)
        .with_env("POSTGRES_DB", postgres_server.DATABASE)
        .with_command(["postgres", *(part for name, value in THROW_AWAY.items() for part in ("-c", f"{name}={value}"))])
        .with_exposed_ports(5432)
    )
    with container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(5432)
        # Over TCP: the server that the image runs while it initialises listens on its socket only.
        ask = ["pg_isready", "-h", "127.0.0.1", "-U", postgres_server.ADMIN_ROLE, "-d", postgres_server.DATABASE]
        deadline = time.monotonic() + CONTAINER_TIMEOUT_S
        while container.exec(ask).exit_code != 0:
            assert time.monotonic() < deadline, container.get_logs()
            time.sleep(0.1)
        yield f"postgresql://{postgres_server.ADMIN_ROLE}:{password}@{host}:{port}/{postgres_server.DATABASE}"


async def make_template(server: Postgres, name: str, schemas: tuple[str, ...]) -> None:
    """Make a database with these schemas, to be copied for each test."""
    connection = await asyncpg.connect(server.admin_dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    dsn = server.dsn(name)
    for schema in schemas:
        service = schema if schema in SERVICES else None
        await postgres.migrate(
            dsn,
            package=package(schema),
            schema=schema,
            role=role(service) if service else None,
            password=server.passwords[service] if service else None,
        )


async def copy_database(server: Postgres, template: str, name: str) -> None:
    connection = await asyncpg.connect(server.admin_dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    finally:
        await connection.close()


async def drop_database(server: Postgres, name: str) -> None:
    connection = await asyncpg.connect(server.admin_dsn)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    finally:
        await connection.close()


async def wait_until(condition: Callable[[], Any], *, timeout_s: float = PATIENCE_S, pause_s: float = 0.02) -> None:
    """Wait until `condition()` (or its awaited result) is true; fail after `timeout_s` seconds."""
    async with asyncio.timeout(timeout_s):
        while True:
            answer = condition()
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer:
                return
            await asyncio.sleep(pause_s)
