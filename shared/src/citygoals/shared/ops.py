"""What operators and supervisors ask of every service: /live /ready /metrics, and a tidy end on SIGTERM."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from starlette.routing import Route
from starlette.types import ASGIApp

from citygoals.shared.settings import ServiceSettings

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


def ops_routes(ready: Callable[[], Awaitable[dict[str, bool]]], draining: Draining | None = None) -> list[Route]:
    """Return /live, /ready and /metrics. `ready` says for each dependency whether it is there."""
    raise NotImplementedError


async def serve(app: ASGIApp, settings: ServiceSettings, draining: Draining, *loops: Loop) -> None:
    """Serve HTTP and run the loops until SIGTERM or SIGINT; then not ready, loops end, HTTP ends, all within 10 s.

    Each loop is called with the event that tells it to stop. A loop that ends with an error ends the service.
    """
    raise NotImplementedError


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a service's main coroutine on uvloop; exit 1 on an error, which has been logged."""
    raise NotImplementedError
