"""endpoints.json: where a running city is, and the keys to it. Its form is a promise (contract, section 1)."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from citygoals.local.city_dir import CityDir, LocalError, read_json, write_json
from citygoals.local.processes import UP, read_pidfile

SERVICES = ("reporting", "intake", "kpi", "notify")
_PREFIX = "CITYGOALS_"


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """How the demo publisher gets in, through either door."""

    system: str
    key: str
    nats_user: str
    nats_password: str
    nats_inbox: str


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """API keys by role."""

    publisher: Publisher
    analyst: str
    staff: str
    admin: str


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Addresses and credentials of one city."""

    reporting: str
    intake: str
    kpi: str
    notify: str
    nats: str
    postgres: str
    credentials: Credentials

    def write(self, path: Path) -> None:
        """Write the file, mode 0600, all or nothing."""
        write_json(path, asdict(self))


def read_endpoints(data: Path) -> dict[str, Any]:
    """Return what endpoints.json says, each address overridden by its setting (CITYGOALS_INTAKE_URL and so on).

    Raises LocalError where neither a file nor a setting says where the city is.
    """
    folder = CityDir(data)
    known = _whole(read_json(folder.endpoints))
    settings = _from_environment(os.environ)
    if not settings:
        if known is None:
            raise LocalError(_why_not(folder))
        if folder.run.is_dir() and read_pidfile(folder.pidfile(UP)) is None:
            raise LocalError(f"the city in {folder.root} is not running; `citygoals up --data {folder.root}` starts it")
    return {**(known or {}), **settings}


def _whole(known: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what was read if it has the form of the file, as far as the commands rely on it; else None."""
    credentials = known.get("credentials", {}) if known is not None else None
    if not isinstance(credentials, dict) or not isinstance(credentials.get("publisher", {}), dict):
        return None
    return known


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    names = {service: f"{_PREFIX}{service.upper()}_URL" for service in SERVICES}
    found = {service: environment[name].rstrip("/") for service, name in names.items() if environment.get(name)}
    if environment.get(f"{_PREFIX}PG_DSN"):
        found["postgres"] = environment[f"{_PREFIX}PG_DSN"]
    return found


def key_from_environment(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the API key of CITYGOALS_KEY, or of the file that CITYGOALS_KEY_FILE names."""
    path = environment.get(f"{_PREFIX}KEY_FILE")
    if not path:
        return environment.get(f"{_PREFIX}KEY") or None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise LocalError(f"{_PREFIX}KEY_FILE={path}: {error.strerror}") from error


def _why_not(folder: CityDir) -> str:
    if folder.endpoints.exists():
        return (
            f"{folder.endpoints} is damaged. `citygoals down` and `citygoals up` with --data {folder.root} "
            "write it anew; nothing else is lost."
        )
    return (
        f"no city has been started from {folder.root}. Start one with `citygoals up --data {folder.root}`, "
        "name its folder with --data, or set CITYGOALS_INTAKE_URL, CITYGOALS_KPI_URL, CITYGOALS_REPORTING_URL "
        "and CITYGOALS_KEY."
    )
