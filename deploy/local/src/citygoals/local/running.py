"""A server process that was started here: its pid, its end, and what its log says when it does not come up."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from citygoals.local.processes import tied_to_parent

POLL_S = 0.02
LOG_TAIL_BYTES = 4000


class StartError(Exception):
    """A server did not come up; the message ends with the last lines of its log."""


class Running:
    """A child process in a process group of its own, writing to `log`."""

    def __init__(self, command: Sequence[str], log: Path, stop_signal: signal.Signals) -> None:
        self.log = log
        self._stop_signal = stop_signal
        with log.open("ab") as output:
            self._process = _spawn(command, output)

    @property
    def pid(self) -> int:
        """The process id; it stays the same until `stop`."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def wait_ready(self, is_ready: Callable[[], bool], timeout_s: float) -> None:
        """Wait until `is_ready` says so. Raises StartError when it dies or takes longer than `timeout_s` seconds."""
        deadline = time.monotonic() + timeout_s
        while not is_ready():
            if not self.is_alive or time.monotonic() > deadline:
                what = "died" if not self.is_alive else f"not ready after {timeout_s:.0f} s"
                self.kill()
                raise StartError(f"{self._process.args[0]!s} {what}\n{tail(self.log)}")  # type: ignore[index]  # a list
            time.sleep(POLL_S)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process itself."""
        if self.is_alive:
            self._process.send_signal(number)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Stop it the way it likes to be stopped, and by force after `timeout_s` seconds."""
        self.send(self._stop_signal)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill it, with all its children, as a crash would."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


def _spawn(command: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=tied_to_parent(signal.SIGTERM),  # noqa: PLW1509 - one prctl call, started from the main thread
    )


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    data = log.read_bytes() if log.exists() else b""
    return data[-LOG_TAIL_BYTES:].decode(errors="replace")
