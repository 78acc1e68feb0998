"""The departments that an event may name: those of the catalogue, which kpi keeps."""

import asyncio
from time import monotonic

from citygoals.shared.bus import Bus
from citygoals.shared.errors import Malformed, Unavailable

ASK = "city.ask.kpi.departments"
APART_S = 0.05  # between two questions, however many events name a department that nobody knows
TIMEOUT_S = 1.0


class Departments:
    """What kpi said last. Before it has said anything, any id will do: the door is open while kpi is away."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._asking = asyncio.Lock()
        self._asked_at = 0.0
        self.ids: frozenset[str] = frozenset()

    async def refresh(self) -> None:
        """Ask kpi; whoever comes while somebody asks shares the next answer. While kpi is away, what is known stays."""
        came_at = monotonic()
        async with self._asking:
            if self._asked_at > came_at:
                return
            await asyncio.sleep(self._asked_at + APART_S - monotonic())
            self._asked_at = monotonic()
            if self._bus.nc.is_connected:
                await self._ask()

    async def _ask(self) -> None:
        try:
            answer = await self._bus.request(ASK, {}, timeout_s=TIMEOUT_S)
        except (Malformed, Unavailable):
            return
        self.ids = frozenset(answer["departments"])
