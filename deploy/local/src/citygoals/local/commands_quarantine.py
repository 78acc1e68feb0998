"""`citygoals quarantine`: what was refused and why, and another try by today's rules."""

from collections.abc import Iterator
from typing import Annotated, Any

from cyclopts import App, Parameter

from citygoals.local.city_dir import LocalError, UsageError
from citygoals.local.client import City, explain
from citygoals.local.options import DATA, AsJson, Data, KeyFile, counted, read_key, show, show_json

_PAGE = 1000
_REFUSED = frozenset((409, 422))

System = Annotated[str | None, Parameter(help="Only events of this system.")]
Code = Annotated[str | None, Parameter(help="Only events refused with this code, such as schema.")]

quarantine_app = App(name="quarantine", help="Look at refused events, and send them again.")


@quarantine_app.command(name="list")
def list_(
    *,
    system: System = None,
    code: Code = None,
    limit: Annotated[int, Parameter(help="At most so many, the newest first.")] = 100,
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """List refused events, newest first."""
    with City(data, key=read_key(key_file)) as city:
        items = [item for item, _ in zip(_refused(city, system, code), range(limit), strict=False)]
    if as_json:
        show_json({"items": items})
        return 0
    for item in items:
        what = f"{item['source'] or '-'} {item['event_id'] or '-'}"
        again = f", {item['seen']:,} times" if item["seen"] > 1 else ""
        done = ", replayed" if item["replayed_at"] else ""
        show(f"{item['id']:>8}  {item['last_seen_at'][:19]}  {item['code']:<12} {item['system']}: {what}{again}{done}")
    return 0


@quarantine_app.command(name="show")
def show_one(
    number: Annotated[int, Parameter(help="Its number in the list.")],
    *,
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Show one refused event and everything that is wrong with it."""
    with City(data, key=read_key(key_file)) as city:
        item: dict[str, Any] = city.ask("intake", f"/v1/quarantine/{number}", role="admin")
    if as_json:
        show_json(item)
        return 0
    for name, value in item.items():
        if name != "errors" and value is not None:
            show(f"{name:<14} {value}")
    for error in item["errors"]:
        show(f"  {error['pointer'] or '/'}: {error['detail']}")
    return 0


@quarantine_app.command
def replay(
    *numbers: Annotated[int, Parameter(help="Numbers in the list; none: all that --system and --code choose.")],
    system: System = None,
    code: Code = None,
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Judge refused events again by today's rules. Exit status 1 if any is refused again."""
    if not numbers and system is None and code is None:
        raise UsageError("name events by their numbers, or choose them with --system or --code")
    done: dict[str, Any] = {"taken": 0, "refused": []}
    with City(data, key=read_key(key_file)) as city:
        chosen = list(numbers) or [
            item["id"] for item in _refused(city, system, code) if item["replayable"] and not item["replayed_at"]
        ]
        for number in chosen:
            why = _replayed(city, number)
            if why is None:
                done["taken"] += 1
            else:
                done["refused"].append({"id": number, "why": why})
    if as_json:
        show_json(done)
    else:
        for item in done["refused"]:
            show(f"{item['id']}: {item['why']}")
        show(f"{counted(done['taken'], 'event')} taken, {len(done['refused']):,} refused again")
    return 1 if done["refused"] else 0


def _replayed(city: City, number: int) -> str | None:
    """Return why an event was refused again, or None if it was taken."""
    url = f"{city.url('intake')}/v1/quarantine/{number}/replay"
    answer = city.send("POST", url, headers={"authorization": f"Bearer {city.key('admin')}"})
    if answer.status_code in _REFUSED:
        return explain(answer)
    if answer.is_error:
        raise LocalError(f"{number}: {explain(answer)}")
    return None


def _refused(city: City, system: str | None, code: str | None) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        query = {"limit": str(_PAGE), "cursor": cursor, "system": system, "code": code}
        wanted = {name: value for name, value in query.items() if value is not None}
        page = city.ask("intake", "/v1/quarantine", role="admin", params=wanted)
        yield from page["items"]
        cursor = page["next"]
        if cursor is None:
            return
