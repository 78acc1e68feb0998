"""Steps: what is to become a position, and what that position announces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from citygoals.kpi.announcements import Announcement, Moment, announcements, is_backfill
from citygoals.kpi.definitions import Definitions
from citygoals.kpi.duty_messages import duty_messages
from citygoals.kpi.entries import Entry
from citygoals.kpi.lanes import Hole
from citygoals.kpi.state import State, counted
from citygoals.kpi.switching import Switch
from citygoals.shared.changeset import CellRow, Changeset
from citygoals.shared.instants import parse_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is to become the next position. What is left out stays as it is; `at` is when it is recorded, if not now."""

    lanes: Mapping[int, int]
    entries: Sequence[Entry] = ()
    holes: Sequence[Hole] = ()
    tick: datetime | None = None
    definitions: Definitions | None = None
    switch: Switch | None = None
    at: datetime | None = None
    traces: Sequence[str] = field(default=())


def messages_of(
    before: State, after: State, step: Step, rows: Sequence[CellRow], traces: Sequence[str]
) -> list[Announcement]:
    """Return what the position announces, in the order in which it is published."""
    changeset = Changeset(
        position=after.position,
        recorded_at=after.recorded_at,
        tick=after.tick,
        lanes={str(lane): next_seq for lane, next_seq in step.lanes.items()},
        cells=rows,
        events_total=after.events_total,
        by_type=counted(before.totals, step.entries),
        definitions=None if step.definitions is None else step.definitions.changed_since(before.definitions),
        traces=traces,
    )
    ages = ((entry.at, parse_instant(entry.recorded)) for entry in step.entries if entry.recorded is not None)
    is_redefined = step.definitions is not None or step.switch is not None
    is_old = step.tick is None and not is_redefined and is_backfill(ages)
    moment = Moment(after.position, after.recorded_at, is_old, is_redefined=is_redefined)
    told = announcements(changeset, moment, before.board, after.board)
    return told if step.tick is None else [*told, *duty_messages(moment, before, step.tick)]
