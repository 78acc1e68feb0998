"""NATS and PostgreSQL for one city: the embedded ones, or those that somebody else runs."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import nats.errors
import nats.js.errors
from pydantic import SecretStr

from citygoals.local import nats_server, postgres_server
from citygoals.local.city_dir import CityDir, LocalError
from citygoals.local.passwords import named, password, passwords
from citygoals.local.ports import monitor_port
from citygoals.local.programs import LOOPBACK, nats_program, postgres_program, reached_at
from citygoals.local.supervisor import SERVICES, Supervisor
from citygoals.shared.bus import connect
from citygoals.shared.errors import Unavailable
from citygoals.shared.natsconf import Listening
from citygoals.shared.settings import ServiceSettings
from citygoals.shared.topology import ADMIN, provision, system_user

DEMO_SYSTEM = "demo"
_TIMEOUT_S = 60.0  # recovery after a crash included
_NATS_SECRET = "nats"  # noqa: S105 - the beginning of file names


@dataclass(frozen=True, kw_only=True)
class Options:
    """What `citygoals up` was asked for. Addresses are None for the embedded servers."""

    data: Path
    host: str = LOOPBACK
    port_base: int = 8800
    demo: bool = False
    nats_url: str | None = None
    pg_dsn: str | None = None


@dataclass(frozen=True, kw_only=True)
class Broker:
    """Where NATS is (no credentials in the address), and the password of each user."""

    url: str
    passwords: Mapping[str, str]

    def user_for(self, name: str) -> str:
        """Return the user to connect as: the one of that name, or the one that was given for all."""
        return name if name in self.passwords else next(iter(self.passwords), "")


def address(host: str, port: int) -> str:
    """Return `host:port` as this machine reaches it, for a URL."""
    reached = reached_at(host)
    return f"[{reached}]:{port}" if ":" in reached else f"{reached}:{port}"


async def start_broker(options: Options, folder: CityDir, supervisor: Supervisor, port: int) -> Broker:
    """Start the embedded NATS server and wait until it is ready, or take the one that was given."""
    if options.nats_url is not None:
        return external_broker(options.nats_url)
    users = nats_passwords(folder)
    monitor = monitor_port(options.port_base)
    nats_server.prepare(folder.nats, Listening(options.host, port, monitor), users)
    await supervisor.start(nats_program(folder, port=port, monitor_port=monitor), _TIMEOUT_S)
    return Broker(url=f"nats://{address(options.host, port)}", passwords=users)


def nats_passwords(folder: CityDir) -> dict[str, str]:
    """Return the password of every NATS user of this folder: the services, and each publishing system."""
    systems = {name for name in named(folder.secrets, _NATS_SECRET) if name.startswith(system_user(""))}
    return passwords(folder.secrets, _NATS_SECRET, (ADMIN, *SERVICES, *sorted({system_user(DEMO_SYSTEM), *systems})))


def external_broker(url: str) -> Broker:
    """Return a broker that somebody else runs: the user in its address is used for everything."""
    parts = urlsplit(url)
    where = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    given = {unquote(parts.username): unquote(parts.password or "")} if parts.username else {}
    return Broker(url=where, passwords=given)


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
        bus = await connect(settings, "citygoals-up", patience_s=10.0, on_closed=lambda: None)
        async with bus:
            await provision(bus.js)
    except (Unavailable, nats.errors.Error, nats.js.errors.APIError) as error:
        raise LocalError(f"the streams cannot be made at {broker.url}: {error}") from error


async def start_database(options: Options, folder: CityDir, supervisor: Supervisor, port: int) -> str:
    """Start the embedded PostgreSQL and wait until it is ready, or take the one that was given; return its address."""
    if options.pg_dsn is not None:
        return options.pg_dsn
    secret = password(folder.secrets, "postgres-admin")
    await asyncio.to_thread(postgres_server.prepare, folder.postgres, password=secret)
    await supervisor.start(postgres_program(folder, port=port, password=secret), _TIMEOUT_S)
    await asyncio.to_thread(postgres_server.ensure_database, port, secret)
    return postgres_server.dsn(port, secret)
