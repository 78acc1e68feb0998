"""From nothing to a running city: servers, schemas, streams, keys, services, as much as possible at the same time."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict

from citygoals.local.city_dir import CityDir, LocalError
from citygoals.local.client import City
from citygoals.local.endpoints import Credentials, Endpoints, Publisher
from citygoals.local.keys import ensure_keys
from citygoals.local.passwords import passwords
from citygoals.local.programs import give_secrets
from citygoals.local.running import StartError
from citygoals.local.sample_city import load_sample_city
from citygoals.local.schemas import Database, migrate_all
from citygoals.local.servers import Broker, start_nats, start_postgres
from citygoals.local.service_settings import check_settings
from citygoals.local.supervisor import SERVICES, Supervisor
from citygoals.local.up_options import DEMO_SYSTEM, Options
from citygoals.shared.logs import configure_logs
from citygoals.shared.topology import inbox, system_user

_TIMEOUT_S = 60.0


async def bring_up(options: Options, supervisor: Supervisor) -> Endpoints:
    """Start everything, wait until it is ready, and return where it is. Raises LocalError that says what is in the way.

    The services are loading already; they are let go once what they need is there.
    """
    check_settings()
    configure_logs("up", "error")  # what goes wrong is said at the end, not at each attempt
    folder = CityDir(options.data)
    async with _at_once() as group:
        asked_broker = group.create_task(start_nats(options, folder, supervisor))
        asked_database = group.create_task(_database(options, folder, supervisor))
    broker, (database, keys) = asked_broker.result(), asked_database.result()
    endpoints = _endpoints(options, database, broker, keys)
    for name in SERVICES:
        word = broker.passwords.get(options.nats_user(name), "")
        give_secrets(name, folder, {"PG_DSN": database.service_dsns[name], "NATS_PASSWORD": word})
    async with _at_once() as group:
        for name in SERVICES:
            group.create_task(supervisor.let_go(name, _TIMEOUT_S))
        # Reporting is ready only once there is a position to show, so this does not wait for it.
        group.create_task(_load_sample(endpoints))
    return endpoints


async def _load_sample(endpoints: Endpoints) -> None:
    with City(asdict(endpoints), patience_s=_TIMEOUT_S) as city:
        # When this is cancelled the thread stays, but leaving `with` ends all its waiting.
        await asyncio.to_thread(load_sample_city, city)


async def _database(options: Options, folder: CityDir, supervisor: Supervisor) -> tuple[Database, dict[str, str]]:
    dsn = await start_postgres(options, folder, supervisor)
    database = await migrate_all(dsn, passwords(folder.secrets, "postgres", SERVICES))
    return database, await ensure_keys(dsn, folder.secrets, (DEMO_SYSTEM,))


@asynccontextmanager
async def _at_once() -> AsyncIterator[asyncio.TaskGroup]:
    """Give a task group whose first error comes out as itself, once all others have been cancelled."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
        raise LocalError(str(first)) if isinstance(first, StartError) else first from None


def _endpoints(options: Options, database: Database, broker: Broker, keys: Mapping[str, str]) -> Endpoints:
    user = options.nats_user(system_user(DEMO_SYSTEM))
    publisher = Publisher(
        system=DEMO_SYSTEM,
        key=keys[f"publisher-{DEMO_SYSTEM}"],
        nats_user=user,
        nats_password=broker.passwords.get(user, ""),
        nats_inbox=inbox(user),
    )
    return Endpoints(
        **{name: options.http(name) for name in SERVICES},
        nats=options.nats,
        postgres=database.admin_dsn,
        credentials=Credentials(publisher=publisher, **{role: keys[role] for role in ("analyst", "staff", "admin")}),
    )
