"""The wiring of kpi, in order, on one screen."""

import gc
from contextlib import AsyncExitStack
from datetime import timedelta

from fastapi import FastAPI

from citygoals.kpi.answers import answer
from citygoals.kpi.api import FILE_MAX_BYTES, Registry, Staff, catalogue_routes, plan_routes, schema_routes
from citygoals.kpi.bus_side import asyncapi
from citygoals.kpi.commitment_api import commitment_routes
from citygoals.kpi.draft_api import draft_routes, version_routes
from citygoals.kpi.duty_api import duty_routes
from citygoals.kpi.leader import Leadership
from citygoals.kpi.narrative_api import narrative_routes
from citygoals.kpi.publication_api import publication_routes
from citygoals.kpi.rebuild import Rebuilds
from citygoals.kpi.rebuild_api import rebuild_routes
from citygoals.kpi.settings import KpiSettings
from citygoals.shared.body_limit import BodyLimit
from citygoals.shared.bus import Bus, connect
from citygoals.shared.clock import SystemClock
from citygoals.shared.keys import KeyRing
from citygoals.shared.ops import Draining, asyncapi_route, ops_routes, serve
from citygoals.shared.period import CityCalendar
from citygoals.shared.postgres import Pool, create_pool, pending
from citygoals.shared.problem import install_problem_handlers
from citygoals.shared.telemetry import setup


async def main(settings: KpiSettings) -> None:
    """Run kpi until SIGTERM."""
    setup("kpi", settings)
    async with AsyncExitStack() as stack:
        pool = await create_pool(settings.pg_dsn.get_secret_value(), "kpi", max_size=settings.pg_pool_max)
        stack.callback(pool.terminate)
        bus = await stack.enter_async_context(await connect(settings, "kpi"))
        calendar = CityCalendar(settings.zone, settings.fiscal_month)
        leadership = Leadership(pool, bus, calendar, SystemClock())
        rebuilds = Rebuilds(pool, calendar, leadership)
        stack.push_async_callback(rebuilds.close)
        await answer(bus, pool, calendar)

        draining = Draining()
        retention = None if settings.history_days is None else timedelta(days=settings.history_days)
        app = build_http(Registry(leadership, pool, calendar, retention), rebuilds)
        app.router.routes.extend(ops_routes(lambda: _ready(pool, bus, leadership), draining))
        _collect_garbage_seldom()
        await serve(app, settings, draining, leadership.run)


def build_http(registry: Registry, rebuilds: Rebuilds) -> FastAPI:
    """Build the HTTP side."""
    app = FastAPI(title="City Goals kpi", version="1", summary="The ledger, the measures, the roll-ups", redoc_url=None)
    app.add_middleware(BodyLimit, bytes_max=FILE_MAX_BYTES)
    install_problem_handlers(app)
    staff = Staff(KeyRing(registry.pool))
    app.include_router(schema_routes())
    app.include_router(plan_routes(registry, staff))
    app.include_router(catalogue_routes(registry, staff))
    app.include_router(duty_routes(registry, staff))
    app.include_router(version_routes(registry, staff))
    app.include_router(draft_routes(registry, staff))
    app.include_router(rebuild_routes(rebuilds, staff))
    app.include_router(commitment_routes(registry, staff))
    app.include_router(narrative_routes(registry, staff))
    app.include_router(publication_routes(registry, staff))
    app.router.routes.append(asyncapi_route(asyncapi()))
    return app


def _collect_garbage_seldom() -> None:
    """A batch makes tens of thousands of objects, none of them in cycles; looking for some took a sixth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


async def _ready(pool: Pool, bus: Bus, leadership: Leadership) -> dict[str, bool]:
    # A standby is ready too: it answers for the archive and takes over when the leader is gone.
    return {
        "postgres": not await pending(pool, "citygoals.kpi", "kpi"),
        "nats": await bus.ready(),
        "leader": leadership.has_competed,
    }
