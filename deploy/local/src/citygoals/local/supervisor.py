"""All processes of one city: started together, kept running, stopped in order."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable
from typing import Any

from citygoals.local.child import Child, Program, rotate
from citygoals.local.city_dir import CityDir, write_json
from citygoals.local.processes import read_pidfile, stop

SERVICES = ("reporting", "intake", "kpi", "notify")
# The order of the end: first who sends, then who works, then what they work with. Together below ten seconds.
_STAGES = ((("demo",), 1.0), (SERVICES, 5.5), (("nats",), 1.2), (("postgres",), 1.8))
STOP_LIMIT_S = 10.0
_WATCH_EVERY_S = 1.0
_ORPHAN_GRACE_S = 6.0
_SIGNALS = {"postgres": signal.SIGINT}

assert sum(grace for _, grace in _STAGES) < STOP_LIMIT_S


class Supervisor:
    """Owns the children. `status.json` in the folder says at any time what runs."""

    def __init__(self, folder: CityDir, about: dict[str, Any]) -> None:
        self._folder = folder
        self._about = about
        self._children: dict[str, Child] = {}
        self._watching: asyncio.Task[None] | None = None
        self.is_ready = False

    def __getitem__(self, name: str) -> Child:
        return self._children[name]

    async def start(self, program: Program, ready_timeout_s: float) -> None:
        """Start a program and wait until it is ready. Raises LocalError with the end of its log."""
        await self.warm_up(program, warm=False)
        await self._children[program.name].wait_ready(ready_timeout_s)

    async def warm_up(self, program: Program, *, warm: bool = True) -> None:
        """Start a program that then waits for `let_go`."""
        child = self._children[program.name] = Child(program, self._folder, self.write_status)
        await child.start(warm=warm)

    async def let_go(self, name: str, ready_timeout_s: float) -> None:
        """Let a warm program do its work and wait until it is ready. Raises LocalError with the end of its log."""
        self._children[name].let_go()
        await self._children[name].wait_ready(ready_timeout_s)

    def announce(self) -> None:
        """From now on the city counts as ready; readiness is watched and logs are kept short."""
        self.is_ready = True
        self.write_status()
        self._watching = asyncio.create_task(self._watch(), name="watch")

    async def stop(self) -> None:
        """Stop everything, in order, in less than ten seconds."""
        if self._watching is not None:
            self._watching.cancel()
        self.is_ready = False
        for names, grace_s in _STAGES:
            running = [self._children[name] for name in names if name in self._children]
            await asyncio.gather(*(child.stop(grace_s) for child in running))
        self._folder.status.unlink(missing_ok=True)

    def write_status(self) -> None:
        """Write what runs."""
        processes = [_state(child) for child in self._children.values()]
        try:
            write_json(self._folder.status, {**self._about, "ready": self.is_ready, "processes": processes})
        except OSError as error:  # a full disk must not end the supervision
            sys.stderr.write(f"citygoals: {self._folder.status} cannot be written: {error.strerror}\n")

    async def _watch(self) -> None:
        while True:
            started = time.monotonic()
            await asyncio.gather(*(child.probe() for child in self._children.values()))
            for child in self._children.values():
                rotate(self._folder.log(child.program.name))
            await asyncio.sleep(max(0.0, started + _WATCH_EVERY_S - time.monotonic()))


def _state(child: Child) -> dict[str, Any]:
    return {
        "name": child.program.name,
        "pid": child.pid,
        "port": child.program.port,
        "ready": child.is_ready,
        "restarts": child.restarts,
    }


def stop_orphans(folder: CityDir) -> list[str]:
    """Stop what a killed supervisor left running, in the usual order, and return the names."""
    found = []
    for name in _in_order(path.stem for path in folder.run.glob("*.pid")):
        identity = read_pidfile(folder.pidfile(name))
        if identity is not None and identity.pid != os.getpid():
            stop(identity, _SIGNALS.get(name, signal.SIGTERM), grace_s=_ORPHAN_GRACE_S)
            found.append(name)
        with contextlib.suppress(FileNotFoundError):
            folder.pidfile(name).unlink()
    return found


def _in_order(names: Iterable[str]) -> list[str]:
    order = [name for stage, _ in _STAGES for name in stage]
    return sorted(names, key=lambda name: order.index(name) if name in order else -1)
