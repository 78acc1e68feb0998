"""What staff publish, explain and withdraw: each decision returns the record as it is to become, or raises what is wrong."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from citygoals.kpi.definitions import Definitions
from citygoals.kpi.recording import that_fits
from citygoals.shared.instants import format_instant
from citygoals.shared.model import KebabId, KpiId, Model
from citygoals.shared.moves import Person
from citygoals.shared.period import CityCalendar, Period
from citygoals.shared.plan import PlanDef
from citygoals.shared.problem import Problem
from citygoals.shared.publication import (
    REASONS_MAX,
    RESERVED_IDS,
    Label,
    PlanName,
    Position,
    Publication,
    Reason,
    ShortText,
    Withdrawal,
)

PART = "publications"
ROLLING = "rolling"
ALLOWED_GRAINS = "a report is of a calendar period: write one like 2026-11, FY2027-Q1, FY2027-H1 or FY2027"


class Draft(Model):
    """What is to be published. Without `position` it pins the present one."""

    id: KebabId
    title: ShortText
    period: Label
    plan: PlanName | None = None
    position: Position | None = None
    note: ShortText | None = None
    by: Person


class Explanation(Model):
    """Why figures of a KPI were restated: at one position, or so far."""

    kpi: KpiId
    position: Position | None = None
    reason: ShortText
    by: Person


class Recall(Model):
    """Why a publication is withdrawn."""

    reason: ShortText
    by: Person


@dataclass(frozen=True, slots=True)
class Asker:
    """When something is asked for, and with whose key."""

    at: datetime
    key: str


@dataclass(frozen=True, slots=True)
class Cut:
    """The position that is pinned: what the city's day was there, and which definitions held.

    `oldest` is the first position that may be pinned, and its instant; None where that may be any.
    """

    position: int
    day: date
    definitions: Definitions
    oldest: tuple[int, datetime] | None = None


def published(known: Definitions, draft: Draft, cut: Cut, calendar: CityCalendar, asker: Asker) -> list[Publication]:
    """Return the new publication, nothing when it is one already. Raises Problem: 422 with every mistake, 409."""
    before: Publication | None = known.records[PART].get(draft.id)
    period = _period(draft.period, cut, calendar)
    errors = [*_mistakes(draft, cut, period), *(_forgotten(cut) if before is None else ())]
    if errors:
        raise _unpublishable(errors, cut)
    assert isinstance(period, Period)
    plan = None if draft.plan is None else _plan(draft.plan, cut.definitions)
    record = Publication(
        id=draft.id,
        title=draft.title,
        period=period.label,
        plan=None if plan is None else f"{plan.id}@{plan.version}",
        position=cut.position,
        is_preliminary=cut.day < period.end,
        note=draft.note,
        published_by=draft.by,
        key=asker.key,
        published_at=asker.at,
    )
    if before is None:
        return [record]
    if _content(before) == _content(record) or (draft.position is None and _is_repeated(before, record)):
        return []
    raise Problem(409, f"`{draft.id}` was published with another content, and stays as it is; give this one another id")


def explained(known: Definitions, identity: str, wish: Explanation, newest: int, asker: Asker) -> list[Publication]:
    """Return the publication with one more reason, nothing when its position has that one. Raises Problem: 404, 409, 422."""
    record = standing(known, identity)
    errors = list(_unexplainable(known, record, wish, newest))
    if errors:
        raise Problem(422, "; ".join(one["detail"] for one in errors), title="This explains nothing", errors=errors)
    reason = Reason(kpi=wish.kpi, position=wish.position, reason=wish.reason, by=wish.by, key=asker.key, at=asker.at)
    said = [one for one in record.reasons if (one.kpi, one.position) == (wish.kpi, wish.position)]
    if wish.position is not None and said and (said[-1].reason, said[-1].by) == (wish.reason, wish.by):
        return []
    return [that_fits(PART, record.model_copy(update={"reasons": (*record.reasons, reason)}))]


def withdrawn(known: Definitions, identity: str, recall: Recall, asker: Asker) -> list[Publication]:
    """Return the publication withdrawn, nothing when it is for that very reason. Raises Problem: 404, 409."""
    record = found(known, identity)
    before = record.withdrawal
    if before is not None and (before.reason, before.by) == (recall.reason, recall.by):
        return []
    withdrawal = Withdrawal(reason=recall.reason, by=recall.by, key=asker.key, at=asker.at)
    return [that_fits(PART, standing(known, identity).model_copy(update={"withdrawal": withdrawal}))]


def found(known: Definitions, identity: str) -> Publication:
    """Return a publication. Raises Problem 404."""
    record: Publication | None = known.records[PART].get(identity)
    if record is None:
        raise Problem(404, f"no publication {identity[:80]!r}")
    return record


def standing(known: Definitions, identity: str) -> Publication:
    """Return a publication that is not withdrawn. Raises Problem: 404, 409."""
    record = found(known, identity)
    if record.withdrawal is not None:
        raise Problem(409, f"`{identity}` was withdrawn by {record.withdrawal.by}")
    return record


def _period(label: str, cut: Cut, calendar: CityCalendar) -> Period | str:
    """Return the period that is reported, or what is wrong with its label."""
    try:
        period = calendar.parse(label, cut.day)
    except ValueError as error:
        return str(error)
    return ALLOWED_GRAINS if period.grain == ROLLING else period


def _mistakes(draft: Draft, cut: Cut, period: Period | str) -> Iterator[dict[str, str]]:
    if draft.id in RESERVED_IDS:
        yield _mistake("/id", f"`{draft.id}` names a report of the present; give this one another id")
    if draft.position is not None and draft.position != cut.position:
        yield _mistake("/position", f"there is no position {draft.position} yet; the newest is {cut.position}")
    if isinstance(period, str):
        yield _mistake("/period", period)
    elif period.start > cut.day:
        yield _mistake("/period", f"{period.label} begins on {period.start}, after the day of the position, {cut.day}")
    if draft.plan is not None and _plan(draft.plan, cut.definitions) is None:
        names = ", ".join(f"{one.plan.id}@{one.plan.version}" for one in cut.definitions.plans) or "none"
        yield _mistake("/plan", f"no plan {draft.plan[:80]!r} at position {cut.position}; there: {names}")
    elif not cut.definitions.plans:
        yield _mistake("/plan", f"no plan had been applied at position {cut.position}")


def _forgotten(cut: Cut) -> Iterator[dict[str, str]]:
    """Yield that nobody promises to remember the position: what was pinned there might be gone before it was kept."""
    if cut.oldest is not None and cut.position < cut.oldest[0]:
        detail = (
            f"position {cut.position} is older than the past that is kept; the oldest to publish is {cut.oldest[0]}"
        )
        yield _mistake("/position", detail)


def _unpublishable(errors: list[dict[str, str]], cut: Cut) -> Problem:
    detail = f"{len(errors)} mistakes; nothing was published" if len(errors) > 1 else errors[0]["detail"]
    more: dict[str, Any] = {}
    if cut.oldest is not None:
        more = {"oldest": {"position": cut.oldest[0], "recorded_at": format_instant(cut.oldest[1])}}
    return Problem(422, detail, title="This cannot be published", errors=errors, **more)


def _unexplainable(known: Definitions, record: Publication, wish: Explanation, newest: int) -> Iterator[dict[str, str]]:
    if wish.kpi not in known.kpis:
        yield _mistake("/kpi", f"no KPI {wish.kpi} in the catalogue")
    if wish.position is not None and not record.position < wish.position <= newest:
        yield _mistake("/position", f"restatements are at positions after {record.position}, up to now {newest}")
    if len(record.reasons) >= REASONS_MAX:
        yield _mistake("/reason", f"a publication has at most {REASONS_MAX} reasons")


def _mistake(pointer: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "detail": detail}


def _plan(name: str, definitions: Definitions) -> PlanDef | None:
    """Return the plan that `version`, or `id@version`, names."""
    plans = [one.plan for one in definitions.plans]
    named = [plan for plan in plans if name in (plan.version, f"{plan.id}@{plan.version}")]
    return named[-1] if named else None


def _content(record: Publication) -> dict[str, Any]:
    """Return what is published, without when it was and what came of it later."""
    return record.model_dump(exclude={"key", "published_at", "reasons", "withdrawal"})


def _is_repeated(before: Publication, again: Publication) -> bool:
    """Say whether the same was sent again without naming a position, when the present one was another."""
    pinned = {"position": before.position, "is_preliminary": before.is_preliminary}
    return _content(before) == _content(again) | pinned
