"""What the applier knows at a position. Never changed: a commit that succeeds puts the next one in its place. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from citygoals.kpi.board import Board
from citygoals.kpi.changes import Engine
from citygoals.kpi.definitions import Definitions
from citygoals.kpi.entries import OWN_LANE, Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that is needed to apply what comes next without asking the database again.

    `tick` is the last tick at or before the position: every "now" is this one. `lanes` is the next number expected of
    each lane. `events_total` and `totals` count the ledger without kpi's own lane.
    """

    position: int
    recorded_at: datetime
    tick: datetime
    events_total: int
    lanes: Mapping[int, int]
    totals: Mapping[str, int]
    definitions: Definitions
    engine: Engine
    board: Board


def counted(totals: Mapping[str, int], entries: Iterable[Entry]) -> dict[str, int]:
    """Return the new totals of the types that the entries add to."""
    added = Counter(entry.type for entry in entries if entry.lane != OWN_LANE)
    return {event_type: totals.get(event_type, 0) + count for event_type, count in added.items()}
