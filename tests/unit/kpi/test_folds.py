"""Folds, one story at a time."""

import itertools
from datetime import date, timedelta
from typing import Any

import pytest
from citygoals.kpi.entries import Entry
from citygoals.kpi.facts import KIND_OF, KINDS, event_key, fact_key, thing_id
from citygoals.kpi.folds import Fact, fold
from citygoals.shared.events import key_of
from unit.kpi.samples import CALENDAR, START, entry

HOUR = timedelta(hours=1)


def story(*steps: tuple[str, float, dict[str, Any]]) -> list[Entry]:
    """Entries of one thing: (fact, hours after the start, data)."""
    return [
        entry(fact, data, at=START + HOUR * hours, identity=f"e-{number}", seq=number)
        for number, (fact, hours, data) in enumerate(steps, 1)
    ]


def told(entries: list[Entry]) -> Fact:
    """The fact, after checking that no order of arrival changes it."""
    fact = fold(entries, CALENDAR)
    for order in itertools.islice(itertools.permutations(entries), 60):
        assert fold([*order, order[0]], CALENDAR) == fact
    return fact


def short(fact: Fact) -> list[tuple[str, bool, int | None]]:
    return [(item.type.split(".")[2], item.standing, item.reopened_after_s) for item in fact.items]


def request(fact: str, hours: float, **data: Any) -> tuple[str, float, dict[str, Any]]:
    return f"service_request.{fact}", hours, {"service_request_id": "r", **data}


def payment(fact: str, hours: float, **data: Any) -> tuple[str, float, dict[str, Any]]:
    return f"payment.{fact}", hours, {"payment_id": "p", **data}


OPENED = request("opened", 0, department="police", service_code="noise", channel="app", district=3)
SETTLED = payment("settled", 0, department="tax-office", channel="web", amount_minor=500, currency="USD")


def test_a_reopening_takes_its_closing_back() -> None:
    fact = told(story(OPENED, request("closed", 1), request("reopened", 3), request("closed", 5)))
    assert short(fact) == [
        ("opened", True, None), ("closed", False, 7200), ("reopened", True, None), ("closed", True, None),
    ]  # fmt: skip
    assert fact.entries == 4


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([request("closed", 1), request("closed", 2)], ["opened", "closed"]),
        ([request("reopened", 1)], ["opened"]),
        ([request("acknowledged", 2), request("acknowledged", 1)], ["opened", "acknowledged"]),
        ([request("closed", 1), request("reopened", 1)], ["opened", "closed", "reopened"]),
        ([request("closed", -5)], ["closed", "opened"]),
        ([request("opened", 2, department="fire")], ["opened"]),
    ],
)
def test_only_what_changes_the_state_is_an_item(steps: list[Any], expected: list[str]) -> None:
    assert [name for name, _, _ in short(told(story(OPENED, *steps)))] == expected


def test_the_first_response_is_the_earliest() -> None:
    fact = told(story(OPENED, request("acknowledged", 2), request("acknowledged", 1), request("closed", 3)))
    assert [item.entry.at - START for item in fact.items] == [0 * HOUR, HOUR, 3 * HOUR]
    assert fact.entries == 4


def test_steps_wait_for_the_opening() -> None:
    waiting = told(story(request("closed", 1), request("assigned", 2, department="fire")))
    assert (waiting.items, waiting.entries) == ((), 2)


def test_the_last_assignment_owns_the_request() -> None:
    fact = told(story(OPENED, request("assigned", 3, department="fire"), request("assigned", 2, department="zoo")))
    assert (fact.department, fact.district) == ("fire", "3")


def test_a_merge_closes_as_a_duplicate() -> None:
    fact = told(story(OPENED, request("merged", 1, into="other")))
    closing, merging = fact.items[1:]
    assert (closing.type, closing.data["reason"]) == ("city.service_request.closed.v1", "duplicate")
    assert merging.type == "city.service_request.merged.v1"
    assert closing.data["department"] == "police", "a step takes what it lacks from the opening"


def test_a_reopening_takes_a_merge_back_whole() -> None:
    fact = told(story(OPENED, request("merged", 1, into="other"), request("reopened", 3)))
    assert short(fact) == [
        ("opened", True, None), ("closed", False, 7200), ("merged", False, 7200), ("reopened", True, None),
    ]  # fmt: skip


def test_a_void_removes_the_payment_even_when_it_came_first() -> None:
    fact = told(story(payment("voided", -1), SETTLED, payment("refunded", 2, reversal_id="v", amount_minor=1)))
    assert short(fact) == [("voided", True, None)]


def test_a_reversal_counts_once_and_not_before_its_payment() -> None:
    refunds = [payment("refunded", hours, reversal_id="v", amount_minor=hours) for hours in (2, 3)]
    assert told(story(*refunds)).items == ()
    fact = told(story(SETTLED, *refunds, payment("charged_back", 4, reversal_id="w", amount_minor=9)))
    assert [item.data["amount_minor"] for item in fact.items] == [500, 2, 9]


def test_a_later_statement_corrects_an_earlier_one() -> None:
    held = {"session_id": "s", "program_id": "swim", "department": "parks-recreation", "capacity": 20}
    fact = told(story(("session.held", 0, {**held, "attendees": 7}), ("session.held", 1, {**held, "attendees": 8})))
    assert [item.data["attendees"] for item in fact.items] == [8]


def test_snapshots_count_as_differences() -> None:
    counts = [(10, 1), (15, 4), (12, 4)]
    steps = [
        ("social.snapshot", hours, {"account": "a", "platform": "x", "impressions": seen, "interactions": liked})
        for hours, (seen, liked) in enumerate(counts)
    ]
    fact = told(story(*steps))
    assert [(item.data["impressions"], item.data["interactions"]) for item in fact.items] == [(10, 1), (5, 3), (-3, 0)]


def test_a_measurement_falls_on_the_last_day_of_its_period() -> None:
    steps = [
        ("measurement.recorded", hours, {"measure_id": "m", "period": period, "value": hours})
        for hours, period in enumerate(
            ["2026-02", "FY2026-H1", "2026-W10", "last-7d", "sometime", "all", "last-7d@2026-03-20", 2026]
        )
    ]
    fact = told(story(*steps))
    days = {item.day: item.data["value"] for item in fact.items}
    assert days == {date(2026, 2, 28): 1, date(2026, 3, 8): 2, date(2026, 3, 20): 6}


def test_an_event_of_an_unknown_kind_is_its_own_fact() -> None:
    arrived = entry("bus.arrived", {"line": "7", "department": "sun-metro", "district": 2})
    assert arrived.fact == arrived.key
    assert (told([arrived]).department, told([arrived]).district) == ("sun-metro", "2")


@pytest.mark.parametrize(
    ("value", "member"),
    [
        (3, "3"), ("four", "four"), ("x" * 80, "x" * 80),
        ("x" * 81, None), (10**100, None), (3.5, None), (True, None), ({"a": 1}, None), ([1], None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_what_is_no_member_of_a_slice_stops_nobody(value: Any, member: str | None) -> None:
    fact = told([entry("bus.arrived", {"line": "7", "department": value, "district": value})])
    assert (fact.department, fact.district) == (member, member)


def test_identities_do_not_run_into_each_other() -> None:
    kinds = {kind.name: kind for kind in KINDS}
    survey = kinds["survey_response"]
    answers = [
        {"survey_id": "ab", "respondent_ref": "c", "service": "s"},
        {"survey_id": "a", "respondent_ref": "bc", "service": "s"},
    ]
    assert fact_key(survey, "n", answers[0]) != fact_key(survey, "n", answers[1])
    assert fact_key(kinds["call"], "a", {"call_id": "1"}) != fact_key(kinds["call"], "b", {"call_id": "1"})
    assert thing_id(survey, answers[0]) == "ab/c/s"
    assert thing_id(KIND_OF.get("city.bus.arrived.v1"), {}) is None


def test_the_key_is_the_bus_wide_one() -> None:
    assert event_key("/systems/x", "ü-1") == key_of("/systems/x", "ü-1").bytes
