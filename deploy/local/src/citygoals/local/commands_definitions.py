"""`citygoals plan` and `citygoals kpi`: what the city aims at and how it is measured."""

import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import App, Parameter

from citygoals.local.city_dir import LocalError
from citygoals.local.client import City, mistake
from citygoals.local.options import DATA, AsJson, Data, KeyFile, counted, read_key, show, show_json
from citygoals.local.plan_text import differences, title, tree
from citygoals.local.progress import progress
from citygoals.local.sample_city import apply_file

plan_app = App(name="plan", help="Apply, compare or show the strategic plan.")
kpi_app = App(name="kpi", help="Apply or show the KPI catalogue; rebuild its figures.")

_POLL_S = 0.2
_DIFFERENCES_SHOWN = 20
_PARTS = {
    "kpis": "KPI",
    "departments": "department",
    "calendars": "calendar",
    "references": "reference table",
    "duties": "duty definition",
}

File = Annotated[Path, Parameter(help="YAML file; its JSON Schema is at {kpi}/v1/schemas.")]
DryRun = Annotated[bool, Parameter(negative="", help="Check the file and change nothing.")]


@plan_app.command(name="apply")
def apply_plan(
    file: File, *, dry_run: DryRun = False, data: Data = DATA, key_file: KeyFile = None, as_json: AsJson = False
) -> int:
    """Apply a version of the plan. Every mistake in the file is named with its line, and then nothing is changed."""
    with City(data, key=read_key(key_file)) as city:
        answer = apply_file(city, "plan", file.name, _text(file), dry_run=dry_run)
    plan = answer["plan"]
    return _applied(answer, f"plan {plan['id']} version {plan['version']}", as_json=as_json)


@plan_app.command(name="show")
def show_plan(
    file: Annotated[Path | None, Parameter(help="Show this file instead of the plan in force.")] = None,
    *,
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Show the plan in force, or a plan file, as a tree."""
    plan = _read_plan(file) if file else _plan_in_force(data, read_key(key_file))
    if as_json:
        show_json(plan)
        return 0
    show(f"{plan['id']} version {plan['version']}, in effect from {plan['effective']['from']}")
    for line in tree(plan):
        show(line)
    return 0


@plan_app.command(name="diff")
def diff_plan(file: File, *, data: Data = DATA, key_file: KeyFile = None, as_json: AsJson = False) -> int:
    """Show what a plan file would change in the plan in force. Exit status 0 also where there are differences."""
    found = differences(_plan_in_force(data, read_key(key_file)), _read_plan(file))
    if as_json:
        show_json({"differences": found})
    else:
        for line in found or ["no difference"]:
            show(line)
    return 0


@kpi_app.command(name="apply")
def apply_kpis(
    file: File, *, dry_run: DryRun = False, data: Data = DATA, key_file: KeyFile = None, as_json: AsJson = False
) -> int:
    """Apply a catalogue of KPIs, departments, calendars, references, duties. Every mistake is named with its line.

    Then nothing is changed. What may be misspelled is warned of: an event type that never arrived, an unknown field.
    """
    with City(data, key=read_key(key_file)) as city:
        answer = apply_file(city, "kpis", file.name, _text(file), dry_run=dry_run)
    return _applied(answer, _parts(answer), as_json=as_json)


@kpi_app.command(name="show")
def show_kpis(
    identity: Annotated[str | None, Parameter(name="ID", help="Show only this KPI, whole.")] = None,
    *,
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Show the KPI catalogue."""
    with City(data, key=read_key(key_file)) as city:
        if identity is not None:
            show_json(city.ask("kpi", f"/v1/kpis/{quote(identity, safe='')}", role="staff"))
            return 0
        items = city.ask("kpi", "/v1/kpis", role="staff")["items"]
    if as_json:
        show_json({"items": items})
        return 0
    for kpi in items:
        target = (kpi.get("target") or {}).get("value") or "-"
        show(
            f"{kpi['id']:<8} {kpi['polarity']:<5} target {target:<8} {kpi['department'] or 'the city':<28} {title(kpi)}"
        )
    return 0


@kpi_app.command(name="rebuild")
def rebuild(
    *,
    verify: Annotated[bool, Parameter(negative="", help="Compare and change nothing, as without any option.")] = False,
    switch: Annotated[bool, Parameter(negative="", help="Put right what differs, in one position.")] = False,
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Compute every figure anew from the ledger and compare with the stored ones, digit by digit.

    Events go on flowing meanwhile. The stored figures always follow from the ledger, so a difference is an error to
    report; with --switch it is put right as well, and readers are told of it as of a restatement; not if the ledger
    itself is damaged. Exit status 1 if there is a difference that stays. Interrupted, it goes on in the city.
    """
    if verify and switch:
        raise LocalError("--verify changes nothing and --switch does: one of them")
    with City(data, key=read_key(key_file)) as city:
        done = _rebuilt(city, switch=switch)
    if as_json:
        show_json(done)
    elif done["status"] != "done":
        raise LocalError(f"the rebuild failed: {done['error']}; logs/kpi.log says more")
    else:
        _show_rebuild(done)
    return 0 if done["identical"] or done["switched"] else 1


def _show_rebuild(done: dict[str, Any]) -> None:
    said = "identical" if done["identical"] else "DIFFERENT"
    took = f"{done['took_ms'] / 1000:.1f} s, {done['entries_per_s']:,} entries/s"
    cells, entries = counted(done["cells"], "cell"), f"{done['entries']:,} ledger entries"
    show(f"{said}: {cells} from {entries} at position {done['position']:,} ({took})")
    for difference in done["differences"][:_DIFFERENCES_SHOWN]:
        show(f"  {difference}")
    if done["damage"]:
        show(f"nothing was put right: {done['damage']}" if done["switch"] else done["damage"])
    if done["switched"]:
        show(f"put right at position {done['switched']:,}: {counted(done['different'], 'stored number')}")


def _rebuilt(city: City, *, switch: bool) -> dict[str, Any]:
    """Start a rebuild and wait for its end; a kpi process that was killed meanwhile is asked again."""
    with progress("rebuilding", None) as advance:
        while True:
            begun = city.ask(
                "kpi", "/v1/rebuilds", role="staff", method="POST", json={"verify": not switch, "switch": switch}
            )
            headers = {"authorization": f"Bearer {city.key('staff')}"}
            while True:
                answer = city.send("GET", f"{city.url('kpi')}/v1/rebuilds/{begun['id']}", headers=headers)
                if answer.is_error:
                    break
                state: dict[str, Any] = answer.json()
                if state["status"] != "running":
                    return state
                advance(state["entries"])
                time.sleep(_POLL_S)


def _parts(answer: dict[str, Any]) -> str:
    """Return how many there are of each part that the file has."""
    found = [counted(len(answer[part]), word) for part, word in _PARTS.items() if answer[part]]
    return ", ".join(found) or "an empty catalogue"


def _applied(answer: dict[str, Any], what: str, *, as_json: bool) -> int:
    if as_json:
        show_json(answer)
        return 0
    for warning in answer.get("warnings", []):
        show(f"warning: {warning}")
    if answer.get("dry_run"):
        show(f"{what}: valid, nothing was changed")
    elif answer["applied"]:
        show(f"applied {what} at position {answer['position']:,}")
    else:
        show(f"{what}: nothing changed, it was so already (position {answer['position']:,})")
    return 0


def _plan_in_force(data: Path, key: str | None) -> dict[str, Any]:
    with City(data, key=key) as city:
        plans: list[dict[str, Any]] = city.ask("kpi", "/v1/plan", role="staff")["items"]
    for plan in plans:
        if plan["in_force"]:  # without what is not part of a plan file, so that it can be changed and applied again
            return {name: value for name, value in plan.items() if name not in ("position", "in_force")}
    raise LocalError("the city has no plan yet; `citygoals plan apply FILE` gives it one")


def _read_plan(file: Path) -> dict[str, Any]:
    from citygoals.shared.plan import InvalidFile, load_plan

    try:
        return load_plan(_text(file), file.name).model_dump(mode="json", by_alias=True)
    except InvalidFile as error:
        raise LocalError("\n".join(mistake(item) for item in error.errors)) from error


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LocalError(f"there is no file {file}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"{file} cannot be read: {error}") from error
