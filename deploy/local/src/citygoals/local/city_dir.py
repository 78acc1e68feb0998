"""The folder of one city on one machine: what lies where, and files that are never half written."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


class LocalError(Exception):
    """What went wrong and what to do about it, in words for the person at the terminal."""


class UsageError(LocalError):
    """The command was called in a way that cannot mean anything."""


@dataclass(frozen=True)
class CityDir:
    """Paths below `root`. Nothing is made until `prepare`."""

    root: Path

    @property
    def endpoints(self) -> Path:
        """Addresses and keys; a promise to others (contract, section 1)."""
        return self.root / "endpoints.json"

    @property
    def status(self) -> Path:
        """Written by the supervisor at each change, read by `citygoals status`."""
        return self.root / "run" / "status.json"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor of this folder for as long as it lives."""
        return self.root / "run" / "up.lock"

    @property
    def run(self) -> Path:
        """What only matters while the city runs: pidfiles, lock, status."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        """One file a secret; only the owner may look."""
        return self.root / "secrets"

    @property
    def nats(self) -> Path:
        """NATS's configuration and streams."""
        return self.root / "nats"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data."""
        return self.root / "postgres"

    @property
    def imports(self) -> Path:
        """How far each interrupted import came."""
        return self.root / "imports"

    @property
    def demo(self) -> Path:
        """Until which instant the synthetic day has been sent."""
        return self.root / "demo.json"

    def pidfile(self, name: str) -> Path:
        """Return where the process of that name is noted."""
        return self.run / f"{name}.pid"

    def log(self, name: str) -> Path:
        """Return where the process of that name writes."""
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        """Make the folders. Raises LocalError if that is not allowed here."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in (self.run, self.logs, self.nats, self.imports):
                folder.mkdir(exist_ok=True)
            self.secrets.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            self.secrets.chmod(PRIVATE_FOLDER)
        except OSError as error:
            raise LocalError(
                f"cannot write in {self.root}: {error.strerror}; choose another folder with --data"
            ) from error


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, all of it or nothing of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(PRIVATE_FILE)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """`write_private` of indented JSON."""
    write_private(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a file, or None where there is no file or no whole JSON object in it."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None
