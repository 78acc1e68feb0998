"""What can be wrong with an installation, each check saying what to do about it. Reads only."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from citygoals.local import nats_server, postgres_server
from citygoals.local.city_dir import PRIVATE_FILE, PRIVATE_FOLDER, CityDir, read_json
from citygoals.local.ports import monitor_port, ports_of, taken
from citygoals.local.processes import UP, read_pidfile
from citygoals.local.running import StartError
from citygoals.local.up_options import LOOPBACK

PYTHON_MIN = (3, 11)
DISK_WANTED_BYTES = 5 << 30
DISK_NEEDED_BYTES = 500 << 20
NATS_MIN, POSTGRES_MIN = (2, 15, 1), (18,)

Level = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """One check's answer; `advice` says what to do unless it is ok."""

    check: str
    level: Level
    said: str
    advice: str = ""

    def line(self) -> str:
        """Return it for people."""
        mark = {"ok": "ok   ", "note": "note ", "wrong": "WRONG"}[self.level]
        return f"{mark}  {self.check}: {self.said}" + (f"\n       -> {self.advice}" if self.advice else "")


def check_machine(folder: CityDir, port_base: int) -> Iterator[Finding]:
    """Check what does not need a running city."""
    yield _python()
    yield _program("nats-server", NATS_MIN, lambda: [nats_server.binary(), "--version"])
    yield _program("postgres", POSTGRES_MIN, lambda: [str(postgres_server.binaries() / "postgres"), "--version"])
    yield _disk(folder)
    yield _clock()
    yield from _file_modes(folder)
    if read_pidfile(folder.pidfile(UP)) is None:
        yield _ports(port_base)


def _python() -> Finding:
    said = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON_MIN:
        return Finding("python", "wrong", said, "City Goals needs Python 3.11 or newer: make setup PYTHON=python3.12")
    return Finding("python", "ok", said)


def _program(name: str, wanted: tuple[int, ...], command: Callable[[], list[str]]) -> Finding:
    try:
        asked = subprocess.run(command(), capture_output=True, text=True, check=True, timeout=20)
    except (StartError, OSError, subprocess.SubprocessError) as error:
        return Finding(name, "wrong", f"cannot be run: {error}", "make setup installs it")
    words = [word.strip("v()") for word in asked.stdout.split()]
    found = next((word for word in words if word[:1].isdigit()), "0")
    if tuple(int(part) for part in found.split(".") if part.isdigit())[: len(wanted)] < wanted:
        return Finding(name, "wrong", found, f"{'.'.join(map(str, wanted))} or newer is needed: make setup installs it")
    return Finding(name, "ok", found)


def _disk(folder: CityDir) -> Finding:
    where = folder.root
    while not where.exists():
        where = where.parent
    free = shutil.disk_usage(where).free
    said = f"{free / (1 << 30):,.1f} GiB free at {where}"
    if free < DISK_NEEDED_BYTES:
        return Finding("disk", "wrong", said, "the doors answer 503 once it is full: make room, or use another --data")
    if free < DISK_WANTED_BYTES:
        return Finding("disk", "note", said, "a million events need about 2 GiB with their indexes and streams")
    return Finding("disk", "ok", said)


def _clock() -> Finding:
    """The newest file of this installation was written in the past, unless the clock is wrong."""
    newest = max(path.stat().st_mtime for path in Path(__file__).parent.iterdir())
    said = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if time.time() < newest - 60:
        return Finding(
            "clock", "wrong", f"{said} is before this program was installed", "set the clock, and keep it with NTP"
        )
    return Finding("clock", "ok", said)


def _file_modes(folder: CityDir) -> Iterator[Finding]:
    open_to_others = [path for path, mode in _private(folder) if path.exists() and path.stat().st_mode & 0o777 & ~mode]
    if open_to_others:
        names = ", ".join(str(path) for path in open_to_others)
        yield Finding("file modes", "wrong", f"others may read {names}", "chmod go-rwx them, and make new keys")
    elif folder.secrets.exists():
        yield Finding("file modes", "ok", "secrets are readable by their owner only")


def _private(folder: CityDir) -> Iterator[tuple[Path, int]]:
    yield folder.secrets, PRIVATE_FOLDER
    yield folder.endpoints, PRIVATE_FILE
    if os.access(folder.secrets, os.R_OK | os.X_OK):
        for path in folder.secrets.iterdir():
            yield path, PRIVATE_FILE


def _ports(base: int) -> Finding:
    found = taken(LOOPBACK, {**ports_of(base), "nats monitoring": monitor_port(base)})
    if found:
        advice = "stop what listens there, or start the city elsewhere: citygoals up --port-base"
        return Finding("ports", "wrong", f"taken: {', '.join(found)}", advice)
    return Finding("ports", "ok", f"{base} and those that follow from it are free")


def base_of(folder: CityDir, default: int) -> int:
    """Return the port base of a running city, else the default."""
    known = (read_json(folder.status) or {}).get("port_base")
    return known if isinstance(known, int) else default
