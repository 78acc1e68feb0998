"""Each KPI of the catalogue from a few events to its figure, worked out by hand.

It is noon of Saturday, 21 November 2026; the fiscal year began 82 days ago, on 1 September. Business days are Monday to
Friday from 8 to 17 without Wednesday, 11 November (Veterans Day).
"""

from typing import Any

import pytest
from citygoals.shared.kpi import KpiDef
from citygoals.shared.sample import load_sample
from contract.sample.reckoned import Event, event, figures

ON, NEAR, OFF, NO_TARGET = "ON_TRACK", "NEAR", "OFF_TRACK", "BASELINING"


def paid(name: str, when: str, channel: str = "web", minor: int = 100, **more: Any) -> Event:
    data = {"payment_id": name, "department": "tax-office", "service_code": "fee", "channel": channel} | more
    return event("payment.settled", when, **data, amount_minor=minor, currency="USD")


def reversed_(fact: str, name: str, when: str, minor: int = 100) -> Event:
    data = {"payment_id": name, "reversal_id": f"R-{name}", "amount_minor": minor, "currency": "USD"}
    return event(f"payment.{fact}", when, **data)


def answered(name: str, wait_s: int, queue: str = "general", **more: Any) -> Event:
    data = {"call_id": name, "queue": queue, "department": "city-manager", "wait_s": wait_s} | more
    return event("call.answered", "2026-11-20 10:00", **data)


def abandoned(name: str, wait_s: int) -> Event:
    data = {"call_id": name, "queue": "general", "department": "city-manager", "wait_s": wait_s}
    return event("call.abandoned", "2026-11-20 10:00", **data)


def opened(name: str, when: str, code: str = "tree", department: str = "streets-maintenance", **more: Any) -> Event:
    data = {"service_request_id": name, "service_code": code, "department": department, "channel": "web"} | more
    return event("service_request.opened", when, **data)


def step(fact: str, name: str, when: str, **more: Any) -> Event:
    return event(f"service_request.{fact}", when, service_request_id=name, **more)


def closed(name: str, when: str, reason: str = "resolved", **more: Any) -> Event:
    return step("closed", name, when, reason=reason, **more)


def held(name: str, department: str, attendees: int, capacity: int) -> Event:
    data = {"session_id": name, "program_id": "p", "department": department}
    return event("session.held", "2026-11-20 18:00", **data, attendees=attendees, capacity=capacity)


def about(domain: str, key: str, name: str, *facts: tuple[str, str, dict[str, Any]]) -> list[Event]:
    """What happened to one thing, in facts with their times and data."""
    return [event(f"{domain}.{fact}", when, **{key: name}, **data) for fact, when, data in facts]


FIN_01 = [  # 3 this year; 2 until 21 November of the year before, the third came after it
    *(paid(f"a{n}", "2026-11-20 12:00", channel) for n, channel in enumerate(("web", "app", "web", "counter"))),
    paid("b1", "2025-09-01 00:00"),
    paid("b2", "2025-11-21 23:59", "app"),
    paid("b3", "2025-11-22 00:00"),
]
FIN_02 = [  # 3 of 4; the fifth was voided
    *(paid(f"a{n}", "2026-11-20 12:00", channel) for n, channel in enumerate(("web", "app", "web", "mail", "web"))),
    event("payment.voided", "2026-11-20 13:00", payment_id="a4"),
]
FIN_03 = [  # (70 - 3 - 1) million cents, of 82/365 of a budget of 295 million
    paid("a", "2026-10-01 12:00", "mail", 70_000_000),
    reversed_("refunded", "a", "2026-11-19 12:00", 3_000_000),
    paid("b", "2025-10-01 12:00", "mail", 1_000_000),  # of the year before, but taken back in this one
    reversed_("charged_back", "b", "2026-11-20 12:00", 1_000_000),
]
FIN_04 = [*(paid(f"a{n}", "2026-11-20 12:00") for n in range(4)), reversed_("refunded", "a0", "2026-11-20 13:00")]
TAX_01 = [  # due by now: 98 % of 1 % + 4 % + 21/30 of 10 %, which is 11.76 %
    event("levy.certified", "2026-09-15 09:00", levy_id="2026", amount_minor=900_000, currency="USD"),
    event("levy.certified", "2026-09-16 09:00", levy_id="2026", amount_minor=1_000_000, currency="USD"),
    paid("a", "2026-11-20 12:00", minor=130_000, service_code="property-tax"),
    paid("b", "2026-11-20 12:00", minor=500_000, service_code="vehicle-fee"),
]
MC_01 = [
    paid("a", "2026-11-20 12:00", "web", department="municipal-court"),
    paid("b", "2026-11-20 12:00", "app", department="municipal-court"),
    paid("c", "2026-11-20 12:00", "counter", department="municipal-court"),
    paid("d", "2026-11-20 12:00", "counter"),
]
MC_02 = [  # 4 done of 3 that came: above the band, 1.05 / (4/3)
    *(event("case.filed", "2026-11-02 09:00", case_id=f"c{n}", case_type="traffic") for n in range(3)),
    *(event("case.disposed", "2026-11-03 09:00", case_id=f"old{n}") for n in range(4)),
]
CCC_01 = [answered("a", 20), answered("b", 100), abandoned("c", 999)]
CCC_02 = [answered("a", 30), answered("b", 31), abandoned("c", 2)]
CCC_03 = [answered("a", 1), answered("b", 1), abandoned("c", 5), abandoned("d", 6)]
CCC_04 = [  # the third does not say
    answered("a", 1, resolved_at_first_contact=True),
    answered("b", 1, resolved_at_first_contact=False),
    answered("c", 1),
]

DUE = {"due_at": "2026-11-10T12:00:00-07:00"}
SR_01 = [  # a in time; b late; c, due on 17 November at 17:00, still open; d a duplicate; e is not due yet
    opened("a", "2026-11-02 09:00", **DUE), closed("a", "2026-11-10 12:00"),
    opened("b", "2026-11-02 09:00", **DUE), closed("b", "2026-11-10 12:01"),
    opened("c", "2026-11-02 09:00"),
    opened("d", "2026-11-02 09:00", **DUE), closed("d", "2026-11-03 09:00", "duplicate"),
    opened("e", "2026-11-19 09:00"),
]  # fmt: skip
SR_03 = [*SR_01, opened("f", "2026-11-20 09:00", due_at="2026-11-21T13:00:00-07:00")]  # due in an hour: not yet
SR_04 = [  # three closings, the first of which was taken back after 29 days
    opened("a", "2026-10-01 09:00"), closed("a", "2026-10-02 09:00"), step("reopened", "a", "2026-10-31 09:00"),
    closed("a", "2026-11-01 09:00"),
    opened("b", "2026-10-01 09:00"), closed("b", "2026-10-02 09:00"),
]  # fmt: skip
SR_05 = [
    *(opened(name, "2026-11-02 09:00") for name in "ab"),
    *(closed(name, "2026-11-03 09:00") for name in "ab"),
    step("confirmed", "a", "2026-11-04 09:00", resolved=True),
    step("confirmed", "b", "2026-11-04 09:00", resolved=False),
]
SR_06 = [
    *(opened(name, "2026-11-02 09:00") for name in "abc"),
    closed("a", "2026-11-03 09:00", note_sent=True),
    closed("b", "2026-11-03 09:00", note_sent=False),
    closed("c", "2026-11-03 09:00"),
]
SR_07 = [  # district 1: 1 of 2 in time; district 2: 2 of 2; the last one says no district
    opened("a", "2026-11-02 09:00", district=1, **DUE), closed("a", "2026-11-09 09:00"),
    opened("b", "2026-11-02 09:00", district=1, **DUE), closed("b", "2026-11-12 09:00"),
    opened("c", "2026-11-02 09:00", district=2, **DUE), closed("c", "2026-11-09 09:00"),
    opened("d", "2026-11-02 09:00", district=2, **DUE), closed("d", "2026-11-09 09:00"),
    opened("e", "2026-11-02 09:00", **DUE),
]  # fmt: skip
SR_10 = [  # one day and two days
    opened("a", "2026-11-02 09:00"), closed("a", "2026-11-03 09:00"),
    opened("b", "2026-11-02 09:00"), closed("b", "2026-11-04 09:00"),
]  # fmt: skip
SM_01 = [  # a: Monday 9, Tuesday 10, Thursday 12 at 17:00; b, of the 9th, was due on the 13th; c is of others
    opened("a", "2026-11-06 16:00", "pothole"), closed("a", "2026-11-12 17:00"),
    opened("b", "2026-11-09 09:00", "pothole"), closed("b", "2026-11-13 17:01"),
    opened("c", "2026-11-09 09:00", "pothole", "sun-metro"),
    opened("d", "2026-11-09 09:00", "street-light"),
]  # fmt: skip
SM_02 = [  # 3, 4, 5, 6, 9, 10, 12, 13, 16, and 17 at 17:00; b stood still at the end of the 3rd: a day more
    opened("a", "2026-11-02 09:00", "street-light"), closed("a", "2026-11-17 17:00"),
    opened("b", "2026-11-02 09:00", "street-light"), step("paused", "b", "2026-11-03 16:00"),
    step("resumed", "b", "2026-11-04 08:00"), closed("b", "2026-11-18 17:00"),
]  # fmt: skip
ES_01 = [
    opened("a", "2026-11-20 09:00", "missed-collection", "environmental-services"),
    opened("b", "2026-11-20 09:00", "missed-collection", "environmental-services"),
    opened("c", "2026-11-20 09:00", "illegal-dumping", "environmental-services"),
    event("route.completed", "2026-11-20 15:00", route_id="r1", stops=2_000),
    event("route.completed", "2026-11-20 15:00", route_id="r2", stops=500),
]
ES_02 = [
    event("load.inspected", "2026-11-20 15:00", load_id="l1", kilograms=1_000, contaminated_kilograms=300),
    event("load.inspected", "2026-11-20 15:00", load_id="l2", kilograms=1_000, contaminated_kilograms=100),
]
AS_01 = [
    event("animal.outcome", "2026-11-20 15:00", animal_id=f"a{n}", outcome=outcome)
    for n, outcome in enumerate(("adoption", "transfer", "euthanasia"))
]
PD_01 = [
    answered("a", 1, "311-police"),
    answered("b", 1, "311-police"),
    answered("c", 1, "police-non-emergency", department="police"),
    answered("d", 1),
]
UNIT = {"unit_id": "engine-1"}
FD_01 = [  # 240 seconds; 241 seconds; nobody came; the second unit of the first does not matter
    *about("unit", "incident_id", "i1", ("dispatched", "2026-11-20 15:00:00", UNIT),
           ("arrived", "2026-11-20 15:04:00", UNIT), ("arrived", "2026-11-20 15:20:00", {"unit_id": "engine-2"})),
    *about("unit", "incident_id", "i2", ("dispatched", "2026-11-20 15:00:00", UNIT),
           ("arrived", "2026-11-20 15:04:01", UNIT)),
    *about("unit", "incident_id", "i3", ("dispatched", "2026-11-20 15:00:00", UNIT)),
]  # fmt: skip
HOM_01 = [
    event("client.exited", "2026-11-20 15:00", client_ref=f"x{n}", to_stable_housing=is_stable)
    for n, is_stable in enumerate((True, True, False))
]
PR_01 = [  # due by now: 50,000 times 7 % + 8 % + 21/30 of 7 %, which is 9,950
    held("a", "parks-recreation", 6_000, 9_000), held("b", "parks-recreation", 4_500, 9_000),
    held("c", "library", 7_000, 9_000),
]  # fmt: skip
PR_02 = [held("a", "parks-recreation", 30, 40), held("b", "library", 1, 40)]
LIB_01 = [held("a", "library", 20_000, 30_000), held("b", "parks-recreation", 1, 1)]  # due by now: 120 * 82/365
IT_01 = [  # 19 days are over since the first word, of 1,440 minutes each; for 60 of them the site was down
    *about("wifi", "site_id", "s1", ("site_status", "2026-11-02 00:00", {"up": True}),
           ("site_status", "2026-11-20 12:00", {"up": False}), ("site_status", "2026-11-20 13:00", {"up": True}),
           ("site_status", "2026-11-21 00:00", {"up": False})),
]  # fmt: skip
IT_02 = [event("wifi.session", "2026-11-20 15:00", site_id="s1", minutes=n) for n in range(2)]
SUBMITTED = {"kind": "web", "department": "police"}
IT_03 = [  # 15 business days after 5 October: the 26th at 17:00
    *about("project_request", "request_id", "j1", ("submitted", "2026-10-05 09:00", SUBMITTED),
           ("interviewed", "2026-10-06 09:00", {}), ("aligned", "2026-10-26 17:00", {"nodes": ["goal-5"]})),
    *about("project_request", "request_id", "j2", ("submitted", "2026-10-05 09:00", SUBMITTED),
           ("aligned", "2026-10-27 09:00", {"nodes": ["goal-5"]})),
    *about("project_request", "request_id", "j3", ("submitted", "2026-10-05 09:00", SUBMITTED),
           ("declined", "2026-10-08 09:00", {"reason": "no"})),
]  # fmt: skip
COM_01 = [  # the counters grew to 3,000 and 100, once they fell in between
    event("social.snapshot", when, account="a", platform="x", impressions=impressions, interactions=interactions)
    for when, impressions, interactions in (
        ("2026-11-01 23:00", 1_000, 30), ("2026-11-02 23:00", 900, 29), ("2026-11-03 23:00", 3_000, 100),
    )
]  # fmt: skip
ASKED = {"record_type": "contract", "channel": "web"}
CLK_01 = [  # a: due on the 17th at 17:00; b: the clock stood at the end of the 3rd and 4th, so the 19th; c: no answer
    *about("records_request", "request_id", "q1", ("received", "2026-11-02 10:00", ASKED),
           ("released", "2026-11-17 17:00", {})),
    *about("records_request", "request_id", "q2", ("received", "2026-11-02 10:00", ASKED),
           ("clarification_requested", "2026-11-03 09:00", {}), ("clarified", "2026-11-05 09:00", {}),
           ("denied", "2026-11-19 16:00", {})),
    *about("records_request", "request_id", "q3", ("received", "2026-11-02 10:00", ASKED)),
    *about("records_request", "request_id", "q4", ("received", "2026-11-20 10:00", ASKED)),  # not due yet
]  # fmt: skip
CLK_02 = [
    event("records_request.received", "2026-11-20 15:00", request_id=f"q{n}", record_type="email", channel=channel)
    for n, channel in enumerate(("web", "app", "email"))
]
PERMIT = {"permit_type": "sign", "channel": "web"}
PI_01 = [  # in time; late; late by its own due time; withdrawn
    *about("permit", "permit_id", "b1", ("submitted", "2026-11-02 09:00", PERMIT),
           ("decided", "2026-11-17 17:00", {"decision": "issued"})),
    *about("permit", "permit_id", "b2", ("submitted", "2026-11-02 09:00", PERMIT),
           ("decided", "2026-11-17 17:01", {"decision": "denied"})),
    *about("permit", "permit_id", "b3", ("submitted", "2026-11-02 09:00", PERMIT | {"due_at": "2026-11-05T17:00:00-07:00"}),
           ("decided", "2026-11-06 09:00", {"decision": "issued"})),
    *about("permit", "permit_id", "b4", ("submitted", "2026-11-02 09:00", PERMIT),
           ("decided", "2026-11-18 09:00", {"decision": "withdrawn"})),
]  # fmt: skip
JOB = {"department": "police"}
HR_01 = [  # 1 over a mean of (19 + 9) / 19 positions, in the 19 days from 2 to 20 November
    *about("position", "position_id", "n1", ("filled", "2026-11-02 00:00", JOB)),
    *about(
        "position", "position_id", "n2", ("filled", "2026-11-02 00:00", JOB), ("separated", "2026-11-11 00:00", JOB)
    ),
]
DAY_MIN = 1_440

# KPI, events, numerator, denominator, value, status
ROWS: list[tuple[str, list[Event], int, int, str, str]] = [
    ("FIN-01", FIN_01, 1, 2, "50.0", ON),
    ("FIN-02", FIN_02, 3, 4, "75.00", ON),
    ("FIN-03", FIN_03, 66_000_000 * 73, 59_000_000 * 82, "99.6", NEAR),  # 365 and 295 million, both over 5
    ("FIN-04", FIN_04, 1, 4, "25.00", OFF),
    ("TAX-01", TAX_01, 130_000, 1_000_000, "13.0", ON),
    ("MC-01", MC_01, 2, 3, "66.67", ON),
    ("MC-02", MC_02, 4, 3, "133.3", OFF),
    ("CCC-01", CCC_01, 120, 2, "60.0", ON),
    ("CCC-02", CCC_02, 1, 3, "33.33", OFF),
    ("CCC-03", CCC_03, 1, 4, "25.00", OFF),
    ("CCC-04", CCC_04, 1, 2, "50.00", OFF),
    ("SR-01", SR_01, 1, 3, "33.33", OFF),
    ("SR-03", SR_03, 1, 1, "1", ON),
    ("SR-04", SR_04, 1, 3, "33.33", OFF),
    ("SR-05", SR_05, 1, 2, "50.00", OFF),
    ("SR-06", SR_06, 1, 3, "33.33", OFF),
    ("SR-07", SR_07, 1, 2, "50.0", OFF),
    ("SR-08", SR_04, 2, 1, "2", NO_TARGET),
    ("SR-09", SR_04, 2, 1, "2", NO_TARGET),
    ("SR-10", SR_10, 259_200, 2, "129600", ON),
    ("SM-01", SM_01, 1, 2, "50.00", OFF),
    ("SM-02", SM_02, 2, 2, "100.00", ON),
    ("ES-01", ES_01, 20_000, 2_500, "8.00", ON),
    ("ES-02", ES_02, 400, 2_000, "20.0", ON),
    ("AS-01", AS_01, 2, 3, "66.67", OFF),
    ("PD-01", PD_01, 2, 3, "66.67", NEAR),
    ("FD-01", FD_01, 1, 3, "33.33", OFF),
    ("HOM-01", HOM_01, 2, 3, "66.7", ON),
    ("PR-01", PR_01, 10_500, 1, "10500", ON),
    ("PR-02", PR_02, 30, 40, "75.00", ON),
    ("LIB-01", LIB_01, 20_000_000, 678_815, "29.46", ON),
    ("IT-01", IT_01, 19 * DAY_MIN - 60, 19 * DAY_MIN, "99.781", ON),
    ("IT-02", IT_02, 2, 1, "2", NO_TARGET),
    ("IT-03", IT_03, 2, 3, "66.7", OFF),
    ("COM-01", COM_01, 100, 3_000, "3.33", ON),
    ("CLK-01", CLK_01, 2, 3, "66.67", OFF),
    ("CLK-02", CLK_02, 2, 3, "66.67", OFF),
    ("PI-01", PI_01, 1, 3, "33.3", OFF),
    ("HR-01", HR_01, 19 * DAY_MIN, 28 * DAY_MIN, "67.86", OFF),
    ("ZT-01", [], 40, 40, "100.0", ON),
]


@pytest.mark.parametrize(
    ("kpi", "events", "numerator", "denominator", "value", "status"), ROWS, ids=[row[0] for row in ROWS]
)
def test_a_kpi_says_what_its_events_come_to(
    kpi: str, events: list[Event], numerator: int, denominator: int, value: str, status: str
) -> None:
    found = figures(events)[kpi]

    assert (found.numerator, found.denominator, found.value, found.status) == (numerator, denominator, value, status)


@pytest.mark.parametrize(("kpi", "events"), [row[:2] for row in ROWS], ids=[row[0] for row in ROWS])
def test_the_order_in_which_events_come_does_not_matter(kpi: str, events: list[Event]) -> None:
    assert figures(reversed(events))[kpi].to_dict() == figures(events)[kpi].to_dict()


def test_the_first_response_is_told_in_business_hours_within_a_hundredth() -> None:
    """Ten requests of Monday at 9: nine are answered within 50 minutes. Then the ninth as well takes until Thursday at 10."""
    times = [*(f"2026-11-16 09:{minute:02}" for minute in range(10, 55, 5)), "2026-11-18 12:00"]
    asked = [opened(f"s{n}", "2026-11-16 09:00") for n in range(10)]

    quick = figures([*asked, *_acknowledged(times)])["SR-02"]
    slow = figures([*asked, *_acknowledged([*times[:8], *["2026-11-19 10:00"] * 2])])["SR-02"]

    assert (quick.denominator, quick.status) == (3_600, ON)
    assert abs((quick.numerator or 0) - 50 * 60) <= 30
    assert slow.status == OFF
    assert abs((slow.numerator or 0) - (8 + 9 + 9 + 2) * 3_600) <= 28 * 36


def _acknowledged(times: list[str]) -> list[Event]:
    return [step("acknowledged", f"s{n}", when) for n, when in enumerate(times)]


def test_a_kpi_that_somebody_types_lowers_the_zero_typing_index() -> None:
    typed = KpiDef.model_validate(
        {"id": "T-1", "title": {"en": "Typed"}, "unit": "1", "measure": {"kind": "latest", "measure_id": "t"}}
    )

    found = figures([], kpis=[typed])["ZT-01"]

    assert (found.numerator, found.denominator, found.value, found.status) == (40, 41, "97.6", ON)


def test_a_week_over_two_fiscal_years_has_a_share_of_both_budgets() -> None:
    """One day of 285 million and six of 295 million a year: 2,055 million over 365. Of all time there is no budget."""
    events = [paid("a", "2026-09-01 12:00", minor=41_100_000)]

    week = figures(events, "2026-W36")["FIN-03"]

    assert (week.numerator, week.denominator, week.value) == (41_100_000 * 73, 411_000_000, "730.0")
    assert figures(events, "all")["FIN-03"].status == "NO_DATA"


@pytest.mark.parametrize("kpi", [row[0] for row in ROWS])
def test_what_adds_up_over_the_months_is_the_year(kpi: str) -> None:
    """Counts, sums and ratios of terms; what hangs on a stock, a rank, the year before or a budget's days does not."""
    events = next(row[1] for row in ROWS if row[0] == kpi)
    months = [figures(events, f"2026-{month:02}")[kpi] for month in (9, 10, 11, 12)]
    year = figures(events)[kpi]

    assert all(month.value is None or month.denominator for month in months)
    if year.kpi.measure.kind in {"count", "sum", "ratio", "mean", "on_time"} and kpi not in {"FIN-03", "LIB-01"}:
        assert sum(month.numerator or 0 for month in months) == year.numerator
        assert year.kpi.is_number or sum(month.denominator or 0 for month in months) == year.denominator


def test_every_kpi_of_the_catalogue_is_here() -> None:
    assert {row[0] for row in ROWS} | {"SR-02"} == {kpi.id for kpi in load_sample()[1]}


def test_without_events_there_is_no_data_but_of_the_catalogue_itself_and_no_requests() -> None:
    """A month without requests has none of them: that is no lack of data."""
    found = {name: (one.value, one.status) for name, one in figures([]).items() if one.status != "NO_DATA"}

    assert found == {"SR-08": ("0", NO_TARGET), "SR-09": ("0", NO_TARGET), "ZT-01": ("100.0", ON)}


@pytest.mark.parametrize("period", ["2026-11-22", "2026-12", "FY2028"])
def test_of_what_has_not_begun_nothing_is_known(period: str) -> None:
    events = [event_ for row in ROWS for event_ in row[1]]

    assert {one.status for one in figures(events, period).values()} == {"NO_DATA"}
