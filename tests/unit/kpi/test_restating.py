"""What new entries did to a figure: their parts add up to its change, and each has the cause that it has."""

from datetime import timedelta
from typing import Any

import pytest
from citygoals.kpi.changes import by_fact
from citygoals.kpi.entries import Entry
from citygoals.kpi.folds import fold
from citygoals.kpi.giving import Measure
from citygoals.kpi.measures import Measures
from citygoals.kpi.restating import Asked, causes, moved, moved_beside
from citygoals.shared.reading import Now
from hypothesis import given
from hypothesis import strategies as st
from unit.kpi.samples import CALENDAR, CALENDARS, KPIS, START, entry, kpi, ledgers

YEAR = CALENDAR.containing(CALENDAR.local_day(START), "fiscal_year")
ASKED = Asked(YEAR, Now(YEAR.end + timedelta(days=3), 12), None)
OF_LIBRARY = kpi("LIBRARY", {"kind": "count", "event": "city.service_request.opened.v1"}, department="library")
MEASURES = {measure.kpi: measure for measure in Measures([*KPIS, OF_LIBRARY], CALENDARS).all}


def given_by(measure: Measure, entries: list[Entry]) -> tuple[int, int]:
    parts = [one[1:] for one in measure.behind(fold(entries, CALENDAR), ASKED.period, ASKED.now)]
    return sum(one[0] for one in parts), sum(one[1] for one in parts)


@given(entries=ledgers(), cut=st.integers(0, 25))
def test_what_each_entry_moved_adds_up_to_the_change(entries: list[Entry], cut: int) -> None:
    old, new = by_fact(entries[:cut]), by_fact(entries[cut:])
    for measure in MEASURES.values():
        for fact, came in new.items():
            known = old.get(fact, [])
            items = moved(measure, known, came, ASKED)
            before, after = given_by(measure, known), given_by(measure, [*known, *came])
            sums = sum(one.numerator for one in items), sum(one.denominator for one in items)
            assert sums == (after[0] - before[0], after[1] - before[1])
            assert {one.entry.key for one in items} <= {one.key for one in came}
            assert sum(causes(items).values()) == len(items)


def paid(payment: str = "p1", **more: Any) -> Entry:
    data = {"payment_id": payment, "department": "library", "service_code": "x", "channel": "web"}
    return entry("payment.settled", {**data, "amount_minor": 100, "currency": "USD"}, identity=payment, **more)


def about(fact: str, thing: dict[str, Any], identity: str, hours: int = 1) -> Entry:
    return entry(fact, thing, identity=identity, at=START + timedelta(hours=hours), seq=9)


PAYMENT, REQUEST = {"payment_id": "p1"}, {"service_request_id": "s1"}
OPENED = entry("service_request.opened", {**REQUEST, "department": "library", "service_code": "x", "channel": "app"})
CLOSED = about("service_request.closed", {**REQUEST, "reason": "resolved"}, "closed")


def assigned(department: str, hours: int) -> Entry:
    return about("service_request.assigned", {**REQUEST, "department": department}, f"to-{department}", hours)


REFUND = {**PAYMENT, "reversal_id": "r", "amount_minor": 40, "currency": "USD"}


@pytest.mark.parametrize(
    ("kpi", "old", "new", "cause"),
    [
        ("ONLINE", [], [paid()], "late"),
        ("ONLINE", [paid()], [about("payment.voided", PAYMENT, "void")], "voided"),
        ("NET", [paid()], [about("payment.refunded", REFUND, "refund")], "late"),  # a flow at its own time
        ("CLOSED", [OPENED], [CLOSED], "late"),
        ("CLOSED", [OPENED, CLOSED], [about("service_request.reopened", REQUEST, "again", 2)], "corrected"),
        ("LIBRARY", [OPENED], [assigned("fire", 1)], "corrected"),
        ("LIBRARY", [OPENED, assigned("fire", 1)], [assigned("library", 2)], "corrected"),
        ("CLOSED", [CLOSED], [OPENED], "late"),  # what had waited for its opening counts now
    ],
)
def test_each_has_its_cause(kpi: str, old: list[Entry], new: list[Entry], cause: str) -> None:
    (one,) = moved(MEASURES[kpi], old, new, ASKED)
    assert (one.cause, one.entry) == (cause, new[-1])


def test_a_payment_that_comes_and_is_voided_at_once_moves_nothing() -> None:
    assert moved(MEASURES["ONLINE"], [], [paid(), about("payment.voided", PAYMENT, "void")], ASKED) == []


def test_in_a_period_that_was_open_what_happened_later_is_the_period_going_on() -> None:
    asked = Asked(YEAR, ASKED.now, START + timedelta(minutes=30))
    assert causes(moved(MEASURES["ONLINE"], [], [paid()], asked)) == {"late": 1}
    later = paid("p2", at=START + timedelta(hours=1))
    assert causes(moved(MEASURES["ONLINE"], [], [later], asked)) == {"continued": 1}
    voided = about("payment.voided", PAYMENT, "void")
    assert causes(moved(MEASURES["ONLINE"], [paid()], [voided], asked)) == {"voided": 1}, "it was counted, and is not"
    taken_back = about("payment.voided", {"payment_id": "p2"}, "void", 2)
    assert causes(moved(MEASURES["ONLINE"], [later], [taken_back], asked)) == {"continued": 1}, (
        "it had not been published"
    )


def test_a_request_that_was_opened_and_moved_while_the_period_was_open_is_the_period_going_on() -> None:
    asked = Asked(YEAR, ASKED.now, START - timedelta(minutes=30))
    away, back = assigned("fire", 1), assigned("library", 2)
    assert causes(moved(MEASURES["LIBRARY"], [OPENED, away], [back], asked)) == {"continued": 1}
    later = Asked(YEAR, ASKED.now, START + timedelta(minutes=30))
    assert causes(moved(MEASURES["LIBRARY"], [OPENED, away], [back], later)) == {"corrected": 1}


def test_what_lies_beside_the_period_is_told_where_nothing_in_it_moved() -> None:
    before = paid(at=START - timedelta(days=400))
    assert moved(MEASURES["ONLINE"], [], [before], ASKED) == []
    assert causes(moved_beside(MEASURES["ONLINE"], [], [before], ASKED)) == {"late": 1}
    assert moved_beside(MEASURES["OPENED"], [], [before], ASKED) == []
