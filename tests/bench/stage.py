"""The kpi stage alone: a backlog on EVENTS, everything else standing still."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from bench import load
from bench.processes import Meter
from e2e.city import City

PARKED = ("intake", "reporting", "notify")
WORKING = ("kpi", "nats", "postgres")


@contextmanager
def standing_still(pids: list[int]) -> Iterator[None]:
    """Stop processes of the city for a while, without their noticing."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def measure(city: City, events: int, run: str, mix: str) -> dict[str, float]:
    """Entries a second and CPU for each, from the first commit after the pause to the last."""
    pids = {name: int(one["pid"]) for name, one in city.processes().items()}
    publisher = city.endpoints["credentials"]["publisher"]
    batches = load.bodies(load.make(events, system=publisher["system"], run=run, mix=mix))
    before = asyncio.run(applied(city))
    with standing_still([pids["kpi"]]):
        asyncio.run(load.pour(city.endpoints["intake"], publisher["key"], batches))
        asyncio.run(until_relayed(city))
    with standing_still([pids[name] for name in PARKED]):
        figures = asyncio.run(watch(city, before + events, Meter({name: pids[name] for name in WORKING})))
    city.wait_for_events(before + events)
    return figures


async def watch(city: City, goal: int, meter: Meter) -> dict[str, float]:
    """Follow the applied entries up to `goal`."""
    connection = await asyncpg.connect(city.endpoints["postgres"])
    try:
        first = count = await _applied(connection)
        started = time.perf_counter()
        while count < goal:
            await asyncio.sleep(0.01)
            count = await _applied(connection)
            if count == first:
                started = time.perf_counter()
        seconds = time.perf_counter() - started
    finally:
        await connection.close()
    used = meter.read_us(goal - first)
    cpu = {f"CPU us/event, {name}": value for name, value in used.items()}
    return {"events/s": (goal - first) / seconds, "CPU us/event": sum(used.values())} | cpu


async def applied(city: City) -> int:
    """Entries that kpi has applied."""
    connection = await asyncpg.connect(city.endpoints["postgres"])
    try:
        return await _applied(connection)
    finally:
        await connection.close()


async def _applied(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("select events_total from kpi.applier"))


async def until_relayed(city: City) -> None:
    """Until intake has published its whole journal."""
    connection = await asyncpg.connect(city.endpoints["postgres"])
    try:
        while await connection.fetchval(
            "select exists (select from intake.lane l join intake.relay_cursor c using (lane) where c.next_seq < l.next_seq)"
        ):
            await asyncio.sleep(0.1)
    finally:
        await connection.close()
