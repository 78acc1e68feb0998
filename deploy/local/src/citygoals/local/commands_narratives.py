"""`citygoals narrative`: what is said of a KPI in a period, from the draft to the approval."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from citygoals.local.city_dir import LocalError, UsageError
from citygoals.local.client import City
from citygoals.local.options import DATA, AsJson, Data, KeyFile, read_key
from citygoals.local.record_doors import (
    By,
    Identity,
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
from citygoals.local.record_texts import narrative_line, narrative_lines

narrative_app = App(name="narrative", help="Write, review and approve what is said of a KPI in a period.")

PART = "narratives"

English = Annotated[str | None, Parameter(name="--text", help="The text in English; @FILE reads it from a file.")]
Spanish = Annotated[str | None, Parameter(name="--text-es", help="The text in Spanish; @FILE reads it from a file.")]


@narrative_app.command(name="list")
def list_(
    *,
    kpi: Annotated[str | None, Parameter(help="Only those of this KPI.")] = None,
    period: Annotated[str | None, Parameter(help="Only those of this period, like FY2027-Q1.")] = None,
    state: Annotated[str | None, Parameter(help="draft, submitted, approved or withdrawn.")] = None,
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """List narratives, by KPI and period."""
    with City(data, key=read_key(key_file)) as city:
        items = every(city, PART, kpi=kpi, period=period, state=state)
    return listed(items, narrative_line, as_json=as_json)


@narrative_app.command
def show(identity: Identity, *, data: Data = DATA, key_file: KeyFile = None, as_json: AsJson = False) -> int:
    """Show one narrative: its text, who did what when and why, and what can become of it."""
    with City(data, key=read_key(key_file)) as city:
        found = one(city, PART, identity)
    return shown(found, narrative_lines, as_json=as_json)


@narrative_app.command
def propose(  # noqa: PLR0913 - what a narrative has
    *,
    kpi: Annotated[str, Parameter(help="Of which KPI it speaks.")],
    period: Annotated[str, Parameter(help="2026-11, FY2027-Q1, FY2027-H1 or FY2027.")],
    text: English = None,
    text_es: Spanish = None,
    by: By = None,
    reason: Reason = None,
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Write a draft of what is to be said of a KPI in a period. Safe to repeat: the same again is nothing new."""
    body = {"kpi": kpi, "period": period, "text": _text(text, text_es), **said(by, reason)}
    with City(data, key=read_key(key_file)) as city:
        return told(wish(city, f"/v1/{PART}", body), as_json=as_json)


@narrative_app.command
def change(  # noqa: PLR0913 - as above
    identity: Identity,
    *,
    text: English = None,
    text_es: Spanish = None,
    by: By = None,
    reason: Reason = None,
    version: Version = None,
    data: Data = DATA,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> int:
    """Put another text in the place of a draft's."""
    body = {"text": _text(text, text_es), **said(by, reason)}
    with City(data, key=read_key(key_file)) as city:
        answer = wish(city, where(PART, identity), body, method="PUT", version=version)
    return told(answer, as_json=as_json)


for _name, _move in {
    "review": mover(PART, "submitted", "Submit a draft for review."),
    "approve": mover(PART, "approved", "Let the public read it. Takes an admin's key.", role="admin"),
    "return": mover(PART, "draft", "Return it to be written anew.", is_reasoned=True),
    "withdraw": mover(PART, "withdrawn", "Take it from the public.", role="admin", is_reasoned=True),
}.items():
    narrative_app.command(_move, name=_name)


def _text(english: str | None, spanish: str | None) -> dict[str, str]:
    found = {"en": english, "es": spanish}
    texts = {language: _read(text) for language, text in found.items() if text is not None}
    if not texts:
        raise UsageError("give a --text, a --text-es or both")
    return texts


def _read(text: str) -> str:
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"{text[1:]}: {error}") from error
