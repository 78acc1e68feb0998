"""The wiring of the reporting service, in order, on one screen."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from fastapi import FastAPI
from starlette.types import ASGIApp

from citygoals.reporting.addresses import Addresses
from citygoals.reporting.api import Doors, install_api
from citygoals.reporting.bus_side import asyncapi
from citygoals.reporting.checkpoints import Checkpointer, CheckpointRule
from citygoals.reporting.commitment_api import install_commitments
from citygoals.reporting.docs import install_docs
from citygoals.reporting.duty_answers import Duties
from citygoals.reporting.duty_api import DutyDoors, install_duties
from citygoals.reporting.follower import Follower
from citygoals.reporting.front import Front
from citygoals.reporting.lineage import Lineage
from citygoals.reporting.live import Live
from citygoals.reporting.moments import Moments, Reader
from citygoals.reporting.pages import install_pages
from citygoals.reporting.present import Present
from citygoals.reporting.projection import Projection
from citygoals.reporting.queries import DefinitionsBook, Queries
from citygoals.reporting.readmodel import ReadModel
from citygoals.reporting.report_api import ReportDoors, install_reports
from citygoals.reporting.report_pages import install_report_pages
from citygoals.reporting.reports import Reports
from citygoals.reporting.settings import ReportingSettings
from citygoals.reporting.store import Store
from citygoals.shared.body_limit import BodyLimit
from citygoals.shared.bus import Bus, connect
from citygoals.shared.clock import Clock, SystemClock
from citygoals.shared.keys import KeyRing
from citygoals.shared.ops import Draining, Loop, asyncapi_route, ops_routes
from citygoals.shared.period import CityCalendar
from citygoals.shared.postgres import Pool, create_pool, pending
from citygoals.shared.problem import install_problem_handlers

PACKAGE, SCHEMA = "citygoals.reporting", "reporting"
BODY_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reporting:
    """The running parts of the service."""

    app: ASGIApp
    loops: tuple[Loop, ...]
    present: Present
    model: ReadModel
    projection: Projection
    checkpointer: Checkpointer
    live: Live


@asynccontextmanager
async def reporting(
    settings: ReportingSettings, draining: Draining, *, clock: Clock | None = None
) -> AsyncIterator[Reporting]:
    """Connect to everything and put the service together."""
    async with AsyncExitStack() as stack:
        pool = await create_pool(settings.pg_dsn.get_secret_value(), SCHEMA, max_size=settings.pg_pool_max)
        stack.push_async_callback(pool.close)
        bus = await stack.enter_async_context(await connect(settings, SCHEMA))
        yield assemble(settings, pool, bus, draining=draining, clock=clock or SystemClock())


def assemble(settings: ReportingSettings, pool: Pool, bus: Bus, *, draining: Draining, clock: Clock) -> Reporting:
    """Put the service together over its connections."""
    calendar = CityCalendar(settings.zone, settings.fiscal_month)
    book, addresses = DefinitionsBook(), Addresses()
    queries = Queries(pool, book, calendar)
    present = Present(calendar, queries.city_tally)
    reader = Reader(pool, book, addresses, queries, present, calendar, clock)
    moments = Moments(reader)
    model = ReadModel(reader, moments)
    projection = Projection(bus, Store(pool, addresses), present, queries)
    retention = timedelta(days=settings.history_days) if settings.history_days is not None else None
    rule = CheckpointRule(settings.checkpoint_positions, settings.checkpoint_bytes, retention)
    follower = Follower(reader, moments)
    # While history is read in again, it is not known yet which publications will need it: all of it stays.
    checkpointer = Checkpointer(
        pool, present, clock, rule, lambda: follower.needed() if projection.has_caught_up else 0
    )
    live = Live(present, moments, calendar)

    async def ready() -> dict[str, bool]:
        return {
            "postgres": not await pending(pool, PACKAGE, SCHEMA),
            "nats": await bus.ready(),
            "position": present.position > 0,
            "plan": bool(present.definitions.plans),
        }

    app = FastAPI(title="City Goals reporting", version="1", docs_url=None, redoc_url=None)
    app.add_middleware(BodyLimit, bytes_max=BODY_MAX_BYTES)
    install_problem_handlers(app)
    app.routes.extend(ops_routes(ready, draining))
    analyst = ReadModel(reader, moments, analyst=True)
    doors = Doors(model, analyst, Lineage(reader, moments, bus), live, KeyRing(pool))
    install_api(app, doors)
    install_commitments(app, doors)
    reports, every_report = (Reports(reader, moments, follower, bus, analyst=is_all) for is_all in (False, True))
    install_reports(app, ReportDoors(doors, reports, every_report))
    duties, every_duty = (Duties(moments, calendar, analyst=is_all) for is_all in (False, True))
    install_duties(app, DutyDoors(doors, duties, every_duty))
    install_docs(app)
    app.routes.append(asyncapi_route(asyncapi()))
    pages = install_pages(app, model, reports, calendar=calendar, synthetic=settings.synthetic)
    install_report_pages(app, pages, reports)
    loops = (projection.follow, projection.reconcile, projection.watch, checkpointer.run, live.run, follower.run)
    return Reporting(Front(app, present), loops, present, model, projection, checkpointer, live)
