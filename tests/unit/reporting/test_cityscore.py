"""Each defect of the peer's method that our view does not have, by name."""

from datetime import date, timedelta
from typing import Any

from citygoals.reporting.cityscore import cityscore
from citygoals.shared.cells import Cell
from citygoals.shared.figures import Figure, figure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.reading import Almanac, Now, Reading
from unit.reporting.city import CALENDAR, count, ratio

TODAY = date(2026, 11, 21)
ALMANAC = Almanac(CALENDAR, Now(TODAY))


def a_figure(definition: dict[str, Any], cell: Cell | None, last_day: date = TODAY, label: str = "2026-11") -> Figure:
    kpi = KpiDef.model_validate(definition)
    cells = {} if cell is None else {kpi.id: {"": cell}}
    reading = Reading(cells, last_days={kpi.id: last_day})
    return figure(kpi, reading, period=CALENDAR.parse(label, TODAY), almanac=ALMANAC)


def score(one: Figure) -> Any:
    (metric,) = cityscore([one], "1.25")["metrics"]
    return metric["score"]


def fewer(identity: str = "FEW", **extra: Any) -> dict[str, Any]:
    return count(identity, polarity="down", zero_attainment="1.25", **extra)


def test_rounding_up_does_not_meet_a_target() -> None:
    """94.06 % against 95 % is 0.9901, which theirs shows as 1.00."""
    assert score(a_figure(ratio("A", "0.95"), Cell(9406, 10000, 1))) == "0.99"
    assert score(a_figure(ratio("A", "0.95"), Cell(9500, 10000, 1))) == "1.00"
    assert score(a_figure(ratio("A", "1"), Cell(99999, 100000, 1))) == "0.99"


def test_a_perfect_day_of_what_should_be_few_is_the_best_day() -> None:
    assert score(a_figure(fewer(target={"value": "4"}), Cell(0, 0, 2))) == "1.25"


def test_the_first_value_of_what_should_be_few_is_inverted_like_any_other() -> None:
    for minutes, expected in ((2, "2.00"), (8, "0.50")):
        assert score(a_figure(fewer(target={"value": "4"}), Cell(minutes, 0, 1))) == expected


def test_busy_days_weigh_what_they_are() -> None:
    """3 of 3 calls on one day and 1,500 of 3,000 on another are 1,503 of 3,003, and not 75 %."""
    assert score(a_figure(ratio("A", "0.75"), Cell(1503, 3003, 3003))) == "0.66"


def test_looking_changes_no_target() -> None:
    one = a_figure(ratio("A", "0.5"), Cell(4, 10, 1))
    assert [cityscore([one], "1.25") for _ in range(3)] == [cityscore([one], "1.25")] * 3
    assert score(a_figure(ratio("A", "0.5") | {"target": None}, Cell(4, 10, 1))) is None, "none is derived from history"


def test_what_nobody_updates_keeps_no_last_good_score() -> None:
    definition = ratio("A", "0.5", freshness="P7D")
    assert score(a_figure(definition, Cell(9, 10, 1), TODAY - timedelta(days=7))) == "1.80"
    assert score(a_figure(definition, Cell(9, 10, 1), TODAY - timedelta(days=8))) is None
    assert score(a_figure(definition, None, TODAY - timedelta(days=60))) is None


def test_five_are_five() -> None:
    figures = [a_figure(ratio(f"R-{number:02}", "0.5"), Cell(number, 10, 1)) for number in range(1, 14)]
    found = cityscore(figures, "1.25")
    assert found["exceeding"] == ["R-13", "R-12", "R-11", "R-10", "R-09"]
    assert found["following_up"] == ["R-01", "R-02", "R-03", "R-04"], "only four are short of their target"
    assert (found["score"], found["capped"]) == ("1.40", "0.99"), "(0.2 + 0.4 + ... + 1.2 + 7 x 1.25) / 13 is 0.996"


def test_a_target_that_is_just_met_is_met() -> None:
    found = cityscore(
        [a_figure(ratio("A", "0.5"), Cell(1, 2, 1)), a_figure(ratio("B", "0.5"), Cell(4999, 10000, 1))], "1.25"
    )
    assert (found["exceeding"], found["following_up"]) == (["A"], ["B"])


def test_nothing_has_no_score() -> None:
    assert cityscore([], "1.25")["score"] is None
