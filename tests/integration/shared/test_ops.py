"""A service as a process: its probes, and how it leaves."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from ports import free_port

SERVICE = """
import asyncio, sys
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from citygoals.shared.ops import Draining, ops_routes, run, serve
from citygoals.shared.settings import ServiceSettings, load
from citygoals.shared.telemetry import setup

settings = load(ServiceSettings)
kind = sys.argv[1]

async def main():
    setup("test", settings)
    draining = Draining()
    up = {"postgres": True}

    async def ready():
        if kind == "broken check":
            raise ConnectionError("hunter2")
        return up

    async def flip(_):
        up["postgres"] = not up["postgres"]
        return PlainTextResponse("")

    async def slow(_):
        await asyncio.sleep(1)
        return PlainTextResponse("done")

    async def stream(_):
        async def forever():
            while True:
                yield b"x"
                await asyncio.sleep(0.1)
        return StreamingResponse(forever())

    async def work(stop):
        if kind == "failing loop":
            await asyncio.sleep(0.3)
            raise RuntimeError("the loop broke")
        if kind == "ending loop":
            return
        await stop.wait()
        if kind == "stubborn loop":
            await asyncio.sleep(100)
        await asyncio.sleep(0.7)
        print("transaction finished", flush=True)

    app = Starlette(routes=[*ops_routes(ready, draining), Route("/flip", flip), Route("/slow", slow),
                            Route("/stream", stream)])
    await serve(app, settings, draining, work)
    print("left", flush=True)

run(main)
"""


class Service:
    """A running test service."""

    def __init__(self, kind: str) -> None:
        self.port = free_port()
        environment = {"CITYGOALS_PG_DSN": "x", "CITYGOALS_PORT": str(self.port), "PATH": os.environ["PATH"]}
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVICE, kind], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.url = f"http://127.0.0.1:{self.port}"

    def wait_up(self) -> None:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{self.url}/live")
            except httpx.TransportError:
                assert self.process.poll() is None, self.process.communicate()
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the service did not come up")

    def leave(self) -> tuple[int, float, str, str]:
        """Send SIGTERM; return the exit code, the seconds it took, stdout and stderr."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=15)
        return self.process.returncode, time.monotonic() - began, out, err


@pytest.fixture
def start() -> Iterator[Callable[[str], Service]]:
    services: list[Service] = []

    def build(kind: str) -> Service:
        services.append(Service(kind))
        return services[-1]

    yield build
    for service in services:
        if service.process.poll() is None:
            service.process.kill()
        service.process.communicate()


def test_probes(start: Callable[[str], Service]) -> None:
    service = start("good")
    service.wait_up()
    assert httpx.get(f"{service.url}/live").status_code == 200
    ready = httpx.get(f"{service.url}/ready")
    assert (ready.status_code, ready.json()) == (200, {"checks": {"postgres": True, "serving": True}})
    httpx.get(f"{service.url}/flip")
    ready = httpx.get(f"{service.url}/ready")
    assert (ready.status_code, ready.json()["checks"]["postgres"]) == (503, False)
    metrics = httpx.get(f"{service.url}/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert "citygoals_loop_lag_seconds" in metrics.text
    assert "process_cpu_seconds_total" in metrics.text


def test_leaving_is_not_ready_first_then_loops_then_http(start: Callable[[str], Service]) -> None:
    service = start("good")
    service.wait_up()
    with httpx.stream("GET", f"{service.url}/stream") as answer:
        assert answer.status_code == 200
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        ready = httpx.get(f"{service.url}/ready")  # still answers, and says so
        assert (ready.status_code, ready.json()["checks"]["serving"]) == (503, False)
        began = time.monotonic()
        out, err = service.process.communicate(timeout=15)
    assert time.monotonic() - began < 8, "an open stream does not hold it up"
    assert service.process.returncode == 0
    assert out.splitlines() == ["transaction finished", "left"]
    assert all(json.loads(line) for line in err.splitlines())


def test_a_request_that_is_being_answered_is_answered(start: Callable[[str], Service]) -> None:
    service = start("good")
    service.wait_up()
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(0.2)
        code, _, _, _ = service.leave()
        assert b"done" in client.recv(10_000) + client.recv(10_000)
    assert code == 0


def test_a_loop_that_does_not_stop_is_cut_off(start: Callable[[str], Service]) -> None:
    service = start("stubborn loop")
    service.wait_up()
    code, seconds, _, err = service.leave()
    assert seconds < 10
    assert "loop did not stop in time" in err
    assert code == 0


def test_a_loop_that_fails_ends_the_service(start: Callable[[str], Service]) -> None:
    service = start("failing loop")
    out, err = service.process.communicate(timeout=15)
    assert service.process.returncode == 1
    assert "the loop broke" in err
    assert "left" not in out


def test_a_loop_that_ends_early_ends_the_service(start: Callable[[str], Service]) -> None:
    service = start("ending loop")
    _, err = service.process.communicate(timeout=15)
    assert service.process.returncode == 1
    assert "ended before it was told to" in err


def test_a_check_that_fails_is_not_ready_and_tells_no_more(start: Callable[[str], Service]) -> None:
    service = start("broken check")
    service.wait_up()
    ready = httpx.get(f"{service.url}/ready")
    assert ready.status_code == 503
    _, _, _, err = service.leave()
    assert "hunter2" not in ready.text + err


def test_a_taken_port_is_told(start: Callable[[str], Service]) -> None:
    first = start("good")
    first.wait_up()
    again = subprocess.run(
        [sys.executable, "-c", SERVICE, "good"], capture_output=True, text=True, timeout=15, check=False,
        env={"CITYGOALS_PG_DSN": "x", "CITYGOALS_PORT": str(first.port), "PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert again.returncode != 0
    assert str(first.port) in again.stderr
    assert "Traceback" not in again.stderr
