"""Commitments: the targets that a department commits itself to for a fiscal year. Pure.

proposed -> reviewed -> signed -> locked. A reviewer returns one with a reason; any that is not locked can be withdrawn.
From the signature on its targets are in force. They change no more but by amendments, each with its reason.
A record is whole, with its own history: replaying the changes of its acts gives its targets.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from itertools import takewhile
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from citygoals.shared.model import KEBAB_PATTERN, DecimalText, KebabId, KpiId, Model, ShareText
from citygoals.shared.moves import Act, Illegal, Legal, check_move, check_room, is_said_again

State = Literal["proposed", "reviewed", "signed", "locked", "withdrawn"]

LEGAL: Legal = MappingProxyType(
    {
        "proposed": ("reviewed", "withdrawn"),
        "reviewed": ("signed", "proposed", "withdrawn"),
        "signed": ("locked", "proposed", "withdrawn"),
        "locked": (),
        "withdrawn": ("proposed",),
    }
)

IN_FORCE = frozenset({"signed", "locked"})
"""The states in which KPIs are held against the targets, and in which only an amendment changes one."""

NEEDS_REASON = frozenset({"proposed", "withdrawn"})
"""What is returned, withdrawn or proposed again says why."""

TARGETS_MAX = 200

CommitmentId = Annotated[str, StringConstraints(pattern=KEBAB_PATTERN, max_length=90)]
FiscalYear = Annotated[str, StringConstraints(pattern=r"^FY[0-9]{4}$")]
Note = Annotated[str, StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)]


class CommittedTarget(Model):
    """What a KPI is to reach: a `value`, or for a band `low` and `high`; with a `tolerance` other than the KPI's own."""

    kpi: KpiId
    value: DecimalText | None = None
    low: DecimalText | None = None
    high: DecimalText | None = None
    tolerance: ShareText | None = None
    note: Note | None = None


Targets = tuple[CommittedTarget, ...]


class TargetChange(Model):
    """What an act made of the target of a KPI; None is no target."""

    kpi: KpiId
    before: CommittedTarget | None = None
    after: CommittedTarget | None = None


class CommitmentAct(Act):
    """One line of a commitment's history: what was done, the state after it, and which targets it changed."""

    what: Literal["proposed", "changed", "moved", "amended"]
    state: State
    changes: tuple[TargetChange, ...] = ()


class Commitment(Model):
    """One department's targets for a fiscal year; `sample` says that it illustrates and that nobody has made it."""

    id: CommitmentId
    department: KebabId
    fiscal_year: FiscalYear
    state: State
    sample: bool = False
    targets: Annotated[Targets, Field(max_length=TARGETS_MAX)]
    history: tuple[CommitmentAct, ...]

    @property
    def version(self) -> int:
        """The number of acts so far: whoever changes it says which version was seen."""
        return len(self.history)

    @property
    def signed(self) -> CommitmentAct | None:
        """The signature that puts the targets in force; None while they are not."""
        if self.state not in IN_FORCE:
            return None
        return next(act for act in reversed(self.history) if act.what == "moved" and act.state == "signed")

    @property
    def amendments(self) -> tuple[CommitmentAct, ...]:
        """What was changed since the signature that is in force."""
        signed = self.signed
        since = () if signed is None else self.history[self.history.index(signed) :]
        return tuple(act for act in since if act.what == "amended")


def commitment_id(department: str, fiscal_year: str) -> str:
    """Return the id of a department's commitment for a fiscal year: there is one."""
    return f"{department}-{fiscal_year.lower()}"


def proposed(department: str, fiscal_year: str, targets: Targets, act: Act, *, sample: bool = False) -> Commitment:
    """Return a new commitment."""
    first = _act(act, what="proposed", state="proposed", changes=changes_between((), targets))
    return Commitment(
        id=commitment_id(department, fiscal_year), department=department, fiscal_year=fiscal_year, state="proposed",
        sample=sample, targets=targets, history=(first,),
    )  # fmt: skip


def changed(commitment: Commitment, targets: Targets, act: Act) -> Commitment:
    """Return the commitment with other targets, itself when they are the same. Raises Illegal unless it is proposed."""
    if commitment.state != "proposed":
        how = "an amendment changes them" if commitment.state in IN_FORCE else "return it to proposed first"
        raise Illegal(
            f"targets are changed while it is proposed, and it is {commitment.state}: {how}",
            state=commitment.state, legal=LEGAL[commitment.state],
        )  # fmt: skip
    return _with_targets(commitment, targets, act, what="changed")


def moved(commitment: Commitment, to: State, act: Act) -> Commitment:
    """Return the commitment in another state, itself when this is the last move sent again.

    Raises Illegal, and ValueError where the move needs a reason and has none.
    """
    last = commitment.history[-1]
    if commitment.state == to and last.what == "moved" and is_said_again(last, act):
        return commitment
    check_move(LEGAL, commitment.state, to)
    if to in NEEDS_REASON and act.reason is None:
        raise ValueError(f"what becomes {to} says why")
    return _with(commitment, _act(act, what="moved", state=to), state=to)


def amended(
    commitment: Commitment, targets: Iterable[CommittedTarget], dropped: Collection[str], act: Act
) -> Commitment:
    """Return the commitment in force with some targets changed, added or dropped; itself when nothing is otherwise.

    Raises Illegal for one that is not in force, and ValueError without a reason.
    """
    if commitment.state not in IN_FORCE:
        detail = f"what is amended is signed or locked, and it is {commitment.state}"
        raise Illegal(detail, state=commitment.state, legal=LEGAL[commitment.state])
    if act.reason is None:
        raise ValueError("an amendment says why")
    after = {target.kpi: target for target in (*commitment.targets, *targets) if target.kpi not in dropped}
    return _with_targets(commitment, tuple(after.values()), act, what="amended")


def signed_by(commitment: Commitment, instant: datetime) -> Targets | None:
    """Return the targets that were in force at an instant, whatever became of them since; None where none were."""
    acts = list(takewhile(lambda act: act.at <= instant, commitment.history))
    if not acts or acts[-1].state not in IN_FORCE:
        return None
    targets: dict[str, CommittedTarget | None] = {}
    for act in acts:
        targets |= {change.kpi: change.after for change in act.changes}
    return tuple(target for target in targets.values() if target is not None)


def changes_between(before: Targets, after: Targets) -> tuple[TargetChange, ...]:
    """Return what is different, in the order of KPIs."""
    old, new = _by_kpi(before), _by_kpi(after)
    return tuple(
        TargetChange(kpi=kpi, before=old.get(kpi), after=new.get(kpi))
        for kpi in sorted(old.keys() | new.keys())
        if old.get(kpi) != new.get(kpi)
    )


def _with_targets(
    commitment: Commitment, targets: Targets, act: Act, *, what: Literal["changed", "amended"]
) -> Commitment:
    changes = changes_between(commitment.targets, targets)
    if not changes:
        return commitment
    return _with(commitment, _act(act, what=what, state=commitment.state, changes=changes), targets=targets)


def _with(commitment: Commitment, act: CommitmentAct, **update: object) -> Commitment:
    check_room(commitment.history, state=commitment.state)
    return commitment.model_copy(update={**update, "history": (*commitment.history, act)})


def _act(act: Act, **more: object) -> CommitmentAct:
    return CommitmentAct.model_validate({**act.model_dump(), **more})


def _by_kpi(targets: Targets) -> Mapping[str, CommittedTarget]:
    return {target.kpi: target for target in targets}
