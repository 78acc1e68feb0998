"""The requests of a real city, from its export to `/v1/snapshot`; only where CITYGOALS_REAL_DATA says where they are."""

import json
import os
import time
from pathlib import Path

from bench.processes import Meter
from e2e.city import City

FILE = "boston_open311_2008_2016.csv.xz"
WAIT_S = 900


def path() -> Path | None:
    """Return the file, None where there is none."""
    folder = os.environ.get("CITYGOALS_REAL_DATA", "")
    return Path(folder) / FILE if folder and (Path(folder) / FILE).is_file() else None


def measure(city: City) -> dict[str, float]:
    """Events a second from the file to `/v1/snapshot`, CPU for each, and a rebuild of the ledger that has them."""
    file, before = path(), city.get("/v1/snapshot", period="all")["totals"]["events"]
    meter = Meter({name: int(one["pid"]) for name, one in city.processes().items()})
    started = time.perf_counter()
    done = city.cli("import", "open311", str(file), "--data", str(city.folder), "--json", timeout=WAIT_S)
    events = int(json.loads(done.stdout)["accepted"])
    city.wait_for_events(before + events, timeout_s=WAIT_S)
    seconds = time.perf_counter() - started
    used = meter.read_us(events)
    cpu = {f"CPU us/event, {name}": value for name, value in used.items()}
    return {"events": events, "events/s": events / seconds, "CPU us/event": sum(used.values())} | cpu
