"""The command `citygoals`. Nothing heavy is imported before a command is chosen: `--help` must be quick."""

import sys
from importlib.metadata import version

from cyclopts import App

from citygoals.local.city_dir import LocalError, UsageError

_PACKAGE = "citygoals.local"
_COMMANDS = (
    ("up", "commands_system:up", "Start the city on this machine."),
    ("down", "commands_system:down", "Stop it."),
    ("status", "commands_system:status", "Show what runs."),
    ("publish", "commands_events:publish", "Send CloudEvents (one JSON a line) through the intake door."),
    ("import", "commands_events:import_app", "Read a city's exports as events."),
    ("plan", "commands_definitions:plan_app", "Apply or show the strategic plan."),
    ("kpi", "commands_definitions:kpi_app", "Apply or show the KPI catalogue; rebuild its figures."),
    ("keys", "commands_keys:keys_app", "Create, revoke and list API keys."),
    ("quarantine", "commands_quarantine:quarantine_app", "Look at refused events, and send them again."),
    ("backup", "commands_backup:backup", "Write everything needed to start again elsewhere."),
    ("restore", "commands_backup:restore", "Start again from a backup."),
    ("doctor", "commands_doctor:doctor", "Check the installation and say what to do about each finding."),
)

app = App(
    name="citygoals",
    help="City Goals: the event bus and the scoreboard of a city.",
    version=lambda: version("citygoals-local"),
)
for _name, _where, _help in _COMMANDS:
    app.command(f"{_PACKAGE}.{_where}", name=_name, help=_help)


def main() -> None:
    """Run one command. Leaves with 0 (done), 1 (failed; standard error says why and what to do) or 2 (wrong usage)."""
    try:
        app()
    except LocalError as error:
        sys.stderr.write(f"citygoals: {error}\n")
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        sys.stderr.write("citygoals: interrupted. What was done stays; the same command again goes on.\n")
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has left: nothing to say, nobody to say it to
        sys.exit(1)
