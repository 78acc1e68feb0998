"""What operators and supervisors ask of every service: /live /ready /metrics, and a tidy end on SIGTERM."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
import uvicorn
import uvloop
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from citygoals.shared.asyncapi import MEDIA_TYPE as ASYNCAPI_MEDIA_TYPE
from citygoals.shared.settings import ServiceSettings
from citygoals.shared.telemetry import EXPORT_TIMEOUT_S
from citygoals.shared.watchdog import watch_loop

log = structlog.get_logger(__name__)

READY_TIMEOUT_S = 2.0
LOOPS_END_S = 6.0
HTTP_END_S = 1
KEEP_ALIVE_S = 30
HEADERS_MAX_BYTES = 32 << 10

assert LOOPS_END_S + HTTP_END_S + EXPORT_TIMEOUT_S < 10, "everything must be over within ten seconds of SIGTERM"

Ready = Callable[[], Awaitable[dict[str, bool]]]
Loop = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


class Draining:
    """Whether this service is on its way out. Loops watch `event`; readiness is false once it is set."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def begin(self) -> None:
        """Start the way out."""
        self.event.set()

    def __bool__(self) -> bool:
        return self.event.is_set()


def ops_routes(ready: Ready, draining: Draining | None = None) -> list[Route]:
    """Return /live (the loop turns), /ready and /metrics.

    `ready` says for each dependency whether it is there; /ready is 200 if all are and we are not draining, else 503.
    """

    async def live(_: Request) -> Response:
        return PlainTextResponse("live\n")

    async def readiness(_: Request) -> Response:
        checks = {**await _checks(ready), **({"serving": not draining} if draining is not None else {})}
        return JSONResponse({"checks": checks}, 200 if all(checks.values()) else 503, {"Cache-Control": "no-store"})

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [Route("/live", live), Route("/ready", readiness), Route("/metrics", metrics)]


def asyncapi_route(described: Mapping[str, Any]) -> Route:
    """Return /asyncapi.json, which answers with a document of `citygoals.shared.asyncapi`."""

    async def asyncapi(_: Request) -> Response:
        return JSONResponse(described, media_type=ASYNCAPI_MEDIA_TYPE)

    return Route("/asyncapi.json", asyncapi, include_in_schema=False)


async def _checks(ready: Ready) -> dict[str, bool]:
    try:
        return await asyncio.wait_for(ready(), READY_TIMEOUT_S)
    except Exception as error:  # noqa: BLE001 - whatever it is, it means: not ready
        log.warning("readiness check failed", error=type(error).__name__)
        return {type(error).__name__: False}


async def serve(app: ASGIApp, settings: ServiceSettings, draining: Draining, *loops: Loop) -> None:
    """Serve HTTP and run the loops until SIGTERM or SIGINT; then not ready, loops end, HTTP ends, all within 10 s.

    Each loop is called with the event that tells it to stop. A loop that ends before that, or with an error, ends
    the service with that error: a supervisor's restart is better than half a service.
    """
    server = _Server(_uvicorn_config(app, settings))
    watchdog = watch_loop()
    with _signals(draining):
        http = asyncio.create_task(server.serve(), name="http")
        running = [asyncio.create_task(loop(draining.event), name=loop.__qualname__) for loop in loops]
        try:
            await _until_draining(draining, [http, *running])
            ended = None if draining else _first_done(running)
            draining.begin()
            await _end_loops(running)
        finally:
            draining.begin()
            server.should_exit = True
            await asyncio.wait([http], timeout=HTTP_END_S + 1)
            for task in (http, *running):
                task.cancel()
            watchdog.stop()
    _raise_first_error([http, *running])
    if ended is not None:
        raise RuntimeError(f"{ended} ended before it was told to")


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a service's main coroutine on uvloop; exit 1 on an error, which has been logged."""
    try:
        uvloop.run(main())
    except Exception:
        log.exception("service failed")
        sys.exit(1)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the end of a service is more than the end of its HTTP."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _uvicorn_config(app: ASGIApp, settings: ServiceSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="none",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=HTTP_END_S,
        h11_max_incomplete_event_size=HEADERS_MAX_BYTES,
    )


@contextmanager
def _signals(draining: Draining) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, draining.begin)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _until_draining(draining: Draining, tasks: list[asyncio.Task[None]]) -> None:
    """Wait until it is time to leave: told to, or a task ended."""
    told = asyncio.create_task(draining.event.wait(), name="draining")
    await asyncio.wait([told, *tasks], return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    log.info("leaving")


async def _end_loops(running: list[asyncio.Task[None]]) -> None:
    if not running:
        return
    _, late = await asyncio.wait(running, timeout=LOOPS_END_S)
    for task in late:
        log.error("loop did not stop in time", loop=task.get_name())
        task.cancel()


def _first_done(tasks: list[asyncio.Task[None]]) -> str | None:
    return next((task.get_name() for task in tasks if task.done()), None)


def _raise_first_error(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            raise error
