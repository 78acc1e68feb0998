"""NATS and PostgreSQL for one city: the embedded ones, or those that somebody else runs."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import nats.errors
import nats.js.errors
from pydantic import SecretStr

from citygoals.local import nats_server, postgres_server
from citygoals.local.child import Program
from citygoals.local.city_dir import CityDir, LocalError
from citygoals.local.passwords import named, password, passwords
from citygoals.local.ports import monitor_port
from citygoals.local.probes import http_ready, postgres_ready
from citygoals.local.supervisor import SERVICES, Supervisor
from citygoals.local.up_options import DEMO_SYSTEM, LOOPBACK, Options
from citygoals.shared.bus import connect
from citygoals.shared.errors import Unavailable
from citygoals.shared.natsconf import Listening
from citygoals.shared.settings import ServiceSettings
from citygoals.shared.topology import ADMIN, provision, system_user

__all__ = [
    "DEMO_SYSTEM",
    "Broker",
    "nats_passwords",
    "nats_program",
    "postgres_program",
    "provision_streams",
    "start_nats",
    "start_postgres",
]

_TIMEOUT_S = 60.0  # recovery after a crash included
_PATIENCE_S = 5.0  # for a server that somebody else runs: it is up already, or the address is wrong
_NATS_SECRET = "nats"  # noqa: S105 - the beginning of file names


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


@dataclass(frozen=True, kw_only=True)
class Broker:
    """Where NATS is (no credentials in the address), and the password of each user."""

    url: str
    passwords: Mapping[str, str]

    def user_for(self, name: str) -> str:
        """Return the user to connect as: the one of that name, or the one that was given for all."""
        return name if name in self.passwords else next(iter(self.passwords), "")


async def start_nats(options: Options, folder: CityDir, supervisor: Supervisor) -> Broker:
    """Start the embedded NATS server, unless one was given, and bring its streams to the topology."""
    if options.nats_given is not None:
        user, word = options.nats_given
        broker = Broker(url=options.nats, passwords={user: word} if user else {})
    else:
        users, monitor = nats_passwords(folder), monitor_port(options.port_base)
        nats_server.prepare(folder.nats, Listening(options.host, options.port("nats"), monitor), users)
        await supervisor.start(nats_program(folder, port=options.port("nats"), monitor_port=monitor), _TIMEOUT_S)
        broker = Broker(url=options.nats, passwords=users)
    await provision_streams(broker)
    return broker


def nats_passwords(folder: CityDir) -> dict[str, str]:
    """Return the password of every NATS user of this folder: the services, and each publishing system."""
    systems = {name for name in named(folder.secrets, _NATS_SECRET) if name.startswith(system_user(""))}
    return passwords(folder.secrets, _NATS_SECRET, (ADMIN, *SERVICES, *sorted({system_user(DEMO_SYSTEM), *systems})))


async def provision_streams(broker: Broker) -> None:
    """Bring the streams and consumers to what the topology says. Raises LocalError if the broker refuses."""
    user = broker.user_for(ADMIN)
    settings = ServiceSettings(
        pg_dsn=SecretStr(""),
        nats_url=broker.url,
        nats_user=user,
        nats_password=SecretStr(broker.passwords.get(user, "")),
    )
    try:
        bus = await connect(settings, "citygoals-up", patience_s=_PATIENCE_S, on_closed=lambda: None)
        async with bus:
            await provision(bus.js)
    except (Unavailable, nats.errors.Error, nats.js.errors.APIError) as error:
        raise LocalError(f"the streams cannot be made at {broker.url}: {error}") from error


async def start_postgres(options: Options, folder: CityDir, supervisor: Supervisor) -> str:
    """Start the embedded PostgreSQL and wait until it is ready, or take the one that was given; return its address."""
    if options.pg_dsn is not None:
        return options.pg_dsn
    port, secret = options.port("postgres"), password(folder.secrets, "postgres-admin")
    await asyncio.to_thread(postgres_server.prepare, folder.postgres, password=secret)
    await supervisor.start(postgres_program(folder, port=port, password=secret), _TIMEOUT_S)
    await asyncio.to_thread(postgres_server.ensure_database, port, secret)
    return postgres_server.dsn(port, secret)
