"""The programs of a city: how each is started, where it listens, and how to see that it is ready."""

import sys
from collections.abc import Mapping
from pathlib import Path

from citygoals.local import nats_server, postgres_server
from citygoals.local.child import Program
from citygoals.local.city_dir import CityDir
from citygoals.local.probes import http_ready, postgres_ready

LOOPBACK = "127.0.0.1"
_ANY = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - compared, not bound


def reached_at(host: str) -> str:
    """Return the address under which this machine reaches what listens on `host`."""
    return _ANY.get(host, host)


def nats_program(folder: CityDir, *, port: int, monitor_port: int) -> Program:
    """Return the embedded NATS server, prepared before."""
    return Program(
        name="nats",
        command=nats_server.command(folder.nats),
        port=port,
        probe=http_ready(LOOPBACK, monitor_port, "/healthz"),
        stop_signal=nats_server.STOP_SIGNAL,
    )


def postgres_program(folder: CityDir, *, port: int, password: str) -> Program:
    """Return the embedded PostgreSQL server; each start first clears what a killed one left."""
    return Program(
        name="postgres",
        command=postgres_server.command(folder.postgres, port=port),
        port=port,
        probe=postgres_ready(LOOPBACK, port, postgres_server.ADMIN_ROLE),
        stop_signal=postgres_server.STOP_SIGNAL,
        before_start=lambda: postgres_server.prepare(folder.postgres, password=password),
    )


def service_program(name: str, *, host: str, port: int, environment: Mapping[str, str]) -> Program:
    """Return one of the four services."""
    return Program(
        name=name,
        command=(sys.executable, "-m", f"citygoals.{name}"),
        environment={**environment, "CITYGOALS_HOST": host, "CITYGOALS_PORT": str(port)},
        port=port,
        probe=http_ready(reached_at(host), port),
    )


def demo_program(data: Path) -> Program:
    """Return the synthetic day; it ends by itself."""
    return Program(name="demo", command=(sys.executable, "-m", "citygoals.local.demo_feed", str(data)), finishes=True)
