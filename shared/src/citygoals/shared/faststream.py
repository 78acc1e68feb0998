"""FastStream made safe, for handlers that make one decision a message: every default that bites is overridden here."""

from collections.abc import Callable
from typing import Any

from faststream.nats import NatsBroker

from citygoals.shared.settings import ServiceSettings


def make_broker(settings: ServiceSettings, name: str) -> NatsBroker:
    """Return a broker for `settings`' NATS user with our codec, redelivery, telemetry and shutdown."""
    raise NotImplementedError


def subscribe(broker: NatsBroker, durable: str) -> Callable[[Callable[..., Any]], Any]:
    """Decorate a handler of one CloudEvent (`async def on_fact(event: Event) -> None`) of a durable consumer."""
    raise NotImplementedError
