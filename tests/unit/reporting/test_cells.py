"""A followed tally says what anybody would add up by hand, or admits that it does not know."""

from datetime import date, timedelta
from random import Random

from citygoals.reporting.cells import BUSY_DAYS_KEPT, CITY, BusyDays, Needs
from citygoals.reporting.packed import NumberedCell, pack, pack_chunk, unpack, unpack_chunk
from citygoals.reporting.sheet import EVENTS_DO_NOT_ADD, Sheet
from citygoals.reporting.tally import Tally
from citygoals.shared.cells import Cell
from citygoals.shared.changeset import CellRow
from citygoals.shared.kpi import KpiDef
from citygoals.shared.reading import Reading
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.reporting.city import CALENDAR, DEFINITIONS, PLAN_2, Contribution, ToyCity, definitions_of, fiscal_year, ratio

DAY = date(2026, 11, 1)
days = st.integers(0, 12).map(lambda number: DAY + timedelta(days=number))


@given(st.lists(st.tuples(days, st.booleans()), max_size=40), st.integers(0, 12))
def test_busy_days_know_the_last_day_or_say_that_they_do_not(changes: list[tuple[date, bool]], known: int) -> None:
    truth = {DAY + timedelta(days=number) for number in range(known)}
    listed = sorted(truth)
    busy = BusyDays(listed[-BUSY_DAYS_KEPT:], len(listed) <= BUSY_DAYS_KEPT)
    for day, is_busy in changes:
        (truth.add if is_busy else truth.discard)(day)
        if not busy.see(day, is_busy=is_busy):
            return
        assert busy.last == max(truth, default=None)
        assert len(busy.days) <= BUSY_DAYS_KEPT


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), label=st.sampled_from(["FY2027", "2026-11", "2026-W47", "2026-11-20", "all"]))
def test_a_followed_sheet_equals_a_fresh_one(seed: int, label: str) -> None:
    random, city = Random(seed), ToyCity()
    city.define()
    definitions, others = definitions_of(), DEFINITIONS["kpis"][:0:-1]
    period = CALENDAR.parse(label, city.today)
    sheet = Sheet(city.tally(CITY, period, definitions), definitions, city.almanac(definitions))
    for step in range(25):
        if step == 12:
            changeset = city.define({"plan": PLAN_2, "kpis": others})
            definitions = definitions_of(DEFINITIONS, {"plan": PLAN_2, "kpis": others})
        else:
            changeset = city.random(random)
        before = sheet.rows
        sheet.move(changeset.cells, definitions, city.almanac(definitions))
        if sheet.tally.is_doubtful:  # as Present does
            sheet = Sheet(city.tally(CITY, period, definitions), definitions, city.almanac(definitions))
            continue
        fresh = Sheet(city.tally(CITY, period, definitions), definitions, city.almanac(definitions))
        assert list(sheet.rows.items()) == list(fresh.rows.items())
        plan = definitions.in_force(city.today)
        assert plan is not None
        assert sheet.nodes(plan) == fresh.nodes(plan)
        same = [kpi for kpi in sheet.rows if before.get(kpi) == sheet.rows[kpi]]
        assert all(before[kpi] is sheet.rows[kpi] for kpi in same), "an unchanged row is the same object"


def test_what_was_given_out_never_changes() -> None:
    city = ToyCity()
    city.define()
    definitions = definitions_of()
    sheet = Sheet(city.tally(CITY, fiscal_year(city)), definitions, city.almanac(definitions))
    rows = sheet.rows
    copy = {kpi: dict(row) for kpi, row in rows.items()}
    changeset = city.change([Contribution("SR-08", city.today, 7, 0)])
    sheet.move(changeset.cells, definitions, city.almanac(definitions))
    assert sheet.rows["SR-08"]["numerator"] == 7
    assert rows == copy


def test_a_tally_is_doubtful_only_when_all_known_days_are_gone() -> None:
    definitions = definitions_of()
    period = CALENDAR.containing(DAY, "fiscal_year")
    days = [DAY + timedelta(days=number) for number in range(BUSY_DAYS_KEPT)]
    needs = Needs(definitions.kpis, period, ToyCity().almanac(definitions))
    tally = Tally(needs, Reading(), {"SR-08": BusyDays(days, is_whole=False)})
    for left, day in enumerate(reversed(days), start=1):
        tally.apply([CellRow("SR-08", "day", day, "city", "", 0, 0, 0)])
        assert tally.is_doubtful == (left == len(days))


def test_a_deadline_that_is_asked_how_fresh_it_is_needs_its_days_read() -> None:
    """They are in a series of their own, which nobody had looked at before."""
    deadline = {"start": "city.permit.submitted.v1", "ends": ["city.permit.decided.v1"], "within": {"duration": "P10D"}}
    plain = ratio("DUE", "0.5") | {"measure": {"kind": "on_time", "deadline": deadline}}
    definitions = definitions_of()
    needs = [
        Needs(
            {"DUE": KpiDef.model_validate(plain | more)},
            CALENDAR.containing(DAY, "month"),
            ToyCity().almanac(definitions),
        )
        for more in ({}, {"freshness": "P3D"}, {"freshness": "P9D"})
    ]
    assert [dict(one.dated) for one in needs] == [{}, {"DUE/.seen": "DUE"}, {"DUE/.seen": "DUE"}]
    assert not needs[0].cover(needs[1])
    assert needs[1].cover(needs[2])
    assert needs[1].cover(needs[0])


def test_rolling_periods_add_numerators_and_denominators_but_not_events() -> None:
    city, definitions = ToyCity(), definitions_of()
    first, second = city.today - timedelta(days=3), city.today
    given = [("MC-01", first, 4, 8), ("MC-01", second, 2, 10), ("FIN-02", first, 3, 4)]
    city.change([Contribution(*one) for one in given])
    tally = city.tally(CITY, CALENDAR.parse("last-30d", city.today), definitions)
    assert tally.reading.cell("MC-01") == Cell(6, 18, 2)
    rows = Sheet(tally, definitions, city.almanac(definitions)).rows
    assert rows["MC-01"]["value"] == "33.33"
    assert rows["MC-01"]["events"] is None
    assert rows["MC-01"]["events_note"] == EVENTS_DO_NOT_ADD
    assert rows["FIN-02"]["events"] == 1, "one day with events: exact"


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
