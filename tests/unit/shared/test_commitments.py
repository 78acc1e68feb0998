"""Commitments and narratives as state machines: whatever is asked in whatever order, the record tells the whole truth."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from citygoals.shared import commitment as promise
from citygoals.shared import narrative as prose
from citygoals.shared.commitment import Commitment, CommittedTarget
from citygoals.shared.moves import HISTORY_MAX, Act, Illegal
from citygoals.shared.narrative import Narrative, NarrativeText
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
ANN = Act(at=NOON, by="Ann", key="k")
WHY = Act(at=NOON, by="Bea", key="k", reason="because")

targets = st.lists(
    st.builds(CommittedTarget, kpi=st.sampled_from(["A-1", "A-2", "B.1"]), value=st.sampled_from(["1", "2.50", "-3"])),
    min_size=1, max_size=3, unique_by=lambda one: one.kpi,
).map(tuple)  # fmt: skip
acts = st.builds(
    Act, at=st.integers(0, 9).map(lambda hours: NOON + timedelta(hours=hours)), by=st.sampled_from(["Ann", "Bea"]),
    key=st.just("k"), reason=st.sampled_from([None, "because", "again"]),
)  # fmt: skip
steps = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(sorted(promise.LEGAL)), acts),
    st.tuples(st.just("change"), targets, acts),
    st.tuples(st.just("amend"), targets, acts),
    st.tuples(st.just("drop"), st.sampled_from(["A-1", "A-2"]), acts),
)


def commit(record: Commitment, step: tuple[Any, ...]) -> Commitment:
    kind, what, act = step
    if kind == "move":
        return promise.moved(record, what, act)
    if kind == "change":
        return promise.changed(record, what, act)
    return promise.amended(record, what if kind == "amend" else (), [what] if kind == "drop" else [], act)


def tried(do: Callable[..., Any], record: Any, step: Any) -> Any:
    """The record after the step, as it was where it is refused."""
    try:
        return do(record, step)
    except ValueError:
        return record


@given(targets, st.lists(steps, max_size=25))
def test_any_sequence_gives_a_legal_history_that_replays_to_the_targets(first: Any, asked: list[Any]) -> None:
    record = promise.proposed("fire", "FY2027", first, ANN)
    for step in asked:
        before, record = record, tried(commit, record, step)
        assert record.history[: before.version] == before.history, "what was done stays"
        assert record is before or record.version == before.version + 1
        assert tried(commit, record, step) == record or step[0] == "drop", "the same again changes nothing"
    replayed: dict[str, Any] = {}
    state = None
    for act in record.history:
        if act.what == "proposed":
            assert state is None
        elif act.what == "moved":
            assert state is not None
            assert act.state in promise.LEGAL[state]
            assert not act.changes
            assert act.reason or act.state not in promise.NEEDS_REASON
        else:
            assert act.state == state
            assert (state in promise.IN_FORCE) is (act.what == "amended")
            assert act.what == "changed" or act.reason
        for change in act.changes:
            assert replayed.get(change.kpi) == change.before
            replayed[change.kpi] = change.after
        state = act.state
    assert state == record.state
    assert {one.kpi: one for one in record.targets} == {kpi: one for kpi, one in replayed.items() if one is not None}
    assert Commitment.model_validate(record.model_dump(mode="json")) == record


def test_only_an_amendment_changes_what_is_in_force() -> None:
    aim = (CommittedTarget(kpi="A-1", value="0.65"),)
    record = promise.moved(promise.moved(promise.proposed("fire", "FY2027", aim, ANN), "reviewed", ANN), "signed", ANN)
    locked = promise.moved(record, "locked", ANN)
    for one in (record, locked):
        with pytest.raises(Illegal, match="an amendment changes them"):
            promise.changed(one, (CommittedTarget(kpi="A-1", value="0.70"),), WHY)
        with pytest.raises(ValueError, match="says why"):
            promise.amended(one, (CommittedTarget(kpi="A-1", value="0.70"),), [], ANN)
        after = promise.amended(one, (CommittedTarget(kpi="A-1", value="0.70"),), [], WHY)
        (act,) = after.amendments
        assert (act.by, act.reason, act.changes[0].before, act.changes[0].after) == (
            "Bea", "because", aim[0], CommittedTarget(kpi="A-1", value="0.70"),
        )  # fmt: skip
    with pytest.raises(Illegal) as refused:
        promise.moved(locked, "proposed", WHY)
    assert refused.value.legal == ()
    assert (locked.signed.by if locked.signed else None) == "Ann"


def test_a_return_needs_its_reason_and_takes_the_targets_out_of_force() -> None:
    aim = (CommittedTarget(kpi="A-1", value="0.65"),)
    record = promise.moved(promise.moved(promise.proposed("fire", "FY2027", aim, ANN), "reviewed", ANN), "signed", ANN)
    with pytest.raises(ValueError, match="says why"):
        promise.moved(record, "proposed", ANN)
    back = promise.moved(promise.amended(record, [], ["A-1"], WHY), "proposed", WHY)
    assert (back.signed, back.amendments, back.targets) == (None, (), ())


def test_a_history_has_an_end() -> None:
    record = promise.proposed("fire", "FY2027", (CommittedTarget(kpi="A-1", value="1"),), ANN)
    record = record.model_copy(update={"history": record.history * HISTORY_MAX})
    with pytest.raises(Illegal, match="full"):
        promise.moved(record, "reviewed", ANN)


texts = st.sampled_from(["one", "two", "three"]).map(lambda text: NarrativeText(en=text))
writings = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(sorted(prose.LEGAL)), acts), st.tuples(st.just("write"), texts, acts)
)


def write(record: Narrative, step: tuple[Any, ...]) -> Narrative:
    kind, what, act = step
    return prose.moved(record, what, act) if kind == "move" else prose.rewritten(record, what, act)


@given(texts, st.lists(writings, max_size=30))
def test_the_public_reads_what_was_approved_last_and_nothing_that_was_withdrawn(first: Any, asked: list[Any]) -> None:
    record = prose.drafted("A-1", "FY2027-Q1", first, ANN)
    public, state = None, "draft"
    for step in asked:
        before, record = record, tried(write, record, step)
        assert record.history[: before.version] == before.history, "earlier texts stay"
        assert tried(write, record, step) == record, "the same again changes nothing"
        if record is not before and step[0] == "move":
            assert record.state in prose.LEGAL[state]
            public = {"approved": record.text, "withdrawn": None}.get(record.state, public)
        state = record.state
        assert (record.approved.text if record.approved else None) == public
    written = [act for act in record.history if act.what == "written"]
    assert (written[-1].text, written[-1].by) == (record.text, record.author)
    assert Narrative.model_validate(record.model_dump(mode="json")) == record


def test_a_text_is_written_in_one_language_at_least() -> None:
    assert NarrativeText.model_validate("plain").en == "plain"
    with pytest.raises(ValueError, match="in `en`, in `es` or in both"):
        NarrativeText()
