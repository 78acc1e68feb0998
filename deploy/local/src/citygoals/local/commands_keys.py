"""`citygoals keys`: who may publish, read single events, and change things."""

from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from citygoals.local.city_dir import CityDir, UsageError
from citygoals.local.client import City
from citygoals.local.options import DATA, AsJson, Data, KeyFile, read_key, show, show_json
from citygoals.local.publisher_keys import (
    add_nats_user,
    check_system,
    create_key,
    list_keys,
    prefix_of,
    remove_nats_user,
)

Role = Literal["publisher", "analyst", "staff", "admin"]

keys_app = App(name="keys", help="Create, revoke and list API keys.")


@keys_app.command
def create(  # noqa: PLR0913 - what a key has
    *,
    role: Annotated[
        Role, Parameter(help="publisher: sends events; analyst: reads single events; staff, admin: change.")
    ],
    system: Annotated[str | None, Parameter(help="A publisher's system, as in the source /systems/SYSTEM.")] = None,
    namespace: Annotated[
        str | None, Parameter(help="For a publisher: a namespace of facts shared with others.")
    ] = None,
    label: Annotated[str, Parameter(help="Whose key it is, for the list.")] = "",
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Make an API key and show it, once: only its hash is kept.

    A publisher also gets its user on the embedded NATS server.
    """
    _check(role, system, namespace)
    with City(data, key=read_key(key_file)) as city:
        made = create_key(city, role, label=label, system=system, namespace=namespace)
    nats = add_nats_user(CityDir(data), system) if system is not None else None
    if nats is not None:
        made |= nats.to_dict()
    if as_json:
        show_json(made)
        return 0
    for name in ("key", "nats_user", "nats_password", "nats_inbox"):
        if name in made:
            show(f"{name:<14} {made[name]}")
    show("It is shown only now. Keep it in a file that nobody else can read.")
    return 0


def _check(role: str, system: str | None, namespace: str | None) -> None:
    if (role == "publisher") != (system is not None):
        raise UsageError("--role publisher needs --system, and no other role takes it")
    if namespace is not None and role != "publisher":
        raise UsageError("--namespace is for --role publisher only")
    for name in (system, namespace):
        if name is not None:
            check_system(name)


@keys_app.command
def revoke(
    prefix: Annotated[str, Parameter(help="The prefix that `citygoals keys list` shows, or the whole key.")],
    *,
    data: Data = DATA,
    key_file: KeyFile = None,
) -> int:
    """Revoke a key. It is refused within three seconds; a system's last key takes its NATS user along."""
    short = prefix_of(prefix)
    with City(data, key=read_key(key_file)) as city:
        city.ask("intake", f"/v1/keys/{short}", role="admin", method="DELETE")
        keys = list_keys(city)
    system = next((key["system"] for key in keys if key["prefix"] == short), None)
    live = {key["system"] for key in keys if key["revoked_at"] is None}
    if system is not None and system not in live:
        remove_nats_user(CityDir(data), system)
    show(f"revoked {short}")
    return 0


@keys_app.command(name="list")
def list_(*, data: Data = DATA, key_file: KeyFile = None, as_json: AsJson = False) -> int:
    """List the keys, newest first, without their secrets."""
    with City(data, key=read_key(key_file)) as city:
        keys = list_keys(city)
    if as_json:
        show_json({"items": keys})
    else:
        for key in keys:
            show(_line(key))
    return 0


def _line(key: dict[str, Any]) -> str:
    state = "revoked" if key["revoked_at"] else "live"
    whose = f"{key['system'] or '-'}" + (f" ({key['namespace']})" if key["namespace"] else "")
    line = f"{key['prefix']}  {key['role']:<10} {state:<8} {whose:<20} {key['created_at'][:19]}  {key['label']}"
    return line.rstrip()
