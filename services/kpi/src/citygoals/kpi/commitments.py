"""What staff may do with commitments: each function judges a wish and returns the commitment as it is to be."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, ValidationError

from citygoals.kpi.definitions import Definitions
from citygoals.kpi.recording import Desk, Mistake, Wish, found, mistake, read
from citygoals.shared.commitment import (
    IN_FORCE,
    LEGAL,
    NEEDS_REASON,
    TARGETS_MAX,
    Commitment,
    CommittedTarget,
    FiscalYear,
    State,
    Targets,
    amended,
    changed,
    moved,
    proposed,
)
from citygoals.shared.committed import as_committed
from citygoals.shared.kpi import KpiDef
from citygoals.shared.model import KebabId, KpiId, Model
from citygoals.shared.moves import Person, ReasonText
from citygoals.shared.problem import Problem
from citygoals.shared.records import dump

PART = "commitments"

YEARS_AHEAD_MAX = 2
YEARS_BACK_MAX = 1
"""A commitment may still be recorded in the year after its own, by a city that begins; of older years nothing is promised."""

_YEAR = re.compile(r"FY([0-9]{4})\Z")
_FIELD = re.compile(r"`(value|low|high)`")

# That there is one is checked below: pydantic would find none, too, where each has a mistake.
SomeTargets = Annotated[Targets, Field(max_length=TARGETS_MAX, json_schema_extra={"minItems": 1})]


class Proposal(Model):
    """A department's targets for a fiscal year."""

    department: KebabId
    fiscal_year: FiscalYear
    targets: SomeTargets
    by: Person
    reason: ReasonText | None = None
    sample: bool = False


class Retargeting(Model):
    """Other targets in the place of those that are proposed."""

    targets: SomeTargets
    by: Person
    reason: ReasonText | None = None


class Transition(Model):
    """Another state."""

    to: State
    by: Person
    reason: ReasonText | None = None


class Amendment(Model):
    """Targets in force that change, or are added, or dropped; the others stay."""

    targets: Annotated[Targets, Field(max_length=TARGETS_MAX)] = ()
    dropped: Annotated[tuple[KpiId, ...], Field(max_length=TARGETS_MAX)] = ()
    by: Person
    reason: ReasonText


def propose(desk: Desk, wish: Wish) -> Commitment:
    """Return the new commitment, or the one that this very wish has made. Raises Problem: 409, 422."""
    more = [*_head_mistakes(desk, wish), *_needed(wish), *_target_mistakes(desk.known, wish, wish.get("department"))]
    asked = read(Proposal, wish, more)
    act = desk.act(asked.by, asked.reason)
    new = proposed(asked.department, asked.fiscal_year, asked.targets, act, sample=asked.sample)
    before: Commitment | None = desk.known.records[PART].get(new.id)
    if before is None:
        return new
    first = before.history[0]
    if (first.by, first.reason, first.changes, before.sample) == (
        act.by,
        act.reason,
        new.history[0].changes,
        new.sample,
    ):
        return before
    raise Problem(
        409, f"there is `{new.id}` already, and it is {before.state}: change it, or move it on", id=new.id,
        state=before.state, legal=list(LEGAL[before.state]),
    )  # fmt: skip


def retarget(desk: Desk, identity: str, wish: Wish) -> Commitment:
    """Return the commitment with other targets. Raises Problem: 404, 409, 422."""
    before: Commitment = found(desk, PART, identity)
    asked = read(Retargeting, wish, [*_needed(wish), *_target_mistakes(desk.known, wish, before.department)])
    return changed(before, asked.targets, desk.act(asked.by, asked.reason))


def move(desk: Desk, identity: str, wish: Wish) -> Commitment:
    """Return the commitment in another state. Raises Problem: 403, 404, 409, 422."""
    before: Commitment = found(desk, PART, identity)
    asked = read(Transition, wish, _unreasoned(wish))
    after = moved(before, asked.to, desk.act(asked.by, asked.reason))
    if after is before:  # the last move, sent again by whoever may have made it
        return before
    if asked.to == "locked" or before.state in IN_FORCE:
        desk.need_admin(f"moving what is {before.state} to {asked.to}")
    if asked.to in {"reviewed", "signed"}:
        _still_fits(desk, before)
    return after


def amend(desk: Desk, identity: str, wish: Wish) -> Commitment:
    """Return the commitment with the targets amended. Raises Problem: 403, 404, 409, 422."""
    desk.need_admin("an amendment")
    before: Commitment = found(desk, PART, identity)
    more = [*_target_mistakes(desk.known, wish, before.department), *_drop_mistakes(before, wish)]
    asked = read(Amendment, wish, more)
    return amended(before, asked.targets, asked.dropped, desk.act(asked.by, asked.reason))


def _head_mistakes(desk: Desk, wish: Wish) -> Iterator[Mistake]:
    department, year = wish.get("department"), _YEAR.match(str(wish.get("fiscal_year")))
    if isinstance(department, str) and department not in desk.known.departments:
        yield mistake("/department", f"no department {department[:80]} in the catalogue")
    if year is not None:
        now = desk.calendar.fiscal_year_of(desk.today)
        first, last = now - YEARS_BACK_MAX, now + YEARS_AHEAD_MAX
        if not first <= int(year[1]) <= last:
            detail = f"{year[0]} is out of reach: commitments are for FY{first:04d} to FY{last:04d}, now is FY{now:04d}"
            yield mistake("/fiscal_year", detail)


def _needed(wish: Wish) -> Iterator[Mistake]:
    if wish.get("targets") == []:
        yield mistake("/targets", "at least one target is named")


def _target_mistakes(known: Definitions, wish: Wish, department: Any) -> Iterator[Mistake]:
    """Yield what is wrong with the sense of each target; one that has no shape is left to the shape's own mistakes."""
    targets = wish.get("targets")
    seen: set[str] = set()
    for number, target in enumerate(targets[:TARGETS_MAX] if isinstance(targets, list) else ()):
        name = target.get("kpi") if isinstance(target, dict) else None
        if not isinstance(name, str):
            continue
        where = f"/targets/{number}"
        if name in seen:
            yield mistake(f"{where}/kpi", f"{name[:40]} has a target above already")
        seen.add(name)
        yield from _mistakes_of(known.kpis.get(name), target, department, where)


def _mistakes_of(kpi: KpiDef | None, target: dict[str, Any], department: Any, where: str) -> Iterator[Mistake]:
    if kpi is None:
        yield mistake(f"{where}/kpi", f"no KPI {target['kpi'][:40]} in the catalogue")
        return
    if isinstance(department, str) and kpi.department != department:
        whose = f"of {kpi.department}" if kpi.department else "of the whole city and of no department"
        yield mistake(f"{where}/kpi", f"{kpi.id} is {whose}")
    try:
        aim = CommittedTarget.model_validate(target)
    except ValidationError:
        return  # the shape's own mistakes say it
    yield from _unfitting(kpi, aim, where)


def _unfitting(kpi: KpiDef, target: CommittedTarget, where: str) -> Iterator[Mistake]:
    try:
        as_committed(kpi, target)
    except ValidationError as error:
        for one in error.errors():
            detail = str(one["msg"]).removeprefix("Value error, target: ").removeprefix("Value error, ")
            field = _FIELD.search(detail)
            yield mistake(f"{where}/{field[1]}" if field else where, f"{kpi.id}: {detail}")


def _unreasoned(wish: Wish) -> Iterator[Mistake]:
    to = wish.get("to")
    if isinstance(to, str) and to in NEEDS_REASON and wish.get("reason") is None:
        yield mistake("/reason", f"what becomes {to} says why")


def _drop_mistakes(before: Commitment, wish: Wish) -> Iterator[Mistake]:
    dropped, targets = wish.get("dropped"), wish.get("targets")
    committed = {target.kpi for target in before.targets}
    was_dropped = {change.kpi for act in before.history for change in act.changes if change.after is None}
    if not dropped and not targets:
        yield mistake("/targets", "an amendment changes a target or drops one")
    changed = {one.get("kpi") for one in targets if isinstance(one, dict)} if isinstance(targets, list) else set()
    for number, name in enumerate(dropped if isinstance(dropped, list) else ()):
        if isinstance(name, str) and name in changed:
            yield mistake(f"/dropped/{number}", f"{name[:40]} has a target above: it is changed or dropped, not both")
        elif isinstance(name, str) and name not in committed | was_dropped:  # the same request again is no mistake
            yield mistake(f"/dropped/{number}", f"there is no target for {name[:40]}")


def _still_fits(desk: Desk, commitment: Commitment) -> None:
    """Raise Problem (409) where a target fits the catalogue no more: it would be signed and hold nothing."""
    targets = [{**dump(target)} for target in commitment.targets]
    mistakes = list(_target_mistakes(desk.known, {"targets": targets}, commitment.department))
    if mistakes:
        detail = "the catalogue has changed since these targets were proposed"
        raise Problem(409, detail, state=commitment.state, legal=list(LEGAL[commitment.state]), errors=mistakes)
