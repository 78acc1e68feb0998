"""No mixture: readers under load see every figure and node of an answer from one position. In a city of its own."""

import asyncio
import json
import time
from typing import Any

import httpx
import pytest
from e2e import oracle
from e2e.city import City
from e2e.worked_example import let_happen, payment


@pytest.fixture(scope="module")
def example(city: City, tmp_path_factory: pytest.TempPathFactory) -> City:
    """The city of the worked example, before its last payment."""
    return let_happen(city, tmp_path_factory)


async def _read(city: City, stop: asyncio.Event, seen: list[dict[str, Any]]) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        last = 0
        while not stop.is_set():
            snapshot = (await client.get(city.endpoints["reporting"] + "/v1/snapshot")).json()
            position = snapshot["as_of"]["position"]
            assert position >= last, "a reader went back in time"
            last = position
            seen.append({"position": position, "wrong": oracle.mixtures(snapshot)})
            await asyncio.sleep(0.04)


async def _write(city: City, count: int, seconds: float) -> None:
    """Paced: 5 events at a time, evenly over the seconds."""
    headers = city.key("publisher") | {"content-type": "application/cloudevents-batch+json"}
    started, step = time.monotonic(), 5
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        for first in range(0, count, step):
            batch = [payment(city, n, online=n % 3 != 0, prefix="load") for n in range(first, first + step)]
            answer = await client.post(city.endpoints["intake"] + "/v1/events", content=json.dumps(batch))
            assert answer.json()["accepted"] == step
            await asyncio.sleep(max(0.0, started + seconds * (first + step) / count - time.monotonic()))


@pytest.mark.campaign
@pytest.mark.timeout(400)
async def test_no_reader_ever_sees_a_mixture(example: City) -> None:
    already = example.get("/v1/snapshot", period="all")["totals"]["events"]
    stop, seen = asyncio.Event(), list[dict[str, Any]]()
    readers = [asyncio.create_task(_read(example, stop, seen)) for _ in range(3)]
    await _write(example, 20_000, 80.0)
    await asyncio.to_thread(example.wait_for_events, already + 20_000)
    stop.set()
    await asyncio.gather(*readers)
    positions = {read["position"] for read in seen}
    print(f"{len(seen)} reads over {len(positions)} positions")
    assert [read for read in seen if read["wrong"]] == []
    assert len(seen) >= 2_000
    assert len(positions) >= 500
