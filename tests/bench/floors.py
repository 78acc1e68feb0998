"""What the machine, NATS and PostgreSQL can do at best, measured in the same run with the same data."""

import time
import uuid
from typing import Any

import asyncpg
import msgspec
import nats
import orjson
from e2e.city import City
from nats.js.api import StorageType, StreamConfig


async def measure(city: City, bodies: list[bytes]) -> dict[str, float]:
    """All floors, with the city's own servers."""
    password = (city.folder / "secrets" / "nats-citygoals").read_text().strip()
    address = city.endpoints["nats"].replace("nats://", f"nats://citygoals:{password}@")
    return (
        decode_rate(bodies)
        | await nats_rates(address, bodies)
        | await postgres_rates(city.endpoints["postgres"], bodies)
    )


def decode_rate(bodies: list[bytes]) -> dict[str, float]:
    """Events decoded a second, one core."""

    class Needed(msgspec.Struct):
        id: str
        source: str
        type: str
        time: str
        data: dict[str, Any]

    decoder = msgspec.json.Decoder(Needed)
    return {"decode, orjson": _rate(orjson.loads, bodies), "decode, msgspec": _rate(decoder.decode, bodies)}


def _rate(function: Any, bodies: list[bytes]) -> float:
    started = time.perf_counter()
    for body in bodies:
        function(body)
    return len(bodies) / (time.perf_counter() - started)


async def nats_rates(url: str, bodies: list[bytes]) -> dict[str, float]:
    """Published a second to a stream of its own that is deleted again: one by one, and with many in flight."""
    client = await nats.connect(url)
    stream = client.jetstream()
    await stream.add_stream(StreamConfig(name="BENCH", subjects=["bench.floor"], storage=StorageType.FILE))
    try:
        single = await _publish_one_by_one(stream, bodies[:2000])
        many = await _publish_in_flight(stream, bodies)
    finally:
        await stream.delete_stream("BENCH")
        await client.close()
    return {"publish, one by one": single, "publish, 2,000 in flight": many}


async def _publish_one_by_one(stream: Any, bodies: list[bytes]) -> float:
    started = time.perf_counter()
    for body in bodies:
        await stream.publish("bench.floor", body)
    return len(bodies) / (time.perf_counter() - started)


async def _publish_in_flight(stream: Any, bodies: list[bytes]) -> float:
    started = time.perf_counter()
    for body in bodies:
        await stream.publish_async("bench.floor", body)
    await stream.publish_async_completed()
    return len(bodies) / (time.perf_counter() - started)


async def postgres_rates(dsn: str, bodies: list[bytes]) -> dict[str, float]:
    """Rows a second into a ledger-like table by COPY, and one-row commits a second."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table bench_floor (key uuid primary key, body bytea)")
    try:
        rows = [(uuid.uuid4(), body) for body in bodies]
        started = time.perf_counter()
        for first in range(0, len(rows), 5000):
            await connection.copy_records_to_table("bench_floor", records=rows[first : first + 5000])
        copied = len(rows) / (time.perf_counter() - started)
        started = time.perf_counter()
        for body in bodies[:1000]:
            await connection.execute("insert into bench_floor values ($1, $2)", uuid.uuid4(), body)
        single = 1000 / (time.perf_counter() - started)
    finally:
        await connection.execute("drop table bench_floor")
        await connection.close()
    return {"COPY into a ledger": copied, "one-row commits": single}
