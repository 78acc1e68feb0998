"""Fixtures of every kind of test: real servers for the session, a fresh database and fresh streams for each test."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import brokers
import hypothesis
import nats
import pytest
import uvloop
from brokers import Database, Nats, Postgres
from citygoals.shared import postgres, topology
from citygoals.shared.bus import Bus, connect
from citygoals.shared.settings import PREFIX, ServiceSettings
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from hypothesis.internal.conjecture import providers
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import ServerError
from patience import PATIENCE_S
from pydantic import SecretStr

ASKED_OF_TESTS = {
    "CITYGOALS_REAL_DATA",
    "CITYGOALS_REQUIRE_BROWSER",
    "CITYGOALS_REQUIRE_CONTAINERS",
    "CITYGOALS_CONTAINERS_NOT_RUN",
    "CITYGOALS_SCREENSHOT",
}

for _name in [name for name in os.environ if name.startswith((PREFIX, "OTEL_"))]:
    if _name not in ASKED_OF_TESTS:
        del os.environ[_name]  # a test never depends on what its shell happens to have set

STORE_NOT_CREATED = 10049

LONGEST = (
    "e2e/test_compose.py",
    "e2e/test_local_up.py",
    "e2e/test_local_commands.py",
    "e2e/test_dashboard.py",
    "e2e/test_local_demo.py",
    "integration/notify/test_service.py",
    "integration/kpi/test_restarts.py",
    "integration/intake/test_outages.py",
    "integration/kpi/test_draft_restarts.py",
    "integration/laws/test_laws.py",
    "integration/kpi/test_drafts.py",
    "integration/publications/test_publications.py",
    "unit/reporting/test_kinds.py",
    "integration/reporting/test_past.py",
    "integration/reporting/test_kinds.py",
    "integration/reporting/test_edges.py",
    "unit/kpi/test_kinds.py",
)
"""The test files that take longest, roughly in order. One that is missing here costs some time, nothing else."""

# No deadline, and no complaint about slow examples: how long they take says how busy the machine is. An example may
# share its test's database, for it begins with what the one before has left. The suite tries the same examples each
# time, so that whoever changes something is not told of a mistake of another; `make test-explore` looks for new ones.
# A test that says `settings(...)` itself takes all of this from here, unless it names one of them.
COMMON = hypothesis.settings(
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.register_profile("suite", COMMON, derandomize=True)
hypothesis.settings.register_profile("explore", COMMON)
hypothesis.settings.load_profile("suite")

assert hasattr(providers, "is_local_module_file"), "Hypothesis has moved what keeps the suite's examples the same"
setattr(providers, "is_local_module_file", lambda _: False)  # noqa: B010 - mypy knows that it is not exported
# It would draw from the constants of the modules that happen to be loaded, so from which files a worker ran before.

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts the suite in the background lets it ignore SIGINT, and with it every process that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

for _part in ("connect", "read", "write", "pool"):
    # Where a test names no timeout, httpx would give up after five seconds, which says how busy the machine is.
    setattr(DEFAULT_TIMEOUT_CONFIG, _part, PATIENCE_S)

S = TypeVar("S", bound=ServiceSettings)
_numbers = itertools.count(1)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests on the loop that the services run on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests together, the longest files first.

    Pytest puts the asynchronous tests apart, and a module's city would be made twice. Of several workers each takes the
    next file when it is through with one (`--no-loadscope-reorder`): who begins the longest last ends alone.
    """
    first = {Path(__file__).parent / name: -number for number, name in enumerate(reversed(LONGEST), 1)}
    files = {path: number for number, path in enumerate(dict.fromkeys(item.path for item in items))}
    items.sort(key=lambda item: (first.get(item.path, 0), files[item.path]))


@pytest.fixture(scope="session")
def nats_server() -> Iterator[Nats]:
    """The session's NATS server, with the users and rights of the topology."""
    with brokers.running_nats() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """The session's PostgreSQL."""
    with brokers.running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def templates(postgres_server: Postgres) -> Callable[[tuple[str, ...]], Awaitable[str]]:
    """`await templates(("access", "kpi"))`: name of a database with those schemas at their newest and no rows."""
    made: dict[tuple[str, ...], str] = {}

    async def template(schemas: tuple[str, ...]) -> str:
        if schemas not in made:
            name = f"template_{'_'.join(schemas)}"
            await brokers.make_template(postgres_server, name, schemas)
            made[schemas] = name
        return made[schemas]

    return template


@pytest.fixture
def schemas(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """A test below tests/<kind>/<service>/ sees that service's schema and `access`; every other test sees all."""
    folder = request.path.parent.name
    return ("access", folder) if folder in topology.SERVICES else brokers.SCHEMAS


@pytest.fixture
async def database(
    postgres_server: Postgres, templates: Callable[[tuple[str, ...]], Awaitable[str]], schemas: tuple[str, ...]
) -> AsyncIterator[Database]:
    """An empty database with the schemas that this test sees."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    await brokers.copy_database(postgres_server, await templates(schemas), name)
    yield Database(postgres_server, name)
    await brokers.drop_database(postgres_server, name)


@pytest.fixture
async def pool_for(database: Database) -> AsyncIterator[Callable[..., Awaitable[postgres.Pool]]]:
    """`await pool_for("kpi")`: a pool of that service's role on this test's database."""
    pools: list[postgres.Pool] = []

    async def open_pool(service: str, **options: Any) -> postgres.Pool:
        pools.append(await postgres.create_pool(database.dsn(service), service, **options))
        return pools[-1]

    yield open_pool
    for pool in pools:
        pool.terminate()


@pytest.fixture
async def streams(nats_server: Nats) -> AsyncIterator[Client]:
    """Empty streams and consumers as the topology says, for this test alone; gives the admin's connection."""
    client = await nats.connect(nats_server.url, user=topology.ADMIN, password=nats_server.passwords[topology.ADMIN])
    try:
        js = client.jetstream()
        for info in await js.streams_info():
            await js.delete_stream(info.config.name or "")
        await _provision(js)
        yield client
    finally:
        await client.close()


async def _provision(js: JetStreamContext) -> None:
    """The server may still be removing the folder of a stream that it has said to be deleted."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await topology.provision(js)
            except ServerError as error:
                if error.err_code != STORE_NOT_CREATED:
                    raise
                await asyncio.sleep(0.05)


@pytest.fixture
def settings_for(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`settings_for(KpiSettings, "kpi", port=0)`: settings for a service on this test's database and broker.

    Asks for the database and the broker only if the test has them among its fixtures.
    """

    def build(cls: type[S], service: str, **extra: Any) -> S:
        values: dict[str, Any] = {"pg_dsn": SecretStr("postgresql://nowhere"), "nats_user": service, "port": 0}
        if "database" in request.fixturenames:
            values["pg_dsn"] = SecretStr(request.getfixturevalue("database").dsn(service))
        if "streams" in request.fixturenames:
            server: Nats = request.getfixturevalue("nats_server")
            values |= {"nats_url": server.url, "nats_password": SecretStr(server.passwords[service])}
        return cls(**{**values, **extra})

    return build


@pytest.fixture
async def bus_for(
    nats_server: Nats, streams: Client, settings_for: Callable[..., ServiceSettings]
) -> AsyncIterator[Callable[[str], Awaitable[Bus]]]:
    """`await bus_for("kpi")`: a bus connected as that service (or as `sys-demo`, or the admin)."""
    buses: list[Bus] = []

    def closed() -> None:
        raise AssertionError("the bus closed by itself")

    async def open_bus(user: str) -> Bus:
        settings = settings_for(ServiceSettings, user)
        buses.append(await connect(settings, f"test-{user}", patience_s=PATIENCE_S, on_closed=closed))
        return buses[-1]

    yield open_bus
    for bus in buses:
        await bus.close()
