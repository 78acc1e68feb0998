"""A whole city for a test: `citygoals up` in a folder of its own, on ports of its own, spoken to through its public doors."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from patience import PATIENCE_S
from ports import free_port_base

CLI = Path(sys.executable).with_name("citygoals")


@dataclass(kw_only=True)
class City:
    """One running city. `endpoints` is the contract's endpoints.json."""

    folder: Path
    port_base: int
    endpoints: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def cli(self, *arguments: str, check: bool = True, timeout: float = 300.0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(CLI), *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
            env=os.environ | self.environment,
        )
        if check and done.returncode:
            raise AssertionError(f"citygoals {' '.join(arguments)} -> {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def up(self, *extra: str) -> None:
        self.cli(
            *("up", "--data", str(self.folder), "--port-base", str(self.port_base), "--no-demo", "--detach"), *extra
        )
        self.endpoints = json.loads((self.folder / "endpoints.json").read_text())

    def down(self) -> None:
        self.cli("down", "--data", str(self.folder))

    def key(self, role: str) -> dict[str, str]:
        credentials = self.endpoints["credentials"]
        secret = credentials["publisher"]["key"] if role == "publisher" else credentials[role]
        return {"Authorization": f"Bearer {secret}"}

    def get(self, path: str, *, service: str = "reporting", role: str | None = None, **query: Any) -> dict[str, Any]:
        answer = httpx.get(
            self.endpoints[service] + path, params=query, headers=self.key(role) if role else {}, timeout=PATIENCE_S
        )
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
        body: dict[str, Any] = answer.json()
        return body

    def pages(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Every item of a list, page by page; a page of a large city may be empty and say how to go on."""
        items: list[dict[str, Any]] = []
        while True:
            page = self.get(path, **query)
            items += page["items"]
            if page["next"] is None:
                return items
            query["cursor"] = page["next"]

    def publish(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        """Send events through the HTTP door in batches; the sums of the receipts, every rejection included."""
        total: dict[str, Any] = {"accepted": 0, "duplicates": 0, "rejected": []}
        headers = self.key("publisher") | {"content-type": "application/cloudevents-batch+json"}
        with httpx.Client(headers=headers, timeout=PATIENCE_S) as client:
            for start in range(0, len(events), 1000):
                body = json.dumps(events[start : start + 1000])
                answer = client.post(self.endpoints["intake"] + "/v1/events", content=body)
                assert answer.status_code == 202, (answer.status_code, answer.text[:500])
                receipt = answer.json()
                total["accepted"] += receipt["accepted"]
                total["duplicates"] += receipt["duplicates"]
                total["rejected"] += receipt["rejected"]
        return total

    def wait_for_events(self, count: int, timeout_s: float = 120.0) -> dict[str, Any]:
        """The first `/v1/snapshot?period=all` whose totals count at least so many events."""
        deadline = time.monotonic() + timeout_s
        while True:
            snapshot = self.get("/v1/snapshot", period="all")
            if snapshot["totals"]["events"] >= count:
                return snapshot
            if time.monotonic() > deadline:
                raise AssertionError(f"{snapshot['totals']['events']} of {count} events after {timeout_s} s")
            time.sleep(0.1)

    def processes(self) -> dict[str, dict[str, Any]]:
        status = json.loads(self.cli("status", "--data", str(self.folder), "--json", check=False).stdout)
        return {process["name"]: process for process in status["processes"]}


@contextlib.contextmanager
def running_city(folder: Path, *extra: str, environment: dict[str, str] | None = None) -> Iterator[City]:
    """A city without demo events, stopped at the end; `environment` is added to that of its processes."""
    city = City(folder=folder, port_base=free_port_base(), environment=environment or {})
    try:
        city.up(*extra)
        yield city
    finally:
        city.down()


def event(city: City, kind: str, identity: str, time_text: str, data: dict[str, Any]) -> dict[str, Any]:
    """A CloudEvent of the demo publisher."""
    system = city.endpoints["credentials"]["publisher"]["system"]
    return {
        "specversion": "1.0",
        "type": f"city.{kind}.v1",
        "source": f"/systems/{system}/tests",
        "id": identity,
        "time": time_text,
        "datacontenttype": "application/json",
        "data": data,
    }
