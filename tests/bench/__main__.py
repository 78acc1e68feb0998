"""`make bench`: floors, the kpi stage alone, a rebuild, door to snapshot, freshness, CPU of each process; one run, one table.

Figures of one run are only to be compared with each other: the machine's speed swings. Rates are therefore also shown as
ratios to the floors of the same run, and work as CPU microseconds for each event.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import boston, door, floors, freshness, load, rebuild, report, stage
from bench.processes import resident_mb
from e2e.city import City, running_city

Step = Callable[[], dict[str, float]]

SAID = ("events/s", "CPU us/event", "p50 ms", "p99 ms")
"""What is said of a measurement as soon as it is there; the table at the end has everything."""


def main() -> None:
    """Parse the sizes, start a city of its own, measure, print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--events", type=int, default=60_000, help="events of each throughput measurement")
    parser.add_argument("--rounds", type=int, default=2, help="interleaved rounds")
    parser.add_argument("--rate", type=int, default=500, help="events a second for the freshness")
    parser.add_argument("--seconds", type=int, default=20, help="seconds of the freshness")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    options = parser.parse_args()
    load_before = load_average()
    with tempfile.TemporaryDirectory(prefix="city-bench-") as folder, running_city(Path(folder) / "data") as city:
        figures = measure(city, options)
    print(report.table(figures))
    print(f"\nload average {load_before} before, {load_average()} after, {os.cpu_count()} cores")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


def load_average() -> str:
    """What else the machine does, and has done in the last minutes: figures mean little without it."""
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def measure(city: City, options: argparse.Namespace) -> report.Figures:
    """All measurements against one city; rounds interleave, so that a slow minute hits all alike.

    The real ledger comes last, and is rebuilt whole: nothing before it is measured on a larger city than it was meant for.
    """
    figures: report.Figures = {}
    for number in range(options.rounds):
        for section, step in steps(city, options, number):
            take(figures, f"round {number + 1} of {options.rounds}", section, step)
        report.add(figures, "memory, MB", memory_mb(city))  # after each round: what grows, shows
    if boston.path() is not None:
        take(figures, "the real ledger", "Boston", lambda: boston.measure(city))
        take(figures, "the real ledger", "Boston rebuilt", lambda: rebuild.measure(city))
        report.add(figures, "memory, MB", memory_mb(city))
    return figures


def memory_mb(city: City) -> dict[str, float]:
    """Resident memory of each process."""
    return {name: resident_mb(one["pid"]) for name, one in city.processes().items()}


def steps(city: City, options: argparse.Namespace, number: int) -> Iterator[tuple[str, Step]]:
    """Yield the measurements of one round, by section."""
    events = options.events
    yield "floor", lambda: asyncio.run(floors.measure(city, load.admitted_bodies(20_000)))
    for mix in ("payments", "requests", "city"):
        yield f"kpi stage, {mix}", partial(stage.measure, city, events, f"stage-{mix}-{number}", mix)
    yield "rebuild", lambda: rebuild.measure(city)
    yield "door to snapshot", lambda: door.measure(city, events, f"door-{number}")
    yield "freshness", lambda: freshness.measure(city, options.rate, options.seconds, f"fresh-{number}")


def take(figures: report.Figures, when: str, section: str, step: Step) -> None:
    """Measure one section, and say so before and after."""
    print(f"{when}: {section} ...", end=" ", file=sys.stderr, flush=True)
    started, measured = time.perf_counter(), step()
    report.add(figures, section, measured)
    found = ", ".join(f"{name} {measured[name]:,.0f}" for name in SAID if name in measured)
    print(f"{found} ({time.perf_counter() - started:.0f} s)", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
