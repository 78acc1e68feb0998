"""Ticks: time as an entry. The clock strikes at each local hour, midnight among them, and once when the city starts."""

import asyncio

from citygoals.kpi.applier import Applier
from citygoals.kpi.own_entries import hour_of
from citygoals.kpi.waiting import wait
from citygoals.shared.clock import Clock

LOOK_EVERY_S = 0.5


async def strike(applier: Applier, clock: Clock) -> bool:
    """Append a tick if the hour is another than that of the last one; say whether it was."""
    hour, state = hour_of(clock.now(), applier.calendar), applier.state
    if state.position > 0 and hour <= state.tick:
        return False
    await applier.tick(hour)
    return True


async def keep_time(applier: Applier, clock: Clock, stop: asyncio.Event) -> None:
    """Strike until told to stop."""
    while not stop.is_set():
        await strike(applier, clock)
        await wait(stop, LOOK_EVERY_S)
