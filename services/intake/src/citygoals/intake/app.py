"""The wiring, in order, on one screen."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.requests import Request
from starlette.responses import Response

from citygoals.intake import bus_side, metrics, openapi
from citygoals.intake.admission import Admission
from citygoals.intake.asks import Asks
from citygoals.intake.departments import Departments
from citygoals.intake.doors_nats import AdmitDoor, RawDoor
from citygoals.intake.event_types import EventTypes
from citygoals.intake.http import Door
from citygoals.intake.journal import Journal
from citygoals.intake.keeper import Keeper
from citygoals.intake.lanes import Lanes
from citygoals.intake.namespaces import Namespaces
from citygoals.intake.quarantine_relay import QuarantineRelay
from citygoals.intake.rate import Rate
from citygoals.intake.relay import Relay
from citygoals.intake.routes_event_types import event_type_routes
from citygoals.intake.routes_keys import keys_routes
from citygoals.intake.routes_quarantine import quarantine_routes
from citygoals.intake.settings import IntakeSettings
from citygoals.intake.status import status_routes
from citygoals.shared import asyncapi
from citygoals.shared.body_limit import BodyLimit
from citygoals.shared.bus import Bus, connect
from citygoals.shared.clock import Clock, SystemClock
from citygoals.shared.ending import end
from citygoals.shared.keys import KeyRing
from citygoals.shared.ops import Draining, asyncapi_route, ops_routes, serve
from citygoals.shared.outage import is_away
from citygoals.shared.postgres import Pool, create_pool, load_sql, pending
from citygoals.shared.problem import RETRY_AFTER_S, install_problem_handlers, problem
from citygoals.shared.telemetry import setup

PACKAGE, SCHEMA = "citygoals.intake", "intake"
FINISH_S = 1.5
_UNSTORABLE = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
# A span and a measurement of every request would cost more than the hops of the sampled events tell.
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
SUMMARY = "The doors of the city: CloudEvents in, a receipt once they are durable."


@dataclass(frozen=True)
class Intake:
    """A running intake, without its HTTP server."""

    app: FastAPI
    settings: IntakeSettings
    pool: Pool
    bus: Bus
    admission: Admission
    raw: RawDoor
    draining: Draining
    tasks: tuple[asyncio.Task[None], ...]

    async def watch(self, stop: asyncio.Event) -> None:
        """Return when told to stop; raise what a background task failed with."""
        told = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([told, *self.tasks], return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        for task in done - {told}:
            task.result()


@asynccontextmanager
async def running(settings: IntakeSettings, clock: Clock | None = None) -> AsyncIterator[Intake]:
    """Build intake, start what runs behind the doors, and at the end finish what was begun."""
    async with AsyncExitStack() as stack:
        sql = load_sql(PACKAGE)
        pool = await create_pool(settings.pg_dsn.get_secret_value(), SCHEMA, max_size=settings.pg_pool_max)
        stack.callback(pool.terminate)
        bus = await stack.enter_async_context(await connect(settings, "intake"))

        keys, types, namespaces = KeyRing(pool), EventTypes(pool, sql, Departments(bus)), Namespaces(pool, sql)
        await types.refresh()
        await types.learn_departments()
        keeper = Keeper(Lanes(pool, sql), lambda lease: Relay(bus, pool, sql, lease))
        clock = clock or SystemClock()
        journal = Journal(pool, sql, keeper, clock, queue_rows_max=settings.queue_events_max)
        admission = Admission(settings, pool, sql, types, keeper, journal, clock)
        metrics.watch(journal, keeper)

        tasks = (
            _start(stack, types.run()),
            _start(stack, QuarantineRelay(bus, pool, sql, keep_days=settings.quarantine_keep_days).run()),
            _start(stack, keeper.run()),
            _start(stack, journal.run()),
        )
        stack.push_async_callback(keeper.close, FINISH_S)
        stack.push_async_callback(journal.close, FINISH_S)
        await keeper.writing()

        await AdmitDoor(bus, admission, namespaces).open()
        await Asks(pool, sql).open(bus)
        draining = Draining()
        app = build_app(admission, keys, bus, draining)
        yield Intake(app, settings, pool, bus, admission, RawDoor(bus, admission, namespaces), draining, tasks)


def build_app(admission: Admission, keys: KeyRing, bus: Bus, draining: Draining) -> FastAPI:
    """Return the HTTP side."""
    pool, sql, settings = admission.pool, admission.sql, admission.settings
    app = FastAPI(title="City Goals intake", version="1", description=SUMMARY, telemetry=NO_TELEMETRY)
    app.add_middleware(BodyLimit, bytes_max=settings.body_bytes_max)
    install_problem_handlers(app)
    for kind in (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        app.add_exception_handler(kind, _on_database_error)
    door = Door(keys, admission, Rate(settings.publisher_events_per_s))
    app.router.add_route("/v1/events", door.post_events, methods=["POST"])
    app.include_router(event_type_routes(admission.types, keys))
    app.include_router(quarantine_routes(admission, keys))
    app.include_router(keys_routes(pool, keys))
    app.include_router(status_routes(pool, sql))
    app.router.routes.append(asyncapi_route(asyncapi.document("intake", SUMMARY, bus_side.OPERATIONS)))
    app.router.routes.extend(ops_routes(_readiness(pool, bus, admission.keeper), draining))
    described = app.openapi
    app.openapi = lambda: openapi.with_events(described())  # type: ignore[method-assign]  # FastAPI's documented way
    return app


async def main(settings: IntakeSettings) -> None:
    """Run until SIGTERM."""
    setup("intake", settings)
    async with running(settings) as intake:
        # A batch makes tens of thousands of objects and no cycles: looking for cycles after every 700 costs a tenth of
        # all work, and what was built at the start never needs a look again.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        await serve(intake.app, settings, intake.draining, intake.raw.run, intake.watch)


def _start(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work)
    stack.push_async_callback(end, task)
    return task


def _readiness(pool: Pool, bus: Bus, keeper: Keeper) -> Callable[[], Awaitable[dict[str, bool]]]:
    async def ready() -> dict[str, bool]:
        try:
            migrated = not await pending(pool, PACKAGE, SCHEMA)
        except Exception as error:
            if not is_away(error):
                raise
            migrated = False
        return {"postgres": migrated, "nats": await bus.ready(), "lane": keeper.is_writing}

    return ready


async def _on_database_error(_: Request, error: Exception) -> Response:
    if isinstance(error, _UNSTORABLE):
        return problem(400, None, "The request holds a character that cannot be stored, such as U+0000.")
    if not is_away(error):
        raise error
    return problem(503, None, "The database is away.", headers={"Retry-After": str(RETRY_AFTER_S)})
