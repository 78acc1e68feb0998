"""A publishing system's way in: its API key, and its user on the embedded NATS server."""

import json
import re
import signal
import time
import urllib.request
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from citygoals.local import nats_server
from citygoals.local.city_dir import CityDir, LocalError, UsageError, read_json
from citygoals.local.client import City
from citygoals.local.passwords import password, recall, remember
from citygoals.local.ports import monitor_port
from citygoals.local.processes import read_pidfile, send
from citygoals.local.servers import nats_passwords
from citygoals.local.up_options import LOOPBACK
from citygoals.shared.natsconf import USERS_FILE
from citygoals.shared.topology import inbox, system_user

_SYSTEM = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PREFIX = re.compile(r"[0-9a-f]{12}")
_RELOAD_TIMEOUT_S = 3.0
_POLL_S = 0.05


@dataclass(frozen=True)
class NatsUser:
    """How a publishing system connects to NATS."""

    nats_user: str
    nats_password: str
    nats_inbox: str

    def to_dict(self) -> dict[str, str]:
        """Return it as endpoints.json names it."""
        return asdict(self)


def check_system(system: str) -> str:
    """Return the name of a system if it can be one. Raises UsageError: it is part of sources and of NATS subjects."""
    if not _SYSTEM.fullmatch(system):
        raise UsageError(
            f"{system!r} cannot be a system's name: use lower-case letters, digits and hyphens, such as pay-311"
        )
    return system


def prefix_of(text: str) -> str:
    """Return the prefix of a key, given that or the whole key. Raises UsageError for what is neither."""
    prefix = text.partition(".")[0].rpartition("_")[2]
    if not _PREFIX.fullmatch(prefix):
        raise UsageError("that is no key and no prefix of one, such as 0123456789ab; see `citygoals keys list`")
    return prefix


def create_key(
    city: City, role: str, *, label: str, system: str | None = None, namespace: str | None = None
) -> dict[str, Any]:
    """Make a key and return what is known about it, with its text as `key`."""
    wanted = {"role": role, "label": label, "system": system, "namespace": namespace}
    made: dict[str, Any] = city.ask("intake", "/v1/keys", role="admin", method="POST", json=wanted)
    return made


def list_keys(city: City) -> list[dict[str, Any]]:
    """Return every key, newest first, without the secrets."""
    items: list[dict[str, Any]] = city.ask("intake", "/v1/keys", role="admin")["items"]
    return items


def publisher_key(city: City, folder: CityDir, system: str) -> str:
    """Return a key that may publish for a system: the one given, the folder's own, or one made now."""
    check_system(system)
    if city.given_key:
        return city.given_key
    demo = city.endpoints.get("credentials", {}).get("publisher", {})
    if demo.get("system") == system:
        return city.key("publisher")
    known = recall(folder.secrets, f"key-publisher-{system}")
    if known is not None and _is_live(city, known):
        return known
    made: str = create_key(city, "publisher", label="made for an import", system=system)["key"]
    if folder.secrets.is_dir():
        remember(folder.secrets, f"key-publisher-{system}", made)
    return made


def _is_live(city: City, key: str) -> bool:
    headers = {"authorization": f"Bearer {key}"}
    return city.send("GET", city.url("intake") + "/v1/quarantine?limit=1", headers=headers).status_code == HTTPStatus.OK


def add_nats_user(folder: CityDir, system: str) -> NatsUser | None:
    """Let a system connect to the embedded NATS server; None where somebody else runs NATS."""
    if not (folder.nats / USERS_FILE).is_file():
        return None
    user = system_user(system)
    secret = password(folder.secrets, f"nats-{user}")
    reload_users(folder)
    return NatsUser(user, secret, inbox(user))


def remove_nats_user(folder: CityDir, system: str) -> None:
    """Close NATS to a system."""
    (folder.secrets / f"nats-{system_user(system)}").unlink(missing_ok=True)
    if (folder.nats / USERS_FILE).is_file():
        reload_users(folder)


def reload_users(folder: CityDir) -> None:
    """Write the users file anew and wait until a running server has read it."""
    nats_server.set_users(folder.nats, nats_passwords(folder))
    server = read_pidfile(folder.pidfile("nats"))
    base = (read_json(folder.status) or {}).get("port_base")
    if server is None or not isinstance(base, int):
        return  # it reads the file when it starts
    before = _loaded_at(base)
    if not send(server, signal.SIGHUP):
        raise LocalError(f"NATS (pid {server.pid}) belongs to another user, so it cannot be told of the new user")
    deadline = time.monotonic() + _RELOAD_TIMEOUT_S
    while _loaded_at(base) == before:
        if time.monotonic() > deadline:
            raise LocalError(f"NATS did not take its new users; see {folder.log('nats')}")
        time.sleep(_POLL_S)


def _loaded_at(base: int) -> Any:
    with urllib.request.urlopen(f"http://{LOOPBACK}:{monitor_port(base)}/varz", timeout=_RELOAD_TIMEOUT_S) as answer:
        return json.load(answer).get("config_load_time")
