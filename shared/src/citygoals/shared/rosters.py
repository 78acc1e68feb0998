"""Rosters: which public KPIs each department had, and since when. Pure.

A report is judged by the KPIs that there were when it was due. What a catalogue becomes later makes no report that was
made undone, and none that was not made done.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from citygoals.shared.kpi import KpiDef

Owned = Mapping[str, tuple[str, ...]]
"""By department, the ids of its public KPIs, in order."""


class Roster(NamedTuple):
    """What every department had from an instant on, until that of the next roster."""

    since: datetime
    kpis: Owned


Rosters = tuple[Roster, ...]
"""Every roster that there was, oldest first."""


def owned(kpis: Iterable[KpiDef]) -> Owned:
    """Return the public KPIs of each department that has some."""
    found: dict[str, list[str]] = {}
    for kpi in kpis:
        if kpi.department is not None and not kpi.internal and not kpi.retired:
            found.setdefault(kpi.department, []).append(kpi.id)
    return {department: tuple(sorted(ids)) for department, ids in sorted(found.items())}


def with_roster(before: Rosters, kpis: Owned, since: datetime) -> Rosters:
    """Return the rosters with another one from an instant on; the very same where nobody has other KPIs."""
    if before and before[-1].kpis == kpis:
        return before
    return (*before, Roster(since, kpis))


def roster_at(rosters: Rosters, instant: datetime) -> Owned:
    """Return what departments had at an instant; of one before the first roster, what the first says."""
    held = [one for one in rosters if one.since <= instant] or rosters[:1]
    return held[-1].kpis if held else {}


def read_roster(dump: Mapping[str, Iterable[str]]) -> Owned:
    """Return a roster from JSON."""
    return {department: tuple(ids) for department, ids in dump.items()}
