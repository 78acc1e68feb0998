"""`make bench`: floors, the kpi stage alone, a rebuild, door to snapshot, freshness, CPU of each process; one run, one table.

Figures of one run are only to be compared with each other: the machine's speed swings. Rates are therefore also shown as
ratios to the floors of the same run, and work as CPU microseconds for each event.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import door, floors, freshness, load, rebuild, report, stage
from bench.processes import resident_mb
from e2e.city import City, running_city


def main() -> None:
    """Parse the sizes, start a city of its own, measure, print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--events", type=int, default=60_000, help="events of each throughput measurement")
    parser.add_argument("--rounds", type=int, default=2, help="interleaved rounds")
    parser.add_argument("--rate", type=int, default=500, help="events a second for the freshness")
    parser.add_argument("--seconds", type=int, default=20, help="seconds of the freshness")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="city-bench-") as folder, running_city(Path(folder) / "data") as city:
        figures = measure(city, options)
    print(report.table(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


def measure(city: City, options: argparse.Namespace) -> report.Figures:
    """All measurements against one city; rounds interleave, so that a slow minute hits all alike."""
    figures: report.Figures = {}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        report.add(figures, "floor", asyncio.run(floors.measure(city, load.admitted_bodies(20_000))))
        for mix in ("payments", "requests", "city"):
            report.add(figures, f"kpi stage, {mix}", stage.measure(city, options.events, f"stage-{mix}-{number}", mix))
        report.add(figures, "rebuild", rebuild.measure(city))
        report.add(figures, "door to snapshot", door.measure(city, options.events, f"door-{number}"))
        report.add(figures, "freshness", freshness.measure(city, options.rate, options.seconds, f"fresh-{number}"))
    services = city.processes()
    report.add(figures, "memory, MB", {name: resident_mb(one["pid"]) for name, one in services.items()})
    return figures


if __name__ == "__main__":
    main()
