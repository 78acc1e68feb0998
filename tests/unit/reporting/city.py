"""A toy city whose every changeset is known: contributions come and go, cells are their sums, positions count up."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from citygoals.reporting.cells import CITY, BusyDays, Mark, Needs, Run, Slice, Source, Span
from citygoals.reporting.definitions import NOTHING, Definitions, Revision
from citygoals.reporting.tally import Tally, read_tally
from citygoals.shared.cells import NO_CELL, Cell, kpi_of
from citygoals.shared.changeset import CellRow, Changeset
from citygoals.shared.period import CityCalendar, Period
from citygoals.shared.reading import Almanac

CALENDAR = CityCalendar()
START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DEPARTMENTS = ("municipal-court", "library")


def count(identity: str, **extra: Any) -> dict[str, Any]:
    measure = {"kind": "count", "event": "city.payment.settled.v1"}
    return {"id": identity, "title": {"en": identity}, "measure": measure, "unit": "payments", "decimals": 0, **extra}


def ratio(identity: str, target: str, **extra: Any) -> dict[str, Any]:
    term = {"event": "city.payment.settled.v1", "value": "count"}
    measure = {"kind": "ratio", "numerator": {**term, "where": "data.channel == 'web'"}, "denominator": term}
    return {
        "id": identity,
        "title": {"en": identity},
        "measure": measure,
        "unit": "%",
        "target": {"value": target},
        **extra,
    }


KPIS = [
    ratio("MC-01", "0.65", department="municipal-court"),
    ratio("FIN-02", "0.5"),
    ratio("LI-03", "0.9", department="library", freshness="P7D"),
    count("SR-08", target={"value": "40"}),
    count("SR-09", absence_means="zero"),
    count("X-99", internal=True),
    {
        "id": "IT-05", "title": {"en": "Sites up"}, "measure": {"kind": "latest", "measure_id": "sites-up"}, "unit": "sites",
        "target": {"value": "30"}, "department": "library",
    },
]  # fmt: skip


def node(identity: str, kind: str, parent: str | None = None, **extra: Any) -> dict[str, Any]:
    return {"id": identity, "kind": kind, "title": {"en": identity}, "parent": parent, **extra}


PLAN: dict[str, Any] = {
    "id": "toy", "version": "1", "effective": {"from": "2020-01-01"},
    "nodes": [
        node("city", "city"), node("goal-1", "goal", "city"), node("goal-2", "goal", "city", weight="2"),
        node("strategy-1", "strategy", "goal-1"), node("strategy-2", "strategy", "goal-2"),
        node("empty", "strategy", "goal-2"), node("shared", "strategy", "goal-1", parents=[{"node": "goal-2", "weight": "3"}]),
    ],
    "links": [
        {"kpi": "MC-01", "node": "strategy-1", "weight": "2"}, {"kpi": "FIN-02", "node": "strategy-1"},
        {"kpi": "LI-03", "node": "strategy-2"}, {"kpi": "SR-08", "node": "shared"}, {"kpi": "IT-05", "node": "shared"},
        {"kpi": "X-99", "node": "strategy-2"},
    ],
}  # fmt: skip
PLAN_2: dict[str, Any] = {**PLAN, "version": "2", "cap": "1.5", "links": PLAN["links"][:3]}
DEFINITIONS: dict[str, Any] = {
    "plan": PLAN,
    "kpis": KPIS,
    "departments": [{"id": name, "title": {"en": name.replace("-", " ").title()}} for name in DEPARTMENTS],
}


class Contribution(NamedTuple):
    """What one fact gives one KPI on one day."""

    kpi: str
    day: date
    numerator: int
    denominator: int
    department: str | None = None
    district: str | None = None

    def addresses(self) -> Iterator[tuple[str, str, date, str, str]]:
        slices = [("city", "")]
        slices += [("department", self.department)] if self.department else []
        slices += [("district", self.district)] if self.district else []
        slices += [("channel", "web")] if self.district == "1" else []  # from there everybody writes
        is_latest = self.kpi == "IT-05"
        for grain in ("day",) if is_latest else ("day", "week", "month", "quarter", "half", "fiscal_year", "all"):
            start = CALENDAR.containing(self.day, grain).start
            yield from ((self.kpi, grain, start, *slice_) for slice_ in slices)


@dataclass
class ToyCity:
    """The true state, and the changesets that lead to it."""

    position: int = 0
    recorded_at: datetime = START
    tick: datetime = START
    cells: dict[tuple[str, str, date, str, str], Cell] = field(default_factory=dict)
    events: int = 0
    by_type: dict[str, int] = field(default_factory=dict)
    standing: list[Contribution] = field(default_factory=list)

    def define(self, definitions: dict[str, Any] | None = None) -> Changeset:
        """Apply definitions at a position of their own."""
        return self._changeset((), definitions=definitions or DEFINITIONS)

    def change(
        self, add: Sequence[Contribution] = (), take_back: Sequence[Contribution] = (), *, tick_s: int = 60
    ) -> Changeset:
        """Let contributions come and go in one position."""
        touched = dict.fromkeys([*self._move(add, 1), *self._move(take_back, -1)])
        self.standing += add
        for one in take_back:
            self.standing.remove(one)
        self.events += len(add) + len(take_back)
        for name, items in (("city.payment.settled.v1", add), ("city.payment.voided.v1", take_back)):
            if items:
                self.by_type[name] = self.by_type.get(name, 0) + len(items)
        self.tick += timedelta(seconds=tick_s)
        return self._changeset(touched, counts=bool(add or take_back))

    def _move(self, contributions: Iterable[Contribution], sign: int) -> Iterator[tuple[str, str, date, str, str]]:
        for one in contributions:
            for address in one.addresses():
                before = self.cells.get(address, Cell(0, 0, 0))
                self.cells[address] = Cell(
                    before.numerator + sign * one.numerator,
                    before.denominator + sign * one.denominator,
                    before.events + sign,
                )
                yield address

    def _changeset(
        self,
        touched: Iterable[tuple[str, str, date, str, str]],
        *,
        definitions: dict[str, Any] | None = None,
        counts: bool = False,
    ) -> Changeset:
        self.position += 1
        self.recorded_at += timedelta(milliseconds=250)
        return Changeset(
            position=self.position,
            recorded_at=self.recorded_at,
            tick=self.tick,
            lanes={"1": self.events + 1},
            cells=[CellRow(*address, *self.cells[address]) for address in touched],
            events_total=self.events if counts else None,
            by_type=dict(self.by_type) if counts else {},
            definitions=definitions,
        )

    def random(self, random: Random, *, days: int = 40) -> Changeset:
        """Change something at random; now and then only the time."""
        kind = random.random()
        if kind < 0.1:
            return self.change(tick_s=random.choice((60, 3600, 86400)))
        add = [contribution(random, self.today, days) for _ in range(random.randint(0 if kind < 0.3 else 1, 3))]
        take_back = random.sample(self.standing, min(len(self.standing), random.randint(1, 2))) if kind < 0.3 else []
        return self.change(add, take_back)

    @property
    def today(self) -> date:
        return CALENDAR.local_day(self.tick)

    @property
    def mark(self) -> Mark:
        return Mark(self.position, self.recorded_at, self.tick)

    def almanac(self, definitions: Definitions) -> Almanac:
        return definitions.almanac(CALENDAR, self.tick)

    def tally(self, slice_: Slice, period: Period, definitions: Definitions | None = None) -> Tally:
        """The tally as anybody would add it up by hand."""
        return asyncio.run(self.tallied(slice_, period, definitions))

    async def tallied(self, slice_: Slice, period: Period, definitions: Definitions | None = None) -> Tally:
        """The same, where a loop runs already."""
        held = definitions or definitions_of()
        return await read_tally(Known(self), slice_, Needs(held.kpis, period, self.almanac(held)))


class Known(Source):
    """The cells of a toy city, found by looking at all of them."""

    def __init__(self, city: ToyCity) -> None:
        self._city = city

    async def cells(self, slice_: Slice, runs: Iterable[Run], *, grain: str, end: date, today: date) -> Span:
        wanted = {run.kpi: run for run in runs}
        found: Span = {}
        for (series, own, start, dimension, member), cell in sorted(self._city.cells.items()):
            run = wanted.get(kpi_of(series))
            is_asked = (own, dimension) == (grain, slice_.dimension) and slice_.member in (None, member)
            if run is not None and is_asked and run.first <= start < end:
                found.setdefault(member, {}).setdefault(series, {})[start] = cell
        return found

    async def last_days(self, series: Collection[str], *, before: date) -> dict[str, BusyDays]:
        return {name: BusyDays(days) for name in series if (days := [day for day in self._days(name) if day < before])}

    async def dates(self, series: Collection[str], *, first: date, end: date) -> dict[str, Sequence[date]]:
        found = {}
        for name in series:
            days = [day for day in self._days(name) if day < end]
            before = [day for day in days if day < first][-1:]
            found[name] = [*before, *(day for day in days if day >= first)]
        return {**found}

    def _days(self, series: str) -> list[date]:
        city = (series, "day", "city", "")
        return sorted(
            key[2] for key, cell in self._city.cells.items() if (*key[:2], *key[3:]) == city and cell != NO_CELL
        )


def contribution(random: Random, today: date, days: int) -> Contribution:
    day = today - timedelta(days=random.randint(0, days))
    department = random.choice((*DEPARTMENTS, None))
    district = random.choice(("1", "2", None))
    kpi = random.choice([one["id"] for one in KPIS])
    return Contribution(kpi, day, random.choice((0, 1, 1, 2)), random.choice((1, 1, 2, 3)), department, district)


def definitions_of(*applied: dict[str, Any]) -> Definitions:
    """The definitions after several revisions."""
    found = NOTHING
    for position, one in enumerate(applied or (DEFINITIONS,), start=1):
        found = found.after(Revision.of(position, one, START))
    return found


def fiscal_year(city: ToyCity) -> Period:
    return CALENDAR.containing(city.today, "fiscal_year")


__all__ = [
    "CALENDAR",
    "CITY",
    "DEFINITIONS",
    "Contribution",
    "Known",
    "ToyCity",
    "contribution",
    "definitions_of",
    "fiscal_year",
]
