"""A catalogue with every kind of measure, and ledgers of everything that can happen to what they count."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from citygoals.kpi.calendars import Calendars
from citygoals.kpi.entries import Entry
from citygoals.shared.business_def import BusinessCalendarDef
from citygoals.shared.kpi import KpiDef
from citygoals.shared.population import ReferenceDef
from hypothesis import strategies as st
from unit.kpi.samples import CALENDAR, entry, kpi, mixed

START = datetime(2026, 2, 20, 14, 0, tzinfo=UTC)
"""So that 400 days hold two clock changes, two fiscal years and a turn of the year."""

HOURS = ["08:00-12:00", "13:00-17:00"]
HOLIDAY = date(2026, 3, 9)
OFFICE = BusinessCalendarDef.model_validate({
    "id": "office", "title": {"en": "Office"},
    "hours": dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), HOURS),
    "closed": [{"date": HOLIDAY}],
})  # fmt: skip
PEOPLE = ReferenceDef.model_validate({
    "id": "people", "title": {"en": "People"}, "source": "made up",
    "rows": [{"from": "2026-01-01", "value": 1000}, {"from": "2026-06-01", "value": 1200},
             {"from": "2026-01-01", "member": "1", "value": 300}],
})  # fmt: skip
CALENDARS = Calendars.of(CALENDAR, [OFFICE])


def _type(fact: str) -> str:
    return f"city.{fact}.v1"


def _presence(enters: str, leaves: str, where: tuple[str | None, str | None] = (None, None)) -> dict[str, Any]:
    return {
        "enters": [{"event": _type(enters), "where": where[0]}],
        "leaves": [{"event": _type(leaves), "where": where[1]}],
    }


CLOSING = {
    "start": _type("service_request.opened"), "ends": [_type("service_request.closed")],
    "within": {"business_days": 2}, "calendar": "office", "unless": "data.reason == 'duplicate'",
    "pause": _type("service_request.paused"), "resume": _type("service_request.resumed"),
}  # fmt: skip
DECIDING = {
    "start": _type("permit.submitted"), "ends": [_type("permit.decided")],
    "within": {"duration": "PT48H"}, "due_field": "due_at", "where": "data.permit_type != 'none'",
}  # fmt: skip
SITE = _presence("wifi.site_status", "wifi.site_status", ("data.up", "!data.up"))
PAID = {"kind": "count", "event": _type("payment.settled")}
ONLINE = {
    "kind": "ratio",
    "numerator": {"event": _type("payment.settled"), "where": "data.channel == 'web'"},
    "denominator": {"event": _type("payment.settled")},
}
ARRIVED = {"event": _type("unit.arrived"), "since": _type("unit.dispatched"), "value": "count"}
WAITED = {"event": _type("call.answered"), "value": "data.wait_s"}
CLOSED = {"event": _type("service_request.closed"), "since": _type("service_request.opened")}

_KPIS: tuple[KpiDef, ...] = (
    kpi("P90", {"kind": "percentile", **CLOSED, "quantile": "0.9", "per": 60}),
    kpi("CLOCK", {"kind": "percentile", **CLOSED, "quantile": "0.5", "clock": "office"}),
    kpi("WAIT", {"kind": "percentile", "event": _type("call.answered"), "value": "data.wait_s", "quantile": "0.25"}),
    kpi("KEYS", {"kind": "distinct", "event": _type("session.held"), "key": "data.program_id"}),
    kpi("WISH", {
        "kind": "importance_satisfaction", "event": _type("survey.response"), "where": "data.survey_id == 's'",
        "important": "data.top_choice", "rated": "data.satisfaction != null", "satisfied": "data.satisfaction >= 4",
    }),
    kpi("OPEN", {"kind": "stock", "presence": _presence("service_request.opened", "service_request.closed")}),
    kpi("TIMELY", {"kind": "on_time", "deadline": CLOSING}),
    kpi("LATE", {"kind": "overdue", "deadline": CLOSING}),
    kpi("PERMITS", {"kind": "on_time", "deadline": DECIDING}),
    kpi("WAITING", {"kind": "overdue", "deadline": DECIDING}),
    kpi("EVEN", {"kind": "evenness", "deadline": CLOSING, "by": "district"}),
    kpi("SITES", {"kind": "availability", "up": SITE, "planned": _presence("wifi.site_status", "wifi.gone")}),
    kpi("LEFT", {
        "kind": "turnover", "flow": {"event": _type("position.separated")},
        "presence": _presence("position.filled", "position.separated"),
    }),
    kpi("MORE", {"kind": "change", "of": PAID}),
    kpi("BETTER", {"kind": "change", "of": ONLINE, "against": "period_before"}),
    kpi("QUICK", {"kind": "ratio", "numerator": {**ARRIVED, "within_s": 240}, "denominator": ARRIVED}),
    kpi("HEADS", {"kind": "ratio", "numerator": {"event": _type("payment.settled")}, "over": {"reference": "people"}, "scale": 10}),
    kpi("LATEST", {"kind": "latest", "measure_id": "m-1"}),
    kpi("COUNT", PAID),
    kpi("SUM", {"kind": "sum", **WAITED}),
    kpi("MEAN", {"kind": "mean", **WAITED}),
    kpi("BACK", {
        "kind": "ratio",
        "numerator": {"event": CLOSED["event"], "take": "every", "reopened_within": "P2D"},
        "denominator": {"event": CLOSED["event"], "take": "every"},
    }),
    kpi("INDEX", {"kind": "index", "parts": [{"kpi": "TIMELY", "weight": "2"}, {"kpi": "QUICK"}]}),
    kpi("TYPING", {"kind": "zero_typing"}),
)  # fmt: skip
KPIS = tuple([one if one.is_derived else one.model_copy(update={"also_by": ("channel",)}) for one in _KPIS])

# Near each other and a year apart, so that things meet; and anywhere within 400 days.
days_in = st.one_of(st.integers(0, 6), st.sampled_from([0, 1, 365, 366, 367]), st.integers(0, 400))
instants = st.one_of(
    st.builds(lambda days, minutes: START + timedelta(days=days, minutes=minutes), days_in, st.integers(0, 24 * 60)),
    st.integers(0, 40).map(lambda number: START + timedelta(seconds=number * 30)),
)
GAPS_H = (0, 1, 3, 26, 5 * 24, 40 * 24, 380 * 24)
"""Between the steps of a story: of the same day, over a weekend, over a change of clocks, of a year later."""
departments = st.sampled_from(["zoo", "library"])
places: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict.__or__,
    st.sampled_from([{}, {"district": 1}, {"district": 2}, {"district": "x.y"}]),
    st.sampled_from([{}, {"channel": "web"}, {"channel": "phone"}]),
)


@st.composite
def _request(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    facts = ["opened", "opened", "opened", "assigned", "paused", "resumed", "closed", "closed", "merged", "reopened"]
    fact = draw(st.sampled_from(facts))
    data: dict[str, Any] = {"service_request_id": draw(st.sampled_from(["s1", "s2", "s3"]))}
    if fact in ("opened", "assigned"):
        data["department"] = draw(departments)
    if fact == "opened":
        data |= draw(places)
    if fact == "closed":
        data["reason"] = draw(st.sampled_from(["resolved", "resolved", "duplicate"]))
    return f"service_request.{fact}", data


@st.composite
def _permit(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    data: dict[str, Any] = {"permit_id": draw(st.sampled_from(["p1", "p2"]))}
    if draw(st.booleans()):
        return "permit.decided", data | {"decision": "issued"}
    due = draw(st.one_of(st.none(), st.just("soon"), instants.map(datetime.isoformat)))
    kind = draw(st.sampled_from(["house", "house", "none"]))
    return "permit.submitted", data | {
        "permit_type": kind,
        **draw(places),
        **({} if due is None else {"due_at": due}),
    }


@st.composite
def _other(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    two = st.sampled_from(["a", "b"])
    drawn: list[tuple[str, dict[str, Any]]] = [
        ("wifi.site_status", {"site_id": draw(two), "up": draw(st.booleans())}),
        ("position.filled", {"position_id": draw(two), "department": draw(departments)}),
        ("position.separated", {"position_id": draw(two), "department": draw(departments)}),
        ("unit.dispatched", {"incident_id": draw(two), "unit_id": "u"}),
        ("unit.arrived", {"incident_id": draw(two), "unit_id": "u"}),
        ("session.held", {"session_id": draw(st.sampled_from("abcd")), "program_id": draw(st.sampled_from(["x", "y", 7, ""])),
                          "department": draw(departments), **draw(places)}),
        ("call.answered", {"call_id": draw(st.sampled_from("abcd")), "department": "zoo",
                           "wait_s": draw(st.one_of(st.integers(-3, 5000), st.just(2**70)))}),
        ("payment.settled", {"payment_id": draw(st.sampled_from("abcd")), "department": draw(departments),
                             **draw(places), "channel": draw(st.sampled_from(["web", "mail"]))}),
        ("survey.response", {"survey_id": draw(st.sampled_from("sst")), "service": "parks", "respondent_ref": draw(two),
                             "department": draw(departments), **draw(places),
                             **draw(st.sampled_from([{}, {"top_choice": True}, {"top_choice": False}])),
                             **draw(st.sampled_from([{}, *({"satisfaction": one} for one in (None, 1, 3, 4, 5))]))}),
        ("payment.voided", {"payment_id": draw(st.sampled_from("abcd"))}),
        ("measurement.recorded", {"measure_id": "m-1", "period": draw(st.sampled_from(["2026-03", "FY2026"])),
                                  "value": draw(st.integers(0, 9))}),
    ]  # fmt: skip
    fact, data = draw(st.sampled_from(drawn))
    return fact, data


@st.composite
def histories(draw: st.DrawFn, *, least: int = 0, most: int = 30) -> list[Entry]:
    """Distinct admitted events of every sort, in the order in which they were admitted."""
    one = st.one_of(_request(), _request(), _request(), _permit(), _other(), _other())
    drawn = draw(mixed(one, instants, GAPS_H, least=least, most=most))
    namespaces = draw(st.lists(st.sampled_from(["north", "south"]), min_size=2, max_size=2))
    return [
        entry(fact, data, at=at, identity=f"e-{number}", seq=number,
              namespace=namespaces[number % 2] if fact[0] == "m" else "demo")
        for number, (fact, data, at) in enumerate(drawn, 1)
    ]  # fmt: skip


def _answer(number: int, minute: int, where: dict[str, Any]) -> tuple[str, dict[str, Any], int]:
    """What somebody says of the parks at the time and the place of a session, the same whenever it is asked."""
    data = {"survey_id": "s", "service": "parks", "respondent_ref": f"{number}", "top_choice": number % 3 == 0}
    satisfaction = (None, 5, 2, 4, 1, 3, 4)[number % 7]
    place = {name: where[name] for name in ("department", "district", "channel")}
    return "survey.response", {**data, "satisfaction": satisfaction, **place}, minute


def busy(chance: Random, things: int = 40) -> list[Entry]:
    """A city in which much happens in 400 days: enough for every kind of figure to have a value."""
    drawn: list[tuple[str, dict[str, Any], int]] = []
    for number in range(things):
        minute = chance.randrange(400 * 24 * 60)
        later = minute + chance.choice([2, 3 * 60, 30 * 60, 5 * 24 * 60, 40 * 24 * 60])
        where = {"department": chance.choice(["zoo", "library"]), "district": chance.choice([1, 2])}
        where |= {"channel": "web" if number % 2 else "phone"}
        request, permit, incident = ({name: f"{number}"} for name in ("service_request_id", "permit_id", "incident_id"))
        drawn += [
            ("service_request.opened", request | where, minute),
            (
                "payment.settled",
                {"payment_id": f"{number}", **where, "channel": chance.choice(["web", "mail"])},
                minute,
            ),
            ("permit.submitted", permit | where | {"permit_type": "house"}, minute),
            ("unit.dispatched", incident | {"unit_id": "u"}, minute),
            ("unit.arrived", incident | {"unit_id": "u"}, minute + chance.randrange(2, 7)),
            ("call.answered", {"call_id": f"{number}", "wait_s": chance.randrange(9000), **where}, minute),
            ("session.held", {"session_id": f"{number}", "program_id": chance.randrange(9), **where}, minute),
            ("wifi.site_status", {"site_id": chance.choice("ab"), "up": chance.random() < 0.6}, minute),
            (
                f"position.{chance.choice(['filled', 'filled', 'separated'])}",
                {"position_id": chance.choice("abc"), **where},
                minute,
            ),
        ]
        if chance.random() < 0.7:
            drawn += [
                ("service_request.closed", request | {"reason": "resolved"}, later),
                ("permit.decided", permit | {"decision": "issued"}, later),
            ]
        if chance.random() < 0.3:
            drawn += [
                ("service_request.paused", request, minute + 60),
                ("service_request.resumed", request, minute + 4000),
            ]
        if chance.random() < 0.2:
            drawn.append(("service_request.reopened", request, later + 600))
    drawn += [
        _answer(number, minute, data) for number, (fact, data, minute) in enumerate(drawn) if fact == "session.held"
    ]
    drawn.append(("measurement.recorded", {"measure_id": "m-1", "period": "FY2026", "value": 7}, 5))
    return [
        entry(fact, data, at=START + timedelta(minutes=minute), identity=f"e-{number}", seq=number)
        for number, (fact, data, minute) in enumerate(drawn, 1)
    ]
