"""Messages for tests of the bus, and consumers more impatient than the topology's."""

from citygoals.shared.bus import Outgoing
from citygoals.shared.topology import ConsumerSpec, consumer, consumer_config
from nats.aio.client import Client

OPENED = "city.evt.v1.service_request.opened"
CLOSED = "city.evt.v1.service_request.closed"


def numbered(count: int, *, first: int = 0, subject: str = OPENED) -> list[Outgoing]:
    """Return messages whose bodies are the numbers from `first`."""
    return [Outgoing(subject, b"%d" % number, f"m{number}", {"content-type": "text/plain"})
            for number in range(first, first + count)]  # fmt: skip


async def change_consumer(admin: Client, durable: str, **changes: float) -> ConsumerSpec:
    """Change a consumer of the topology on the broker, for this test."""
    spec = consumer(durable)
    config = consumer_config(spec)
    for name, value in changes.items():
        setattr(config, name, value)
    await admin.jetstream().add_consumer(spec.stream, config)
    return spec
