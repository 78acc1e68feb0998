"""Every kind of measure: any delivery gives the cells of a rebuild, and the figures are those of a plain reading."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, get_args

import pytest
from citygoals.kpi.changes import Engine, by_fact
from citygoals.kpi.contributions import DIMENSIONS, CellKey, KeyPlace, contribution, key_contribution
from citygoals.kpi.deltas import Changes, Deltas, combine, combine_keys, risen
from citygoals.kpi.entries import Entry
from citygoals.kpi.folds import fold
from citygoals.kpi.measures import Measures
from citygoals.shared.cells import Cell, kpi_of
from citygoals.shared.elapsed import hours_into_day
from citygoals.shared.figures import figure
from citygoals.shared.histogram import bin_of, representative
from citygoals.shared.kpi import KpiDef
from citygoals.shared.measure import MeasureDef
from citygoals.shared.parts import dated_series
from citygoals.shared.period import GRAINS, Period
from citygoals.shared.reading import Almanac, Now, Reading, first_day
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.kpi import kinds_oracle as plain
from unit.kpi import samples
from unit.kpi.kinds import CALENDARS, DECIDING, KPIS, PEOPLE, START, busy, days_in, histories
from unit.kpi.samples import CALENDAR, deliveries, entry, kpi

MANY = settings(max_examples=120)

MEASURES = Measures(KPIS, CALENDARS)


def rebuilt(entries: Iterable[Entry]) -> Changes:
    """All cells and counts of keys from whole facts, by the definition of a contribution."""
    facts = [fold(members, CALENDAR) for members in by_fact(entries).values()]
    cells = combine(*(contribution(fact, MEASURES, CALENDAR) for fact in facts))
    keys = combine_keys(
        *({place: count} for fact in facts for place, count in key_contribution(fact, MEASURES, CALENDAR))
    )
    entries_only = {key: Cell(0, 0, cell.events) if key[0] == "KEYS" else cell for key, cell in cells.items()}
    return Changes(combine(entries_only, risen(keys, keys)), keys)


class Ledger:
    """What the applier keeps, without the database."""

    def __init__(self) -> None:
        self.engine = Engine(KPIS, CALENDARS)
        self.facts: dict[bytes, dict[bytes, Entry]] = {}
        self.cells: dict[CellKey, Cell] = {}
        self.keys: dict[KeyPlace, int] = {}

    def apply(self, batch: list[Entry]) -> Changes:
        prior = {entry.fact: list(self.facts[entry.fact].values()) for entry in batch if entry.fact in self.facts}
        changed = self.engine.changes(batch, prior)
        after = {place: self.keys.get(place, 0) + count for place, count in changed.keys.items()}
        self.keys = combine_keys(self.keys, changed.keys)
        self.cells = combine(self.cells, changed.cells, risen(changed.keys, after))
        for one in batch:
            self.facts.setdefault(one.fact, {})[one.key] = one
        return changed


@MANY
@given(st.data())
def test_any_delivery_gives_the_cells_of_a_rebuild(data: st.DataObject) -> None:
    entries = data.draw(histories())
    ledger = Ledger()
    for batch in data.draw(deliveries(entries)):
        ledger.apply(batch)
    assert (ledger.cells, ledger.keys) == rebuilt(entries)


@MANY
@given(histories())
def test_a_redelivery_changes_nothing_and_what_is_taken_back_leaves_nothing(entries: list[Entry]) -> None:
    ledger = Ledger()
    ledger.apply(entries)
    assert ledger.apply(entries) == ({}, {})
    deltas = Deltas(MEASURES, CALENDAR)
    for sign in (1, -1):
        for members in by_fact(entries).values():
            deltas.add(fold(members, CALENDAR), sign)
    assert deltas.take() == ({}, {})


@MANY
@given(histories(), histories(), histories())
def test_changes_combine_in_any_order(a: list[Entry], b: list[Entry], c: list[Entry]) -> None:
    (one, _), (two, _), (three, _) = rebuilt(a), rebuilt(b), rebuilt(c)
    assert combine(one, two) == combine(two, one)
    assert combine(combine(one, two), three) == combine(one, combine(two, three))
    (_, one_keys), (_, two_keys) = rebuilt(a), rebuilt(b)
    assert combine_keys(one_keys, two_keys) == combine_keys(two_keys, one_keys)


def reading_of(cells: dict[CellKey, Cell], period: Period, dimension: str, member: str) -> Reading:
    """What one slice holds, as far as the figures of the period are made from it."""
    last_days: dict[str, date] = {}
    reading = Reading(member=member or None, last_days=last_days)
    kpis = {kpi.id: kpi for kpi in KPIS}
    for (series, grain, start, place, name), cell in cells.items():
        if (DIMENSIONS[place], name) != (dimension, member):
            continue
        if (GRAINS[grain], start) == (period.grain, period.start):
            reading.put_cell(series, cell)
        whose = kpi_of(series)
        if grain == 0 and start < period.end and dated_series(kpis[whose]) == series:
            last_days[whose] = max(start, last_days.get(whose, start))
        first = first_day(kpis[whose], period, CALENDAR)
        if grain == 0 and first is not None and first <= start < period.end:
            reading.put_day(series, start, cell)
    return reading


def expected(city: plain.City, window: plain.Window, before: tuple[date, date], member: str | None) -> dict[str, Any]:
    requests, permits = plain.request_dues(city), plain.permit_dues(city)
    waits = plain.waits(city, window)
    there = sum(window.holds(event["day"]) for event in plain.paid(city))
    return {
        "KEYS": plain.programs(city, window), "OPEN": plain.open_requests(city, window),
        "TIMELY": plain.on_time(requests, window), "LATE": plain.overdue(requests, window),
        "PERMITS": plain.on_time(permits, window), "WAITING": plain.overdue(permits, window),
        "EVEN": plain.evenness(requests, window), "SITES": plain.availability(city, window),
        "LEFT": plain.turnover(city, window), "MORE": plain.change(city, window),
        "BETTER": plain.online_change(city, window, before), "QUICK": plain.quick(city, window), "WISH": plain.wish(city, window),
        "HEADS": plain.heads(city, window, member), "LATEST": plain.latest(city, window),
        "COUNT": (there, 1) if there else None, "BACK": plain.again(city, window),
        "SUM": plain.added_up(waits), "MEAN": (sum(waits), len(waits)) if waits else None,
    }  # fmt: skip


slices = st.sampled_from([("city", ""), ("city", ""), ("department", "zoo"), ("district", "1"), ("channel", "web")])
grains = st.sampled_from(["day", "month", "fiscal_year", "fiscal_year"])
hours = st.builds(
    lambda days, hour: START.replace(hour=7) + timedelta(days=days, hours=hour), days_in, st.integers(0, 24)
)


def compare(
    entries: list[Entry], cells: dict[CellKey, Cell], now: datetime, period: Period, whose: tuple[str, str]
) -> set[str]:
    """Hold every figure to the plain reading; return the KPIs that had one."""
    dimension, member = whose
    almanac = Almanac(CALENDAR, Now(CALENDAR.local_day(now), hours_into_day(CALENDAR, now)), {"people": PEOPLE})
    reading = reading_of(cells, period, dimension, member)
    city = plain.City([entry.body for entry in entries], **{dimension: member} if member else {})
    window = plain.Window(period.start, period.end, now)
    last = CALENDAR.containing(period.start - timedelta(days=1), period.grain)
    found = {kpi.id: figure(kpi, reading, period=period, almanac=almanac) for kpi in KPIS if not kpi.is_derived}
    for name, numbers in expected(city, window, (last.start, last.end), member or None).items():
        one = found[name]
        assert (None if one.numerator is None else (one.numerator, one.denominator)) == numbers, (name, period)
    for name, value in plain.percentiles(city, window).items():
        exact = None if value is None else representative(bin_of(value))
        assert found[name].numerator == exact, (name, period)
    return {name for name, one in found.items() if one.numerator is not None}


@settings(max_examples=200)
@given(histories(least=12, most=40), hours, st.sampled_from([0, 0, 0, -1, -7, 1, 40]), grains, slices)
def test_figures_are_those_of_a_plain_reading(
    entries: list[Entry], now: datetime, days: int, grain: str, whose: tuple[str, str]
) -> None:
    period = CALENDAR.containing(CALENDAR.local_day(now) + timedelta(days=days), grain)
    compare(entries, rebuilt(entries).cells, now, period, whose)


def test_every_kind_is_tried() -> None:
    known = {get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(get_args(MeasureDef)[0])}
    assert {kpi.measure.kind for kpi in KPIS} == known


@pytest.mark.parametrize("seed", range(4))
def test_every_kind_has_figures_in_a_busy_city(seed: int) -> None:
    chance = Random(seed)
    entries = busy(chance)
    cells = rebuilt(entries).cells
    seen: set[str] = set()
    for _ in range(60):
        now = START.replace(hour=7) + timedelta(hours=chance.randrange(460 * 24))
        period = CALENDAR.containing(
            CALENDAR.local_day(now) - timedelta(days=chance.choice([0, 0, 3, 40])),
            chance.choice(["day", "month", "fiscal_year"]),
        )
        seen |= compare(
            entries,
            cells,
            now,
            period,
            chance.choice([("city", ""), ("department", "zoo"), ("district", "1"), ("channel", "web")]),
        )
    assert seen == {kpi.id for kpi in KPIS if not kpi.is_derived}


@given(st.integers(0, 2**63 - 1))
def test_a_percentile_is_within_one_per_cent(value: int) -> None:
    assert abs(representative(bin_of(value)) - value) * 100 <= value


def test_derived_figures_are_made_of_the_others() -> None:
    period = CALENDAR.containing(date(2026, 3, 3), "month")
    almanac = Almanac(CALENDAR, Now(date(2026, 3, 31)))
    targeted = {
        kpi.id: KpiDef.model_validate({**kpi.model_dump(mode="json"), "target": {"value": "0.5"}}) for kpi in KPIS
    }
    reading = Reading({"QUICK": {"": Cell(1, 4, 4)}})
    reading.put_day("TIMELY", date(2026, 3, 2), Cell(3, 4, 4))
    others = {
        name: figure(kpi, reading, period=period, almanac=almanac)
        for name, kpi in targeted.items()
        if not kpi.is_derived
    }
    index, typing = (
        figure(targeted[name], reading, period=period, almanac=almanac, others=others) for name in ("INDEX", "TYPING")
    )
    # (2 * min(5/4, 3/2) + 1 * 1/2) / 3 = 1
    assert (index.numerator, index.denominator, index.events) == (1, 1, None)
    assert (typing.numerator, typing.denominator) == (len(others) - 1, len(others))


def test_an_hour_decides_what_has_come_due_today() -> None:
    due = datetime(2026, 3, 4, 0, 0, tzinfo=UTC)  # 17:00 on 3 March in the city
    period = CALENDAR.containing(date(2026, 3, 3), "day")
    reading = Reading()
    cell = Cell(0, 1, 1)
    reading.put_day("TIMELY", period.start, cell)
    reading.put_day("TIMELY/h17", period.start, cell)
    timely = next(kpi for kpi in KPIS if kpi.id == "TIMELY")
    for hour, expected_ in ((16, None), (17, 0), (24, 0)):
        found = figure(timely, reading, period=period, almanac=Almanac(CALENDAR, Now(period.start, hour)))
        assert found.numerator == expected_
    assert CALENDAR.local_day(due) == period.start


@pytest.mark.parametrize("seed", range(3))
def test_what_stands_behind_a_figure_adds_up_to_it(seed: int) -> None:
    chance = Random(seed)
    entries = busy(chance)
    facts, cells = [fold(members, CALENDAR) for members in by_fact(entries).values()], rebuilt(entries).cells
    explained = set()
    for measure in MEASURES.all * 8:
        asked = next(one for one in KPIS if one.id == measure.kpi)
        now = START.replace(hour=7) + timedelta(hours=chance.randrange(440 * 24))
        almanac = Almanac(CALENDAR, Now(CALENDAR.local_day(now), hours_into_day(CALENDAR, now)), {"people": PEOPLE})
        day = almanac.now.day - timedelta(days=chance.choice([0, 0, 20, 150]))
        period = CALENDAR.containing(day, chance.choice(["month", "fiscal_year"]))
        found = figure(asked, reading_of(cells, period, "city", ""), period=period, almanac=almanac)
        if found.numerator is None:
            continue
        gifts = [gift for fact in facts for gift in measure.behind(fact, period, almanac.now)]
        above, below = sum(gift[1] for gift in gifts), sum(gift[2] for gift in gifts)
        if asked.measure.kind in {"on_time", "availability", "mean"} or asked.id == "QUICK":
            assert (above, below) == (found.numerator, found.denominator), (asked.id, period)
        elif asked.measure.kind in {"stock", "overdue", "count", "sum"}:
            assert (above, 1) == (found.numerator, found.denominator), (asked.id, period)
        elif asked.measure.kind == "turnover":
            assert below == found.denominator, (asked.id, period)
        else:
            continue
        explained |= {asked.id} if gifts else set()
    assert explained == {
        "OPEN",
        "TIMELY",
        "LATE",
        "PERMITS",
        "WAITING",
        "SITES",
        "LEFT",
        "QUICK",
        "COUNT",
        "SUM",
        "MEAN",
    }


@pytest.mark.parametrize(
    ("due_at", "numbers"),
    [
        ("2026-02-21T00:00:00Z", (1, 1)),
        ("2026-02-20T15:59:59Z", (0, 1)),
        (None, None),
        ("soon", None),
        ("9999-12-31T00:00:00Z", None),
    ],
)
def test_what_has_no_time_of_its_own_is_due_only_when_it_says_so(
    due_at: str | None, numbers: tuple[int, int] | None
) -> None:
    deadline = {name: DECIDING[name] for name in ("start", "ends", "due_field")}
    told = kpi("TOLD", {"kind": "on_time", "deadline": deadline})
    data = {"permit_id": "p", **({} if due_at is None else {"due_at": due_at})}
    entries = [
        entry("permit.submitted", data, at=START, identity="s", seq=1),
        entry("permit.decided", {"permit_id": "p"}, at=START + timedelta(hours=2), identity="d", seq=2),
    ]
    cells = contribution(fold(entries, CALENDAR), Measures([told], CALENDARS), CALENDAR)
    found = [cell for (series, _, _, place, _), cell in cells.items() if (series, place) == ("TOLD", 0)]
    assert [tuple(cell[:2]) for cell in found] == ([] if numbers is None else [numbers])


def test_what_came_and_went_on_one_day_is_known_to_be_gone() -> None:
    told = [("opened", 0), ("closed", 1)]
    entries = [
        entry(f"service_request.{fact}", {"service_request_id": "s", "reason": "resolved"},
              at=START + timedelta(hours=hours), identity=fact, seq=number)
        for number, (fact, hours) in enumerate(told, 1)
    ]  # fmt: skip
    period, almanac = CALENDAR.containing(CALENDAR.local_day(START), "month"), Almanac(CALENDAR, Now(date(2026, 2, 28)))
    reading = reading_of(rebuilt(entries).cells, period, "city", "")
    for name in ("OPEN", "LATE"):
        found = figure(next(one for one in KPIS if one.id == name), reading, period=period, almanac=almanac)
        assert (found.numerator, found.denominator, found.events) == (0, 1, 0)


@pytest.mark.parametrize("kpi", KPIS, ids=lambda kpi: kpi.id)
def test_nothing_gives_nothing(kpi: Any) -> None:
    period = CALENDAR.containing(date(2026, 3, 3), "month")
    found = figure(kpi, Reading(), period=period, almanac=Almanac(CALENDAR, Now(date(2026, 3, 3))))
    assert (found.numerator, found.status) == (None, "NO_DATA")


def test_what_has_no_district_stands_behind_no_gap_between_districts() -> None:
    """Its entries are not among the figure's, so they are not in its lineage either."""
    places: list[dict[str, Any]] = [{"district": 1}, {"district": 2}, {}, {"district": ""}]
    entries = [
        samples.entry(
            "service_request.opened",
            {"service_request_id": str(number), "department": "zoo", **place},
            identity=str(number),
            at=START,
        )
        for number, place in enumerate(places)
    ]
    (even,) = (kpi for kpi in KPIS if kpi.id == "EVEN")
    (measure,) = (measure for measure in MEASURES.all if measure.kpi == "EVEN")
    period, now = CALENDAR.parse("all", START.date()), Now(CALENDAR.local_day(START) + timedelta(days=90))
    reading = reading_of(rebuilt(entries).cells, period, "city", "")
    found = figure(even, reading, period=period, almanac=Almanac(CALENDAR, now))
    behind = [one.entry.id for each in entries for one in measure.behind(fold([each], CALENDAR), period, now)]
    assert (found.numerator, found.events, behind) == (0, 2, ["0", "1"])
