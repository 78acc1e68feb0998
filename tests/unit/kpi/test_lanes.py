"""Lanes: what is new, what was here before, what is missing."""

from collections import defaultdict

from citygoals.kpi.entries import Entry
from citygoals.kpi.lanes import Gap, Hole, sift
from hypothesis import given
from hypothesis import strategies as st
from unit.kpi.samples import entry


def numbered(lane: int, seq: int) -> Entry:
    return entry("call.answered", {"call_id": f"{lane}-{seq}"}, identity=f"{lane}-{seq}", lane=lane, seq=seq)


ENTRIES = {(lane, seq): numbered(lane, seq) for lane in (1, 2, 3) for seq in range(1, 12)}
places = st.sampled_from(sorted(ENTRIES))


@given(st.lists(places, max_size=40), st.dictionaries(st.integers(1, 3), st.integers(1, 12)))
def test_every_lane_moves_through_what_is_there_without_a_gap(
    delivered: list[tuple[int, int]], expected: dict[int, int]
) -> None:
    fresh, holes, next_seqs, gaps = sift([ENTRIES[place] for place in delivered], expected)
    assert holes == []
    got: dict[int, list[int]] = defaultdict(list)
    for one in fresh:
        got[one.lane].append(one.seq)
    for lane in (1, 2, 3):
        due = expected.get(lane, 1)
        there = {seq for where, seq in delivered if where == lane and seq >= due}
        run = next(stop for stop in range(due, 14) if stop not in there)
        assert got[lane] == list(range(due, run))
        assert next_seqs.get(lane, due) == run
        later = [seq for seq in there if seq > run]
        assert [gap for gap in gaps if gap.lane == lane] == ([Gap(lane, run, min(later))] if later else [])


def test_a_hole_takes_its_turn() -> None:
    fresh, holes, next_seqs, gaps = sift([numbered(1, 3), Hole(1, 2, "why"), numbered(1, 1)], {})
    assert [one.seq for one in fresh] == [1, 3]
    assert holes == [Hole(1, 2, "why")]
    assert (next_seqs, gaps) == ({1: 4}, [])
    assert sift([Hole(1, 2, "why")], {1: 3}) == ([], [], {}, [])
