"""Everything needed to start again elsewhere, in one folder: the database at one instant, the secrets, and the figures to compare.

NATS is not in it: the journal and the outboxes in the database are the record, and streams are filled again from them.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from citygoals.local import postgres_server
from citygoals.local.city_dir import PRIVATE_FOLDER, CityDir, LocalError, read_json, write_json
from citygoals.local.client import City
from citygoals.local.passwords import password
from citygoals.local.progress import progress
from citygoals.local.running import StartError

FORMAT = 1
_DUMP, _SECRETS, _MANIFEST, _STORY = "database.dump", "secrets", "manifest.json", "demo.json"
_NOW = "the fiscal year of now"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Backup:
    """A finished backup: where it is, and the position whose figures it knows."""

    folder: Path
    position: int
    bytes: int


def write_backup(target: Path, folder: CityDir) -> Backup:
    """Write a backup of a running city. Raises LocalError; an unfinished one leaves nothing behind."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise LocalError(f"{target} is not an empty folder; a backup never overwrites anything")
    with City(folder.root) as city:
        dsn = city.endpoints.get("postgres")
        if not isinstance(dsn, str):
            raise LocalError("a backup needs the database's address: name the city's folder with --data")
        figures = read_figures(city)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as made:
        aside = Path(made) / "backup"
        aside.mkdir(mode=PRIVATE_FOLDER)
        _dump(dsn, aside / _DUMP)
        _copy_private(folder, aside)
        write_json(aside / _MANIFEST, _manifest(aside, figures))
        if target.exists():
            target.rmdir()
        aside.rename(target)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    return Backup(target, figures["position"], size)


def read_figures(city: City, known: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return figures, nodes and totals of all time and of the fiscal year, at one position.

    With `known`, an earlier answer of this function: at its position, for its periods.
    """
    position = known["position"] if known else None
    found: dict[str, Any] = {}
    for period in known["periods"] if known else ("all", _NOW):
        query = {"period": period} if period != _NOW else {}
        if position is not None:
            query["as_of"] = str(position)
        snapshot = city.ask("reporting", "/v1/snapshot", params=query)
        position = int(snapshot["as_of"]["position"])
        label = snapshot["kpis"][0]["period"] if snapshot["kpis"] else period
        found[label] = {name: snapshot[name] for name in ("kpis", "nodes", "totals")}
    return {"position": position, "periods": found}


def check_backup(source: Path) -> dict[str, Any]:
    """Return a backup's manifest. Raises LocalError if anything in it is missing or was changed."""
    manifest = read_json(source / _MANIFEST)
    if manifest is None:
        raise LocalError(f"{source} is not a backup: it has no readable {_MANIFEST}")
    if manifest.get("format") != FORMAT:
        raise LocalError(f"{source} was written by another version of City Goals ({manifest.get('version')})")
    for name, digest in manifest["files"].items():
        path = source / name
        if not path.is_file() or _digest(path) != digest:
            raise LocalError(f"{source} is damaged: {name} is missing or not what was written")
    return manifest


def unpack_backup(source: Path, folder: CityDir) -> None:
    """Fill an empty folder from a backup: secrets, then the database. Raises LocalError; the folder is empty again then."""
    check_backup(source)
    if folder.root.exists() and any(folder.root.iterdir()):
        raise LocalError(f"{folder.root} is not empty; restore into a new folder with --data")
    folder.prepare()
    try:
        _unpack(source, folder)
    except BaseException:
        for path in folder.root.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise


def _unpack(source: Path, folder: CityDir) -> None:
    for path in (source / _SECRETS).iterdir():
        shutil.copy(path, folder.secrets / path.name)
    if (source / _STORY).is_file():
        shutil.copy(source / _STORY, folder.demo)
    secret = password(folder.secrets, "postgres-admin")
    port = _free_port()
    try:
        server = postgres_server.start(folder.postgres, port=port, password=secret)
    except StartError as error:
        raise LocalError(str(error)) from error
    try:
        _restore(postgres_server.dsn(port, secret), source / _DUMP)
    finally:
        server.stop()


def _dump(dsn: str, path: Path) -> None:
    size = _pg("psql", dsn, ["-XAtc", "SELECT pg_database_size(current_database())"])
    with progress("reading the database", None):
        # One pg_dump is one snapshot: every schema as of the same instant. Roles and rights are made again by `up`.
        _pg("pg_dump", dsn, ["--format=custom", "--no-owner", "--no-privileges", f"--file={path}"])
    path.chmod(0o600)
    if not path.stat().st_size:
        raise LocalError(f"the dump is empty, though the database has {size.strip()} bytes")


def _restore(dsn: str, path: Path) -> None:
    with progress("writing the database", None):
        words = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
        _pg("pg_restore", dsn, [*words, f"--dbname={urlsplit(dsn).path.lstrip('/')}", str(path)])


def _pg(program: str, dsn: str, words: Sequence[str]) -> str:
    """Run one of PostgreSQL's programs; the password goes through the environment, where no process list shows it."""
    parts = urlsplit(dsn)
    environment = {
        **os.environ,
        "PGHOST": parts.hostname or "127.0.0.1",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
    }
    line = [str(postgres_server.binaries() / program), *words]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalError(f"{program} failed: {done.stderr.strip()}")
    return done.stdout


def _copy_private(folder: CityDir, aside: Path) -> None:
    (aside / _SECRETS).mkdir(mode=PRIVATE_FOLDER)
    if folder.secrets.is_dir():
        for path in folder.secrets.iterdir():
            shutil.copy(path, aside / _SECRETS / path.name)
    if folder.demo.is_file():
        shutil.copy(folder.demo, aside / _STORY)


def _manifest(aside: Path, figures: dict[str, Any]) -> dict[str, Any]:
    files = sorted(path for path in aside.rglob("*") if path.is_file())
    return {
        "about": "A backup of a City Goals city: `citygoals restore` starts again from it. It holds passwords and keys.",
        "format": FORMAT,
        "version": version("citygoals-local"),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {str(path.relative_to(aside)): _digest(path) for path in files},
        "figures": figures,
    }


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
