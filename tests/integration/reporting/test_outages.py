"""The database is away: what is known is still read, the rest says 503, and everything comes back by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import asyncpg
from brokers import wait_until
from integration.reporting.conftest import Service, running
from unit.reporting.city import Contribution, ToyCity


@asynccontextmanager
async def away(database: Any) -> AsyncIterator[None]:
    """Let nobody connect to the test's database, and cut every connection to it."""
    admin = await asyncpg.connect(database.server.admin_dsn)
    try:
        # A limit, because ALLOW_CONNECTIONS would also keep the owner out of dropping it afterwards.
        await admin.execute(f"ALTER DATABASE {database.name} CONNECTION LIMIT 0")
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database.name)

        async def nobody_is_left() -> bool:
            return not await admin.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'",
                database.name,
            )

        await wait_until(nobody_is_left)
        yield
        await admin.execute(f"ALTER DATABASE {database.name} CONNECTION LIMIT -1")
    finally:
        await admin.close()


async def test_reading_goes_on_from_memory(service: Service, database: Any) -> None:
    random, city = Random(1), ToyCity()
    await service.kpi.publish(city.define(), *[city.random(random) for _ in range(10)])
    await service.at(city.position)
    known = await service.get("/v1/snapshot")
    async with away(database):
        await service.kpi.publish(city.change([Contribution("SR-08", city.today, 5, 0)]))
        assert await service.get("/v1/snapshot") == known
        assert (await service.get("/v1/nodes/city"))["as_of"] == known["as_of"]
        problem = await service.http.get("/v1/kpis/MC-01/series")
        assert problem.status_code == 503
        assert problem.headers["retry-after"]
        assert (await service.http.get("/v1/snapshot?as_of=3")).status_code == 503
        assert (await service.http.get("/ready")).status_code == 503
        assert (await service.http.get("/live")).status_code == 200
    await service.at(city.position)
    assert (await service.get("/v1/snapshot"))["totals"]["events"] == city.events
    await service.get("/v1/kpis/MC-01/series")
    await wait_until(lambda: _is_ready(service))


async def _is_ready(service: Service) -> bool:
    return (await service.http.get("/ready")).status_code == 200


async def test_a_replica_that_the_bus_passes_by_follows_the_database(
    settings: Any, pool: Any, bus_for: Any, kpi: Any, pool_for: Any
) -> None:
    city = ToyCity()
    async with running(settings, pool, await bus_for("reporting")) as (one, _):
        await kpi.publish(city.define())
        await wait_until(lambda: one.present.position == 1)
        async with running(settings, await pool_for("reporting"), await bus_for("reporting")) as (two, _):
            await wait_until(lambda: two.present.position == 1)
            for _ in range(3):
                await kpi.publish(city.change([Contribution("SR-08", city.today, 5, 0)]))
            await wait_until(lambda: one.present.position == two.present.position == 4)
            assert await one.model.snapshot() == await two.model.snapshot()
