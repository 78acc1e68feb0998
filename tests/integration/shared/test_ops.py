"""A service as a process: its probes, and how it leaves."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import httpx
import pytest
from patience import PATIENCE_S, wait_for, within
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

    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_):
        begun.set()
        await go_on.wait()
        return PlainTextResponse("done")

    async def has_begun(_):
        return PlainTextResponse("", 200 if begun.is_set() else 404)

    async def going_on(_):
        go_on.set()
        return PlainTextResponse("")

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
        if kind == "good":
            await go_on.wait()
        print("transaction finished", flush=True)

    app = Starlette(routes=[*ops_routes(ready, draining), Route("/flip", flip), Route("/slow", slow),
                            Route("/has_begun", has_begun), Route("/go_on", going_on),
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
        wait_for(self.is_up, what="the service")

    def is_up(self) -> bool:
        try:
            httpx.get(f"{self.url}/live")
        except httpx.TransportError:
            assert self.process.poll() is None, self.process.communicate()
            return False
        return True

    def status(self, path: str) -> int:
        return httpx.get(f"{self.url}{path}").status_code

    def leave(self) -> tuple[int, str, str]:
        """Send SIGTERM; return the exit code, stdout and stderr."""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err


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
        wait_for(lambda: service.status("/ready") == 503, what="the service to say that it leaves", pause_s=0.02)
        assert httpx.get(f"{service.url}/ready").json()["checks"]["serving"] is False, "it still answers, and says so"
        with within(8, "leaving with an open stream"):
            service.status("/go_on")
            out, err = service.process.communicate(timeout=PATIENCE_S)
    assert service.process.returncode == 0
    assert out.splitlines() == ["transaction finished", "left"]
    assert all(json.loads(line) for line in err.splitlines())


def test_a_request_that_is_being_answered_is_answered(start: Callable[[str], Service]) -> None:
    service = start("good")
    service.wait_up()
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        wait_for(lambda: service.status("/has_begun") == 200, what="the request", pause_s=0.02)
        service.process.send_signal(signal.SIGTERM)
        wait_for(lambda: service.status("/ready") == 503, what="the service to say that it leaves", pause_s=0.02)
        service.status("/go_on")
        service.process.communicate(timeout=PATIENCE_S)
        answer = b"".join(iter(lambda: client.recv(10_000), b""))
    assert answer.endswith(b"done")
    assert service.process.returncode == 0


def test_a_loop_that_does_not_stop_is_cut_off(start: Callable[[str], Service]) -> None:
    service = start("stubborn loop")
    service.wait_up()
    with within(10, "leaving with a loop that does not stop"):
        code, _, err = service.leave()
    assert "loop did not stop in time" in err
    assert code == 0


def test_a_loop_that_fails_ends_the_service(start: Callable[[str], Service]) -> None:
    service = start("failing loop")
    out, err = service.process.communicate(timeout=PATIENCE_S)
    assert service.process.returncode == 1
    assert "the loop broke" in err
    assert "left" not in out


def test_a_loop_that_ends_early_ends_the_service(start: Callable[[str], Service]) -> None:
    service = start("ending loop")
    _, err = service.process.communicate(timeout=PATIENCE_S)
    assert service.process.returncode == 1
    assert "ended before it was told to" in err


def test_a_check_that_fails_is_not_ready_and_tells_no_more(start: Callable[[str], Service]) -> None:
    service = start("broken check")
    service.wait_up()
    ready = httpx.get(f"{service.url}/ready")
    assert ready.status_code == 503
    _, _, err = service.leave()
    assert "hunter2" not in ready.text + err


def test_a_taken_port_is_told(start: Callable[[str], Service]) -> None:
    first = start("good")
    first.wait_up()
    again = subprocess.run(
        [sys.executable, "-c", SERVICE, "good"], capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        env={"CITYGOALS_PG_DSN": "x", "CITYGOALS_PORT": str(first.port), "PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert again.returncode != 0
    assert str(first.port) in again.stderr
    assert "Traceback" not in again.stderr
