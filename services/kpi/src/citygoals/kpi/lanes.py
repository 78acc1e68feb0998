"""Lanes: which of the delivered entries are new, which were here before, and what is missing in between. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from citygoals.kpi.entries import Entry

FIRST_SEQ = 1


class Hole(NamedTuple):
    """An entry of a lane that could not be read, even from the journal. It holds its place and tells nothing."""

    lane: int
    seq: int
    reason: str


class Gap(NamedTuple):
    """Entries of a lane that have not come: from `first` up to, not including, `stop`."""

    lane: int
    first: int
    stop: int


class Sifted(NamedTuple):
    """What can be applied now, in lane order; `next_seqs` is the next number of each lane after it."""

    fresh: list[Entry]
    holes: list[Hole]
    next_seqs: dict[int, int]
    gaps: list[Gap]


def sift(delivered: Iterable[Entry | Hole], expected: Mapping[int, int]) -> Sifted:
    """Sort what was delivered by lane and number, against the next number expected of each lane.

    Lower: it was applied before, and is dropped. Equal: it is fresh. Higher: what is missing is a gap, and all of the
    lane that follows waits for it (the caller fills the gap and sifts again).
    """
    fresh: list[Entry] = []
    holes: list[Hole] = []
    next_seqs: dict[int, int] = {}
    gaps: dict[int, Gap] = {}
    for one in sorted(delivered, key=_number):
        lane, seq = one.lane, one.seq
        due = next_seqs.get(lane)
        if due is None:
            due = expected.get(lane, FIRST_SEQ)
        if seq == due:
            if isinstance(one, Hole):
                holes.append(one)
            else:
                fresh.append(one)
            next_seqs[lane] = due + 1
        elif seq > due and lane not in gaps:
            gaps[lane] = Gap(lane, due, seq)
    return Sifted(fresh, holes, next_seqs, list(gaps.values()))


def _number(one: Entry | Hole) -> tuple[int, int]:
    return one.lane, one.seq
