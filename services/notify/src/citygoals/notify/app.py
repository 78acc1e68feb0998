"""The wiring of notify, in order, on one screen."""

import asyncio
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from faststream.nats import NatsBroker

from citygoals.notify.api import Access, staff_routes
from citygoals.notify.bus_side import asyncapi
from citygoals.notify.channels import Channel, MailboxChannel, SmtpChannel
from citygoals.notify.closings import follow_closings
from citygoals.notify.handlers import Desk, subscribe_desk
from citygoals.notify.letters import Writer
from citygoals.notify.pages import mailbox_routes
from citygoals.notify.preferences import preference_routes
from citygoals.notify.relay import relay
from citygoals.notify.sender import Sender, count_waiting
from citygoals.notify.settings import NotifySettings
from citygoals.notify.store import Store
from citygoals.notify.subscriptions import Subscription, read_subscriptions
from citygoals.notify.unsubscribe import unsubscribe_routes
from citygoals.shared.body_limit import BodyLimit
from citygoals.shared.bus import Bus, connect
from citygoals.shared.clock import Clock, SystemClock
from citygoals.shared.definition_file import InvalidFile
from citygoals.shared.faststream import leave, make_broker
from citygoals.shared.keys import KeyRing
from citygoals.shared.ops import Draining, asyncapi_route, ops_routes, serve
from citygoals.shared.postgres import Pool, create_pool, pending
from citygoals.shared.problem import install_problem_handlers
from citygoals.shared.telemetry import setup

BODY_MAX_BYTES = 1024 * 1024


async def main(settings: NotifySettings) -> None:
    """Run notify until SIGTERM."""
    setup("notify", settings)
    subscriptions = _subscriptions(settings)
    async with AsyncExitStack() as stack:
        pool = await create_pool(settings.pg_dsn.get_secret_value(), "notify", max_size=settings.pg_pool_max)
        stack.callback(pool.terminate)
        bus = await stack.enter_async_context(await connect(settings, "notify"))
        channel: Channel = SmtpChannel(settings) if settings.smtp_host else MailboxChannel()
        stack.push_async_callback(channel.close)

        store, clock, zone = Store(pool), SystemClock(), ZoneInfo(settings.zone)
        desk = Desk(
            subscriptions=subscriptions,
            writer=Writer(zone, settings.public_url, settings.synthetic),
            store=store,
            clock=clock,
            channel=channel.name,
        )
        sender = Sender(
            store=store,
            channel=channel,
            clock=clock,
            lease=timedelta(seconds=settings.claim_s),
            at_once=settings.smtp_connections,
            has_mail=desk.has_mail,
        )
        broker = make_broker(settings, "notify")
        subscribe_desk(broker, desk)

        async def handle(stop: asyncio.Event) -> None:
            await broker.start()
            await stop.wait()
            await leave(broker)

        async def follow(stop: asyncio.Event) -> None:
            await follow_closings(bus, desk, stop)

        async def announce(stop: asyncio.Event) -> None:
            await relay(store, bus, clock, stop)

        async def count(stop: asyncio.Event) -> None:
            await count_waiting(store, clock, stop)

        draining = Draining()
        app = build_http(settings, store, subscriptions, Access(KeyRing(pool)), clock)
        app.router.routes.extend(ops_routes(lambda: _ready(pool, bus, broker), draining))
        await serve(app, settings, draining, handle, follow, sender.run, announce, count)


def build_http(
    settings: NotifySettings, store: Store, subscriptions: tuple[Subscription, ...], access: Access, clock: Clock
) -> FastAPI:
    """Build the HTTP side."""
    app = FastAPI(title="City Goals notify", version="1", summary="Who is told, how, when, once", redoc_url=None)
    app.add_middleware(BodyLimit, bytes_max=BODY_MAX_BYTES)
    install_problem_handlers(app)
    app.include_router(staff_routes(store, subscriptions, access))
    app.include_router(preference_routes(store, access, clock))
    app.include_router(unsubscribe_routes(store, clock))
    app.router.routes.append(asyncapi_route(asyncapi()))
    app.include_router(mailbox_routes(store, ZoneInfo(settings.zone), is_local=not settings.smtp_host))
    return app


async def _ready(pool: Pool, bus: Bus, broker: NatsBroker) -> dict[str, bool]:
    # The mail server is no part of this: while it is away notices wait, and everything else goes on.
    return {
        "postgres": not await pending(pool, "citygoals.notify", "notify"),
        "nats": await bus.ready(),
        "broker": await broker.ping(1.0),
    }


def _subscriptions(settings: NotifySettings) -> tuple[Subscription, ...]:
    try:
        return read_subscriptions(settings.subscriptions)
    except InvalidFile as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from error
