"""Freshness: from the receipt at the door to the moment when `/v1/snapshot` counts the event."""

import asyncio
import bisect
import json
import time
from typing import Any

import httpx
from bench import load
from e2e.city import City

STEP = 5
READ_EVERY_S = 0.004


def measure(city: City, rate: int, seconds: int, run: str) -> dict[str, float]:
    """Median and 99th percentile, in milliseconds, at a steady rate."""
    return asyncio.run(_measure(city, rate, seconds, run))


async def _measure(city: City, rate: int, seconds: int, run: str) -> dict[str, float]:
    publisher = city.endpoints["credentials"]["publisher"]
    events = load.make(rate * seconds, system=publisher["system"], run=run)
    before = city.get("/v1/snapshot", period="all")["totals"]["events"]
    sightings: list[tuple[int, float]] = []
    reading = asyncio.create_task(_read(city, before + len(events), sightings))
    started = time.perf_counter()
    receipts = await _write(city, events, rate)
    sent_s = receipts[-1] - started
    await asyncio.wait_for(reading, 60)
    counts = [count for count, _ in sightings]
    ages = sorted(
        (sightings[bisect.bisect_left(counts, before + number * STEP)][1] - at) * 1000
        for number, at in enumerate(receipts, start=1)
    )
    found = {"p50 ms": ages[len(ages) // 2], "p99 ms": ages[int(len(ages) * 0.99)], "reads": float(len(sightings))}
    return found | {"events/s sent": len(events) / sent_s}


async def _write(city: City, events: list[dict[str, Any]], rate: int) -> list[float]:
    """Post so many a second, whatever each post takes; return when the receipts came.

    Whoever waits for a receipt before it posts again sends less when the city is slow, and sees it too fresh.
    """
    headers = city.key("publisher") | {"content-type": "application/cloudevents-batch+json"}
    started, receipts = time.perf_counter(), list[float]()
    async with httpx.AsyncClient(headers=headers, timeout=30) as client, asyncio.TaskGroup() as posts:

        async def post(body: bytes) -> None:
            await load.post(client, city.endpoints["intake"], body)
            receipts.append(time.perf_counter())

        for first in range(0, len(events), STEP):
            posts.create_task(post(json.dumps(events[first : first + STEP]).encode()))
            await asyncio.sleep(max(0.0, started + (first + STEP) / rate - time.perf_counter()))
    return receipts


async def _read(city: City, goal: int, sightings: list[tuple[int, float]]) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        seen = 0
        while seen < goal:
            answer = await client.get(city.endpoints["reporting"] + "/v1/snapshot", params={"period": "all"})
            seen = answer.json()["totals"]["events"]
            sightings.append((seen, time.perf_counter()))
            await asyncio.sleep(READ_EVERY_S)
