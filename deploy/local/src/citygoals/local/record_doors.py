"""What `citygoals commitment` and `citygoals narrative` share: options, and how kpi is asked about records."""

from collections.abc import Callable, Iterator
from getpass import getuser
from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import Parameter

from citygoals.local.city_dir import UsageError
from citygoals.local.client import City
from citygoals.local.options import DATA, AsJson, Data, KeyFile, read_key, show, show_json

PAGE = 1000

Identity = Annotated[str, Parameter(name="ID", help="Its id, as `list` names it.")]
By = Annotated[str | None, Parameter(help="Who does it, for the record; you by default.")]
Reason = Annotated[str | None, Parameter(help="Why, for the record.")]
NeededReason = Annotated[str, Parameter(help="Why, for the record.")]
Version = Annotated[
    int | None, Parameter(name="--if-version", help="Only if it still is at this version, as `show` told it.")
]

Lines = Callable[[Any], Iterator[str]]


def said(by: str | None, reason: str | None) -> dict[str, str]:
    """Return who does something, and why if that was said."""
    return {"by": by or getuser(), **({} if reason is None else {"reason": reason})}


def every(city: City, part: str, **asked: str | None) -> list[dict[str, Any]]:
    """Return all records of a part that are asked for, page by page."""
    query: dict[str, Any] = {name: value for name, value in asked.items() if value is not None} | {"limit": PAGE}
    items: list[dict[str, Any]] = []
    while True:
        answer = city.ask("kpi", f"/v1/{part}", role="staff", params=query)
        items += answer["items"]
        if answer["next"] is None:
            return items
        query["cursor"] = answer["next"]


def one(city: City, part: str, identity: str) -> dict[str, Any]:
    """Return one record."""
    found: dict[str, Any] = city.ask("kpi", where(part, identity), role="staff")
    return found


def where(part: str, identity: str, then: str = "") -> str:
    """Return the path of a record, or of something that can be done with it."""
    return f"/v1/{part}/{quote(identity, safe='')}{then}"


def wish(
    city: City, path: str, body: dict[str, Any], *, method: str = "POST", role: str = "staff",
    version: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Ask for a change; return the record as it is then, `applied` and the `position`. Raises LocalError."""
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    answer: dict[str, Any] = city.ask("kpi", path, role=role, method=method, json=body, headers=headers)
    return answer


def mover(part: str, to: str, summary: str, *, role: str = "staff", is_reasoned: bool = False) -> Callable[..., int]:
    """Return the command that moves a record of a part to a state."""

    def move(  # noqa: PLR0913 - what a move has
        identity: Identity, *, by: By = None, reason: Reason = None, version: Version = None, data: Data = DATA,
        key_file: KeyFile = None, as_json: AsJson = False,
    ) -> int:  # fmt: skip
        if is_reasoned and reason is None:
            raise UsageError("this says why, for the record: give a --reason")
        with City(data, key=read_key(key_file)) as city:
            path = where(part, identity, "/transitions")
            return told(wish(city, path, {"to": to, **said(by, reason)}, role=role, version=version), as_json=as_json)

    move.__doc__ = summary
    return move


def told(answer: dict[str, Any], *, as_json: bool) -> int:
    """Say what became of a wish; return the exit status."""
    if as_json:
        show_json(answer)
    elif answer["applied"]:
        show(f"{answer['id']}: {answer['state']}, version {answer['version']}, at position {answer['position']:,}")
    else:
        show(f"{answer['id']}: {answer['state']}, version {answer['version']}; it was so already")
    return 0


def listed(items: list[dict[str, Any]], line: Callable[[Any], str], *, as_json: bool) -> int:
    """Show a list; return the exit status."""
    if as_json:
        show_json({"items": items})
    for item in () if as_json else items:
        show(line(item))
    return 0


def shown(found: dict[str, Any], lines: Lines, *, as_json: bool) -> int:
    """Show one record; return the exit status."""
    if as_json:
        show_json(found)
    for line in () if as_json else lines(found):
        show(line)
    return 0
