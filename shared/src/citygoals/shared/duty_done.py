"""Whether a duty is done, by what, and since when. Pure: the records show it, or staff says so.

A commitment is made by its signature. A report is made once every KPI that the department has signed a target for in
that fiscal year has an approved narrative of the period; where nothing was signed, every public KPI of the department.
Which KPIs that are is settled when the report is due: what is signed, amended or catalogued later asks nothing of it.
Memos are no records here: of them, and of whatever else was done elsewhere, staff makes a statement.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from citygoals.shared.commitment import Commitment, commitment_id, signed_by
from citygoals.shared.narrative import Narrative, narrative_id
from citygoals.shared.records import Records
from citygoals.shared.rosters import Rosters, roster_at

How = Literal["commitment", "narratives", "statement"]

_FISCAL_YEAR = len("FY2027")


class Done(NamedTuple):
    """Since when a duty is done and what shows it; `by` and `reason` where one person said so."""

    at: datetime
    how: How
    by: str | None = None
    reason: str | None = None


class Asked(Protocol):
    """What is asked about a duty."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def department(self) -> str: ...  # noqa: D102
    @property
    def period(self) -> str | None: ...  # noqa: D102
    @property
    def due(self) -> datetime: ...  # noqa: D102


class Known(Protocol):
    """What holds at a position."""

    @property
    def rosters(self) -> Rosters: ...  # noqa: D102
    @property
    def records(self) -> Records: ...  # noqa: D102


def done_by(duty: Asked, known: Known) -> Done | None:
    """Return what shows that the duty is done, the first of it; None while nothing does."""
    return min(_shown(duty, known), key=lambda done: done.at, default=None)


def _shown(duty: Asked, known: Known) -> Iterator[Done]:
    statement = known.records["statements"].get(duty.id)
    if statement is not None:
        yield Done(statement.at, "statement", statement.by, statement.reason)
    if duty.period is None:
        return
    signed = _commitment(duty, known)
    if duty.kind == "commit" and signed is not None and signed.signed is not None:
        yield Done(signed.signed.at, "commitment", signed.signed.by, signed.signed.reason)
    if duty.kind == "report":
        told = _told_at(known.records["narratives"], _reported(duty, known, signed), duty.period)
        if told is not None:
            yield Done(told, "narratives")


def _commitment(duty: Asked, known: Known) -> Commitment | None:
    year = (duty.period or "")[:_FISCAL_YEAR]
    found: Commitment | None = known.records["commitments"].get(commitment_id(duty.department, year))
    return found


def _reported(duty: Asked, known: Known, commitment: Commitment | None) -> list[str]:
    """Return the KPIs that a report says something about, as they were when it was due."""
    targets = None if commitment is None else signed_by(commitment, duty.due)
    if targets:
        return [target.kpi for target in targets]
    return list(roster_at(known.rosters, duty.due).get(duty.department, ()))


def _told_at(narratives: Mapping[str, Narrative], kpis: list[str], period: str) -> datetime | None:
    """Return when the last of the KPIs got an approved narrative of the period; None while one has none."""
    approvals = [_first_approval(narratives.get(narrative_id(kpi, period))) for kpi in kpis]
    at = [approval for approval in approvals if approval is not None]
    return max(at) if at and len(at) == len(approvals) else None


def _first_approval(narrative: Narrative | None) -> datetime | None:
    """Return since when a text of it has been public: writing it better later makes no report late, withdrawing it does."""
    if narrative is None or narrative.approval is None:
        return None
    since: datetime | None = None
    for act in narrative.history:
        if act.what == "moved" and act.state == "approved":
            since = since or act.at
        elif act.state == "withdrawn":
            since = None
    return since
