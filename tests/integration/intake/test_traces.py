"""One event's trace through intake's four hops, and load that is turned away."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from brokers import wait_until
from citygoals.intake.app import Intake
from citygoals.intake.settings import IntakeSettings
from citygoals.shared.events import decode
from citygoals.shared.postgres import Pool
from integration.intake.conftest import Client
from nats.aio.client import Client as NATS  # noqa: N814 - the name that nats-py gives it
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from unit.intake.samples import call

TRACE = "1" * 32
PARENT = f"00-{TRACE}-{'2' * 16}-01"
HOPS = {"intake.door", "intake.gate", "intake.journal", "intake.relay"}


@pytest.fixture
def settings(database: Any, streams: NATS, settings_for: Callable[..., IntakeSettings]) -> IntakeSettings:
    return settings_for(IntakeSettings, "intake", trace_ratio=0.0, requests_max=2)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def by_trace(exporter: InMemorySpanExporter) -> dict[str, set[str]]:
    found = defaultdict(set)
    for span in exporter.get_finished_spans():
        found[f"{span.context.trace_id:032x}"].add(span.name)
    return found


async def test_a_sampled_event_shows_four_hops(
    publisher: Client, pool: Pool, streams: NATS, spans: InMemorySpanExporter
) -> None:
    other = "3" * 32
    await publisher.post(call("by-header"), traceparent=PARENT)
    await publisher.batch([call("plain"), call("by-attribute", traceparent=f"00-{other}-{'4' * 16}-01")])
    await publisher.batch(
        [call("not-sampled", traceparent=f"00-{'5' * 32}-{'6' * 16}-00"), call("bad", traceparent="x")]
    )
    await wait_until(lambda: by_trace(spans)[TRACE] >= HOPS and by_trace(spans)[other] >= HOPS)
    assert {name for name, hops in by_trace(spans).items() if hops} == {TRACE, other}
    bodies = [decode(row["body"]) for row in await pool.fetch("SELECT body FROM journal ORDER BY seq")]
    carried = {event.id: event.traceparent for event in bodies}
    assert (carried["by-header"] or "").startswith(f"00-{TRACE}-")
    assert carried["by-header"] != PARENT, "the door's own span is the parent of what follows"
    assert [carried[name] for name in ("plain", "not-sampled", "bad")] == [None, None, None]
    message = await streams.jetstream().get_msg("EVENTS", 1)
    assert (message.headers or {})["traceparent"] == carried["by-header"]


async def test_a_share_of_events_is_traced(intake: Intake, publisher: Client, spans: InMemorySpanExporter) -> None:
    object.__setattr__(intake.admission, "settings", intake.settings.model_copy(update={"trace_ratio": 0.1}))
    await publisher.batch([call(f"c{number}") for number in range(100)])
    await wait_until(lambda: sum(hops >= HOPS for hops in by_trace(spans).values()) == 10)


async def test_more_requests_than_the_door_reads_are_asked_to_come_back(publisher: Client) -> None:
    arrived: list[str] = []
    go_on = asyncio.Event()

    async def slowly(identity: str) -> Any:
        yield b" "
        arrived.append(identity)
        await go_on.wait()
        yield json.dumps(call(identity)).encode()

    headers = publisher.headers | {"content-type": "application/cloudevents+json"}
    slow = [
        asyncio.create_task(publisher.http.post("/v1/events", content=slowly(f"slow-{number}"), headers=headers))
        for number in range(2)
    ]
    await wait_until(lambda: len(arrived) == 2)

    turned_away = await publisher.post(call("quick"))
    assert (turned_away.status_code, "retry-after" in turned_away.headers) == (503, True)
    go_on.set()
    assert {(await task).status_code for task in slow} == {202}
    assert (await publisher.post(call("quick"))).status_code == 202
