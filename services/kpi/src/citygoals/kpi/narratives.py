"""What staff may do with narratives: each function judges a wish and returns the narrative as it is to be."""

import re
from collections.abc import Iterator

from citygoals.kpi.recording import Desk, Mistake, Wish, found, mistake, read
from citygoals.shared.model import KpiId, Model
from citygoals.shared.moves import Person, ReasonText
from citygoals.shared.narrative import (
    LEGAL,
    NEEDS_REASON,
    PERIOD_PATTERN,
    Narrative,
    NarrativePeriod,
    NarrativeText,
    State,
    drafted,
    moved,
    rewritten,
)
from citygoals.shared.problem import Problem

PART = "narratives"


class Draft(Model):
    """What is to be said of a KPI in a period."""

    kpi: KpiId
    period: NarrativePeriod
    text: NarrativeText
    by: Person
    reason: ReasonText | None = None
    sample: bool = False


class Rewriting(Model):
    """Another text in the place of the draft."""

    text: NarrativeText
    by: Person
    reason: ReasonText | None = None


class Transition(Model):
    """Another state."""

    to: State
    by: Person
    reason: ReasonText | None = None


def draft(desk: Desk, wish: Wish) -> Narrative:
    """Return the new narrative, or the one that this very wish has made. Raises Problem: 409, 422."""
    asked = read(Draft, wish, _senseless(desk, wish))
    act = desk.act(asked.by, asked.reason)
    new = drafted(asked.kpi, asked.period, asked.text, act, sample=asked.sample)
    before: Narrative | None = desk.known.records[PART].get(new.id)
    if before is None:
        return new
    first = before.history[0]
    if (first.by, first.reason, first.text, before.sample) == (act.by, act.reason, asked.text, new.sample):
        return before
    raise Problem(
        409, f"there is `{new.id}` already, and it is {before.state}: rewrite it, or move it on", id=new.id,
        state=before.state, legal=list(LEGAL[before.state]),
    )  # fmt: skip


def rewrite(desk: Desk, identity: str, wish: Wish) -> Narrative:
    """Return the narrative with another text. Raises Problem: 404, 409, 422."""
    before: Narrative = found(desk, PART, identity)
    asked = read(Rewriting, wish)
    return rewritten(before, asked.text, desk.act(asked.by, asked.reason))


def move(desk: Desk, identity: str, wish: Wish) -> Narrative:
    """Return the narrative in another state. Raises Problem: 403, 404, 409, 422."""
    before: Narrative = found(desk, PART, identity)
    asked = read(Transition, wish, _unreasoned(wish))
    after = moved(before, asked.to, desk.act(asked.by, asked.reason))
    if after is not before and (asked.to == "approved" or (asked.to == "withdrawn" and before.approval is not None)):
        desk.need_admin(f"moving what is {before.state} to {asked.to}")
    return after


def _senseless(desk: Desk, wish: Wish) -> Iterator[Mistake]:
    kpi, period = wish.get("kpi"), wish.get("period")
    if isinstance(kpi, str) and kpi not in desk.known.kpis:
        yield mistake("/kpi", f"no KPI {kpi[:40]} in the catalogue")
    if not isinstance(period, str) or not re.match(PERIOD_PATTERN, period):
        return  # the shape's own mistakes say it
    try:
        start = desk.calendar.parse(period, desk.today).start
    except ValueError as error:
        yield mistake("/period", str(error))
        return
    if start > desk.today:
        yield mistake("/period", f"{period} begins on {start}: of what has not begun there is nothing to say")


def _unreasoned(wish: Wish) -> Iterator[Mistake]:
    to = wish.get("to")
    if isinstance(to, str) and to in NEEDS_REASON and wish.get("reason") is None:
        yield mistake("/reason", f"what becomes {to} says why")
