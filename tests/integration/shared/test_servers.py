"""The embedded servers: what they keep through a kill, and who may come in."""

import signal
import subprocess
from pathlib import Path

import asyncpg
import brokers
import pytest
from citygoals.local import nats_server, postgres_server
from citygoals.local.running import StartError
from citygoals.shared import topology
from citygoals.shared.bus import connect
from citygoals.shared.settings import ServiceSettings
from patience import PATIENCE_S
from ports import free_port
from pydantic import SecretStr


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


async def query(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_postgres_keeps_everything_through_a_kill(folder: Path) -> None:
    server = postgres_server.start(folder, port=free_port(), password="p@ss word/1")
    try:
        await query(server.dsn, "CREATE TABLE kept (n int)")
        await query(server.dsn, "INSERT INTO kept VALUES (7)")
        server.kill()
        assert (folder / "cluster/postmaster.pid").exists(), "a stale pidfile is what a kill leaves"
        server = postgres_server.start(folder, port=server.port, password="p@ss word/1")
        assert await query(server.dsn, "SELECT n FROM kept") == 7
        assert await query(server.dsn, "SHOW fsync") == "on"
        assert await query(server.dsn, "SHOW listen_addresses") == "127.0.0.1"
        assert await query(server.dsn, "SHOW unix_socket_directories") == ""
        assert await query(
            server.dsn, "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = current_user"
        )
        with pytest.raises(asyncpg.InvalidPasswordError):
            await query(postgres_server.dsn(server.port, "wrong"), "SELECT 1")
    finally:
        server.stop()
    assert not server.is_alive


def test_a_pidfile_of_another_program_is_no_obstacle(folder: Path) -> None:
    server = postgres_server.start(folder, port=free_port(), password="x")
    server.kill()
    stranger = subprocess.Popen(["sleep", "60"])
    pidfile = folder / "cluster/postmaster.pid"
    lines = pidfile.read_text().splitlines()
    pidfile.write_text("\n".join([str(stranger.pid), *lines[1:]]))
    try:
        server = postgres_server.start(folder, port=server.port, password="x")
        server.stop()
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_initdb_is_started_over(folder: Path) -> None:
    (folder / "cluster.new").mkdir()
    (folder / "cluster.new/half").write_text("")
    server = postgres_server.start(folder, port=free_port(), password="x")
    server.stop()


def test_a_taken_port_is_told_with_the_log(folder: Path) -> None:
    server = nats_server.start(
        folder / "one", port=free_port(), monitor_port=free_port(), passwords={topology.ADMIN: "x"}
    )
    try:
        with pytest.raises(StartError, match="address already in use"):
            nats_server.start(
                folder / "two", port=server.listening.port, monitor_port=free_port(),
                passwords={topology.ADMIN: "x"},
            )  # fmt: skip
    finally:
        server.stop()


async def test_users_can_be_added_while_the_broker_runs(folder: Path) -> None:
    passwords = {topology.ADMIN: "x", "intake": "y"}
    server = nats_server.start(folder, port=free_port(), monitor_port=free_port(), passwords=passwords)

    def settings(user: str, password: str) -> ServiceSettings:
        return ServiceSettings(
            pg_dsn=SecretStr("x"), nats_url=server.url, nats_user=user, nats_password=SecretStr(password)
        )

    try:
        intake = await connect(settings("intake", "y"), "intake", patience_s=PATIENCE_S)
        server.reload({**passwords, "sys-new": "z"})
        system = await connect(settings("sys-new", "z"), "new", patience_s=PATIENCE_S)
        assert await system.ready()
        assert await intake.ready()
        assert intake.nc.stats["reconnects"] == 0, "those who stay the same stay connected"
        await system.close()
        await intake.close()
    finally:
        server.stop()
    assert (folder / "users.conf").stat().st_mode & 0o077 == 0


async def test_a_withdrawn_user_is_closed_out(folder: Path) -> None:
    passwords = {topology.ADMIN: "x", "intake": "y"}
    server = nats_server.start(folder, port=free_port(), monitor_port=free_port(), passwords=passwords)
    closed: list[int] = []
    settings = ServiceSettings(
        pg_dsn=SecretStr("x"), nats_url=server.url, nats_user="intake", nats_password=SecretStr("y")
    )
    try:
        bus = await connect(settings, "intake", patience_s=PATIENCE_S, on_closed=lambda: closed.append(1))
        server.reload({topology.ADMIN: "x"})
        await brokers.wait_until(lambda: closed or not bus.nc.is_connected)
        await bus.close()
    finally:
        server.stop()


def test_stopping_is_quick(folder: Path) -> None:
    server = nats_server.start(folder, port=free_port(), monitor_port=free_port(), passwords={topology.ADMIN: "x"})
    server.send(signal.SIGTERM)
    server.stop(timeout_s=PATIENCE_S)
    assert not server.is_alive
