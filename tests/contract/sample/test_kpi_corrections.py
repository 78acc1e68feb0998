"""The unhappy sides of the catalogue, worked out by hand: voids, refunds, reopenings, re-assignments, merges, corrections.

It is the same noon as in `test_kpi_figures`: Saturday, 21 November 2026. Whatever the order in which the events come, what
they come to is the same.
"""

from random import Random
from typing import Any

import pytest
from citygoals.shared.sample import load_sample
from contract.sample.reckoned import Event, event, figures
from contract.sample.test_kpi_figures import (
    ASKED,
    DAY_MIN,
    DUE,
    JOB,
    PERMIT,
    about,
    answered,
    closed,
    held,
    opened,
    paid,
    reversed_,
    step,
)


def voided(name: str) -> Event:
    return event("payment.voided", "2026-11-20 13:00", payment_id=name)


def assigned(name: str, when: str, department: str) -> Event:
    return step("assigned", name, when, department=department)


def counters(when: str, impressions: int, interactions: int) -> Event:
    data = {"account": "city", "platform": "x", "impressions": impressions, "interactions": interactions}
    return event("social.snapshot", when, **data)


def site(when: str, *, up: bool) -> tuple[str, str, dict[str, Any]]:
    return "site_status", when, {"up": up}


COURT: dict[str, Any] = {"department": "municipal-court"}
LEVY = event("levy.certified", "2026-09-16 09:00", levy_id="2026", amount_minor=1_000_000, currency="USD")
REOPENED = [  # in time and taken back: a was closed again two days too late, b never
    opened("a", "2026-11-02 09:00", district=1, **DUE), closed("a", "2026-11-10 09:00"),
    step("reopened", "a", "2026-11-11 09:00"), closed("a", "2026-11-12 09:00"),
    opened("b", "2026-11-02 09:00", district=1, **DUE), closed("b", "2026-11-09 09:00"),
    step("reopened", "b", "2026-11-12 09:00"),
]  # fmt: skip
MERGED = [  # a duplicate is due nowhere, and is closed all the same
    opened("c", "2026-11-02 09:00", district=2, **DUE), step("merged", "c", "2026-11-05 09:00", into="a"),
]  # fmt: skip
IN_TIME = [opened("d", "2026-11-02 09:00", district=2, **DUE), closed("d", "2026-11-09 09:00")]
ROUTE = event("route.completed", "2026-11-20 15:00", route_id="r1", stops=2_500)

CALL: dict[str, Any] = {"call_id": "c", "queue": "general", "department": "city-manager", "wait_s": 9}
PROJECT: dict[str, Any] = {"kind": "web", "department": "police"}


def load(name: str, kilograms: int, contaminated: int) -> Event:
    data = {"load_id": name, "kilograms": kilograms, "contaminated_kilograms": contaminated}
    return event("load.inspected", "2026-11-20 15:00", **data)


def seats(when: str, attendees: int) -> Event:
    data = {"session_id": "s", "program_id": "p", "department": "library", "capacity": 40}
    return event("session.held", when, **data, attendees=attendees)


Numbers = tuple[int, int] | None

# KPI, what happened, its events, numerator and denominator
ROWS: list[tuple[str, str, list[Event], Numbers]] = [
    ("FIN-01", "a payment of the year before is voided in this one",
     [paid("a", "2026-11-20 12:00"), paid("b", "2025-09-10 12:00"), paid("c", "2025-09-10 12:00", "app"), voided("c")], (0, 1)),
    ("FIN-02", "the only one online is voided",
     [paid("a", "2026-11-20 12:00"), paid("b", "2026-11-20 12:00", "mail"), voided("a")], (0, 1)),
    ("FIN-03", "a void takes the refund along",
     [paid("a", "2026-10-01 12:00", "mail", 70_000_000), reversed_("refunded", "a", "2026-11-19 12:00", 3_000_000), voided("a"),
      paid("b", "2026-10-01 12:00", "mail", 59_000_000)], (59_000_000 * 73, 59_000_000 * 82)),
    ("FIN-04", "a refund told twice is one, a voided one none",
     [*(paid(name, "2026-11-20 12:00") for name in "abc"), reversed_("refunded", "a", "2026-11-20 13:00"),
      reversed_("refunded", "a", "2026-11-20 13:00"), reversed_("charged_back", "b", "2026-11-20 13:00"), voided("b")], (1, 2)),
    ("TAX-01", "nothing was collected after all",
     [LEVY, paid("a", "2026-11-20 12:00", minor=130_000, service_code="property-tax"), voided("a")], (0, 1_000_000)),
    ("MC-01", "an online payment is voided",
     [paid("a", "2026-11-20 12:00", **COURT), paid("b", "2026-11-20 12:00", "app", **COURT),
      paid("c", "2026-11-20 12:00", "counter", **COURT), voided("a")], (1, 2)),
    ("CCC-01", "a call is told again, corrected", [answered("a", 20), answered("a", 40)], (40, 1)),
    ("CCC-02", "a call is told again, corrected", [answered("a", 20), answered("a", 40), answered("b", 30)], (1, 2)),
    ("CCC-03", "a call that was given up was answered after all, as the centre says later",
     [event("call.abandoned", "2026-11-20 10:00", **CALL), event("call.answered", "2026-11-20 10:01", **CALL)], (0, 1)),
    ("CCC-04", "a call is told again, corrected",
     [answered("a", 1, resolved_at_first_contact=True), answered("a", 1, resolved_at_first_contact=False)], (0, 1)),
    ("SR-01", "reopened after a closing in time; a merge", [*REOPENED, *MERGED, *IN_TIME], (1, 3)),
    ("SR-03", "reopened after a closing in time; a merge", [*REOPENED, *MERGED, *IN_TIME], (1, 1)),
    ("SR-03", "the last one late is closed", [*REOPENED, closed("b", "2026-11-20 09:00")], (0, 1)),
    ("SR-03", "everything was done in time: none is overdue, which is not unknown", IN_TIME, (0, 1)),
    ("SR-03", "late, but done on the day on which it was due",
     [opened("a", "2026-11-02 09:00", **DUE), closed("a", "2026-11-10 16:00")], (0, 1)),
    ("SR-03", "the only one is not due yet", [opened("a", "2026-11-20 09:00")], (0, 1)),
    ("SR-03", "the only one turned out to be a duplicate, which has no deadline", MERGED, None),
    ("SR-04", "two of four closings are taken back, one of them a year late",
     [*REOPENED, *IN_TIME, opened("e", "2025-09-02 09:00"), closed("e", "2026-09-02 09:00"),
      step("reopened", "e", "2026-10-03 09:00")], (2, 5)),
    ("SR-07", "reopened in one district alone", [*REOPENED, *IN_TIME], (1, 1)),
    ("SR-02", "the first response is the first one, and a clock that lags makes no time run backward",
     [opened("a", "2026-11-16 09:00"), step("acknowledged", "a", "2026-11-16 08:00"),
      step("acknowledged", "a", "2026-11-18 09:00")], (0, 3_600)),
    ("SR-02", "a response to what was never opened", [step("acknowledged", "a", "2026-11-16 09:30")], None),
    ("SR-04", "taken back after exactly thirty days, between which the clock went back, and a second later",
     [opened("a", "2026-10-01 09:00"), closed("a", "2026-10-02 09:00"), step("reopened", "a", "2026-11-01 08:00"),
      opened("b", "2026-10-01 09:00"), closed("b", "2026-10-02 09:00"), step("reopened", "b", "2026-11-01 08:00:01")], (1, 2)),
    ("SR-05", "a word about a request that nobody knows waits for it",
     [opened("a", "2026-11-02 09:00"), step("confirmed", "a", "2026-11-04 09:00", resolved=False),
      step("confirmed", "b", "2026-11-04 09:00", resolved=True)], (0, 1)),
    ("SR-06", "a closing that was taken back had told the resident in vain",
     [opened("a", "2026-11-02 09:00"), closed("a", "2026-11-03 09:00", note_sent=True), step("reopened", "a", "2026-11-04 09:00"),
      opened("b", "2026-11-02 09:00"), closed("b", "2026-11-03 09:00", note_sent=False)], (0, 1)),
    ("SR-08", "opened twice is opened once", [opened("a", "2026-11-02 09:00"), opened("a", "2026-11-03 09:00")], (1, 1)),
    ("SR-08", "a closing without an opening waits", [closed("a", "2026-11-02 09:00"), opened("b", "2026-11-02 09:00")], (1, 1)),
    ("SR-09", "what is open again was not closed, what is merged was", [*REOPENED, *MERGED], (2, 1)),
    ("SR-10", "the time runs to the closing that stands",
     [opened("a", "2026-11-02 09:00"), closed("a", "2026-11-03 09:00"), step("reopened", "a", "2026-11-04 09:00"),
      closed("a", "2026-11-06 09:00")], (4 * 86_400, 1)),
    ("SM-01", "one goes to another department, one comes from there: after the 9th come the 10th, 12th and 13th",
     [opened("a", "2026-11-06 16:00", "pothole"), assigned("a", "2026-11-07 09:00", "sun-metro"), closed("a", "2026-11-08 09:00"),
      opened("b", "2026-11-09 09:00", "pothole", "sun-metro"), assigned("b", "2026-11-10 09:00", "streets-maintenance"),
      closed("b", "2026-11-13 17:00")], (1, 1)),
    ("SM-02", "the clock stands until further notice",
     [opened("a", "2026-11-02 09:00", "street-light"), step("paused", "a", "2026-11-03 16:00")], None),
    ("SM-02", "a pause within a pause begins no other: the clock stood as the 3rd and the 4th closed, so the 19th is the tenth",
     [opened("a", "2026-11-02 09:00", "street-light"), step("paused", "a", "2026-11-03 16:00"),
      step("paused", "a", "2026-11-04 09:00"), step("resumed", "a", "2026-11-05 08:00"), closed("a", "2026-11-19 17:00")], (1, 1)),
    ("ES-01", "a missed collection was another department's",
     [opened("a", "2026-11-20 09:00", "missed-collection", "environmental-services"),
      assigned("a", "2026-11-20 10:00", "streets-maintenance"), ROUTE], (0, 2_500)),
    ("ES-01", "stops without a miss are none missed, a miss without stops is no rate", [ROUTE], (0, 2_500)),
    ("ES-01", "a miss of which no route is known has nothing to be over",
     [opened("a", "2026-11-20 09:00", "missed-collection", "environmental-services")], (10_000, 0)),
    ("ES-02", "an empty load is no load", [load("l1", 0, 0)], None),
    ("ES-02", "a clean load is not an unknown one", [load("l1", 700, 0), load("l2", 0, 0)], (0, 700)),
    ("AS-01", "none left alive, which is not unknown",
     [event("animal.outcome", "2026-11-20 15:00", animal_id="a", outcome="euthanasia")], (0, 1)),
    ("PD-01", "calls in other queues say nothing of it", [answered("a", 1, "general"), answered("b", 1, "billing")], None),
    ("HOM-01", "nobody found a home, which is not unknown",
     [event("client.exited", "2026-11-20 15:00", client_ref=f"x{n}", to_stable_housing=False) for n in range(2)], (0, 2)),
    ("MC-02", "old cases alone were done: there is nothing to be over",
     [event("case.disposed", "2026-11-03 09:00", case_id="old")], (1, 0)),
    ("FD-01", "an arrival that nobody was sent to",
     [*about("unit", "incident_id", "i1", ("arrived", "2026-11-20 15:04", {"unit_id": "e"}))], None),
    ("PR-01", "a session is counted again, corrected",
     [held("a", "parks-recreation", 6_000, 9_000), held("a", "parks-recreation", 4_000, 9_000)], (4_000, 1)),
    ("PR-02", "a session is counted again, corrected",
     [held("a", "parks-recreation", 30, 40), held("a", "parks-recreation", 30, 50)], (30, 50)),
    ("LIB-01", "a session is counted again, corrected", [seats("2026-11-20 18:00", 30), seats("2026-11-20 19:00", 20)], (20_000, 678_815)),
    ("IT-02", "the last minute of the year before is none of this one",
     [event("wifi.session", when, site_id="s1", minutes=5) for when in ("2026-08-31 23:59", "2026-09-01 00:00")], (1, 1)),
    ("IT-03", "asked again it is the same request; what was declined in time was answered in time",
     about("project_request", "request_id", "j1", ("submitted", "2026-10-05 09:00", PROJECT),
           ("declined", "2026-10-08 09:00", {"reason": "no"}), ("submitted", "2026-11-19 09:00", PROJECT),
           ("aligned", "2026-11-20 09:00", {"nodes": ["goal-5"]})), (1, 1)),
    ("COM-01", "a platform restates downward",
     [counters("2026-11-18 09:00", 1_000, 100), counters("2026-11-19 09:00", 3_000, 120),
      counters("2026-11-20 09:00", 2_900, 110)], (110, 2_900)),
    ("IT-01", "what is up already does not come up again, nor go down twice",
     [*about("wifi", "site_id", "s1", site("2026-11-02 00:00", up=True), site("2026-11-03 00:00", up=True),
             site("2026-11-20 12:00", up=False), site("2026-11-20 12:30", up=False), site("2026-11-20 13:00", up=True))],
     (19 * DAY_MIN - 60, 19 * DAY_MIN)),
    ("CLK-01", "asked to clarify and never answered; received twice",
     [*about("records_request", "request_id", "q1", ("received", "2026-11-02 10:00", ASKED),
             ("clarification_requested", "2026-11-03 09:00", {})),
      *about("records_request", "request_id", "q2", ("received", "2026-11-02 10:00", ASKED),
             ("received", "2026-11-05 10:00", ASKED), ("released", "2026-11-18 09:00", {}))], (0, 1)),
    ("CLK-02", "received twice it came as it came first",
     about("records_request", "request_id", "q1", ("received", "2026-11-02 10:00", {"record_type": "email", "channel": "mail"}),
           ("received", "2026-11-05 10:00", ASKED)), (0, 1)),
    ("PI-01", "the first decision counts",
     [*about("permit", "permit_id", "b1", ("submitted", "2026-11-02 09:00", PERMIT),
             ("decided", "2026-11-17 17:00", {"decision": "issued"}), ("decided", "2026-11-20 09:00", {"decision": "denied"}))],
     (1, 1)),
    ("HR-01", "somebody left whose hiring was never told: gone all the same, and never in",
     [*about("position", "position_id", "n1", ("filled", "2026-11-02 00:00", JOB)),
      *about("position", "position_id", "n2", ("separated", "2026-11-10 00:00", JOB))], (19 * DAY_MIN, 19 * DAY_MIN)),
]  # fmt: skip


def test_every_kpi_has_its_unhappy_side() -> None:
    """But the one that counts KPIs, which has no events."""
    assert {row[0] for row in ROWS} == {kpi.id for kpi in load_sample()[1]} - {"ZT-01"}


# The same KPIs in other periods than the open year. On 1 November 2026 the clock went back: a day of 1,500 minutes.
SITE_IN_OCTOBER = about(
    "wifi", "site_id", "s1", site("2026-10-20 00:00", up=True), site("2026-11-05 12:00", up=False), site("2026-11-06 00:00", up=True)
)  # fmt: skip
HIRED_IN_OCTOBER = [
    *about("position", "position_id", "n1", ("filled", "2026-10-10 00:00", JOB)),
    *about(
        "position", "position_id", "n2", ("filled", "2026-10-10 00:00", JOB), ("separated", "2026-11-11 00:00", JOB)
    ),
]
LATE_IN_OCTOBER = [
    opened("a", "2026-10-01 09:00", due_at="2026-10-30T12:00:00-06:00"), closed("a", "2026-11-02 09:00"),
    opened("b", "2026-10-01 09:00", due_at="2026-10-31T23:59:59-06:00"), closed("b", "2026-11-01 00:00"),
    opened("c", "2026-10-01 09:00", due_at="2026-11-01T00:00:00-06:00"),
]  # fmt: skip
PERIOD_ROWS: list[tuple[str, str, list[Event], Numbers]] = [
    ("IT-01", "2026-11", SITE_IN_OCTOBER, (20 * DAY_MIN + 60 - 720, 20 * DAY_MIN + 60)),  # the 20 days that are over
    ("IT-01", "2026-11-01", SITE_IN_OCTOBER, (1_500, 1_500)),
    ("IT-01", "2026-10", SITE_IN_OCTOBER, (12 * DAY_MIN, 12 * DAY_MIN)),  # from the 20th on
    ("IT-01", "2026-11-21", SITE_IN_OCTOBER, None),  # today is not over
    ("HR-01", "2026-11", HIRED_IN_OCTOBER, (20 * DAY_MIN + 60, 20 * DAY_MIN + 60 + 10 * DAY_MIN + 60)),
    ("HR-01", "2026-10", HIRED_IN_OCTOBER, (0, 2 * 22 * DAY_MIN)),
    ("FIN-01", "2026-10", [*(paid(f"n{day}", f"2026-10-{day:02} 12:00") for day in (1, 15, 31)), paid("o", "2025-10-01 00:00"),
     paid("p", "2025-10-31 23:59"), paid("q", "2025-11-01 00:00"), paid("r", "2025-09-30 23:59")], (1, 2)),
    ("FIN-01", "2026-W47", [paid("a", "2026-11-16 09:00"), paid("b", "2026-11-21 09:00"), paid("c", "2025-11-16 09:00"),
     paid("d", "2025-11-22 09:00"), paid("e", "2025-11-15 23:59")], (1, 1)),  # as many days into the year, and not yet the 22nd
    ("FIN-01", "2026-09", [paid("a", "2025-09-01 12:00"), paid("b", "2026-09-01 12:00", "mail")], (-1, 1)),  # none online any more
    ("FIN-01", "2026-09-01", [paid("a", "2026-09-01 12:00")], None),  # from nothing there is no increase
    ("SR-03", "2026-10", LATE_IN_OCTOBER, (2, 1)),  # at the end of October both were open and late
    ("SR-03", "2026-11-01", LATE_IN_OCTOBER, (2, 1)),  # b was closed, c had come due
    ("SR-03", "2026-11", LATE_IN_OCTOBER, (1, 1)),
    ("SR-01", "2026-10", LATE_IN_OCTOBER, (0, 2)),
    ("SR-01", "2026-11", LATE_IN_OCTOBER, (0, 1)),
    ("LIB-01", "2020-03", [seats("2020-03-31 18:00", 10)], (10_000, 649_121)),
    ("LIB-01", "2020-04", [seats("2020-04-01 18:00", 10)], (10_000, 678_815)),  # the census of that day
    ("LIB-01", "2010-03", [seats("2010-03-31 18:00", 10)], None),  # of before there is none
]  # fmt: skip


@pytest.mark.parametrize(
    ("kpi", "period", "events", "numbers"), PERIOD_ROWS, ids=[f"{row[0]} {row[1]}" for row in PERIOD_ROWS]
)
def test_other_periods_are_reckoned_as_exactly(kpi: str, period: str, events: list[Event], numbers: Numbers) -> None:
    found = figures(events, period)[kpi]

    assert (None if found.numerator is None else (found.numerator, found.denominator)) == numbers


@pytest.mark.parametrize(("kpi", "what", "events", "numbers"), ROWS, ids=[f"{row[0]}: {row[1]}" for row in ROWS])
def test_what_was_taken_back_or_corrected_counts_as_if_it_had_been_told_right(
    kpi: str, what: str, events: list[Event], numbers: Numbers
) -> None:
    found = figures(events)[kpi]

    assert (None if found.numerator is None else (found.numerator, found.denominator)) == numbers, what


@pytest.mark.parametrize(
    ("kpi", "events"),
    [(row[0], row[2]) for row in ROWS if row[0] not in ("CCC-01", "CCC-02", "CCC-04", "PR-01", "PR-02")],
)
def test_the_order_in_which_it_is_told_does_not_matter(kpi: str, events: list[Event]) -> None:
    """But for what is corrected at the same instant, where the later id counts, and ids are given by order here."""
    shuffled = Random(1).sample(events, len(events))

    assert figures(shuffled)[kpi].to_dict() == figures(events)[kpi].to_dict()
