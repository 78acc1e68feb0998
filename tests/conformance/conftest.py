"""What the bus is put through: many messages, impatient consumers, brokers that die."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import brokers
import pytest
from citygoals.shared import topology
from citygoals.shared.bus import Bus
from mortal import Mortal


@pytest.fixture
async def intake(bus_for: Callable[[str], Awaitable[Bus]]) -> Bus:
    """A bus that may publish to EVENTS."""
    return await bus_for("intake")


@pytest.fixture
async def kpi(bus_for: Callable[[str], Awaitable[Bus]]) -> Bus:
    """A bus that may consume `kpi-ledger` (one ack for all before it)."""
    return await bus_for("kpi")


@pytest.fixture
async def notify(bus_for: Callable[[str], Awaitable[Bus]]) -> Bus:
    """A bus that may consume `notify-closings` (an ack for each)."""
    return await bus_for("notify")


@pytest.fixture
def mortal_server() -> Iterator[Mortal]:
    with brokers.private_folder() as folder:
        mortal = Mortal(folder, brokers.start_nats(folder))
        try:
            yield mortal
        finally:
            mortal.server.kill()


@pytest.fixture
async def mortal(mortal_server: Mortal) -> AsyncIterator[Mortal]:
    """A provisioned broker that the test may kill. Always embedded: a container's port would change."""
    admin = await mortal_server.connect(topology.ADMIN)
    await topology.provision(admin.js)
    yield mortal_server
    for bus in mortal_server.buses:
        await bus.close()
