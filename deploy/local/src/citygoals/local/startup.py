"""From nothing to a running city: servers, schemas, streams, keys, services, as much as possible at the same time."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from citygoals.local.city_dir import CityDir, LocalError
from citygoals.local.endpoints import Credentials, Endpoints, Publisher
from citygoals.local.keys import ensure_keys
from citygoals.local.passwords import passwords, remember
from citygoals.local.ports import ports_of
from citygoals.local.programs import service_program
from citygoals.local.running import StartError
from citygoals.local.schemas import Database, migrate_all
from citygoals.local.servers import (
    DEMO_SYSTEM,
    Broker,
    Options,
    address,
    provision_streams,
    start_broker,
    start_database,
)
from citygoals.local.supervisor import SERVICES, Supervisor
from citygoals.shared.topology import inbox, system_user

_TIMEOUT_S = 60.0


async def bring_up(options: Options, supervisor: Supervisor) -> Endpoints:
    """Start everything, wait until it is ready, and return where it is. Raises LocalError that says what is in the way."""
    folder, ports = CityDir(options.data), ports_of(options.port_base)
    async with _at_once() as group:
        asked_broker = group.create_task(start_broker(options, folder, supervisor, ports["nats"]))
        asked_dsn = group.create_task(start_database(options, folder, supervisor, ports["postgres"]))
    broker, dsn = asked_broker.result(), asked_dsn.result()
    secrets = await asyncio.to_thread(passwords, folder.secrets, "postgres", SERVICES)
    async with _at_once() as group:
        migrating = group.create_task(migrate_all(dsn, secrets))
        group.create_task(provision_streams(broker))
    async with _at_once() as group:
        keys = group.create_task(ensure_keys(dsn, folder.secrets, (DEMO_SYSTEM,)))
        for name in SERVICES:
            environment = _environment(name, folder, broker, migrating.result()) | _more(name, options)
            program = service_program(name, host=options.host, port=ports[name], environment=environment)
            group.create_task(supervisor.start(program, _TIMEOUT_S))
    return _endpoints(options, broker, dsn, keys.result())


@asynccontextmanager
async def _at_once() -> AsyncIterator[asyncio.TaskGroup]:
    """Give a task group whose first error comes out as itself, once all others have been cancelled."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
        raise LocalError(str(first)) if isinstance(first, StartError) else first from None


def _environment(service: str, folder: CityDir, broker: Broker, database: Database) -> dict[str, str]:
    """Return the settings of a service; its secrets lie in files that only the owner can read."""
    user = broker.user_for(service)
    secrets = {"PG_DSN": database.service_dsns[service], "NATS_PASSWORD": broker.passwords.get(user, "")}
    files = {}
    for name, value in secrets.items():
        file = f"service-{service}-{name.lower().replace('_', '-')}"
        remember(folder.secrets, file, value)
        files[f"CITYGOALS_{name}_FILE"] = str(folder.secrets.resolve() / file)
    return {**files, "CITYGOALS_NATS_URL": broker.url, "CITYGOALS_NATS_USER": user}


def _more(service: str, options: Options) -> dict[str, str]:
    """Return what only this runner knows: where readers find the pages that letters link to."""
    if service != "notify" or "CITYGOALS_PUBLIC_URL" in os.environ:
        return {}
    return {"CITYGOALS_PUBLIC_URL": f"http://{address(options.host, ports_of(options.port_base)['reporting'])}"}


def _endpoints(options: Options, broker: Broker, dsn: str, keys: Mapping[str, str]) -> Endpoints:
    ports = ports_of(options.port_base)
    user = broker.user_for(system_user(DEMO_SYSTEM))
    publisher = Publisher(
        system=DEMO_SYSTEM,
        key=keys[f"publisher-{DEMO_SYSTEM}"],
        nats_user=user,
        nats_password=broker.passwords.get(user, ""),
        nats_inbox=inbox(user),
    )
    return Endpoints(
        **{name: f"http://{address(options.host, ports[name])}" for name in SERVICES},
        nats=broker.url,
        postgres=dsn,
        credentials=Credentials(publisher=publisher, **{role: keys[role] for role in ("analyst", "staff", "admin")}),
    )
