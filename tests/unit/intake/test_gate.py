import json
from datetime import timedelta
from typing import Any

import orjson
import pytest
from citygoals.intake.gate import Admitted, Publisher, Refused, Rules, admit
from citygoals.shared.catalogue import Validator
from citygoals.shared.cloudevents import parse_http
from citygoals.shared.events import decode, digest_of, key_of
from hypothesis import given
from hypothesis import strategies as st
from unit.intake.samples import NOW, SYSTEM, call, payment

RULES = Rules(Validator({}), NOW + timedelta(minutes=5), 4096)
PUBLISHER = Publisher(SYSTEM, "shared-311")
STRUCTURED = {"content-type": "application/cloudevents+json"}


def judge(event: dict[str, Any], traceparent: str | None = None) -> Admitted | Refused:
    (item,) = parse_http(STRUCTURED, json.dumps(event).encode())
    return admit(item, PUBLISHER, RULES, traceparent)


def admitted(event: dict[str, Any], traceparent: str | None = None) -> Admitted:
    verdict = judge(event, traceparent)
    assert isinstance(verdict, Admitted), verdict
    return verdict


def refused(event: dict[str, Any]) -> Refused:
    verdict = judge(event)
    assert isinstance(verdict, Refused), verdict
    return verdict


def pointers(verdict: Refused) -> set[str]:
    return {error["pointer"] for error in verdict.errors}


def test_what_enters() -> None:
    event = payment("p1") | {"subject": "p1", "partitionkey": "p1", "sequence": "9", "namespace": "mine", "lane": 7}
    verdict = admitted(event)
    assert verdict.key == key_of(event["source"], "p1").bytes
    assert verdict.digest == digest_of(event["type"], "p1", event["time"], event["data"])
    assert verdict.route == "city.evt.v1.payment.settled"
    body = decode(verdict.head + b',"lane":1,"recordedtime":"2026-11-21T17:00:00.000000Z","sequence":"1"}')
    assert (body.id, body.subject, body.namespace, body.lane, body.seq) == ("p1", "p1", "shared-311", 1, 1)
    assert body.data == event["data"]
    assert orjson.loads(verdict.head + b"}")["partitionkey"] == "p1", "foreign extensions are kept"


def test_the_traceparent_travels_only_when_traced() -> None:
    event = call("c1", traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-00", tracestate="x=y")
    assert b"trace" not in admitted(event).head
    traced = admitted(event, "00-" + "3" * 32 + "-" + "4" * 16 + "-01")
    assert orjson.loads(traced.head + b"}")["traceparent"].startswith("00-333")
    assert traced.digest == admitted(event).digest


@pytest.mark.parametrize(
    ("source", "is_own"),
    [
        ("/systems/demo", True),
        ("/systems/demo/a/b", True),
        ("/systems/demo/", True),
        ("/systems/demolition", False),
        ("/systems/other", False),
        ("/systems/demo/../other", False),
        ("/systems/demo/./x", False),
        ("/systems", False),
        ("https://city.example/systems/demo", False),
        ("systems/demo", False),
        ("/systems/demo?x", False),
    ],
)
def test_the_source_belongs_to_the_publisher(source: str, *, is_own: bool) -> None:
    verdict = judge(call("c1", source=source))
    assert isinstance(verdict, Admitted) == is_own
    if isinstance(verdict, Refused):
        assert (verdict.code, pointers(verdict)) == ("identity", {"/source"})


@pytest.mark.parametrize(
    ("time", "code"),
    [
        ("2026-11-21T17:05:00Z", None),
        ("2026-11-21T17:05:01Z", "future"),
        ("2026-11-22T07:05:00+14:00", None),
        ("2026-11-22T07:06:00+14:00", "future"),
        ("2026-11-21t10:00:00.123456789-07:00", None),
        ("1900-01-01T00:00:00Z", None),
        ("1899-12-31T23:59:59Z", "schema"),
        ("0001-01-01T00:00:00+14:00", "schema"),
        ("9999-12-31T23:59:59-14:00", "future"),
        ("9999-12-31T23:59:59Z", "future"),
        ("2026-11-21T10:00:00", "schema"),
        ("2026-11-21T24:00:00Z", "schema"),
        ("2026-02-30T10:00:00Z", "schema"),
        ("2026-11-21T10:00:60Z", "schema"),
        ("2026-11-21 10:00:00Z", "schema"),
        ("2026-11-21", "schema"),
        ("yesterday", "schema"),
        (1763720000, "schema"),
        (None, "schema"),
    ],
)
def test_times(time: Any, code: str | None) -> None:
    verdict = judge(call("c1", time=time))
    if code is None:
        assert isinstance(verdict, Admitted), verdict
        assert orjson.loads(verdict.head + b"}")["time"] == time, "as sent"
        return
    assert isinstance(verdict, Refused)
    assert (verdict.code, pointers(verdict)) == (code, {"/time"})


@pytest.mark.parametrize("time", ["call 915-555-0123", "\u00e1" * 80, "2026-02-30T10:00:00Z", 'O\'Brien "Al"'])
def test_a_wrong_time_is_not_repeated(time: str) -> None:
    (error,) = refused(call("c1", time=time)).errors
    assert time[:6] not in error["detail"].replace("2026-11-21T10:03:05", "")


def test_everything_that_is_wrong_is_said_at_once() -> None:
    bad = payment("p1", {"source": "/systems/other", "time": "soon"}, amount_minor=-5, channel="pigeon", district=9)
    del bad["data"]["currency"]
    verdict = refused(bad)
    assert verdict.code == "identity"
    assert pointers(verdict) == {
        *("/source", "/time", "/data/amount_minor", "/data/channel", "/data/district", "/data/currency")
    }


def test_what_is_no_cloudevent_is_judged_as_far_as_it_can_be_read() -> None:
    bad = payment("p1", {"source": "/systems/other", "specversion": "0.3", "time": None}, amount_minor="much")
    del bad["id"]
    verdict = refused(bad)
    assert pointers(verdict) == {"/id", "/specversion", "/source", "/time", "/data/amount_minor"}
    assert verdict.body is not None
    assert orjson.loads(verdict.body)["data"]["amount_minor"] == "much"


@pytest.mark.parametrize(
    "event",
    [
        payment("p1", note="paid with 4111 1111 1111 1111"),
        payment("p1", nested={"deep": [{"pan": 4111111111111111}]}),
        payment("4111111111111111"),
        payment("p1", {"subject": "4111-1111-1111-1111"}),
        payment("p1", {"ticket": "4111111111111111"}),
        payment("p1", **{"4111111111111111": "x"}),
        payment("p1", {"time": "4111111111111111"}),
        payment("p1", note="\uff14111 1111 1111 1111"),
        payment("p1", amount_minor="4111111111111111"),
        payment("p1", {"specversion": "0.3"}, note="4111111111111111"),
        payment("p1", {"specversion": "0.3"}, note=4111111111111111.0),
        payment("p1", {"type": "city.payment.setled.v1"}, note="4111111111111111"),
    ],
)
def test_card_numbers_are_refused_and_kept_nowhere(event: dict[str, Any]) -> None:
    verdict = refused(event)
    assert verdict.code == "card_number"
    assert verdict.body is None
    said = orjson.dumps([verdict.id, verdict.source, verdict.type, list(verdict.errors)]).decode()
    assert "4111" not in said.replace("-", "").replace(" ", "")


def test_a_card_number_under_a_misspelt_type_is_not_kept_either() -> None:
    verdict = refused(payment("p1", {"type": "city.pament.settled.v1"}, note="4111111111111111"))
    assert (verdict.code, verdict.body) == ("schema", None)


def test_other_events_may_have_such_numbers() -> None:
    assert admitted(call("c1") | {"data": call("c1")["data"] | {"case": "4111111111111111"}})


def test_sizes() -> None:
    fits = payment("p1", note="x" * 3000)
    assert isinstance(judge(fits), Admitted)
    verdict = refused(payment("p1", note="x" * 5000))
    assert (verdict.code, verdict.body) == ("too_large", None)


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        (call("c1", data=call("c1")["data"] | {"note": "a\0b"}), "/data/note"),
        (call("c1", data=call("c1")["data"] | {"x": [1, {"y\0": 2}]}), "/data/x/1"),
        (call("c\0"), "/id"),
    ],
)
def test_nul_cannot_be_stored(event: dict[str, Any], pointer: str) -> None:
    verdict = refused(event)
    assert verdict.code == "schema"
    assert pointer in pointers(verdict)


def test_other_control_characters_in_data_are_free_text() -> None:
    assert admitted(call("c1", data=call("c1")["data"] | {"note": "a\nb\tc\u007f\u2028"}))


def test_unknown_types_and_wrong_shapes() -> None:
    assert pointers(refused(call("c1", type="city.nothing.known.v1"))) == {"/type"}
    assert pointers(refused(call("c1", data=[1]))) == {"/data"}
    assert pointers(refused(call("c1", data=None))) == {"/data"}


def test_integral_floats_are_integers_and_the_same_content() -> None:
    one, other = payment("p1"), payment("p1", amount_minor=12500.0)
    assert admitted(one).digest == admitted(other).digest
    assert admitted(one).head == admitted(other).head


def test_deep_nesting_is_refused() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    assert "/data" in pointers(refused(call("c1", data=call("c1")["data"] | {"deep": deep})))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["id", "source", "type", "time", "subject", "data", "x", "Bad"]), json_values))
def test_no_event_whatsoever_breaks_the_gate(change: dict[str, Any]) -> None:
    (item,) = parse_http(
        STRUCTURED, json.dumps(payment("p1") | change).encode("utf-8", "surrogatepass").replace(b"\xed", b"?")
    )
    verdict = admit(item, PUBLISHER, RULES)
    if isinstance(verdict, Refused):
        assert verdict.errors
        assert all(set(error) == {"pointer", "detail"} for error in verdict.errors)
    else:
        decode(verdict.head + b',"lane":1,"sequence":"1"}')
