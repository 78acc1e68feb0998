"""A followed tally says what anybody would add up by hand, or admits that it does not know."""

from datetime import date, timedelta
from random import Random

from citygoals.reporting.cells import BUSY_DAYS_KEPT, CITY, ROLLING, BusyDays, LastDay, Tally, rolling_tally
from citygoals.reporting.packed import NumberedCell, pack, pack_chunk, unpack, unpack_chunk
from citygoals.reporting.sheet import EVENTS_DO_NOT_ADD, Sheet
from citygoals.shared.changeset import CellRow
from citygoals.shared.figures import Cell
from citygoals.shared.period import Period
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.reporting.city import CALENDAR, DEFINITIONS, PLAN_2, Contribution, ToyCity, definitions_of, fiscal_year

DAY = date(2026, 11, 1)
days = st.integers(0, 12).map(lambda number: DAY + timedelta(days=number))


@given(st.lists(st.tuples(days, st.integers(0, 2)), max_size=40), st.integers(0, 12))
def test_busy_days_know_the_last_day_or_say_that_they_do_not(changes: list[tuple[date, int]], known: int) -> None:
    truth = {DAY + timedelta(days=number): Cell(1, 1, 1) for number in range(known)}
    listed = [LastDay(day, cell) for day, cell in sorted(truth.items())]
    busy = BusyDays(listed[-BUSY_DAYS_KEPT:], len(listed) <= BUSY_DAYS_KEPT)
    for day, events in changes:
        truth[day] = Cell(5, 1, events)
        if not busy.see(day, truth[day]):
            return
        expected = max((day for day, cell in truth.items() if cell.events), default=None)
        assert (busy.last.day if busy.last else None) == expected
        assert busy.last is None or busy.last.cell == truth[busy.last.day]
        assert len(busy.days) <= BUSY_DAYS_KEPT


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), label=st.sampled_from(["FY2027", "2026-11", "2026-W47", "2026-11-20", "all"]))
def test_a_followed_sheet_equals_a_fresh_one(seed: int, label: str) -> None:
    random, city = Random(seed), ToyCity()
    city.define()
    definitions, others = definitions_of(), DEFINITIONS["kpis"][:0:-1]
    period = CALENDAR.parse(label, city.today)
    sheet = Sheet(city.tally(CITY, period), definitions, city.today)
    for step in range(25):
        if step == 12:
            changeset = city.define({"plan": PLAN_2, "kpis": others})
            definitions = definitions_of(DEFINITIONS, {"plan": PLAN_2, "kpis": others})
        else:
            changeset = city.random(random)
        before = sheet.rows
        sheet.move(changeset.cells, definitions, city.today)
        if sheet.tally.is_doubtful:  # as Present does
            sheet = Sheet(city.tally(CITY, period), definitions, city.today)
            continue
        fresh = Sheet(city.tally(CITY, period), definitions, city.today)
        assert list(sheet.rows.items()) == list(fresh.rows.items())
        plan = definitions.in_force(city.today)
        assert plan is not None
        assert sheet.nodes(plan) == fresh.nodes(plan)
        same = [kpi for kpi in sheet.rows if before.get(kpi) == sheet.rows[kpi]]
        assert all(before[kpi] is sheet.rows[kpi] for kpi in same), "an unchanged row is the same object"


def test_what_was_given_out_never_changes() -> None:
    city = ToyCity()
    city.define()
    sheet = Sheet(city.tally(CITY, fiscal_year(city)), definitions_of(), city.today)
    rows = sheet.rows
    copy = {kpi: dict(row) for kpi, row in rows.items()}
    changeset = city.change([Contribution("SR-08", city.today, 7, 0)])
    sheet.move(changeset.cells, definitions_of(), city.today)
    assert sheet.rows["SR-08"]["numerator"] == 7
    assert rows == copy


def test_a_tally_is_doubtful_only_when_all_known_days_are_gone() -> None:
    period = CALENDAR.containing(DAY, "fiscal_year")
    days = [DAY + timedelta(days=number) for number in range(BUSY_DAYS_KEPT)]
    busy = BusyDays([LastDay(day, Cell(1, 1, 1)) for day in days], is_whole=False)
    tally = Tally(period, {}, {"K": busy})
    for left, day in enumerate(reversed(days), start=1):
        tally.apply([CellRow("K", "day", day, "city", "", 0, 0, 0)])
        assert tally.is_doubtful == (left == len(days))


def test_rolling_periods_add_numerators_and_denominators_but_not_events() -> None:
    period = Period(ROLLING, DAY, DAY + timedelta(days=30), "last-30d@2026-11-30")
    first, second = DAY, DAY + timedelta(days=1)
    days = {
        "MC-01": {first: Cell(4, 8, 8), second: Cell(2, 10, 10)},
        "FIN-02": {first: Cell(3, 4, 4), second: Cell(0, 0, 0)},
    }
    tally = rolling_tally(period, days, {})
    assert tally.cells == {"MC-01": Cell(6, 18, 18), "FIN-02": Cell(3, 4, 4)}
    rows = Sheet(tally, definitions_of(), second).rows
    assert rows["MC-01"]["value"] == "33.33"
    assert rows["MC-01"]["events"] is None
    assert rows["MC-01"]["events_note"] == EVENTS_DO_NOT_ADD
    assert rows["FIN-02"]["events"] == 4, "one day with events: exact"


integers = st.one_of(st.integers(-(2**70), 2**70), st.integers(-5, 5))
packed_cells = st.tuples(
    st.integers(1, 2**31 - 1), st.integers(1, 3_652_059), integers, integers, st.integers(0, 2**60)
)


@given(st.lists(packed_cells, max_size=20))
def test_packing_loses_nothing(cells: list[NumberedCell]) -> None:
    assert list(zip(*unpack(pack(cells)), strict=True)) == cells


def test_a_chunk_takes_the_columns_as_the_database_writes_them() -> None:
    body = pack_chunk([(3, '[[1, 2], [5, "9007199254740993"], [0, 0], [1, 1]]'), (10, "[[7], [1], [1], [1]]")])
    assert unpack_chunk(body) == {3: ([1, 2], [5, 2**53 + 1], [0, 0], [1, 1]), 10: ([7], [1], [1], [1])}


def test_the_public_sees_no_internal_kpi_and_rolls_up_without_it() -> None:
    definitions = definitions_of()
    public = definitions.public
    assert "X-99" not in public.kpis
    assert [link.kpi for link in public.plans[0].plan.links] == ["MC-01", "FIN-02", "LI-03", "SR-08", "IT-05"]
    assert public.public is public
    assert definitions.public.plans[0].plan is public.plans[0].plan, "made once: trees are kept by identity"
    assert [link.kpi for link in definitions.plans[0].plan.links].count("X-99") == 1
