"""Spans at a real OTLP receiver, and nothing at all for events that were not chosen."""

import asyncio
import os
import subprocess
import sys
import time

import pytest
from citygoals.shared import telemetry
from citygoals.shared.telemetry import DOOR, HOPS, PROJECT, batch_span, extract, hop_span, inject
from oteltap import OtelTapHttpProtobufReceiver, OtelTapHttpProtobufReceiverSettings
from patience import PATIENCE_S
from ports import free_port

SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = SAMPLED[:-2] + "00"

PROGRAM = """
from opentelemetry import trace
from citygoals.shared.settings import ServiceSettings
from citygoals.shared.telemetry import DOOR, GATE, PROJECT, batch_span, hop_span, setup
settings = ServiceSettings()
setup("intake", settings)
with hop_span(DOOR, None, ratio=1.0) as door:
    assert door.traceparent.endswith("-01")
    door.set("events", 1)
    with hop_span(GATE, door.traceparent) as gate:
        assert gate.traceparent[:35] == door.traceparent[:35]
        assert gate.traceparent != door.traceparent
with batch_span(PROJECT, [door.traceparent, None, gate.traceparent, "garbage"]) as batch:
    assert batch.traceparent[3:35] != door.traceparent[3:35]
print(door.traceparent)
trace.get_tracer_provider().shutdown()
"""


def test_there_are_eight_hops() -> None:
    assert len(set(HOPS)) == 8


@pytest.mark.parametrize(
    "text", [None, "", "00", UNSAMPLED, "00-" + "0" * 32 + "-00f067aa0ba902b7-01", SAMPLED.upper()]
)
def test_what_is_not_a_sampled_traceparent_gives_no_context(text: str | None) -> None:
    assert extract(text) is None


def test_without_a_collector_a_sampled_traceparent_is_passed_on_and_none_is_begun() -> None:
    with hop_span(DOOR, SAMPLED) as hop:
        assert hop.traceparent == SAMPLED
    with hop_span(DOOR, None, ratio=1.0) as hop:
        assert hop.traceparent is None
    with hop_span(DOOR, UNSAMPLED) as hop:
        assert hop.traceparent is None
    with batch_span(PROJECT, [None, UNSAMPLED]) as hop:
        assert (hop.span, hop.traceparent) == (None, None)
    assert inject() is None


def test_an_event_that_was_not_chosen_costs_next_to_nothing() -> None:
    def per_event_us() -> float:
        began = time.thread_time()
        for _ in range(4_000):
            with hop_span(DOOR, None, ratio=0.001):
                pass
        return (time.thread_time() - began) / 4_000 * 1e6

    assert min(per_event_us() for _ in range(5)) < 20


async def test_spans_arrive_in_one_trace_and_the_batch_is_linked() -> None:
    port = free_port()
    spans = {}
    async with OtelTapHttpProtobufReceiver(OtelTapHttpProtobufReceiverSettings(http_port=port)) as tap:

        async def watch() -> None:
            async for span in tap.stream_traces():
                spans[span.span_id.hex()] = span
                if len(spans) == 5:
                    return

        watching = asyncio.create_task(watch())
        environment = {
            "CITYGOALS_PG_DSN": "x", "PATH": os.environ["PATH"], "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        }  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert process.returncode == 0, err.decode()
        await asyncio.wait_for(watching, PATIENCE_S)
    trace_id = out.decode().split("-")[1]
    own = [span for span in spans.values() if span.trace_id.hex() == trace_id]
    assert sorted(span.name for span in own) == ["intake.door", "intake.gate", "reporting.project", "reporting.project"]
    (batch,) = [span for span in spans.values() if span.trace_id.hex() != trace_id]
    assert {link.trace_id.hex() for link in batch.links} == {trace_id}
    assert len(batch.links) == 2
    gate = next(span for span in own if span.name == "intake.gate")
    assert spans[gate.parent_span_id.hex()].name == "intake.door"


def test_links_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(telemetry, "_batch", lambda _, contexts: seen.append(len(contexts)))
    batch_span(PROJECT, [SAMPLED] * 1000)
    assert seen == [telemetry.LINKS_MAX]
