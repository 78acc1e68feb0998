"""The set-up job of compose.yaml and Kubernetes: what must be there before the services start. Repeatable at any time.

    python -m citygoals.local.job render    nats-server's configuration from the topology and the users' secrets
    python -m citygoals.local.job migrate   schemas, roles, streams, first API keys
    python -m citygoals.local.job keys      the API keys that `migrate` made, as JSON
    python -m citygoals.local.job sample    the sample plan and catalogue, where kpi has none

Secrets are files below /run/secrets: `pg-dsn-admin`, `pg-dsn-<service>`, `nats-<user>`.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from citygoals.local.city_dir import LocalError, write_private
from citygoals.local.client import City
from citygoals.local.keys import ensure_keys
from citygoals.local.passwords import named, recall
from citygoals.local.sample_city import load_sample_city
from citygoals.local.schemas import migrate_all
from citygoals.local.servers import DEMO_SYSTEM, Broker, provision_streams
from citygoals.local.supervisor import SERVICES
from citygoals.shared.natsconf import USERS_FILE, Listening, server_conf, users_conf

PATIENCE_S = 60.0
PAUSE_S = 0.5
CONF = "nats.conf"
CLIENT_PORT, MONITOR_PORT = 4222, 8222


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the job finds its secrets and puts what it makes."""

    secrets: Path
    nats_conf: Path
    nats_store: Path
    keys: Path
    nats_url: str

    @classmethod
    def from_environment(cls) -> "Places":
        """Return the places of the images, or those that the environment names."""
        return cls(
            secrets=Path(os.environ.get("CITYGOALS_SECRETS", "/run/secrets")),
            nats_conf=Path(os.environ.get("CITYGOALS_NATS_CONF", "/etc/citygoals/nats")),
            nats_store=Path(os.environ.get("CITYGOALS_NATS_STORE", "/var/lib/citygoals/nats")),
            keys=Path(os.environ.get("CITYGOALS_KEYS", "/var/lib/citygoals/keys")),
            nats_url=os.environ.get("CITYGOALS_NATS_URL", "nats://nats:4222"),
        )


def render(places: Places) -> None:
    """Write nats.conf, and users.conf with every user that has a secret; a running server takes both on SIGHUP."""
    listening = Listening("0.0.0.0", CLIENT_PORT, MONITOR_PORT)  # noqa: S104 - the container's network is the limit
    write_private(places.nats_conf / USERS_FILE, users_conf(_nats_passwords(places)))
    write_private(places.nats_conf / CONF, server_conf("citygoals", listening, places.nats_store))


async def migrate(places: Places) -> None:
    """Bring database and broker to what this version needs, and make the first keys. Waits for both to answer."""
    dsn = _secret(places, "pg-dsn-admin")
    passwords = {service: _password_of(_secret(places, f"pg-dsn-{service}")) for service in SERVICES}
    broker = Broker(url=places.nats_url, passwords=_nats_passwords(places))
    await _patiently(lambda: migrate_all(dsn, passwords))
    await _patiently(lambda: provision_streams(broker))
    await ensure_keys(dsn, places.keys, (DEMO_SYSTEM,))


def keys(places: Places) -> dict[str, str]:
    """Return the text of each key that `migrate` made, by role and system."""
    return {name: recall(places.keys, f"key-{name}") or "" for name in named(places.keys, "key")}


def sample(places: Places) -> None:
    """Apply the sample's files for which the city has nothing yet; CITYGOALS_SAMPLE=no: nothing."""
    if os.environ.get("CITYGOALS_SAMPLE", "yes") == "no":
        return
    where = {"kpi": os.environ.get("CITYGOALS_KPI_URL", "http://kpi:8000"), "credentials": keys(places)}
    with City(where, patience_s=PATIENCE_S) as city:
        print("applied:", ", ".join(load_sample_city(city)) or "nothing, the city has its own")


async def _patiently(work: Callable[[], Awaitable[object]]) -> None:
    """Repeat until it works: a database that just started may still be recovering."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            await work()
        except LocalError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(PAUSE_S)
        else:
            return


def _nats_passwords(places: Places) -> dict[str, str]:
    return {user: _secret(places, f"nats-{user}") for user in named(places.secrets, "nats")}


def _secret(places: Places, name: str) -> str:
    value = recall(places.secrets, name)
    if value is None:
        raise LocalError(f"the secret {places.secrets / name} is missing or empty")
    return value


def _password_of(dsn: str) -> str:
    return unquote(urlsplit(dsn).password or "")


def main() -> int:
    """Run the step that the command line names."""
    places = Places.from_environment()
    steps: dict[str, Callable[[], None]] = {
        "render": lambda: render(places),
        "migrate": lambda: asyncio.run(migrate(places)),
        "keys": lambda: print(json.dumps(keys(places), indent=2)),
        "sample": lambda: sample(places),
    }
    step = steps.get(sys.argv[1] if len(sys.argv) == 2 else "")
    if step is None:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        step()
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
