"""`citygoals report`: what the city publishes, and what became of it."""

from getpass import getuser
from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import App, Parameter

from citygoals.local.client import City
from citygoals.local.options import DATA, AsJson, Data, KeyFile, counted, read_key, show, show_json

report_app = App(name="report", help="Publish a period's figures; list, explain and withdraw what was published.")

Identity = Annotated[str, Parameter(name="ID", help="The publication, as `citygoals report list` names it.")]
By = Annotated[str | None, Parameter(help="Who says so, for the record; you by default.")]


@report_app.command
def publish(  # noqa: PLR0913 - what a publication has
    *,
    period: Annotated[str, Parameter(help="2026-11, FY2027-Q1, FY2027-H1, FY2027: a calendar period that has begun.")],
    title: Annotated[str, Parameter(help="Its title in English.")],
    title_es: Annotated[str | None, Parameter(help="Its title in Spanish.")] = None,
    identity: Annotated[str | None, Parameter(name="--id", help="Its id; by default the period and `council`.")] = None,
    plan: Annotated[str | None, Parameter(help="A plan, as id@version; by default the one in force.")] = None,
    position: Annotated[int | None, Parameter(help="The position that it pins; by default the present one.")] = None,
    note: Annotated[str | None, Parameter(help="A note for the reader.")] = None,
    by: By = None,
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Publish a period's figures and nodes: they stay as they are now, whatever comes later.

    Safe to repeat: the same again is nothing new.
    """
    draft: dict[str, Any] = {
        "id": identity or f"{period.lower()}-council", "title": {"en": title, "es": title_es}, "period": period,
        "plan": plan, "position": position, "note": note, "by": by or getuser(),
    }  # fmt: skip
    with City(data, key=read_key(key_file)) as city:
        answer = city.ask("kpi", "/v1/publications", role="staff", method="POST", json=draft)
    one = answer["publication"]
    if as_json:
        show_json(answer)
    else:
        done = "published" if answer["applied"] else "was published already:"
        show(f"{done} {one['id']}: {one['period']} as of position {one['position']:,}")
        if one["is_preliminary"]:
            show("the period is not over yet, so its figures are preliminary")
    return 0


@report_app.command(name="list")
def list_(*, data: Data = DATA, as_json: AsJson = False) -> int:
    """List what was published, the newest first; withdrawn reports too."""
    with City(data) as city:
        answer = city.ask("reporting", "/v1/reports", params={"limit": 1000})
    if as_json:
        show_json({"items": answer["items"]})
        return 0
    for one in answer["items"]:
        state = one["state"] if one["withdrawal"] or not one["preliminary"] else "preliminary"
        show(f"{one['id']:<28} {one['period']:<11} position {one['position']:<9,} {state:<12} {one['title']}")
    return 0


@report_app.command
def explain(  # noqa: PLR0913 - what a reason has
    identity: Identity,
    *,
    kpi: Annotated[str, Parameter(help="The KPI whose figure was restated.")],
    reason: Annotated[str, Parameter(help="Why, in English.")],
    reason_es: Annotated[str | None, Parameter(help="Why, in Spanish.")] = None,
    position: Annotated[int | None, Parameter(help="Only of this position; by default of all so far.")] = None,
    by: By = None,
    data: Data = DATA,
    key_file: KeyFile = None,
) -> int:
    """Say why a published figure was restated."""
    said = {"kpi": kpi, "position": position, "reason": {"en": reason, "es": reason_es}, "by": by or getuser()}
    with City(data, key=read_key(key_file)) as city:
        answer = _post(city, identity, "reasons", said)
    show(f"explained {kpi} in {identity}: {counted(len(answer['publication']['reasons']), 'reason')} in all")
    return 0


@report_app.command
def withdraw(
    identity: Identity,
    *,
    reason: Annotated[str, Parameter(help="Why, in English.")],
    by: By = None,
    data: Data = DATA,
    key_file: KeyFile = None,
) -> int:
    """Withdraw a report. It stays listed, with the reason."""
    with City(data, key=read_key(key_file)) as city:
        answer = _post(city, identity, "withdraw", {"reason": reason, "by": by or getuser()})
    show(f"withdrew {identity}" if answer["applied"] else f"{identity} was withdrawn already")
    return 0


def _post(city: City, identity: str, path: str, said: dict[str, Any]) -> dict[str, Any]:
    where = f"/v1/publications/{quote(identity, safe='')}/{path}"
    answer: dict[str, Any] = city.ask("kpi", where, role="staff", method="POST", json=said)
    return answer
