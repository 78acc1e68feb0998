"""One supervised process: started, watched, started again when it dies, stopped in time."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from citygoals.local.city_dir import CityDir, LocalError
from citygoals.local.processes import end_group, tied_to_parent, write_pidfile
from citygoals.local.running import StartError

LOG_BYTES_MAX = 50_000_000
_LOGS_KEPT = 3
# Waits before a restart, by how many times in a row it died young: every one keeps the promise of two seconds.
_RESTART_LIMIT_S = 2.0
_RESTART_DELAYS_S = (0.0, 0.1, 0.4, 1.0, 1.5)
_YOUNG_S = 10.0
_READY_POLL_S = 0.03
_RESTARTS_BEFORE_READY = 3  # it will not get better: say so instead of waiting

assert max(_RESTART_DELAYS_S) < _RESTART_LIMIT_S

Probe = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run and how to know that it is ready.

    `warm_command` is for a first start that gets ready to run and waits for the end of its standard input.
    `finishes`: leaving with status 0 is its proper end.
    """

    name: str
    command: tuple[str, ...]
    warm_command: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    probe: Probe | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    before_start: Callable[[], None] | None = None
    finishes: bool = False


class Child:
    """The process of one program. `changed` is called whenever pid, readiness or the count of restarts changes."""

    def __init__(self, program: Program, folder: CityDir, changed: Callable[[], None]) -> None:
        self.program = program
        self.restarts = 0
        self.is_ready = False
        self._folder = folder
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The number of the living process, else None."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self, *, warm: bool = False) -> None:
        """Start it and keep it running until `stop`. A warm start waits for `let_go`."""
        await self._spawn(self.program.warm_command if warm else None)
        self._running = asyncio.create_task(self._keep(), name=f"keep {self.program.name}")

    def let_go(self) -> None:
        """Let a process that was started warm do its work."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def wait_ready(self, timeout_s: float) -> None:
        """Return when the probe says yes. Raises LocalError with the log's last lines if it does not in time."""
        deadline = time.monotonic() + timeout_s
        while not await self.probe():
            if time.monotonic() > deadline or self.restarts >= _RESTARTS_BEFORE_READY:
                raise LocalError(self._not_ready())
            await asyncio.sleep(_READY_POLL_S)

    async def probe(self) -> bool:
        """Ask whether it is ready, and remember the answer."""
        probe = self.program.probe
        answer = self.pid is not None and (probe is None or await probe())
        if answer != self.is_ready:
            self.is_ready = answer
            self._changed()
        return answer

    async def stop(self, grace_s: float) -> None:
        """Ask it to stop; end it and whatever it started after the grace."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self.program.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), grace_s)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        end_group(process.pid)
        self._folder.pidfile(self.program.name).unlink(missing_ok=True)

    async def _keep(self) -> None:
        young_deaths = 0
        while True:
            born = time.monotonic()
            status = await self._process.wait() if self._process is not None else None
            self.is_ready = False
            self._changed()
            if self.program.finishes and status == 0:
                return
            young_deaths = young_deaths + 1 if time.monotonic() - born < _YOUNG_S else 0
            await asyncio.sleep(_RESTART_DELAYS_S[min(young_deaths, len(_RESTART_DELAYS_S) - 1)])
            self.restarts += 1
            _say(f"{self.program.name} ended (status {status}) and is started again")
            await self._spawn_again()

    async def _spawn_again(self) -> None:
        self._process = None
        try:
            await self._spawn()
        except (OSError, StartError) as error:  # a full disk, say: the next round tries again
            _say(f"{self.program.name} cannot be started: {error}")

    async def _spawn(self, warm_command: tuple[str, ...] | None = None) -> None:
        program, log = self.program, self._folder.log(self.program.name)
        if program.before_start is not None:
            await asyncio.to_thread(program.before_start)
        rotate(log)
        with log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(warm_command or program.command),
                stdin=asyncio.subprocess.PIPE if warm_command else asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **program.environment},
                start_new_session=True,  # Ctrl-C at the terminal is for the supervisor alone: it stops them in order
                preexec_fn=tied_to_parent(program.stop_signal),
            )
        write_pidfile(self._folder.pidfile(program.name), self._process.pid)
        self._changed()

    def _not_ready(self) -> str:
        log = self._folder.log(self.program.name)
        what = f"ended {self.restarts} times" if self.restarts else "did not become ready in time"
        return f"{self.program.name} {what}. The end of {log}:\n{tail(log)}"


def _say(what: str) -> None:
    sys.stderr.write(f"citygoals: {what}\n")


def rotate(log: Path) -> None:
    """Keep a log below its limit by copying it aside; its writers append, so emptying it in place is safe."""
    if not log.exists() or log.stat().st_size < LOG_BYTES_MAX:
        return
    for age in range(_LOGS_KEPT - 1, 0, -1):
        older = log.with_suffix(f".log.{age}")
        if older.exists():
            older.replace(log.with_suffix(f".log.{age + 1}"))
    shutil.copyfile(log, log.with_suffix(".log.1"))
    os.truncate(log, 0)


def tail(log: Path, lines: int = 12) -> str:
    """Return the last lines of a log, indented."""
    try:
        text = log.read_bytes()[-8000:].decode(errors="replace")
    except FileNotFoundError:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (empty)"
