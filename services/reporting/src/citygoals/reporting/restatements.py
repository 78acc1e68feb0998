"""Restatements: what later positions changed in the figures of a publication. Pure.

Every position does one of three things: it takes in events, it changes definitions, or it lets time pass. What it changed
in a figure is of that kind. Published integers and the sum of all changes are the integers as now known, exactly.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from citygoals.reporting.definitions import Definitions
from citygoals.reporting.present import Step
from citygoals.reporting.sheet import Row
from citygoals.shared.committed import committed_in
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import CityCalendar, Period

DATA, DEFINITION, CLOCK = "data", "definition", "clock"
KINDS = (DATA, DEFINITION, CLOCK)

RULES = "rules"
"""What is redefined where a rebuild found other cells: how facts are counted, by a newer version of the service."""
REDEFINED, CONTINUED = "redefined", "continued"
CAUSES = ("voided", "corrected", "late", CONTINUED)
"""What events can have done, the gravest first; where several did different things, the first of these is the cause."""
NO_RESTATEMENTS = frozenset({CLOCK, CONTINUED})
"""Causes that change a figure and restate nothing: time passed, or the period was open and went on."""

NUMBERS = ("numerator", "denominator", "value", "unit", "target", "attainment", "status")
"""What a figure says. Titles and the number of events behind it may change without its saying anything else."""


DEFINING = tuple(name for name in KpiDef.model_fields if name != "version")
"""The members of a definition that say something; its version only says that they changed."""


class Restated(NamedTuple):
    """What one position changed in one figure; None where there is none before or after."""

    position: int
    kpi: str
    recorded_at: datetime
    kind: str
    before: Row | None
    after: Row | None

    @property
    def size(self) -> tuple[int, int]:
        """By how much its integers changed; nothing counts as zero."""
        before, after = parts(self.before), parts(self.after)
        return after[0] - before[0], after[1] - before[1]


def numbers(row: Mapping[str, Any] | None) -> Row | None:
    """Return what a figure says, without what may differ in the same number."""
    return None if row is None else {name: row[name] for name in NUMBERS}


def parts(row: Mapping[str, Any] | None) -> tuple[int, int]:
    """Return a figure's numerator and denominator, zero where it has none."""
    return (0, 0) if row is None else (row["numerator"] or 0, row["denominator"] or 0)


def kind_of(step: Step) -> str:
    """Return what a position did."""
    if step.definitions.position == step.mark.position:
        return DEFINITION
    return DATA if step.cells else CLOCK


def restated(
    step: Step, before: Mapping[str, Row], after: Mapping[str, Row], kpis: Iterable[str]
) -> Iterator[Restated]:
    """Yield what a position changed in figures of some KPIs, from all figures before and after it."""
    for kpi in kpis:
        old, new = before.get(kpi), after.get(kpi)
        if old is not new and (was := numbers(old)) != (now := numbers(new)):
            yield Restated(step.mark.position, kpi, step.mark.recorded_at, kind_of(step), was, now)


def redefined(kpi: str, before: Definitions, after: Definitions, period: Period, calendar: CityCalendar) -> list[str]:
    """Return the parts of a KPI's definition that are different, `added` or `retired` where there is only one.

    One of them is `committed`: the target that a department has committed itself to for the period.
    """
    old, new = before.kpis.get(kpi), after.kpis.get(kpi)
    if old is None or new is None:
        return [] if old is new else ["retired" if new is None else "added"]
    parts_ = [name for name in DEFINING if getattr(old, name) != getattr(new, name)]
    held = [committed_in(one.committed, kpi, period, calendar) for one in (before, after)]
    aims = [None if one is None else (one.commitment, one.kpi.target, one.kpi.tolerance) for one in held]
    return parts_ if aims[0] == aims[1] else [*parts_, "committed"]


def cause_of(kind: str, causes: Mapping[str, int]) -> str | None:
    """Return why a figure changed; None where the events that did it are not known."""
    if kind != DATA:
        return REDEFINED if kind == DEFINITION else CLOCK
    return next((one for one in CAUSES if one in causes), None)


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return by how much a figure differs: its integers, and its value where both have one in the same unit."""
    one, other = parts(before), parts(after)
    value = None
    if before and after and before["unit"] == after["unit"] and None not in (before["value"], after["value"]):
        value = f"{Decimal(after['value']) - Decimal(before['value']):f}"
    return {"numerator": other[0] - one[0], "denominator": other[1] - one[1], "value": value}
