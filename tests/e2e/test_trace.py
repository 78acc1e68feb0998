"""One sampled event's trace names the eight hops, from the door to the projection, at a real OTLP receiver."""

import asyncio
import secrets
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from e2e.city import City, event, running_city
from oteltap import OtelTapHttpProtobufReceiver, OtelTapHttpProtobufReceiverSettings
from patience import PATIENCE_S
from ports import free_port

HOPS = {
    "intake.door",
    "intake.gate",
    "intake.journal",
    "intake.relay",
    "kpi.consume",
    "kpi.apply",
    "kpi.relay",
    "reporting.project",
}


async def publish_traced(city: City, trace: str) -> None:
    at = datetime.now(UTC).isoformat()
    data = {"call_id": trace, "queue": "311", "department": "city-manager", "wait_s": 5}
    headers = city.key("publisher") | {
        "content-type": "application/cloudevents+json",
        "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01",
    }
    async with httpx.AsyncClient() as client:
        url = city.endpoints["intake"] + "/v1/events"
        answer = await client.post(url, json=event(city, "call.answered", trace, at, data), headers=headers)
    assert answer.status_code == 202, answer.text


async def test_eight_hops_of_one_event(tmp_path: Path) -> None:
    port, trace = free_port(), secrets.token_hex(16)
    settings = OtelTapHttpProtobufReceiverSettings(http_port=port, listen_on_all_interfaces=False)
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
    seen: set[str] = set()
    others = 0
    async with OtelTapHttpProtobufReceiver(settings) as tap:

        async def watch() -> None:
            nonlocal others
            async for span in tap.stream_traces():
                if span.trace_id.hex() == trace:
                    seen.add(span.name)
                else:
                    others += 1
                if seen >= HOPS:
                    return

        watching = asyncio.create_task(watch())
        running = running_city(tmp_path / "data", environment=environment)
        city = await asyncio.to_thread(running.__enter__)
        try:
            await publish_traced(city, trace)
            await asyncio.wait_for(watching, PATIENCE_S)
        except TimeoutError:
            pytest.fail(f"missing: {sorted(HOPS - seen)}; {others} other spans")
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)
    assert seen >= HOPS
