"""`citygoals commitment`: the targets that departments commit themselves to for a fiscal year, from proposal to amendment."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from citygoals.local.city_dir import UsageError
from citygoals.local.client import City
from citygoals.local.options import DATA, AsJson, Data, KeyFile, read_key
from citygoals.local.record_doors import (
    By,
    Identity,
    NeededReason,
    Reason,
    Version,
    every,
    listed,
    mover,
    one,
    said,
    shown,
    told,
    where,
    wish,
)
from citygoals.local.record_texts import commitment_line, commitment_lines, read_targets, target_of

commitment_app = App(name="commitment", help="Propose, review, sign and amend what departments commit themselves to.")

PART = "commitments"

TargetTexts = Annotated[
    tuple[str, ...],
    Parameter(name="--target", negative="", help="MC-01=0.80, or MC-02=0.95..1.05 for a band. May be repeated."),
]
TargetFile = Annotated[
    Path | None,
    Parameter(name="--targets", help="A YAML or JSON list of {kpi, value | low and high, tolerance, note} instead."),
]


@commitment_app.command(name="list")
def list_(
    *,
    department: Annotated[str | None, Parameter(help="Only those of this department.")] = None,
    year: Annotated[str | None, Parameter(help="Only those for this fiscal year, like FY2027.")] = None,
    state: Annotated[str | None, Parameter(help="proposed, reviewed, signed, locked or withdrawn.")] = None,
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """List commitments, by department and year."""
    with City(data, key=read_key(key_file)) as city:
        items = every(city, PART, department=department, fiscal_year=year, state=state)
    return listed(items, commitment_line, as_json=as_json)


@commitment_app.command
def show(identity: Identity, *, data: Data = DATA, key_file: KeyFile = None, as_json: AsJson = False) -> int:
    """Show one commitment: its targets, who did what when and why, and what can become of it."""
    with City(data, key=read_key(key_file)) as city:
        found = one(city, PART, identity)
    return shown(found, commitment_lines, as_json=as_json)


@commitment_app.command
def propose(  # noqa: PLR0913 - what a proposal has
    *,
    department: Annotated[str, Parameter(help="Whose it is, as the catalogue names it.")],
    year: Annotated[str, Parameter(help="The fiscal year, like FY2027.")],
    target: TargetTexts = (),
    targets: TargetFile = None,
    by: By = None,
    reason: Reason = None,
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Propose a department's targets for a fiscal year. Safe to repeat: the same again is nothing new."""
    body = {"department": department, "fiscal_year": year, "targets": _targets(target, targets), **said(by, reason)}
    with City(data, key=read_key(key_file)) as city:
        return told(wish(city, f"/v1/{PART}", body), as_json=as_json)


@commitment_app.command
def change(  # noqa: PLR0913 - as above
    identity: Identity,
    *,
    target: TargetTexts = (),
    targets: TargetFile = None,
    by: By = None,
    reason: Reason = None,
    version: Version = None,
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Put other targets in the place of all that are proposed."""
    body = {"targets": _targets(target, targets), **said(by, reason)}
    with City(data, key=read_key(key_file)) as city:
        answer = wish(city, where(PART, identity), body, method="PUT", version=version)
    return told(answer, as_json=as_json)


@commitment_app.command
def amend(  # noqa: PLR0913 - as above
    identity: Identity,
    *,
    reason: NeededReason,
    target: TargetTexts = (),
    targets: TargetFile = None,
    drop: Annotated[tuple[str, ...], Parameter(negative="", help="A KPI without a target from now on.")] = (),
    by: By = None,
    version: Version = None,
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Change, add or drop targets that are signed or locked; the others stay. Takes an admin's key."""
    changed = _targets(target, targets) if target or targets else []
    body = {"targets": changed, "dropped": list(drop), **said(by, reason)}
    with City(data, key=read_key(key_file)) as city:
        answer = wish(city, where(PART, identity, "/amendments"), body, role="admin", version=version)
    return told(answer, as_json=as_json)


for _name, _move in {
    "review": mover(PART, "reviewed", "Say that somebody has looked at what is proposed."),
    "sign": mover(PART, "signed", "Put the targets in force: figures are held against them from now on."),
    "lock": mover(PART, "locked", "Keep it in force for good. Takes an admin's key.", role="admin"),
    "return": mover(
        PART, "proposed", "Return it to be changed, or take a withdrawn one up again.", role="admin", is_reasoned=True
    ),
    "withdraw": mover(PART, "withdrawn", "Withdraw it: it is no longer meant.", role="admin", is_reasoned=True),
}.items():
    commitment_app.command(_move, name=_name)


def _targets(texts: tuple[str, ...], path: Path | None) -> list[Any]:
    """Return the targets that were given, one way or the other. Raises UsageError."""
    if bool(texts) == (path is not None):
        raise UsageError("give the targets by --target, or by --targets FILE: one of them")
    return [target_of(text) for text in texts] if path is None else read_targets(path)
