"""Seeded synthetic load: payments, requests and calls of a city with 26 departments and eight districts."""

import asyncio
import json
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

DEPARTMENTS = ("municipal-court", "tax-office", "library", "police", "fire", "parks-recreation", "sun-metro", "zoo")
CHANNELS = ("web", "app", "phone", "counter", "mail")


def make(count: int, *, system: str, run: str, mix: str = "city", seed: int = 1) -> list[dict[str, Any]]:
    """`count` events; mix `city` is half payments, the rest requests (opened and closed) and calls; or one kind."""
    chance = random.Random(seed)
    now = datetime.now(UTC) - timedelta(hours=5)  # closings follow within four hours, and none may be in the future
    events: list[dict[str, Any]] = []
    while len(events) < count:
        kind = {"payments": 0.0, "requests": 0.6}.get(mix, chance.random())
        at = now - timedelta(seconds=chance.randrange(3 * 86400))
        events += _thing(chance, kind, at, f"{run}-{len(events)}")
    for number, item in enumerate(events):
        item |= {"specversion": "1.0", "source": f"/systems/{system}/bench", "id": f"{run}-{number}"}
    return events[:count]


def _thing(chance: random.Random, kind: float, at: datetime, identity: str) -> list[dict[str, Any]]:
    where = {"department": chance.choice(DEPARTMENTS), "district": chance.randrange(1, 9)}
    how = {"channel": chance.choice(CHANNELS)}
    if kind < 0.5:
        data = where | how | {"payment_id": identity, "service_code": "bill", "currency": "USD"}
        return [_event("payment.settled", at, data | {"amount_minor": chance.randrange(100, 90_000)})]
    if kind < 0.85:
        data = {"service_request_id": identity}
        closing = at + timedelta(seconds=chance.randrange(60, 86400 // 4))
        return [
            _event("service_request.opened", at, data | where | how | {"service_code": "pothole"}),
            _event("service_request.closed", min(closing, at + timedelta(hours=4)), data | {"reason": "resolved"}),
        ]
    data = {"call_id": identity, "queue": "311", "department": "city-manager", "wait_s": chance.randrange(200)}
    return [_event("call.answered", at, data)]


def _event(kind: str, at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": f"city.{kind}.v1", "time": at.isoformat(timespec="seconds"), "data": data}


def admitted_bodies(count: int) -> list[bytes]:
    """Single events as they look on the wire, for the floors."""
    return [json.dumps(item).encode() for item in make(count, system="demo", run="floor")]


def bodies(events: list[dict[str, Any]], size: int = 1000) -> list[bytes]:
    """Batch bodies for the HTTP door."""
    return [json.dumps(events[first : first + size]).encode() for first in range(0, len(events), size)]


async def post(client: httpx.AsyncClient, url: str, body: bytes, *, tries: int = 600) -> None:
    """Post one batch, waiting while the door asks to come back later."""
    for _ in range(tries):
        answer = await client.post(f"{url}/v1/events", content=body)
        if answer.status_code not in (429, 503):
            break
        await asyncio.sleep(0.05)
    assert answer.status_code == 202, answer.text[:300]
    assert not answer.json()["rejected"], answer.text[:300]


async def pour(url: str, key: str, batches: list[bytes], *, connections: int = 4) -> float:
    """Post all batches as fast as the door takes them; seconds from the first byte to the last receipt."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/cloudevents-batch+json"}
    queue = list(reversed(batches))
    async with httpx.AsyncClient(headers=headers, timeout=120) as client:

        async def drain() -> None:
            while queue:
                await post(client, url, queue.pop())

        started = time.perf_counter()
        await asyncio.gather(*(drain() for _ in range(connections)))
        return time.perf_counter() - started


def main() -> None:
    """Run as its own process, so that its CPU is not the city's: url, key, system, run, count, mix."""
    url, key, system, run, count, mix = sys.argv[1:]
    batches = bodies(make(int(count), system=system, run=run, mix=mix))
    print("ready", flush=True)
    sys.stdin.readline()
    print(asyncio.run(pour(url, key, batches)), flush=True)


if __name__ == "__main__":
    main()
