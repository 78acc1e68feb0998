"""`citygoals up`, `down` and `status`."""

import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from citygoals.local.city_dir import CityDir, LocalError, UsageError, read_json
from citygoals.local.options import DATA, AsJson, Data, show, show_json
from citygoals.local.processes import UP, read_pidfile, stop

_READY_FD = "CITYGOALS_READY_FD"
_READY = b"ready\n"
_STOP_GRACE_S = 12.0
_USAGE = 2  # the exit status


def up(  # noqa: PLR0913 - the options that the contract names
    *,
    data: Data = DATA,
    port_base: Annotated[int, Parameter(help="First port; the others follow from it.")] = 8800,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    demo: Annotated[
        bool, Parameter(help="Stream a synthetic day, labelled so, for a dashboard that is alive.")
    ] = False,
    nats_url: Annotated[str | None, Parameter(help="Use this NATS server (nats://user:password@host:port).")] = None,
    pg_dsn: Annotated[str | None, Parameter(help="Use this PostgreSQL database (postgresql://...).")] = None,
    detach: Annotated[bool, Parameter(negative="", help="Return when ready; the city goes on running.")] = False,
) -> int:
    """Start the city on this machine."""
    from citygoals.local.up_options import Options

    options = Options(data=data, host=host, port_base=port_base, demo=demo, nats_url=nats_url, pg_dsn=pg_dsn)
    options.check()
    if detach:
        return _detached(CityDir(data))
    from citygoals.local.system import run_city

    waiting = _whoever_waits()
    run_city(options, lambda endpoints, seconds: _ready(asdict(endpoints), seconds, waiting))
    return 0


def down(*, data: Data = DATA) -> int:
    """Stop the city of a folder."""
    from citygoals.local.supervisor import stop_orphans

    folder = CityDir(data)
    running = read_pidfile(folder.pidfile(UP))
    if running is not None:
        stop(running, signal.SIGTERM, grace_s=_STOP_GRACE_S)
        if read_pidfile(folder.pidfile(UP)) is not None:
            raise LocalError(
                f"pid {running.pid} does not stop; it may belong to somebody else. Ask its owner, or use sudo."
            )
    orphans = stop_orphans(folder) if folder.run.is_dir() else []
    folder.status.unlink(missing_ok=True)
    show(f"stopped {folder.root}" if running or orphans else f"nothing runs from {folder.root}")
    return 0


def status(*, data: Data = DATA, as_json: AsJson = False) -> int:
    """Show what runs."""
    folder = CityDir(data)
    supervisor = read_pidfile(folder.pidfile(UP))
    known = read_json(folder.status) or {}
    processes: list[dict[str, Any]] = [
        process | ({} if read_pidfile(folder.pidfile(process["name"])) else {"pid": None, "ready": False})
        for process in known.get("processes", [])
    ]
    if as_json:
        show_json({"processes": processes})
    elif not processes:
        show(f"nothing runs from {folder.root}; `citygoals up --data {folder.root}` starts it")
    else:
        for process in processes:
            show(_line(process))
        if supervisor is None:
            show("nobody watches over these processes: `citygoals up` stops them and starts the city again")
    wanted = [process for process in processes if process["name"] != "demo"]
    return 0 if supervisor and wanted and all(process["ready"] for process in wanted) else 1


def _line(process: dict[str, Any]) -> str:
    state = "ready" if process["ready"] else ("starting" if process["pid"] else "not running")
    if process["name"] == "demo" and not process["pid"]:
        state = "finished"
    again = f"  started again {process['restarts']} times" if process["restarts"] else ""
    return f"{process['name']:<10} {process['pid'] or '-':>8} {process['port'] or '-':>6}  {state}{again}"


def _detached(folder: CityDir) -> int:
    """Start the same command in the background, and wait until it is ready or has failed."""
    folder.prepare()
    log = folder.log("up")
    begun = log.stat().st_size if log.exists() else 0
    reading, writing = os.pipe()
    with log.open("ab") as output:
        background = subprocess.Popen(
            [sys.executable, "-m", "citygoals.local", *(word for word in sys.argv[1:] if word != "--detach")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(writing,),
            start_new_session=True,
            env={**os.environ, _READY_FD: str(writing)},
        )
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as said:
            is_ready = said.readline() == _READY
    except KeyboardInterrupt:
        background.send_signal(signal.SIGTERM)
        background.wait()
        raise
    if not is_ready:
        failure = UsageError if background.wait() == _USAGE else LocalError
        raise failure(_said_since(log, begun))
    show(_said_since(log, begun))
    return 0


def _whoever_waits() -> int | None:
    """Return where to say that the city is ready, if somebody started this in the background and waits for it."""
    number = os.environ.pop(_READY_FD, None)
    if number is None:
        return None
    os.set_inheritable(int(number), False)
    return int(number)


def _ready(endpoints: dict[str, Any], seconds: float, waiting: int | None) -> None:
    show(f"City Goals is up ({seconds:.1f} s)")
    for name in ("reporting", "intake", "kpi", "notify", "nats"):
        show(f"  {name:<10} {endpoints[name]}" + ("   <- the dashboard" if name == "reporting" else ""))
    show("  keys       endpoints.json in the city's folder; `citygoals keys create` makes more")
    if waiting is not None:
        os.write(waiting, _READY)
        os.close(waiting)


def _said_since(log: Path, begun: int) -> str:
    return log.read_bytes()[begun:].decode(errors="replace").removeprefix("citygoals: ").rstrip()
