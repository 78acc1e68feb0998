"""Cells as the read side asks for them: of which slice, of which KPIs, from which day on. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import NamedTuple, Protocol

from citygoals.shared.cells import Cell
from citygoals.shared.kpi import KpiDef
from citygoals.shared.parts import HOUR_PART, dated_series
from citygoals.shared.period import Period
from citygoals.shared.reading import Almanac, first_day

ROLLING = "rolling"
BUSY_DAYS_KEPT = 4


class Slice(NamedTuple):
    """What is counted: the whole city, one department or one district; with `member` None, each of them apart."""

    dimension: str
    member: str | None


CITY_MEMBER = ""
CITY = Slice("city", CITY_MEMBER)
DIMENSIONS = (CITY.dimension, "department", "district", "channel")


@dataclass(frozen=True, slots=True)
class Mark:
    """A position: when it was recorded and the last tick at or before it (its `now`)."""

    position: int
    recorded_at: datetime
    tick: datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """How many events the whole ledger holds."""

    events: int = 0
    by_type: Mapping[str, int] = field(default_factory=dict)

    def after(self, events: int | None, by_type: Mapping[str, int]) -> "Totals":
        """Return the totals with a changeset's absolute numbers on top."""
        return self if events is None else Totals(events, {**self.by_type, **by_type})


@dataclass(slots=True)
class BusyDays:
    """A KPI's newest days with data, oldest first; `is_whole` says that there are no older ones."""

    days: list[date] = field(default_factory=list)
    is_whole: bool = True

    @property
    def last(self) -> date | None:
        """The newest of them."""
        return self.days[-1] if self.days else None

    def see(self, day: date, *, is_busy: bool) -> bool:
        """Take in whether a day has data now; False when the newest day can no longer be told from here."""
        if not self.is_whole and self.days and day < self.days[0]:
            return True
        kept = [one for one in self.days if one != day]
        if is_busy:
            kept = sorted([*kept, day])
        self.is_whole = self.is_whole and len(kept) <= BUSY_DAYS_KEPT
        self.days = kept[-BUSY_DAYS_KEPT:]
        return self.is_whole or bool(self.days)


class Run(NamedTuple):
    """A KPI, with its parts, and the first day of its cells that are wanted.

    `hours` matches the names of those of its series in which things wait for an hour of a day: before the city's today
    nothing waits any more, so only their days from there on are wanted.
    """

    kpi: str
    first: date
    hours: str | None = None


@dataclass(frozen=True)
class Needs:
    """What the figures of a period are made from: the period's own cells of some KPIs, runs of days of the others."""

    kpis: Mapping[str, KpiDef]
    period: Period
    almanac: Almanac

    @cached_property
    def days(self) -> tuple[Run, ...]:
        """The KPIs whose figures are made from days, each from its own first day on."""
        calendar = self.almanac.calendar
        firsts = ((kpi, first_day(kpi, self.period, calendar)) for kpi in self.kpis.values())
        return tuple(Run(kpi.id, first, _hours(kpi)) for kpi, first in firsts if first is not None)

    @cached_property
    def firsts(self) -> Mapping[str, date]:
        """The first day of each of those."""
        return {run.kpi: run.first for run in self.days}

    @cached_property
    def own(self) -> tuple[Run, ...]:
        """The KPIs whose figures are made from the period's own cells."""
        return tuple(
            Run(name, self.period.start)
            for name, kpi in self.kpis.items()
            if name not in self.firsts and not kpi.is_derived
        )

    @cached_property
    def dated(self) -> Mapping[str, str]:
        """The series whose days say when a KPI had data, and whose they are."""
        series = ((dated_series(kpi), name) for name, kpi in self.kpis.items())
        return {one: name for one, name in series if one is not None}

    def cover(self, other: "Needs") -> bool:
        """Say whether what was read for these is enough for the others."""
        kinds = {name: kpi.measure.kind for name, kpi in self.kpis.items()}
        return other.dated.keys() <= self.dated.keys() and all(
            kinds.get(name) == kpi.measure.kind and other.firsts.get(name) == self.firsts.get(name)
            for name, kpi in other.kpis.items()
        )


_HOURS = {"on_time": "/", "overdue": "/", "evenness": "[.]"}


def _hours(kpi: KpiDef) -> str | None:
    before = _HOURS.get(kpi.measure.kind)
    return None if before is None else f"{before}{HOUR_PART}[0-9]+$"


Line = Mapping[date, Cell]
"""One series' cells by their starts."""

Span = dict[str, dict[str, dict[date, Cell]]]
"""Cells by member of the slice, series and start."""


class Source(Protocol):
    """Where cells are read at one position: the present in the database, or the past from history."""

    async def cells(self, slice_: Slice, runs: Iterable[Run], *, grain: str, end: date, today: date) -> Span:
        """Read the cells of one grain that start in the KPIs' runs, each up to, not including, `end`."""
        ...

    async def last_days(self, series: Collection[str], *, before: date) -> dict[str, BusyDays]:
        """Read the last days before `before` on which each of the city's series had data."""
        ...

    async def dates(self, series: Collection[str], *, first: date, end: date) -> dict[str, Sequence[date]]:
        """Read the days in [first, end) on which each of the city's series had data, and the last one before."""
        ...
