"""The command `citygoals`. Nothing heavy is imported before a command is chosen: `--help` must be quick."""

import sys

from cyclopts import App

from citygoals.local.city_dir import LocalError, UsageError

_PACKAGE = "citygoals.local"
# Of each help text, the list of commands shows the first line; the command's own --help shows all of it.
_COMMANDS = {
    "up": """Start the city on this machine.

NATS, PostgreSQL, the four services, and who watches over them: what dies is started again. The sample plan and
catalogue are loaded where there are none. Runs until Ctrl-C or `citygoals down`, unless detached.

With --nats-url the user in the address is used for everything, because users cannot be made from outside a broker.
With --pg-dsn each service gets a role of its own if that role may make roles, else it uses the role in the address.""",
    "down": """Stop the city that was started from a folder, and whatever a killed one left running.""",
    "status": """Show what runs. Exit status 0 if everything is ready, else 1.""",
    "publish": """Send CloudEvents, one JSON object a line, through the intake door.

Safe to repeat: the city knows every event again. Waits and tries again while the city is busy or away.
Each line that is refused is named with its number and reason; exit status 1 if there is one.""",
    "import": "Read a city's exports as events.",
    "plan": "Apply, compare or show the strategic plan.",
    "kpi": "Apply or show the KPI catalogue; rebuild its figures.",
    "commitment": "Propose, review, sign and amend what departments commit themselves to.",
    "narrative": "Write, review and approve what is said of a KPI in a period.",
    "report": "Publish a period's figures; list, explain and withdraw what was published.",
    "keys": "Create, revoke and list API keys.",
    "quarantine": "Look at refused events, and send them again.",
    "backup": """Write everything needed to start again elsewhere, while the city runs.

The whole database as of one instant, the folder's secrets, and figures to compare after a restore. Keep it as
carefully as the keys that are in it.""",
    "restore": """Fill a new folder from a backup, and check that the city in it shows the same figures.

Leaves the city stopped: `citygoals up --data FOLDER` starts it.""",
    "doctor": """Check the installation and say what to do about each finding.

Exit status 1 if something is wrong; what is merely worth knowing does not count.""",
}
_MODULES = {
    "up": "commands_system:up",
    "down": "commands_system:down",
    "status": "commands_system:status",
    "publish": "commands_events:publish",
    "import": "commands_events:import_app",
    "plan": "commands_definitions:plan_app",
    "kpi": "commands_definitions:kpi_app",
    "commitment": "commands_commitments:commitment_app",
    "narrative": "commands_narratives:narrative_app",
    "report": "commands_report:report_app",
    "keys": "commands_keys:keys_app",
    "quarantine": "commands_quarantine:quarantine_app",
    "backup": "commands_backup:backup",
    "restore": "commands_backup:restore",
    "doctor": "commands_doctor:doctor",
}


def _version() -> str:
    from importlib.metadata import version

    return version("citygoals-local")


app = App(
    name="citygoals",
    help="City Goals: the event bus and the scoreboard of a city.",
    version=_version,
    suppress_keyboard_interrupt=False,  # `main` says what that means here
)
for _order, (_name, _help) in enumerate(_COMMANDS.items()):
    app.command(f"{_PACKAGE}.{_MODULES[_name]}", name=_name, help=_help, sort_key=_order)


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
    except OSError as error:  # somebody else's folder, a full disk
        sys.stderr.write(f"citygoals: {error.filename or ''}: {error.strerror or error}\n")
        sys.exit(1)
