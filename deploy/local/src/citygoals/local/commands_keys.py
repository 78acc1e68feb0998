"""`citygoals keys`: who may publish, read single events, and change things."""

import asyncio
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from citygoals.local.city_dir import CityDir, LocalError, UsageError
from citygoals.local.endpoints import read_endpoints
from citygoals.local.keys import access_pool
from citygoals.local.options import DATA, AsJson, Data, show, show_json
from citygoals.local.publisher_keys import add_nats_user, check_system, remove_nats_user
from citygoals.shared.keys import Key, create_key, list_keys, revoke_key

Role = Literal["publisher", "analyst", "staff", "admin"]

keys_app = App(name="keys", help="Create, revoke and list API keys.")


@keys_app.command
def create(
    *,
    role: Annotated[
        Role, Parameter(help="publisher: sends events; analyst: reads single events; staff, admin: change.")
    ],
    system: Annotated[
        str | None, Parameter(help="For a publisher: its system, as in the source /systems/SYSTEM.")
    ] = None,
    namespace: Annotated[
        str | None, Parameter(help="For a publisher: a namespace of facts shared with others.")
    ] = None,
    label: Annotated[str, Parameter(help="Whose key it is, for the list.")] = "",
    data: Data = DATA,
    as_json: AsJson = False,
) -> int:
    """Make an API key and show it, once: only its hash is kept.

    A publisher also gets its user on the embedded NATS server.
    """
    if (role == "publisher") != (system is not None):
        raise UsageError("--role publisher needs --system, and no other role takes it")
    if namespace is not None and role != "publisher":
        raise UsageError("--namespace is for --role publisher only")
    if system is not None:
        check_system(system)
    text, key = asyncio.run(_create(_dsn(CityDir(data)), role, label=label, system=system, namespace=namespace))
    nats = add_nats_user(CityDir(data), system) if system is not None else None
    made = _described(key) | {"key": text} | (nats.to_dict() if nats else {})
    if as_json:
        show_json(made)
        return 0
    show(f"key            {text}")
    for name, value in nats.to_dict().items() if nats else ():
        show(f"{name:<14} {value}")
    show("It is shown only now. Keep it in a file that nobody else can read.")
    return 0


@keys_app.command
def revoke(
    prefix: Annotated[str, Parameter(help="The prefix that `citygoals keys list` shows, or the whole key.")],
    *,
    data: Data = DATA,
) -> int:
    """Revoke a key. It is refused within three seconds; a system's last key takes its NATS user along."""
    folder = CityDir(data)
    short = prefix.partition(".")[0].rpartition("_")[2]
    system = asyncio.run(_revoke(_dsn(folder), short))
    if system is not None:
        remove_nats_user(folder, system)
    show(f"revoked {short}")
    return 0


@keys_app.command(name="list")
def list_(*, data: Data = DATA, as_json: AsJson = False) -> int:
    """List the keys, newest first, without their secrets."""
    keys = [_described(key) for key in asyncio.run(_list(_dsn(CityDir(data))))]
    if as_json:
        show_json({"items": keys})
        return 0
    for key in keys:
        state = "revoked" if key["revoked_at"] else "live"
        whose = f"{key['system'] or '-'}" + (f" ({key['namespace']})" if key["namespace"] else "")
        show(
            f"{key['prefix']}  {key['role']:<10} {state:<8} {whose:<20} {key['created_at'][:19]}  {key['label']}".rstrip()
        )
    return 0


async def _create(dsn: str, role: str, *, label: str, system: str | None, namespace: str | None) -> tuple[str, Key]:
    async with access_pool(dsn) as pool:
        return await create_key(pool, role, label=label, system=system, namespace=namespace)


async def _revoke(dsn: str, prefix: str) -> str | None:
    """Revoke, and return the system that has no live key any more, if that is so."""
    async with access_pool(dsn) as pool:
        if not await revoke_key(pool, prefix):
            raise LocalError(f"no live key has the prefix {prefix!r}; `citygoals keys list` shows them all")
        keys = await list_keys(pool)
    system = next(key.system for key in keys if key.prefix == prefix)
    live = {key.system for key in keys if key.revoked_at is None}
    return None if system in live else system


async def _list(dsn: str) -> list[Key]:
    async with access_pool(dsn) as pool:
        return await list_keys(pool)


def _described(key: Key) -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "role": key.role,
        "system": key.system,
        "namespace": key.namespace,
        "label": key.label,
        "created_at": key.created_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }


def _dsn(folder: CityDir) -> str:
    dsn = read_endpoints(folder.root).get("postgres")
    if not isinstance(dsn, str):
        raise LocalError("keys live in the city's database: name its folder with --data, or set CITYGOALS_PG_DSN")
    return dsn
