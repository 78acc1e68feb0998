"""`citygoals up` from the inside: one supervisor for one folder, from the lock to the last process."""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

from citygoals.local.city_dir import CityDir, LocalError
from citygoals.local.endpoints import Endpoints
from citygoals.local.ports import check_free, monitor_port, ports_of
from citygoals.local.processes import UP, read_pidfile, write_pidfile
from citygoals.local.programs import demo_program, service_program
from citygoals.local.supervisor import SERVICES, Supervisor, stop_orphans
from citygoals.local.up_options import LOOPBACK, Options

Ready = Callable[[Endpoints, float], None]


def run_city(options: Options, ready: Ready) -> None:
    """Run a city until it is told to stop. `ready` gets the endpoints and how many seconds it took.

    Raises LocalError where it cannot start; nothing is left running then.
    """
    folder = CityDir(options.data)
    folder.prepare()
    with _only_one(folder):
        orphans = stop_orphans(folder)
        if orphans:
            sys.stderr.write(f"stopped what an earlier, killed `citygoals up` had left: {', '.join(orphans)}\n")
        _check_ports(options)
        write_pidfile(folder.pidfile(UP), os.getpid())
        try:
            asyncio.run(_run(options, folder, ready))
        finally:
            folder.pidfile(UP).unlink(missing_ok=True)


async def _run(options: Options, folder: CityDir, ready: Ready) -> None:
    started = time.monotonic()
    about = {"host": options.host, "port_base": options.port_base, "demo": options.demo}
    supervisor = Supervisor(folder, about)
    told_to_stop = _on_signals()
    starting = asyncio.create_task(_start(options, folder, supervisor))
    try:
        await asyncio.wait((starting, told_to_stop), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            ready(starting.result(), time.monotonic() - started)
            await told_to_stop
    finally:
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError, LocalError):
            await starting
        await supervisor.stop()


async def _start(options: Options, folder: CityDir, supervisor: Supervisor) -> Endpoints:
    for name in SERVICES:
        await supervisor.warm_up(service_program(name, options))
    from citygoals.local.startup import bring_up  # while the services load as well

    endpoints = await bring_up(options, supervisor)
    endpoints.write(folder.endpoints)
    if options.demo:
        await supervisor.start(demo_program(options.data), 5.0)
    supervisor.announce()
    return endpoints


def _on_signals() -> "asyncio.Future[None]":
    """Return what is done once somebody asks this process to end."""
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[None] = loop.create_future()

    def on_signal() -> None:
        if not asked.done():
            asked.set_result(None)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)
    return asked


def _check_ports(options: Options) -> None:
    ports = ports_of(options.port_base)
    inside = {"postgres": ports.pop("postgres"), "nats monitoring": monitor_port(options.port_base)}
    if options.nats_url is not None:
        del ports["nats"], inside["nats monitoring"]
    if options.pg_dsn is not None:
        del inside["postgres"]
    check_free((options.host, ports), (LOOPBACK, inside))


@contextlib.contextmanager
def _only_one(folder: CityDir) -> Iterator[None]:
    """Hold the folder's lock; the kernel lets go of it however this process ends."""
    with folder.lock.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = read_pidfile(folder.pidfile(UP))
            who = f"pid {other.pid}" if other else "another process"
            raise LocalError(
                f"{folder.root} is already up ({who}). `citygoals status` shows it, `citygoals down` stops it."
            ) from None
        yield
