"""Entries and catalogues for the tests of the pure core, and ways to make many of them."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from citygoals.kpi.calendars import Calendars
from citygoals.kpi.entries import Entry, EntryReader
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import CityCalendar
from hypothesis import strategies as st

T = TypeVar("T")

CALENDAR = CityCalendar("America/Denver", 9)
CALENDARS = Calendars(CALENDAR)
READER = EntryReader(CALENDAR)
# 28 August 2026, 18:00 UTC: three days before the fiscal year ends, so that samples fall into two of them.
START = datetime(2026, 8, 28, 18, 0, tzinfo=UTC)


def body(
    fact: str, data: dict[str, Any], *, at: datetime = START, identity: str = "e-1", source: str = "/systems/demo",
    namespace: str = "demo", lane: int = 1, seq: int = 1,
) -> bytes:  # fmt: skip
    """An admitted event as intake writes it; `fact` is for example payment.settled."""
    return json.dumps(
        {
            "specversion": "1.0", "type": f"city.{fact}.v1", "source": source, "id": identity, "time": at.isoformat(),
            "data": data, "lane": lane, "sequence": f"{seq:020d}", "recordedtime": at.isoformat(),
            "namespace": namespace,
        }
    ).encode()  # fmt: skip


def entry(fact: str, data: dict[str, Any], **more: Any) -> Entry:
    return READER.read(body(fact, data, **more))


def kpi(identity: str, measure: dict[str, Any], **more: Any) -> KpiDef:
    return KpiDef.model_validate({"id": identity, "title": {"en": identity}, "measure": measure, "unit": "1", **more})


def _term(fact: str, **more: Any) -> dict[str, Any]:
    return {"event": f"city.{fact}.v1", **more}


CLOSED = "service_request.closed"
KPIS = (
    kpi("ONLINE", {
        "kind": "ratio",
        "numerator": _term("payment.settled", where="data.channel in ['web', 'app']"),
        "denominator": _term("payment.settled"),
    }),
    kpi("NET", {
        "kind": "sum",
        "terms": [
            _term("payment.settled", value="data.amount_minor"),
            _term("payment.refunded", value="data.amount_minor", sign=-1),
            _term("payment.charged_back", value="data.amount_minor", sign=-1),
        ],
    }),
    kpi("COURT", {"kind": "count", "event": "city.payment.settled.v1"}, department="municipal-court"),
    kpi("VOIDED", {"kind": "count", "event": "city.payment.voided.v1"}),
    kpi("MERGED", {"kind": "count", "event": "city.service_request.merged.v1"}),
    kpi("OPENED", {"kind": "count", "event": "city.service_request.opened.v1"}),
    kpi("CLOSED", {"kind": "count", "event": f"city.{CLOSED}.v1"}),
    kpi("SECONDS", {"kind": "mean", "event": f"city.{CLOSED}.v1", "since": "city.service_request.opened.v1"}),
    kpi("REOPENED", {
        "kind": "ratio",
        "numerator": _term(CLOSED, take="every", reopened_within="P2D"),
        "denominator": _term(CLOSED, take="every"),
    }),
    kpi("PARKS", {
        "kind": "ratio",
        "numerator": _term("session.held", value="data.attendees"),
        "denominator": _term("session.held", value="data.capacity"),
    }, department="parks-recreation", scope="city"),
    kpi("RATING", {"kind": "mean", "event": "city.feedback.received.v1", "value": "data.rating"}),
    kpi("SOCIAL", {
        "kind": "ratio",
        "numerator": _term("social.snapshot", value="data.interactions"),
        "denominator": _term("social.snapshot", value="data.impressions"),
    }),
    kpi("LATEST", {"kind": "latest", "measure_id": "m-1"}),
)  # fmt: skip

departments = st.sampled_from(["municipal-court", "tax-office", "streets-maintenance", "parks-recreation"])
districts: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}), st.integers(1, 3).map(lambda number: {"district": number})
)
instants = st.integers(0, 24).map(lambda quarters: START + timedelta(hours=6 * quarters))


@st.composite
def _payment(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    thing = {"payment_id": draw(st.sampled_from(["p1", "p2", "p3"]))}
    fact = draw(st.sampled_from(["settled", "settled", "refunded", "charged_back", "voided"]))
    amount = {"amount_minor": draw(st.sampled_from([100, 250, 10**20])), "currency": "USD"}
    if fact == "settled":
        channel = draw(st.sampled_from(["web", "app", "counter"]))
        data = {"department": draw(departments), "service_code": "x", "channel": channel, **amount, **draw(districts)}
    elif fact == "voided":
        data = {}
    else:
        data = {"reversal_id": draw(st.sampled_from(["r1", "r2"])), **amount}
    return f"payment.{fact}", thing | data


@st.composite
def _request(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    thing = {"service_request_id": draw(st.sampled_from(["s1", "s2", "s3"]))}
    facts = ["opened", "opened", "assigned", "acknowledged", "closed", "closed", "merged", "reopened", "confirmed"]
    fact = draw(st.sampled_from(facts))
    data: dict[str, Any] = {}
    if fact in ("opened", "assigned"):
        data = {"department": draw(departments)}
    if fact == "opened":
        data |= {"service_code": "pothole", "channel": "app", **draw(districts)}
    return f"service_request.{fact}", thing | data


@st.composite
def _other(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    small = st.integers(0, 3)
    samples: list[tuple[str, dict[str, Any]]] = [
        ("session.held", {
            "session_id": draw(st.sampled_from(["a", "b"])), "department": draw(departments),
            "attendees": draw(small), "capacity": draw(small), **draw(districts),
        }),
        ("feedback.received", {
            "feedback_id": draw(st.sampled_from(["a", "b"])), "topic": "t", "channel": "web",
            **draw(st.sampled_from([{}, {"rating": 0}, {"rating": 5}, {"rating": "none"}])),
        }),
        ("social.snapshot", {
            "account": "city", "platform": "x", "impressions": draw(small), "interactions": draw(small),
        }),
        ("measurement.recorded", {
            "measure_id": draw(st.sampled_from(["m-1", "m-2"])),
            "period": draw(st.sampled_from(["2026-08", "2026-W36", "FY2026", "2026-08-29", "nonsense", "all"])),
            **draw(st.sampled_from([{"value": 3}, {"value": "0.25"}, {"numerator": 4, "denominator": 9}])),
        }),
        ("bus.arrived", {"line": "7", "department": draw(departments)}),
    ]  # fmt: skip
    fact, data = draw(st.sampled_from(samples))
    return fact, data


Told = tuple[str, dict[str, Any], datetime]

LIVES = {
    "service_request": (
        "opened closed reopened closed", "opened closed reopened", "opened merged reopened closed", "opened assigned closed",
        "opened paused resumed closed", "opened paused assigned resumed closed reopened paused",
        "opened closed assigned reopened", "opened paused resumed paused resumed",
        "opened acknowledged closed reopened acknowledged merged",
    ),
    "payment": ("settled refunded", "settled refunded charged_back voided", "settled voided", "settled charged_back"),
    "session": ("held held", "held held held"),
    "call": ("answered answered", "abandoned answered"),
}  # fmt: skip
"""What things go through from beginning to end, which events at random hardly ever tell: some take back what others said."""

_WHERE = st.builds(lambda department, district: {"department": department, **district}, departments, districts)
_AMOUNT: st.SearchStrategy[dict[str, Any]] = st.sampled_from([100, 250]).map(
    lambda minor: {"amount_minor": minor, "currency": "USD"}
)
_HELD = st.builds(lambda n, m: {"program_id": "x", "attendees": n, "capacity": m}, st.integers(0, 3), st.integers(0, 3))
_SAID: dict[str, tuple[st.SearchStrategy[dict[str, Any]], ...]] = {
    "opened": (_WHERE, st.just({"channel": "web", "service_code": "pothole"})),
    "assigned": (_WHERE,),
    "closed": (st.sampled_from([{"reason": reason} for reason in ("resolved", "resolved", "duplicate")]),),
    "settled": (_WHERE, _AMOUNT, st.sampled_from([{"channel": channel} for channel in ("web", "counter")])),
    "refunded": (_AMOUNT, st.just({"reversal_id": "r1"})),
    "charged_back": (_AMOUNT, st.just({"reversal_id": "r2"})),
    "held": (_WHERE, _HELD),
    "answered": (_WHERE, st.integers(0, 600).map(lambda wait_s: {"wait_s": wait_s})),
    "abandoned": (_WHERE, st.just({"wait_s": 9})),
}


@st.composite
def stories(draw: st.DrawFn, begins: st.SearchStrategy[datetime], gaps_h: tuple[int, ...]) -> list[Told]:
    """One thing, each step some hours after the one before, in any order of admission."""
    domain = draw(st.sampled_from(["service_request", "service_request", "payment", "session", "call"]))
    thing = {f"{domain}_id": draw(st.sampled_from(["s1", "s9"]))}
    at, told = draw(begins), []
    for fact in draw(st.sampled_from(LIVES[domain])).split():
        data = dict(thing)
        for part in _SAID.get(fact, ()):
            data |= draw(part)
        told.append((f"{domain}.{fact}", data, at))
        at += timedelta(hours=draw(st.sampled_from(gaps_h)))
    return draw(st.permutations(told))


def mixed(
    events: st.SearchStrategy[tuple[str, dict[str, Any]]], at: st.SearchStrategy[datetime], gaps_h: tuple[int, ...],
    *, least: int, most: int,
) -> st.SearchStrategy[list[Told]]:  # fmt: skip
    """Events at random, and among them up to two whole stories."""
    single = st.builds(lambda event, when: (*event, when), events, at)
    whole = st.lists(stories(at, gaps_h), max_size=2).map(lambda found: [one for story in found for one in story])
    return st.builds(
        lambda some, more: some[::2] + more + some[1::2], st.lists(single, min_size=least, max_size=most), whole
    )


@st.composite
def ledgers(draw: st.DrawFn, *, most: int = 25) -> list[Entry]:
    """A sample of distinct admitted events, in the order in which they were admitted."""
    drawn = draw(mixed(st.one_of(_payment(), _request(), _other()), instants, (0, 1, 6, 30), least=0, most=most))
    return [
        entry(fact, data, at=at, identity=f"e-{number}", seq=number) for number, (fact, data, at) in enumerate(drawn, 1)
    ]


@st.composite
def deliveries(draw: st.DrawFn, entries: Iterable[T]) -> list[list[T]]:
    """The same entries in any order, in any batches, some of them more than once."""
    pool = list(entries)
    again = draw(st.lists(st.sampled_from(pool), max_size=8)) if pool else []
    shuffled = draw(st.permutations(pool + again))
    cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=5)))
    return [list(shuffled[first:last]) for first, last in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
