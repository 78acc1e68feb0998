"""Processes by number and birth: what a pidfile names is ours only while both still agree."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from citygoals.local.city_dir import read_json, write_private

UP = "up"  # the supervisor's own name among the pidfiles
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PR_SET_PDEATHSIG = 1
_POLL_S = 0.02


@dataclass(frozen=True)
class Identity:
    """A process number and the mark of its birth: numbers come again, the pair does not."""

    pid: int
    born: str


def identity_of(pid: int) -> Identity | None:
    """Return who has this number now, or None (also for one that is dead and only waits to be reaped)."""
    try:
        born = _born_linux(pid) if _BOOT_ID.exists() else _born_elsewhere(pid)
    except (OSError, ValueError):
        return None
    return None if born is None else Identity(pid, born)


def _born_linux(pid: int) -> str | None:
    # Ticks since boot, with the boot's own id: unlike a date, it stays the same when the clock is set.
    state, *fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return None if state in "ZX" else f"{_BOOT_ID.read_text(encoding='ascii').strip()}:{fields[18]}"


def _born_elsewhere(pid: int) -> str | None:
    asked = subprocess.run(["ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, born = asked.stdout.strip().partition(" ")
    return None if asked.returncode or state.startswith("Z") else born.strip()


def is_alive(identity: Identity) -> bool:
    """Tell whether that very process still runs."""
    return identity_of(identity.pid) == identity


def write_pidfile(path: Path, pid: int) -> None:
    """Store who runs under this number. A process that is gone already leaves no file."""
    identity = identity_of(pid)
    if identity is not None:
        write_private(path, json.dumps({"pid": identity.pid, "born": identity.born}) + "\n")


def read_pidfile(path: Path) -> Identity | None:
    """Return the process that a pidfile names if it still runs, else None."""
    stored = read_json(path)
    try:
        identity = Identity(int(stored["pid"]), str(stored["born"])) if stored else None
    except (KeyError, TypeError, ValueError):
        return None
    return identity if identity is not None and is_alive(identity) else None


def send(identity: Identity, number: int) -> bool:
    """Send a signal to that very process; False if it is gone or not ours to signal."""
    if not is_alive(identity):
        return False
    try:
        os.kill(identity.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def wait_gone(identity: Identity, timeout_s: float) -> bool:
    """Wait until that process is gone; False if it outlives the timeout."""
    deadline = time.monotonic() + timeout_s
    while is_alive(identity):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def stop(identity: Identity, number: int, *, grace_s: float) -> None:
    """Ask a process to stop, and after the grace end it."""
    if send(identity, number) and not wait_gone(identity, grace_s):
        send(identity, signal.SIGKILL)
        wait_gone(identity, grace_s)


def end_group(group: int) -> None:
    """End what is left of a process group whose leader is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def tied_to_parent(number: int) -> Callable[[], None] | None:
    """Return what a child does before it starts, so that the kernel signals it when the supervisor dies (Linux)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the tie held
            os.kill(os.getpid(), number)

    return tie
