"""Reckoning: rules at the edges; every kind against a plain reading of events is in the tests of kpi."""

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from citygoals.shared.attainment import Ratio
from citygoals.shared.cells import Cell
from citygoals.shared.comparisons import IndexMeasure
from citygoals.shared.derived import derive, public_index
from citygoals.shared.figures import figure
from citygoals.shared.histogram import bin_of
from citygoals.shared.kpi import KpiDef
from citygoals.shared.parts import dated_series
from citygoals.shared.period import CityCalendar
from citygoals.shared.reading import Almanac, Now, Reading, first_day
from citygoals.shared.reckoning import Sum, reckon
from hypothesis import given
from hypothesis import strategies as st

CALENDAR = CityCalendar("America/Denver", 9)
ALMANAC = Almanac(CALENDAR, Now(date(2026, 11, 21), 12))
MONTH = CALENDAR.parse("2026-11", date.min)
EVENT = {"event": "city.payment.settled.v1"}
PRESENCE = {"enters": [EVENT]}
DEADLINE = {"start": EVENT["event"], "ends": [EVENT["event"]], "within": {"duration": "P1D"}}
KINDS: dict[str, dict[str, Any]] = {
    "count": EVENT, "sum": {**EVENT, "value": "data.n"}, "ratio": {"numerator": EVENT, "denominator": EVENT},
    "mean": {**EVENT, "value": "data.n"}, "latest": {"measure_id": "m"},
    "percentile": {**EVENT, "value": "data.n", "quantile": "0.5"}, "distinct": {**EVENT, "key": "data.k"},
    "stock": {"presence": PRESENCE}, "availability": {"up": PRESENCE, "planned": PRESENCE},
    "turnover": {"flow": EVENT, "presence": PRESENCE}, "on_time": {"deadline": DEADLINE}, "overdue": {"deadline": DEADLINE},
    "importance_satisfaction": {**EVENT, "important": "data.a", "rated": "data.b", "satisfied": "data.c"},
    "evenness": {"deadline": DEADLINE}, "change": {"of": {"kind": "count", **EVENT}},
}  # fmt: skip


def kpi(kind: str, **more: Any) -> KpiDef:
    return KpiDef.model_validate(
        {"id": "K", "title": {"en": "K"}, "unit": "1", "measure": {"kind": kind, **KINDS.get(kind, {}), **more}}
    )


def days(part: str = "", **cells: Cell) -> Reading:
    """A column of days of November 2026: `d7` is the seventh."""
    reading = Reading()
    for name, cell in cells.items():
        reading.put_day(f"K/{part}" if part else "K", date(2026, 11, int(name[1:])), cell)
    return reading


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "label",
    ["2026-11-21", "2026-W47", "2026-11", "FY2027-Q1", "FY2027", "all", "last-30d@2026-11-21", "FY2031", "0001-01"],
)
def test_nothing_is_no_figure_in_any_period(kind: str, label: str) -> None:
    period = CALENDAR.parse(label, ALMANAC.now.day)
    assert reckon(kpi(kind), Reading(), period, ALMANAC) is None
    first = first_day(kpi(kind), period, CALENDAR)
    assert (first is None) is not kpi(kind).measure.is_daily


def test_a_stock_is_the_last_and_is_never_added_over_time() -> None:
    reading = days(d3=Cell(4, 0, 5), d9=Cell(-1, 0, -2))
    for label, expected in (
        ("2026-11-05", Sum(4, 1, 5)),
        ("2026-11-09", Sum(3, 1, 3)),
        ("2026-11", Sum(3, 1, 3)),
        ("all", Sum(3, 1, 3)),
    ):
        assert reckon(kpi("stock"), reading, CALENDAR.parse(label, date.min), ALMANAC) == expected
    for label in ("2026-11-02", "2026-11-22", "FY2031"):
        assert reckon(kpi("stock"), reading, CALENDAR.parse(label, date.min), ALMANAC) is None, (
            "before it was known, or in the future"
        )


def test_an_empty_stock_is_zero_and_an_unknown_one_is_none() -> None:
    assert reckon(kpi("stock"), days(d3=Cell(1, 0, 1), d4=Cell(-1, 0, -1)), MONTH, ALMANAC) == Sum(0, 1, 0)
    assert reckon(kpi("stock"), Reading(), MONTH, ALMANAC) is None


@pytest.mark.parametrize("hour", range(26))
def test_what_is_due_later_today_has_not_come_due(hour: int) -> None:
    reading = days(d20=Cell(1, 2, 2), d21=Cell(1, 3, 3), d22=Cell(0, 9, 9))
    for part, cell in {"h8": Cell(1, 1, 1), "h13": Cell(0, 1, 1), "h25": Cell(0, 1, 1)}.items():
        reading.put_day(f"K/{part}", date(2026, 11, 21), cell)
    come = [cell for due, cell in ((8, Cell(1, 1, 1)), (13, Cell(0, 1, 1)), (25, Cell(0, 1, 1))) if due <= hour]
    expected = tuple(1 * (place == 0) + 2 * (place > 0) + sum(cell[place] for cell in come) for place in range(3))
    assert reckon(kpi("on_time"), reading, MONTH, ALMANAC.__class__(CALENDAR, Now(date(2026, 11, 21), hour))) == Sum(
        *expected
    )


def test_the_widest_gap_counts_members_with_enough() -> None:
    reading = Reading()
    for member, cell in {"1": Cell(9, 10, 10), "2": Cell(1, 2, 2), "3": Cell(0, 1, 1)}.items():
        reading.put_day(f"K/{member}", date(2026, 11, 3), cell)
        reading.put_day(f"K/{member}.h9", date(2026, 11, 3), cell)
    assert reckon(kpi("evenness"), reading, MONTH, ALMANAC) == Sum(9, 10, 13)
    assert reckon(kpi("evenness", least=2), reading, MONTH, ALMANAC) == Sum(2, 5, 13)
    assert reckon(kpi("evenness", least=3), reading, MONTH, ALMANAC) is None


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60), st.sampled_from(["0.1", "0.5", "0.9", "0.99"]))
def test_a_percentile_is_within_one_per_cent_of_the_value_at_its_rank(values: list[int], quantile: str) -> None:
    reading = Reading()
    for value in values:
        part = f"K/b{bin_of(value)}"
        reading.put_cell(part, reading.parts("K").get(part.removeprefix("K/"), Cell(0, 0, 0)).plus(Cell(1, 0, 1)))
    reading.put_cell("K", Cell(sum(values), len(values), len(values)))
    rank = max(1, -(-len(values) * Fraction(quantile).numerator // Fraction(quantile).denominator))
    exact = sorted(values)[rank - 1]
    found = reckon(kpi("percentile", quantile=quantile, per=60), reading, MONTH, ALMANAC)
    assert found is not None
    assert (found.denominator, found.events) == (60, len(values))
    assert abs(found.numerator - exact) * 100 <= exact


def test_different_things_are_told_of_calendar_periods_only() -> None:
    reading = Reading({"K": {"": Cell(3, 0, 4)}})
    assert reckon(kpi("distinct"), reading, MONTH, ALMANAC) == Sum(3, 1, 4)
    assert reckon(kpi("distinct"), reading, CALENDAR.parse("last-7d@2026-11-21", date.min), ALMANAC) is None


def test_a_yearly_amount_is_due_by_the_days_that_have_passed() -> None:
    class Budget:
        def value_at(self, day: date, member: str | None = None) -> int | None:
            return 365_000 if member is None and day >= date(2026, 9, 1) else None

    almanac = Almanac(CALENDAR, ALMANAC.now, {"budget": Budget()})
    ratio = kpi("ratio", denominator=None, over={"reference": "budget", "use": "yearly"}, scale=2)
    reading = Reading({"K": {"": Cell(7, 0, 1)}})
    found = reckon(ratio, reading, MONTH, almanac)
    assert found is not None
    assert Fraction(found.numerator, found.denominator) == Fraction(14, 365_000 * 21 // 365)
    assert reckon(ratio, Reading(reading.cells, member="1"), MONTH, almanac) is None, (
        "no amount of the district is known"
    )
    assert reckon(ratio, reading, CALENDAR.parse("2026-08", date.min), almanac) is None, "nor one of the year before"


def test_a_change_from_nothing_is_no_number() -> None:
    reading = days(d3=Cell(5, 0, 5))
    assert reckon(kpi("change"), reading, MONTH, ALMANAC) is None
    reading.put_day("K", date(2025, 11, 21), Cell(4, 0, 4))
    reading.put_day("K", date(2025, 11, 22), Cell(9, 0, 9))  # not yet: today is the 21st
    assert reckon(kpi("change"), reading, MONTH, ALMANAC) == Sum(1, 4, 5)


def test_a_fall_to_nothing_is_a_number() -> None:
    assert reckon(kpi("change"), days(d22=Cell(9, 0, 9)), MONTH, ALMANAC) is None, (
        "not yet, and nothing the year before"
    )
    reading = Reading()
    reading.put_day("K", date(2025, 11, 20), Cell(4, 0, 4))
    assert reckon(kpi("change"), reading, MONTH, ALMANAC) == Sum(-4, 4, 0)


def test_a_share_that_changed_is_held_against_the_share_that_it_was() -> None:
    """3/4 over 1/3 is 9/4: five quarters more."""
    shares = kpi("change", of={"kind": "ratio", "numerator": EVENT, "denominator": EVENT})
    reading = days(d3=Cell(3, 4, 4))
    reading.put_day("K", date(2025, 11, 3), Cell(1, 3, 3))
    assert reckon(shares, reading, MONTH, ALMANAC) == Sum(3 * 3 - 1 * 4, 1 * 4, 4)


def test_a_table_that_nobody_knows_says_nothing() -> None:
    reading = Reading({"K": {"": Cell(7, 0, 1)}})
    for use in ("whole", "yearly"):
        ratio = kpi("ratio", denominator=None, over={"reference": "gone", "use": use})
        assert reckon(ratio, reading, MONTH, ALMANAC) is None


def test_time_in_is_that_of_the_days_asked_for() -> None:
    """Two sites came in on 1 November at midnight, one of them went on the 5th at noon. Minutes count from 1970."""
    presence = Reading()
    first, noon = 29_891_880, 29_891_880 + 4 * 1440 + 60 + 720  # the 1st had 25 hours
    for part in ("up", "planned"):
        presence.put_day(f"K/{part}", date(2026, 11, 1), Cell(2, 2 * first, 2))
    presence.put_day("K/up", date(2026, 11, 5), Cell(-1, -noon, 2))
    for label, numbers in (
        ("2026-11-01", (3_000, 3_000)), ("2026-11-04", (2_880, 2_880)), ("2026-11-05", (2_160, 2_880)),
        ("2026-11-06", (1_440, 2_880)), ("2026-11", (1_500 + 20 * 1440 - 1440 + 1_500 + 3 * 1440 + 720, 2 * (20 * 1440 + 60))),
    ):  # fmt: skip
        assert reckon(kpi("availability"), presence, CALENDAR.parse(label, date.min), ALMANAC) == Sum(*numbers, None)


class Shown:
    """A figure as far as derived measures look at it."""

    def __init__(self, kind: str, attainment: Ratio | None, *, internal: bool = False) -> None:
        self.kpi, self.attainment, self.events = kpi(kind), attainment, 1
        if internal:
            self.kpi = self.kpi.model_copy(update={"internal": True})


def index(*parts: tuple[str, str]) -> KpiDef:
    return kpi("index", parts=[{"kpi": name, "weight": weight} for name, weight in parts], cap="1.25")


def test_an_index_is_the_weighted_mean_of_capped_attainments() -> None:
    others = {"A": Shown("count", Ratio(2, 1)), "B": Shown("count", Ratio(1, 2)), "C": Shown("count", None)}
    assert derive(index(("A", "1"), ("B", "2")), others) == Sum(3, 4, None)
    assert derive(index(("A", "1"), ("C", "1")), others) == Sum(5, 4, None), "half of the weight is enough"
    assert derive(index(("A", "1"), ("C", "1.1")), others) is None
    assert derive(index(("GONE", "1")), others) is None


def test_zero_typing_is_the_share_that_nobody_types() -> None:
    others = {"A": Shown("count", None), "B": Shown("latest", None), "C": Shown("stock", None)}
    assert derive(kpi("zero_typing"), others) == Sum(2, 3, None)
    assert derive(kpi("zero_typing"), {}) is None


def test_what_is_public_is_made_of_what_is_public() -> None:
    others = {"A": Shown("count", Ratio(1, 2)), "B": Shown("latest", Ratio(1, 1), internal=True)}
    both, alone = index(("A", "1"), ("B", "3")), index(("B", "1"))
    assert derive(both, others) == Sum(1, 2, None)
    assert derive(alone, others) is None, "nothing is left of it"
    assert derive(kpi("zero_typing"), others) == Sum(1, 1, None)
    among_staff = [one.model_copy(update={"internal": True}) for one in (both, alone, kpi("zero_typing"))]
    assert [derive(one, others) for one in among_staff] == [Sum(7, 8, None), Sum(1, 1, None), Sum(1, 2, None)]


def test_an_index_is_shown_without_its_internal_parts() -> None:
    both = index(("A", "1"), ("B", "3"))
    shown = public_index(both, {"B"}).measure
    assert isinstance(shown, IndexMeasure)
    assert [part.kpi for part in shown.parts] == ["A"]
    assert public_index(both, {"C"}) is both
    assert public_index(kpi("count"), {"A"}).measure == kpi("count").measure


def test_what_is_made_of_others_is_never_stale_by_itself() -> None:
    made = KpiDef.model_validate({**kpi("zero_typing").model_dump(mode="json"), "freshness": "P1D"})
    others = {"A": figure(kpi("count"), Reading({"K": {"": Cell(1, 0, 1)}}), period=MONTH, almanac=ALMANAC)}
    assert figure(made, Reading(), period=MONTH, almanac=ALMANAC, others=others).status == "BASELINING"


def test_availability_has_its_days_in_its_parts() -> None:
    assert (dated_series(kpi("availability")), dated_series(kpi("stock"))) == ("K/up", "K")
