"""Parts: the names of the series that a KPI has besides its own, and which of them dates it. Pure."""

from citygoals.shared.cells import series_of
from citygoals.shared.kpi import KpiDef

HOUR_PART = "h"
"""What is due at an hour of a day, and so may still be in time: "h" and the hour."""

BIN_PART = "b"
"""A bin of a distribution: "b" and its number."""

UP, PLANNED, IN = "up", "planned", "in"
"""Presences: of what is up, of what should be, of who is in."""

RATED = "rated"
"""Of answers to a survey, those that rate what they are about, and those of them that are satisfied."""

SEEN = ".seen"
"""The days on which something happened to what has a deadline. Named as no member of a dimension ever is."""

_DUE = frozenset({"on_time", "overdue", "evenness"})


def dated_series(kpi: KpiDef) -> str | None:
    """Return the series whose days say when something happened that the KPI counts, None where no series does.

    Mostly its own; availability has cells in its parts only. The days of deadlines are those on which things are due, so
    when they happened is kept apart, and only where somebody asks how fresh the number is.
    """
    if kpi.is_derived or (kpi.measure.kind in _DUE and kpi.freshness_days is None):
        return None
    return series_of(kpi.id, UP if kpi.measure.kind == "availability" else SEEN if kpi.measure.kind in _DUE else "")
