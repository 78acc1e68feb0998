"""What the entries that came at one position did to a figure, and what that makes of them. Pure.

An entry that only adds (its own, or what older ones waited for) is late, or the period going on. One that changes what
older entries of its fact had given corrects them, or takes the thing out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from citygoals.kpi.entries import Entry
from citygoals.kpi.folds import fold
from citygoals.kpi.giving import Days, Measure
from citygoals.shared.period import Period
from citygoals.shared.reading import Now

LATE, CONTINUED, CORRECTED, VOIDED = "late", "continued", "corrected", "voided"
VOIDS = frozenset({"voided", "reversed", "merged"})
REASSIGNS = frozenset({"assigned"})
"""What another department has from then on, older entries had given to the one before: it adds nothing of its own."""

Gift = tuple[int, int]
_NOTHING: Gift = (0, 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which figure, at which now; `cut` is when an open period was published, None for one that was over."""

    period: Period
    now: Now
    cut: datetime | None


class Moved(NamedTuple):
    """One entry that moved the figure: by how much, and what that makes of it."""

    entry: Entry
    cause: str
    numerator: int
    denominator: int


def moved(measure: Measure, old: Sequence[Entry], new: Sequence[Entry], asked: Asked) -> list[Moved]:
    """Return the new entries of one fact that changed what the fact gives the figure.

    What they took from older entries, or gave them, is counted with the last of the new ones.
    """
    before, after = (_gifts(measure, entries, asked) for entries in (old, [*old, *new]))
    changed = [_less(after.get(entry.key, _NOTHING), before.get(entry.key, _NOTHING)) for entry in old]
    shift: Gift = (sum(one[0] for one in changed), sum(one[1] for one in changed))
    shifted = [one for one, by in zip(old, changed, strict=True) if by != _NOTHING]
    is_reassigned = bool(new) and _fact(new[-1]) in REASSIGNS
    taken = [one for one in shifted if is_reassigned or before.get(one.key, _NOTHING) != _NOTHING]
    found = []
    for number, entry in enumerate(new, start=1):
        own = after.get(entry.key, _NOTHING)
        is_last = bool(shifted) and number == len(new)
        if is_last or own != _NOTHING:
            cause = _taking(entry, taken, asked.cut) if is_last and taken else _adding(entry, asked.cut)
            extra = shift if is_last else _NOTHING
            found.append(Moved(entry, cause, own[0] + extra[0], own[1] + extra[1]))
    return found


def moved_beside(measure: Measure, old: Sequence[Entry], new: Sequence[Entry], asked: Asked) -> list[Moved]:
    """Return the last of the new entries of one fact if they changed what the fact gives at all, in whatever period.

    For a figure that looks beyond its period: a change since the year before, a stock that came in long ago.
    """
    before, after = (_days(measure, entries) for entries in (old, [*old, *new]))
    if before == after:
        return []
    is_taken = any(after.get(series) != days for series, days in before.items())
    cause = _taking(new[-1], old, asked.cut) if is_taken else _adding(new[-1], asked.cut)
    return [Moved(new[-1], cause, 0, 0)]


def causes(items: Iterable[Moved]) -> dict[str, int]:
    """Return how many entries there are of each cause."""
    return dict(sorted(Counter(one.cause for one in items).items()))


def _gifts(measure: Measure, entries: Sequence[Entry], asked: Asked) -> Mapping[bytes, Gift]:
    gifts: dict[bytes, Gift] = {}
    fact = fold(entries, measure.calendar)
    for entry, numerator, denominator in measure.behind(fact, asked.period, asked.now):
        known = gifts.get(entry.key, _NOTHING)
        gifts[entry.key] = known[0] + numerator, known[1] + denominator
    return gifts


def _days(measure: Measure, entries: Sequence[Entry]) -> dict[str, Days]:
    return dict(measure.given(fold(entries, measure.calendar)))


def _less(after: Gift, before: Gift) -> Gift:
    return after[0] - before[0], after[1] - before[1]


def _adding(entry: Entry, cut: datetime | None) -> str:
    return CONTINUED if cut is not None and entry.at > cut else LATE


def _taking(entry: Entry, taken: Sequence[Entry], cut: datetime | None) -> str:
    """Say what changing what others had given is; what only happened after the cut was not in what was published."""
    if cut is not None and all(one.at > cut for one in taken):
        return CONTINUED
    return VOIDED if _fact(entry) in VOIDS else CORRECTED


def _fact(entry: Entry) -> str:
    return entry.type.split(".")[-2]
