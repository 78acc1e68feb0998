"""Every kind of measure is followed, summed and shown over time as a fresh reading of the same cells says it."""

import asyncio
from random import Random

import pytest
from citygoals.reporting.cells import CITY, Slice
from citygoals.reporting.series import SERIES_GRAINS, SeriesQuestion, series_items
from citygoals.reporting.sheet import VALUES_DO_NOT_ADD, Sheet
from citygoals.shared.period import Period
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from unit.reporting.city import CALENDAR, Known, definitions_of
from unit.reporting.kinds_city import DEFINITIONS, KindsCity

HELD = definitions_of(DEFINITIONS)
seeds = st.integers(0, 2**32)


def fresh(city: KindsCity, period: Period, slice_: Slice = CITY) -> Sheet:
    return Sheet(city.tally(slice_, period, HELD), HELD, city.almanac(HELD))


def a_city(seed: int, things: int = 25) -> KindsCity:
    city = KindsCity()
    city.define()
    for _ in city.live(Random(seed), things, size=80):
        continue
    return city


FEW = settings(max_examples=6, phases=(Phase.explicit, Phase.reuse, Phase.generate))
"""Each example is a whole city, and is small already."""


@FEW
@example(seed=2, label="all")
@given(seed=seeds, label=st.sampled_from(["FY2026", "2026-09", "2026-W36"]))
def test_a_followed_sheet_of_every_kind_equals_a_fresh_one(seed: int, label: str) -> None:
    random, city = Random(seed), KindsCity()
    city.define()
    period = CALENDAR.parse(label, city.today)
    sheet, moved = fresh(city, period), set()
    for changeset in city.live(random, 15):
        before = sheet.rows
        sheet.move(changeset.cells, HELD, city.almanac(HELD))
        if sheet.tally.is_doubtful:  # as Present does
            sheet = fresh(city, period)
        expected = fresh(city, period)
        assert sheet.rows == expected.rows
        plan = HELD.in_force(city.today)
        assert plan is not None
        assert sheet.nodes(plan) == expected.nodes(plan)
        moved |= {name for name, row in sheet.rows.items() if row is not before.get(name)}
    assert label != "all" or {"TIMELY", "LATE", "OPEN", "P90", "KEYS", "SITES", "INDEX"} <= moved


def test_an_hour_alone_moves_what_comes_due_in_it() -> None:
    """Some hour of the days after is one at which something comes due, though nothing happens."""
    city = a_city(3, 120)
    city.take([], hours=24 * 6)  # to shortly before it
    sheet = fresh(city, CALENDAR.parse("all", city.today))
    moved: set[str] = set()
    for _ in range(24 * 4):
        if moved >= {"TIMELY", "LATE"}:
            break
        day, before = city.today, sheet.rows
        changeset = city.take([], hours=1)
        sheet.move(changeset.cells, HELD, city.almanac(HELD))
        if city.today == day:
            moved |= {name for name, row in sheet.rows.items() if row is not before[name]}
        assert not changeset.cells
    assert sheet.rows == fresh(city, CALENDAR.parse("all", city.today)).rows
    assert moved >= {"TIMELY", "LATE"}, "within a day, by the hour"


@FEW
@given(
    seed=seeds, grain=st.sampled_from(SERIES_GRAINS), by=st.sampled_from([None, "department", "district", "channel"])
)
def test_a_series_says_of_each_period_what_a_sheet_of_it_says(seed: int, grain: str, by: str | None) -> None:
    city = a_city(seed, 12)
    question = SeriesQuestion.read(CALENDAR, city.today, grain=grain, first="2026-08-20", last="2026-09-20", by=by)
    sheets: dict[tuple[str, str], Sheet] = {}
    for kpi in HELD.kpis:
        rows, _ = asyncio.run(series_items(Known(city), HELD.kpis, kpi, question, almanac=city.almanac(HELD)))
        assert rows or by
        for row in rows:
            member = row.get("member", "")
            if (row["period"], member) not in sheets:
                period = CALENDAR.parse(row["period"], city.today)
                sheets[row["period"], member] = fresh(city, period, Slice(by, member) if by else CITY)
            shown = sheets[row["period"], member].rows[kpi]
            assert row == shown | ({} if by is None else {name: row[name] for name in ("by", "member", by)})


@FEW
@given(seed=seeds)
def test_a_rolling_period_of_a_calendar_month_says_what_the_month_says(seed: int) -> None:
    """But for what does not add up over days, which is not known then, and changes, whose month before is another."""
    city = a_city(seed, 60)
    month, days = (fresh(city, CALENDAR.parse(label, city.today)).rows for label in ("2026-08", "last-31d@2026-08-31"))
    for name in HELD.kpis.keys() - {"KEYS", "MORE", "BETTER"}:
        same = ("numerator", "denominator", "value", "attainment", "status")
        assert {key: days[name][key] for key in same} == {key: month[name][key] for key in same}, name
        assert days[name]["events"] in (month[name]["events"], None)


def test_different_things_of_several_days_are_not_added_up() -> None:
    city = a_city(3, 200)
    row = fresh(city, CALENDAR.parse("last-31d@2026-08-31", city.today)).rows["KEYS"]
    assert (row["numerator"], row["status"], row["value_note"]) == (None, "NO_DATA", VALUES_DO_NOT_ADD)
    assert fresh(city, CALENDAR.parse("2026-08", city.today)).rows["KEYS"]["numerator"] > 0


@pytest.mark.parametrize("member", ["1", "2"])
def test_a_rate_of_a_district_is_over_the_district_s_own_number(member: str) -> None:
    city = a_city(4, 60)
    row = fresh(city, CALENDAR.parse("FY2026", city.today), Slice("district", member)).rows["HEADS"]
    assert row["denominator"] == (300 if member == "1" else None), "the city's number never stands in"
