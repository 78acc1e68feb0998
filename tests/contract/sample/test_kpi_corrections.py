"""The unhappy sides of the catalogue, worked out by hand: voids, refunds, reopenings, re-assignments, merges, corrections.

It is the same noon as in `test_kpi_figures`: Saturday, 21 November 2026. Whatever the order in which the events come, what
they come to is the same.
"""

from random import Random
from typing import Any

import pytest
from contract.sample.reckoned import Event, event, figures
from contract.sample.test_kpi_figures import (
    ASKED,
    DAY_MIN,
    DUE,
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
    ("ES-01", "a missed collection was another department's",
     [opened("a", "2026-11-20 09:00", "missed-collection", "environmental-services"),
      assigned("a", "2026-11-20 10:00", "streets-maintenance"), ROUTE], (0, 2_500)),
    ("FD-01", "an arrival that nobody was sent to",
     [*about("unit", "incident_id", "i1", ("arrived", "2026-11-20 15:04", {"unit_id": "e"}))], None),
    ("PR-01", "a session is counted again, corrected",
     [held("a", "parks-recreation", 6_000, 9_000), held("a", "parks-recreation", 4_000, 9_000)], (4_000, 1)),
    ("PR-02", "a session is counted again, corrected",
     [held("a", "parks-recreation", 30, 40), held("a", "parks-recreation", 30, 50)], (30, 50)),
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
    ("PI-01", "the first decision counts",
     [*about("permit", "permit_id", "b1", ("submitted", "2026-11-02 09:00", PERMIT),
             ("decided", "2026-11-17 17:00", {"decision": "issued"}), ("decided", "2026-11-20 09:00", {"decision": "denied"}))],
     (1, 1)),
]  # fmt: skip


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
