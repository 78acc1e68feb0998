"""Measures and their conditions, one rule at a time."""

from datetime import date
from typing import Any

import pytest
from citygoals.kpi.changes import Engine
from citygoals.kpi.entries import Entry
from citygoals.kpi.filters import Filter, condition
from citygoals.kpi.folds import fold
from citygoals.kpi.measures import Measures, compiled
from citygoals.shared.kpi import KpiDef
from unit.kpi.samples import CALENDAR, CALENDARS, START, entry, kpi

DAY = date(2026, 8, 28)


def days(definition: KpiDef, entries: list[Entry]) -> dict[date, tuple[int, int]]:
    """What the fact gives the KPI's own series."""
    measure = compiled(definition, CALENDARS)
    assert measure is not None
    series = dict(measure.given(fold(entries, CALENDAR)))
    return {day: parts[:2] for day, parts in series.get(definition.id, {}).items()}


def given(measure: dict[str, Any], fact: str, data: dict[str, Any], **more: Any) -> dict[date, tuple[int, int]]:
    return days(kpi("K", measure, **more), [entry(fact, data)])


@pytest.mark.parametrize(
    ("text", "data", "expected"),
    [
        ("data.channel in ['web', 'app']", {"channel": "app"}, True),
        ("data.channel in ['web', 'app']", {"channel": "counter"}, False),
        ("data.channel == 'web'", {}, False),
        ("data.wait_s <= 30", {"wait_s": "soon"}, False),
        ("has(data.rating)", {"rating": None}, True),
        ("!has(data.rating)", {}, True),
        ("data.flag", {"flag": True}, True),
        ("data.flag", {"flag": 1}, False),
        ("data.flag == 1", {"flag": True}, False),
        ("data.flag == 1", {"flag": 1}, True),
        ("data['channel'] == 'web'", {"channel": "web"}, True),
        ("'goal-6' in data.nodes", {"nodes": ["goal-6"]}, True),
        ("data.place.room == 'a'", {"place": {"room": "a"}}, True),
        ("data.a == 'data.b'", {"a": "data.b"}, True),
        ("data.n / data.d > 1", {"n": 4, "d": 0}, False),
    ],
)
def test_conditions(text: str, data: dict[str, Any], *, expected: bool) -> None:
    for _ in range(2):  # the second answer is remembered
        assert condition(text)(data) is expected


def test_an_answer_is_remembered_by_the_fields_that_the_text_names() -> None:
    assert condition("data.a == 1 && has(data.b.c)").names == ("a", "b")
    assert condition("data['a'] == 1").names is None
    assert condition("data.a == 'x.data'").names == ("a",)


@pytest.mark.parametrize(
    ("text", "a"),
    [
        (r"data.a == r'\' && data.b == 'x'", "\\"),
        (r"data.a == '\'' && data.b == 'x'", "'"),
        ("data.a == 1 // 'one\n && data.b == 'x'", 1),
        ("data.a == '''it's''' && data.b == 'x'", "it's"),
    ],
)
def test_an_answer_never_depends_on_who_asked_before(text: str, a: Any) -> None:
    asked = Filter(text)
    assert [asked({"a": a, "b": b}) for b in ("x", "y", "x")] == [True, False, True]


def test_a_field_that_is_not_asked_for_says_nothing() -> None:
    asked = Filter("data.channel == 'web'")
    assert asked({"channel": "web", "load": 10**4200})
    assert asked({"channel": "web"})


@pytest.mark.parametrize("text", ["data.a ==", "now() > 3", "type == 'x'", "datum.a"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Filter(text)


def test_a_value_that_is_no_integer_counts_for_nothing() -> None:
    measure = {"kind": "sum", "event": "city.bus.arrived.v1", "value": "data.load.seats"}
    assert given(measure, "bus.arrived", {"load": {"seats": 4}}) == {DAY: (4, 0)}
    for wrong in ({"load": {"seats": "4"}}, {"load": {"seats": 4.5}}, {"load": {"seats": True}}, {"load": 4}, {}):
        assert given(measure, "bus.arrived", wrong) == {}


@pytest.mark.parametrize(
    ("value", "counts"), [(2**1024 - 1, True), (1 - 2**1024, True), (2**1024, False), (10**4200, False)]
)
def test_a_value_whose_sums_could_not_be_written_counts_for_nothing(value: int, *, counts: bool) -> None:
    measure = {"kind": "sum", "event": "city.bus.arrived.v1", "value": "data.load"}
    arrived = entry("bus.arrived", {"load": value})
    assert days(kpi("K", measure), [arrived]) == ({DAY: (value, 0)} if counts else {})
    by_shape = Engine([kpi("K", measure)], CALENDARS).changes([arrived], {})
    assert {cell.numerator for cell in by_shape.cells.values()} == ({value} if counts else set())


def test_a_mean_counts_only_those_who_answered() -> None:
    measure = {"kind": "mean", "event": "city.feedback.received.v1", "value": "data.rating"}
    assert given(measure, "feedback.received", {"feedback_id": "f", "rating": 4}) == {DAY: (4, 1)}
    assert given(measure, "feedback.received", {"feedback_id": "f"}) == {}


def test_a_department_keeps_its_own_and_what_belongs_to_nobody() -> None:
    measure = {"kind": "count", "event": "city.bus.arrived.v1"}
    for data, counts in (({"department": "zoo"}, True), ({"department": "fire"}, False), ({}, True)):
        assert bool(given(measure, "bus.arrived", data, department="zoo")) is counts
    assert given(measure, "bus.arrived", {"department": "fire"}, department="zoo", scope="city")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"value": 65}, (65, 1)),
        ({"value": "0.25"}, (1, 4)),
        ({"value": 0.1}, (1, 10)),
        ({"numerator": 6, "denominator": 8, "value": 1}, (6, 8)),
    ],
)
def test_a_measurement_is_its_own_fraction(data: dict[str, Any], expected: tuple[int, int]) -> None:
    measure = {"kind": "latest", "measure_id": "m"}
    recorded = {"measure_id": "m", "period": "2026-08-28", **data}
    assert given(measure, "measurement.recorded", recorded) == {DAY: expected}


def test_a_measurement_without_a_number_counts_for_nothing() -> None:
    measure = {"kind": "latest", "measure_id": "m"}
    for data in ({"value": "many"}, {"value": True}, {"value": None}, {}, {"numerator": 3}):
        assert given(measure, "measurement.recorded", {"measure_id": "m", "period": "2026-08-28", **data}) == {}
    assert given(measure, "measurement.recorded", {"measure_id": "n", "period": "2026-08-28", "value": 1}) == {}


def test_the_types_of_a_catalogue_are_those_of_its_facts() -> None:
    measures = Measures([kpi("A", {"kind": "count", "event": "city.payment.refunded.v1"})], CALENDARS)
    assert measures.fact_types() == {f"city.payment.{f}.v1" for f in ("settled", "refunded", "charged_back", "voided")}
    assert Measures([], CALENDARS).fact_types() == frozenset()


def test_a_close_before_its_opening_took_no_time() -> None:
    closed, opened_type = "city.service_request.closed.v1", "city.service_request.opened.v1"
    measure = kpi("K", {"kind": "mean", "event": closed, "since": opened_type})
    opened = entry("service_request.opened", {"service_request_id": "r", "department": "zoo"}, at=START)
    early = entry("service_request.closed", {"service_request_id": "r"}, at=START.replace(hour=2), identity="e-2")
    assert days(measure, [opened, early]) == {date(2026, 8, 27): (0, 1)}


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ((), {}),
        (("closed",), {}),  # it was closed already
        (("reopened",), {date(2026, 8, 28): (1, 1)}),  # which took the closing back
        (("reopened", "closed"), {date(2026, 8, 28): (0, 2)}),
    ],
)
def test_what_was_over_before_it_began_is_not_in_stock(later: tuple[str, ...], expected: dict[date, Any]) -> None:
    opened, closed = (f"city.service_request.{fact}.v1" for fact in ("opened", "closed"))
    measure = kpi("K", {"kind": "stock", "presence": {"enters": [{"event": opened}], "leaves": [{"event": closed}]}})
    told = [("closed", START.replace(hour=2)), ("opened", START)]
    told += [(fact, START.replace(minute=minute)) for minute, fact in enumerate(later, 30)]
    entries = [
        entry(
            f"service_request.{fact}", {"service_request_id": "r", "department": "zoo"}, at=at, identity=f"e-{number}"
        )
        for number, (fact, at) in enumerate(told)
    ]
    assert days(measure, entries) == expected
