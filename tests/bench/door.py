"""Door to snapshot: the whole chain at full speed, the load generator in a process of its own."""

import subprocess
import sys
import time
from pathlib import Path

from bench.processes import Meter
from e2e.city import City


def measure(city: City, events: int, run: str, mix: str = "city") -> dict[str, float]:
    """Events a second from the first byte sent to the last event visible in `/v1/snapshot`; CPU by process."""
    pids = {name: int(one["pid"]) for name, one in city.processes().items()}
    publisher = city.endpoints["credentials"]["publisher"]
    before = city.get("/v1/snapshot", period="all")["totals"]["events"]
    arguments = [city.endpoints["intake"], publisher["key"], publisher["system"], run, str(events), mix]
    folder = Path(__file__).resolve().parents[1]
    generator = subprocess.Popen(
        [sys.executable, "-m", "bench.load", *arguments],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert generator.stdout is not None
    assert generator.stdin is not None
    assert generator.stdout.readline().strip() == "ready"
    meter, started = Meter(pids), time.perf_counter()
    generator.stdin.write("go\n")
    generator.stdin.flush()
    poured = float(generator.stdout.readline())
    city.wait_for_events(before + events, timeout_s=300)
    seconds = time.perf_counter() - started
    generator.wait(30)
    used = meter.read_us(events)
    cpu = {f"CPU us/event, {name}": value for name, value in used.items()}
    return {"events/s": events / seconds, "receipts/s": events / poured, "CPU us/event": sum(used.values())} | cpu
