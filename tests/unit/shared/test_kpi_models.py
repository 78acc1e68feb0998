"""KPI definitions: every kind of measure as terms, and rules between target and polarity."""

from typing import Any

import pytest
from citygoals.shared.kpi import KpiDef
from citygoals.shared.model import days
from citygoals.shared.terms import Term
from pydantic import ValidationError

SETTLED, OPENED, CLOSED = "city.payment.settled.v1", "city.service_request.opened.v1", "city.service_request.closed.v1"


def kpi(measure: dict[str, Any] | None = None, **fields: Any) -> KpiDef:
    count = {"kind": "count", "event": SETTLED}
    return KpiDef.model_validate(
        {"id": "K-1", "title": {"en": "K"}, "unit": "%", "measure": measure or count, **fields}
    )


def terms(measure: dict[str, Any]) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    made = kpi(measure).measure
    return made.numerators, made.denominators


def test_counts_and_sums_have_terms_above_the_line_only() -> None:
    assert terms({"kind": "count", "event": SETTLED, "where": "data.district == 3"}) == (
        (Term(event=SETTLED, where="data.district == 3"),), ()
    )  # fmt: skip
    assert terms({"kind": "sum", "event": SETTLED, "value": "data.amount_minor"}) == (
        (Term(event=SETTLED, value="data.amount_minor"),), ()
    )  # fmt: skip
    assert terms({"kind": "count", "terms": [{"event": OPENED}, {"event": CLOSED, "sign": -1}]}) == (
        (Term(event=OPENED), Term(event=CLOSED, sign=-1)), ()
    )  # fmt: skip


def test_a_ratio_takes_a_term_or_a_list_of_terms() -> None:
    one, many = {"event": SETTLED}, [{"event": OPENED}, {"event": CLOSED, "take": "every", "reopened_within": "P30D"}]

    assert terms({"kind": "ratio", "numerator": many, "denominator": one}) == (
        (Term(event=OPENED), Term(event=CLOSED, take="every", reopened_within="P30D")),
        (Term(event=SETTLED),),
    )


def test_a_mean_divides_by_the_number_of_the_same_items() -> None:
    assert terms({"kind": "mean", "event": "city.call.answered.v1", "value": "data.wait_s", "where": "data.x"}) == (
        (Term(event="city.call.answered.v1", value="data.wait_s", where="data.x"),),
        (Term(event="city.call.answered.v1", value="count", where="data.x"),),
    )
    assert terms({"kind": "mean", "event": CLOSED, "since": OPENED}) == (
        (Term(event=CLOSED, value="seconds", since=OPENED),),
        (Term(event=CLOSED, value="count", since=OPENED),),
    )


def test_a_term_since_another_event_is_in_seconds_unless_it_says_otherwise() -> None:
    assert Term(event=CLOSED, since=OPENED).value == "seconds"
    assert Term(event=CLOSED, since=OPENED, value="count").value == "count"
    assert Term(event=CLOSED, value="data.a.b").path == ("a", "b")
    assert Term(event=CLOSED).path == ()


def test_a_latest_measure_names_what_is_recorded() -> None:
    made = kpi({"kind": "latest", "measure_id": "wifi-availability"})

    assert (made.measure.numerators, made.measure.denominators, made.measure.is_daily) == ((), (), True)


@pytest.mark.parametrize(
    "measure",
    [
        {"kind": "count"},
        {"kind": "count", "event": SETTLED, "terms": [{"event": SETTLED}]},
        {"kind": "count", "terms": [{"event": SETTLED}], "where": "data.x"},
        {"kind": "sum", "event": SETTLED},
        {"kind": "sum", "terms": [{"event": SETTLED}], "where": "data.x"},
        {"kind": "sum", "event": SETTLED, "value": "amount_minor"},
        {"kind": "ratio", "numerator": [], "denominator": {"event": SETTLED}},
        {"kind": "ratio", "numerator": {"event": SETTLED}},
        {"kind": "ratio", "numerator": {"event": SETTLED, "value": "seconds"}, "denominator": {"event": SETTLED}},
        {"kind": "mean", "event": SETTLED},
        {"kind": "mean", "event": SETTLED, "value": "data.x", "since": OPENED},
        {"kind": "latest"},
        {"kind": "median", "event": SETTLED},
        {"kind": "count", "event": "payment.settled"},
    ],
)
def test_half_measures_are_refused(measure: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        kpi(measure)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"polarity": "down", "target": {"value": "1"}}, "declares `zero_attainment`"),
        ({"polarity": "down"}, "declares `zero_attainment`"),
        ({"target": {"value": "0"}}, "`value` is above zero"),
        ({"target": {"value": "-1"}}, "`value` is above zero"),
        ({"target": {"basis": "day"}}, "`value` is missing"),
        ({"target": {"value": "1", "low": "0"}}, "belong to polarity band"),
        ({"polarity": "band", "target": {"value": "1"}}, "a band has `low` and `high`"),
        ({"polarity": "band", "target": {"low": "2", "high": "1"}}, "expected 0 <= low <= high"),
        ({"polarity": "band", "target": {"low": "-1", "high": "1"}}, "expected 0 <= low <= high"),
        ({"polarity": "band", "target": {"low": "1", "high": "2", "value": "3"}}, "outside the band"),
        ({"target": {"value": 0.65}}, 'written as a string, for example "0.65"'),
        ({"target": {"value": "65 %"}}, "expected a decimal string"),
        ({"target": {"value": "0.1234567890123"}}, "expected a decimal string"),
        ({"target": {"value": True}}, "expected a decimal string"),
        ({"tolerance": "1"}, "expected a share"),
        ({"zero_attainment": "-1"}, "expected zero or"),
        ({"decimals": "2"}, "valid integer"),
        ({"freshness": "P1M"}, "ISO 8601 duration"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_targets_that_cannot_be_attained_or_read_are_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        kpi(**fields)


def test_integers_are_decimals() -> None:
    made = kpi(target={"value": 5}, tolerance=0)

    assert made.target is not None
    assert (made.target.value, made.tolerance) == ("5", "0")


def test_durations_are_days_or_weeks() -> None:
    assert (days("P7D").days, days("P2W").days) == (7, 14)
    with pytest.raises(ValueError, match="P7D"):
        days("P1M")
    assert kpi(freshness="P2W").freshness_days == 14
    assert kpi().freshness_days is None
    assert kpi().maturing_days == 0


def test_a_definition_compares_equal_whatever_was_asked_of_it() -> None:
    asked, fresh = kpi(target={"value": "5"}), kpi(target={"value": "5"})

    assert asked.yardstick is not None
    assert asked.measure.numerators
    assert asked == fresh
    assert asked.model_dump() == fresh.model_dump()
