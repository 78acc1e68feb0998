"""`python -m citygoals.reporting`: settings, wiring, serve."""

from citygoals.reporting.app import reporting
from citygoals.reporting.settings import ReportingSettings
from citygoals.shared import telemetry
from citygoals.shared.ops import Draining, run, serve
from citygoals.shared.settings import load


async def main() -> None:
    """Serve until SIGTERM."""
    settings = load(ReportingSettings)
    telemetry.setup("reporting", settings)
    draining = Draining()
    async with reporting(settings, draining) as parts:
        await serve(parts.app, settings, draining, *parts.loops)


if __name__ == "__main__":
    run(main)
