"""What departments have committed themselves to, and what they say of their figures, at one position.

The public sees every commitment in whichever state, and the narratives that are approved; of internal KPIs it sees neither.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from citygoals.reporting.answers import stamp
from citygoals.reporting.questions import Unknown
from citygoals.reporting.readmodel import Answer, ReadModel
from citygoals.reporting.sheet import Row
from citygoals.reporting.view import View
from citygoals.shared.commitment import Commitment, CommitmentAct, CommittedTarget, commitment_id
from citygoals.shared.instants import format_instant
from citygoals.shared.kpi import KpiDef
from citygoals.shared.moves import Act
from citygoals.shared.narrative import Narrative, narrative_id
from citygoals.shared.records import all_of

Kpis = Mapping[str, KpiDef]


class Commitments:
    """Answers about commitments and narratives; internal KPIs are only in those of an analyst's."""

    def __init__(self, model: ReadModel, *, analyst: bool = False) -> None:
        self._model = model
        self._analyst = analyst

    async def commitments(
        self, *, department: str | None = None, fiscal_year: str | None = None, state: str | None = None,
        as_of: str | None = None,
    ) -> Answer:  # fmt: skip
        """{"items": [commitment, see commitment_row...], "next": null, "as_of", "city_date"}, by id."""
        view = await self._model.view(None, as_of)
        asked = (department, fiscal_year, state)
        found = [
            one
            for one in _commitments(view)
            if all(
                wanted in {None, own}
                for wanted, own in zip(asked, (one.department, one.fiscal_year, one.state), strict=True)
            )
        ]
        return {"items": [self._row(one, view) for one in found], "next": None, **_head(view)}

    async def commitment(self, identity: str, *, as_of: str | None = None) -> Answer:
        """One commitment, see commitment_row, and "figures": those of its KPIs in its fiscal year, at this position.

        Raises Unknown, Misread, Unavailable.
        """
        view = await self._model.view(None, as_of)
        known = {one.id: one for one in _commitments(view)}
        if identity not in known:
            raise Unknown(f"no such commitment: {identity[:90]!r}", allowed=list(known))
        one = known[identity]
        view = await self._model.view(one.fiscal_year, as_of if as_of is not None else str(view.mark.position))
        row = self._row(one, view)
        figures = [view.rows[target["kpi"]] for target in row["targets"] if target["kpi"] in view.rows]
        return {**row, "figures": figures, **_head(view)}

    async def narratives(
        self, *, kpi: str | None = None, period: str | None = None, as_of: str | None = None
    ) -> Answer:
        """{"items": [narrative, see narrative_row...], "next": null, "as_of", "city_date"}, by id; approved ones only."""
        view = await self._model.view(None, as_of)
        found = [one for one in self._narratives(view) if kpi in {None, one.kpi} and period in {None, one.period}]
        return {"items": [narrative_row(one) for one in found], "next": None, **_head(view)}

    async def narrative(self, identity: str, *, as_of: str | None = None) -> Answer:
        """One narrative that is approved, see narrative_row. Raises Unknown, Misread, Unavailable."""
        view = await self._model.view(None, as_of)
        known = {one.id: one for one in self._narratives(view)}
        if identity not in known:
            raise Unknown(f"no such narrative has been approved: {identity[:60]!r}", allowed=list(known))
        return {**narrative_row(known[identity]), **_head(view)}

    async def of_figure(self, kpi: str, period: str | None, *, as_of: str | None = None) -> Answer:
        """What stands beside one figure: {"commitment": the one it is held against or null, "narrative" or null, ...}."""
        view = await self._model.view(period, as_of)
        found, label = view.sheet.figures.get(kpi), view.period.label
        held = found.committed.commitment if found is not None and found.committed is not None else None
        rows = (self._row(one, view) for one in _commitments(view) if one.id == held)
        said = (narrative_row(one) for one in self._narratives(view) if one.id == narrative_id(kpi, label))
        return {**_head(view), "commitment": next(rows, None), "narrative": next(said, None)}

    async def of_department(self, department: str, fiscal_year: str, *, as_of: str | None = None) -> Answer:
        """{"commitment": the department's of the fiscal year or null, "figures": of its KPIs in that year, ...}."""
        view = await self._model.view(fiscal_year, as_of)
        found = [one for one in _commitments(view) if one.id == commitment_id(department, fiscal_year)]
        row = self._row(found[0], view) if found else None
        names = [target["kpi"] for target in row["targets"]] if row else []
        figures = {name: view.rows[name] for name in names if name in view.rows}
        return {**_head(view), "commitment": row, "figures": figures}

    def _row(self, one: Commitment, view: View) -> Row:
        return commitment_row(one, self._kpis(view), is_whole=self._analyst)

    def _narratives(self, view: View) -> list[Narrative]:
        kpis = self._kpis(view)
        every: Iterable[Narrative] = all_of(view.definitions.records, "narratives")
        return [one for one in every if one.approved is not None and one.kpi in kpis]

    def _kpis(self, view: View) -> Kpis:
        return view.definitions.kpis if self._analyst else view.definitions.public.kpis


def commitment_row(one: Commitment, kpis: Kpis, *, is_whole: bool) -> Row:
    """Return a commitment as the API says it, of the KPIs that may be seen; unless it is whole, without whose keys they were.

    {"id", "department", "fiscal_year", "state", "sample", "version", "in_force", "targets": [{"kpi", "title", "labels",
    "unit", "polarity", "value", "low", "high", "tolerance", "note"}...], "signed" and "locked": {"by", "at"} or null, "amendments"
    and "history": [{"what", "state", "by", "at", "reason", "changes": [{"kpi", "before", "after"}...]}...]}
    """
    acts = [(act, _act_row(act, kpis, is_whole=is_whole)) for act in one.history]
    shown = [(act, row) for act, row in acts if row["changes"] or not act.changes]
    amendments = {id(act) for act in one.amendments}
    locks = [act for act in one.history if act.what == "moved" and act.state == "locked"]
    return {
        "id": one.id,
        "department": one.department,
        "fiscal_year": one.fiscal_year,
        "state": one.state,
        "sample": one.sample,
        "version": one.version,
        "in_force": one.signed is not None,
        "targets": [_target_row(target, kpis) for target in one.targets if is_whole or target.kpi in kpis],
        "signed": None if one.signed is None else _who(one.signed),
        "locked": _who(locks[-1]) if locks else None,
        "amendments": [row for act, row in shown if id(act) in amendments],
        "history": [row for _, row in shown],
    }


def narrative_row(one: Narrative) -> Row:
    """Return an approved narrative as the API says it.

    {"id", "kpi", "period", "text": {"en", "es"}, "sample", "written": {"by", "at"}, "approved": {"by", "at"}}
    """
    written, approval = one.approved, one.approval
    assert written is not None
    assert written.text is not None
    assert approval is not None
    return {
        "id": one.id,
        "kpi": one.kpi,
        "period": one.period,
        "text": written.text.model_dump(),
        "sample": one.sample,
        "written": _who(written),
        "approved": _who(approval),
    }


def _target_row(target: CommittedTarget, kpis: Kpis) -> Row:
    kpi = kpis.get(target.kpi)  # one that is retired has no title any more
    labels = kpi.title.labels() if kpi is not None else {"en": target.kpi, "es": target.kpi}
    known = {"unit": None, "polarity": None} if kpi is None else {"unit": kpi.unit, "polarity": kpi.polarity}
    return {"title": labels["en"], "labels": labels, **known, **target.model_dump()}


def _act_row(act: CommitmentAct, kpis: Kpis, *, is_whole: bool) -> Row:
    row: dict[str, Any] = {"what": act.what, "state": act.state, **_who(act), "reason": act.reason}
    changes = [change.model_dump() for change in act.changes if is_whole or change.kpi in kpis]
    return {**row, "changes": changes, **({"key": act.key} if is_whole else {})}


def _who(act: Act) -> Row:
    return {"by": act.by, "at": format_instant(act.at)}


def _commitments(view: View) -> Iterable[Commitment]:
    return all_of(view.definitions.records, "commitments")


def _head(view: View) -> Row:
    return {"as_of": stamp(view.mark), "city_date": view.today.isoformat()}
