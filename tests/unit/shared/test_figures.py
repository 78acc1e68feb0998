"""Figures: values, attainments and statuses, on the exact numbers and against plain fractions and decimals."""

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from citygoals.shared.exact import half_even, quotient_text
from citygoals.shared.figures import Cell, Crossing, Figure, crossings, figure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import CityCalendar
from citygoals.shared.reading import Almanac, Now, Reading
from hypothesis import given
from hypothesis import strategies as st

CALENDAR = CityCalendar("America/Denver", 9)
TODAY = date(2026, 11, 21)
SETTLED = {"event": "city.payment.settled.v1"}
RATIO = {"kind": "ratio", "numerator": SETTLED, "denominator": SETTLED}
COUNT = {"kind": "count", **SETTLED}


def kpi(measure: dict[str, Any] | None = None, **fields: Any) -> KpiDef:
    return KpiDef.model_validate(
        {"id": "K-1", "title": {"en": "K", "es": "C"}, "unit": "%", "measure": measure or RATIO, **fields}
    )


def shown(
    definition: KpiDef, cell: Cell | None, period: str = "FY2027", *, today: date = TODAY, last_day: date | None = TODAY
) -> Figure:
    cells = {} if cell is None else {definition.id: {"": cell}}
    last_days = {} if last_day is None else {definition.id: last_day}
    almanac = Almanac(CALENDAR, Now(today))
    return figure(
        definition, Reading(cells, last_days=last_days), period=CALENDAR.parse(period, today), almanac=almanac
    )


ONLINE = kpi(target={"value": "0.65", "basis": "fiscal_year"})


def test_the_worked_example_crosses_with_one_payment() -> None:
    before, after = shown(ONLINE, Cell(4159, 6399, 6399)), shown(ONLINE, Cell(4160, 6400, 6400))

    assert (before.status, before.value, before.attainment) == ("NEAR", "64.99", (83180, 83187))
    assert (after.status, after.value, after.attainment) == ("ON_TRACK", "65.00", (1, 1))
    assert crossings({"MC-01": before}, {"MC-01": after}) == [Crossing("MC-01", "NEAR", "ON_TRACK")]


def test_a_figure_is_the_promised_json() -> None:
    assert shown(ONLINE, Cell(4160, 6400, 6400), "2026-11").to_dict() == {
        "id": "K-1",
        "title": "K",
        "department": None,
        "numerator": 4160,
        "denominator": 6400,
        "value": "65.00",
        "unit": "%",
        "target": {
            "value": "0.65",
            "polarity": "up",
            "tolerance": "0.05",
            "low": None,
            "high": None,
            "basis": "fiscal_year",
        },
        "attainment": {"numerator": 1, "denominator": 1},
        "status": "ON_TRACK",
        "period": "2026-11",
        "events": 6400,
        "preliminary": False,
        "decimals": 2,
        "labels": {"en": "K", "es": "C"},
        "zero_attainment": None,
        "sample": False,
        "version": None,
        "committed": None,
    }


@pytest.mark.parametrize(
    ("parts", "value", "average"),
    [
        ([(4, 8), (2, 10), (1, 4)], "31.82", "31.67"),
        ([(9, 10), (450, 1000), (1, 1)], "45.50", "78.33"),
        ([(10_560, 12_000), (54_560, 88_000)], "65.12", "75.00"),  # 88 % of 120 and 62 % of 880, a hundredfold
        ([(4_160, 6_400), (81_200, 116_000)], "69.7386", "67.5000"),
        ([(4_159, 6_399), (81_200, 116_000)], "69.7383", "67.4973"),
    ],
)
def test_ratios_are_pooled_never_averaged(parts: list[tuple[int, int]], value: str, average: str) -> None:
    pooled = Cell(sum(n for n, _ in parts), sum(d for _, d in parts), 1)

    places = len(value.partition(".")[2])
    mean = sum((Fraction(*part) for part in parts), Fraction()) / len(parts)

    assert shown(kpi(decimals=places), pooled).value == value
    assert quotient_text(mean.numerator * 100, mean.denominator, places) == average, "what it would be, were it wrong"


@pytest.mark.parametrize(
    ("fields", "cell", "attainment", "status"),
    [
        ({"polarity": "up", "target": {"value": "0.95"}}, (9406, 10_000), (4703, 4750), "NEAR"),
        ({"polarity": "up", "target": {"value": "0.5"}}, (3, 4), (3, 2), "ON_TRACK"),
        ({"polarity": "up", "target": {"value": "0.5"}}, (0, 4), (0, 1), "OFF_TRACK"),
        ({"polarity": "up", "target": {"value": "0.5"}}, (-1, 4), (-1, 2), "OFF_TRACK"),
        ({"polarity": "down", "target": {"value": "60"}}, (90, 1), (2, 3), "OFF_TRACK"),
        ({"polarity": "down", "target": {"value": "60"}}, (60, 1), (1, 1), "ON_TRACK"),
        ({"polarity": "down", "target": {"value": "60"}}, (63, 1), (20, 21), "NEAR"),
        ({"polarity": "down", "target": {"value": "60"}}, (30, 1), (2, 1), "ON_TRACK"),
        ({"polarity": "down", "target": {"value": "60"}}, (0, 5), (11, 10), "ON_TRACK"),
        ({"polarity": "band", "target": {"low": "0.7", "high": "1"}}, (35, 100), (1, 2), "OFF_TRACK"),
        ({"polarity": "band", "target": {"low": "0.7", "high": "1"}}, (70, 100), (1, 1), "ON_TRACK"),
        ({"polarity": "band", "target": {"low": "0.7", "high": "1"}}, (100, 100), (1, 1), "ON_TRACK"),
        ({"polarity": "band", "target": {"low": "0.7", "high": "1"}}, (103, 100), (100, 103), "NEAR"),
        ({"polarity": "band", "target": {"low": "0", "high": "0"}}, (0, 7), (1, 1), "ON_TRACK"),
        ({"polarity": "band", "target": {"low": "0", "high": "0"}}, (1, 7), (0, 1), "OFF_TRACK"),
        ({"polarity": "band", "target": {"low": "0", "high": "1"}}, (-1, 7), (0, 1), "OFF_TRACK"),
    ],
)
def test_attainment_follows_the_polarity(
    fields: dict[str, Any], cell: tuple[int, int], attainment: tuple[int, int], status: str
) -> None:
    seen = shown(kpi(zero_attainment="1.1", **fields), Cell(*cell, 1))

    assert (seen.attainment, seen.status) == (attainment, status)


def test_near_is_compared_on_the_exact_fraction() -> None:
    definition = kpi(target={"value": "1"}, tolerance="0.05", decimals=0)

    assert shown(definition, Cell(95 * 10**18, 10**20, 1)).status == "NEAR"
    just_below = shown(definition, Cell(95 * 10**18 - 1, 10**20, 1))
    assert (just_below.status, just_below.value) == ("OFF_TRACK", "95")
    assert shown(definition, Cell(10**20 - 1, 10**20, 1)).status == "NEAR"


def test_nothing_is_not_zero() -> None:
    for empty in (None, Cell(0, 0, 0)):
        seen = shown(ONLINE, empty, last_day=None)
        assert (seen.numerator, seen.denominator, seen.events, seen.value) == (None, None, 0, None)
        assert (seen.attainment, seen.status) == (None, "NO_DATA")


def test_a_ratio_over_nothing_has_no_value() -> None:
    seen = shown(ONLINE, Cell(5, 0, 5))

    assert (seen.numerator, seen.denominator, seen.value, seen.status) == (5, 0, None, "NO_DATA")


def test_where_absence_means_zero_a_count_is_zero() -> None:
    definition = kpi(COUNT, unit="requests", decimals=0, absence_means="zero", target={"value": "5"})

    seen = shown(definition, None, last_day=None)
    assert (seen.numerator, seen.denominator, seen.value, seen.status) == (0, 1, "0", "OFF_TRACK")
    assert shown(definition, None, "FY2028").status == "NO_DATA"  # nothing can be said of the future
    assert shown(kpi(absence_means="zero"), None).status == "NO_DATA"  # zero over zero is no ratio


def test_counts_and_sums_have_denominator_one() -> None:
    seen = shown(kpi(COUNT, unit="payments", decimals=0), Cell(7, 0, 7))

    assert (seen.numerator, seen.denominator, seen.value, seen.status) == (7, 1, "7", "BASELINING")


def test_without_a_target_a_kpi_is_baselining() -> None:
    seen = shown(kpi(), Cell(1, 2, 1))

    assert (seen.status, seen.attainment, seen.to_dict()["target"]) == ("BASELINING", None, None)


def test_a_count_is_held_against_a_target_of_its_kind_of_period() -> None:
    yearly = kpi(COUNT, unit="payments", target={"value": "100", "basis": "fiscal_year"})

    assert shown(yearly, Cell(90, 0, 90), "FY2027").status == "OFF_TRACK"
    assert shown(yearly, Cell(90, 0, 90), "FY2027").attainment == (9, 10)
    for period in ("2026-11", "2026-11-21", "last-30d@2026-11-21", "all"):
        seen = shown(yearly, Cell(90, 0, 90), period)
        assert (seen.status, seen.attainment, seen.to_dict()["target"]) == ("BASELINING", None, None)
    anywhere = kpi(COUNT, unit="payments", target={"value": "100"})
    assert shown(anywhere, Cell(90, 0, 90), "2026-11-21").status == "OFF_TRACK"


def test_a_ratio_is_held_against_its_target_in_every_period() -> None:
    assert {shown(ONLINE, Cell(1, 2, 1), p).attainment for p in ("FY2027", "2026-11", "2026-11-21", "all")} == {
        (10, 13)
    }


@pytest.mark.parametrize(
    ("period", "today", "last_day", "status"),
    [
        ("FY2027", TODAY, date(2026, 11, 14), "ON_TRACK"),
        ("FY2027", TODAY, date(2026, 11, 13), "STALE"),
        ("2026-10", TODAY, date(2026, 10, 24), "ON_TRACK"),
        ("2026-10", TODAY, date(2026, 10, 23), "STALE"),
        ("all", TODAY, date(2026, 11, 21), "ON_TRACK"),
        ("all", TODAY, date(2026, 11, 1), "STALE"),
    ],
)
def test_old_data_is_stale_but_keeps_its_attainment(period: str, today: date, last_day: date, status: str) -> None:
    fresh = kpi(target={"value": "0.5"}, freshness="P7D")

    seen = shown(fresh, Cell(1, 2, 1), period, today=today, last_day=last_day)

    assert (seen.status, seen.attainment) == (status, (1, 1))


def test_no_data_comes_before_stale_and_stale_before_baselining() -> None:
    fresh = kpi(freshness="P7D")

    assert shown(fresh, None, last_day=date(2026, 1, 1)).status == "NO_DATA"
    assert shown(fresh, Cell(1, 2, 1), last_day=date(2026, 1, 1)).status == "STALE"
    assert shown(fresh, Cell(1, 2, 1)).status == "BASELINING"


@pytest.mark.parametrize(
    ("last_day", "preliminary"),
    [(date(2026, 11, 21), True), (date(2026, 10, 22), True), (date(2026, 10, 21), False), (date(2026, 8, 31), False), (None, False)],
)  # fmt: skip
def test_a_figure_is_preliminary_while_it_can_be_taken_back(last_day: date | None, preliminary: bool) -> None:  # noqa: FBT001  # a table of cases
    closed = {"event": "city.service_request.closed.v1", "take": "every"}
    reopened = kpi({"kind": "ratio", "numerator": {**closed, "reopened_within": "P30D"}, "denominator": closed})

    assert shown(reopened, Cell(1, 20, 20), last_day=last_day).preliminary is preliminary
    assert shown(ONLINE, Cell(1, 20, 20), last_day=last_day).preliminary is False


def test_crossings_are_told_of_what_is_in_both() -> None:
    near, on_track = shown(ONLINE, Cell(64, 100, 1)), shown(ONLINE, Cell(65, 100, 1))

    before = {"same": near, "gone": near, "b": near, "a": on_track}
    after = {"same": near, "new": near, "b": on_track, "a": near}

    assert crossings(before, after) == [Crossing("a", "ON_TRACK", "NEAR"), Crossing("b", "NEAR", "ON_TRACK")]


DECIMALS = st.decimals(min_value="0.001", max_value="1000", places=3)


@given(
    cell=st.tuples(st.integers(-(10**12), 10**15), st.integers(1, 10**12)),
    target=DECIMALS,
    tolerance=st.decimals(min_value="0", max_value="0.99", places=2),
    zero=DECIMALS,
    polarity=st.sampled_from(["up", "down", "band"]),
    places=st.integers(0, 12),
)
def test_figures_are_those_of_plain_fractions(
    cell: tuple[int, int], target: Decimal, tolerance: Decimal, zero: Decimal, polarity: str, places: int
) -> None:
    value, aim, high = Fraction(*cell), Fraction(target), Fraction(target) * 2
    goal = {"low": str(target), "high": str(target * 2)} if polarity == "band" else {"value": str(target)}
    definition = kpi(
        polarity=polarity, target=goal, tolerance=str(tolerance), zero_attainment=str(zero), decimals=places
    )
    inside = value / aim if value < aim else Fraction(1) if value <= high else high / value
    expected = {
        "up": value / aim,
        "down": aim / value if value > 0 else Fraction(zero),
        "band": inside,
    }[polarity]
    with localcontext(prec=80):
        rounded = (Decimal(cell[0]) * 100 / Decimal(cell[1])).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)

    seen = shown(definition, Cell(*cell, 1))

    assert seen.attainment == (expected.numerator, expected.denominator)
    near = expected >= 1 - Fraction(tolerance)
    assert seen.status == ("ON_TRACK" if expected >= 1 else "NEAR" if near else "OFF_TRACK")
    assert Decimal(seen.value or "") == rounded
    assert len((seen.value or "").partition(".")[2]) == places


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**4))
def test_halves_go_to_the_even_neighbour(numerator: int, denominator: int) -> None:
    assert half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@pytest.mark.parametrize(
    ("numerator", "denominator", "places", "text"),
    [(1, 2, 0, "0"), (3, 2, 0, "2"), (5, 2, 0, "2"), (-1, 2, 0, "0"), (-1, 1000, 2, "0.00"), (1, 8, 2, "0.12"), (3, 8, 2, "0.38")],
)  # fmt: skip
def test_rounded_quotients_are_written_plainly(numerator: int, denominator: int, places: int, text: str) -> None:
    assert quotient_text(numerator, denominator, places) == text


def test_a_negative_denominator_turns_the_sign() -> None:
    assert shown(kpi(target={"value": "0.5"}), Cell(-1, -2, 2)).value == "50.00"
    assert shown(kpi(target={"value": "0.5"}), Cell(-1, -2, 2)).attainment == (1, 1)
