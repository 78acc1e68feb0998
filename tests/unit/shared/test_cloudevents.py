"""CloudEvents in every form: the same event is the same object, and what is wrong is said in one go."""

import base64
import gzip
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from citygoals.shared.cloudevent_rules import EXTENSIONS_MAX, TEXT_MAX_CHARS
from citygoals.shared.cloudevents import CloudEvent, Unparsable, UnsupportedMediaType, parse_http, parse_nats
from citygoals.shared.errors import Malformed
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as ForeignEvent
from hypothesis import given
from hypothesis import strategies as st

STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json; charset=UTF-8"}
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "sr-1/opened",
    "source": "/systems/crm",
    "type": "city.service_request.opened.v1",
    "time": "2026-11-21T10:03:05.123-07:00",
    "subject": 'Petición "ñandú" 100 %',
    "data": {"service_request_id": "sr-1", "lat": 31.76, "district": 3, "note": "¿Dónde?"},
}
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


def one(items: list[CloudEvent | Unparsable]) -> CloudEvent | Unparsable:
    (item,) = items
    return item


def structured(**changes: Any) -> CloudEvent | Unparsable:
    return one(parse_http(STRUCTURED, json.dumps(EVENT | changes).encode()))


def headers(event: dict[str, Any], prefix: str = "ce-") -> dict[str, str]:
    names = [name for name in event if name != "data"]
    return {f"{prefix}{name}": quote(event[name], safe="/:+") for name in names}


def errors(item: CloudEvent | Unparsable) -> dict[str, str]:
    assert isinstance(item, Unparsable)
    return {error["pointer"]: error["detail"] for error in item.errors}


def test_a_structured_event_is_read_whole() -> None:
    assert structured(traceparent="00-a-b-01", level=3, gone=None) == CloudEvent(
        id="sr-1/opened",
        source="/systems/crm",
        type="city.service_request.opened.v1",
        time="2026-11-21T10:03:05.123-07:00",
        subject='Petición "ñandú" 100 %',
        data=EVENT["data"],
        extensions={"traceparent": "00-a-b-01", "level": 3},
    )


@pytest.mark.parametrize("prefix", ["ce-", "CE-", "Ce-"])
def test_every_form_of_an_event_gives_the_same_object(prefix: str) -> None:
    body = json.dumps(EVENT["data"]).encode()
    whole = json.dumps(EVENT).encode()
    encoded = {**EVENT, "data_base64": base64.b64encode(body).decode()}
    del encoded["data"]
    binary = headers(EVENT, prefix)

    forms = [
        parse_http(BATCH, b"[" + whole + b"]"),
        parse_http(binary, body),
        parse_http(STRUCTURED, json.dumps(encoded).encode()),
        parse_nats({"Content-Type": "application/cloudevents+json"}, whole),
        parse_nats({"content-type": "application/cloudevents-batch+json"}, b"[" + whole + b"]"),
        parse_nats(binary, body),
        parse_nats(None, whole),
        parse_nats({"content-type": "application/json"}, b"[" + whole + b"]"),
    ]

    assert {repr(one(form)) for form in forms} == {repr(structured())}


def test_an_event_of_the_cloudevents_library_is_read() -> None:
    attributes = {name: value for name, value in EVENT.items() if name not in {"data", "time"}}
    foreign = ForeignEvent(
        attributes | {"time": datetime(2026, 11, 21, 17, 3, 5, tzinfo=UTC), "datacontenttype": "application/json"},
        EVENT["data"],
    )

    for message in (to_structured(foreign, JSONFormat()), to_binary(foreign, JSONFormat())):
        event = one(parse_http(message.headers, message.body))
        assert isinstance(event, CloudEvent)
        assert (event.id, event.subject, event.data) == (EVENT["id"], EVENT["subject"], EVENT["data"])
        assert event.time in {"2026-11-21T17:03:05Z", "2026-11-21T17:03:05+00:00"}


@given(TEXTS, TEXTS)
def test_any_text_survives_percent_encoding(subject: str, extension: str) -> None:
    event = EVENT | {"subject": subject, "note": extension}
    binary = {name: quote(value, safe="") for name, value in headers(event | {"subject": "", "note": ""}).items()}
    binary |= {"ce-subject": quote(subject), "ce-note": quote(extension)}
    binary |= {f"ce-{name}": event[name] for name in ("id", "source", "type", "time", "specversion")}

    event_of = one(parse_nats(binary, b"{}"))

    assert isinstance(event_of, CloudEvent)
    assert (event_of.subject, event_of.extensions["note"]) == (subject, extension)


@pytest.mark.parametrize("value", ["%C0%A0", "%FF", "a%ED%A0%80"])
@pytest.mark.parametrize("parse", [parse_http, parse_nats])
def test_percent_sequences_that_are_no_utf8_are_refused(parse: Any, value: str) -> None:
    item = one(parse(headers(EVENT) | {"ce-subject": value}, b"{}"))

    assert errors(item) == {"/subject": "is not UTF-8 once percent-decoded"}


@pytest.mark.parametrize("sent", ["ñandú 50 %".encode(), "ñandú 50 %".encode("latin-1"), b"%C3%B1and\xfa 50 %25"])
def test_raw_utf8_and_latin_1_in_an_http_header_are_taken(sent: bytes) -> None:
    item = one(parse_http(headers(EVENT) | {"ce-subject": sent.decode("latin-1")}, b"{}"))

    assert isinstance(item, CloudEvent)
    assert item.subject == "ñandú 50 %"


def test_a_quoted_header_loses_its_quotes() -> None:
    item = one(parse_http(headers(EVENT) | {"ce-subject": r'"a \"b\" \\"'}, b"{}"))

    assert isinstance(item, CloudEvent)
    assert item.subject == 'a "b" \\'


def test_a_header_given_twice_must_agree() -> None:
    same = one(parse_nats(headers(EVENT) | {"CE-ID": EVENT["id"]}, b"{}"))
    other = one(parse_nats(headers(EVENT) | {"CE-ID": "another"}, b"{}"))

    assert isinstance(same, CloudEvent)
    assert errors(other) == {"/id": "is given twice, and not the same"}


def test_every_fault_of_an_event_is_told() -> None:
    item = structured(
        specversion="0.3", id=None, source="no uri", type="", time=5, subject="a\x07b", datacontenttype="text/xml",
        dataschema="x" * (TEXT_MAX_CHARS + 1), Upper="x", ratio=1.5, big=2**31, nested={"a": 1}, data_base64="e30=",
    )  # fmt: skip

    assert errors(item) == {
        "/specversion": 'must be "1.0"',
        "/id": "is required",
        "/source": "must be a URI reference, like /systems/cashiering",
        "/type": "must not be empty",
        "/time": "must be a string",
        "/subject": "holds control characters",
        "/datacontenttype": "must be a JSON type, like application/json: the city's events are JSON",
        "/dataschema": f"has {TEXT_MAX_CHARS + 1} characters, at most {TEXT_MAX_CHARS}",
        "/Upper": "attribute names are up to 64 lower-case letters and digits",
        "/ratio": "must be a string, an integer or a boolean",
        "/big": "must fit into 32 bits",
        "/nested": "must be a string, an integer or a boolean",
        "/data": "is given twice: as data and as data_base64",
    }
    assert isinstance(item, Unparsable)
    assert item.event_id is None
    assert "/id is required" in str(item)


def test_an_event_once_found_sound_does_not_vouch_for_the_next() -> None:
    assert isinstance(structured(), CloudEvent)
    assert errors(structured(id="")) == {"/id": "must not be empty"}
    assert errors(structured(subject="")) == {"/subject": "must not be empty"}
    assert errors(structured(time=[])) == {"/time": "must be a string"}
    assert errors(structured(type=[])) == {"/type": "must be a string"}
    assert errors(structured(extra=[])) == {"/extra": "must be a string, an integer or a boolean"}
    assert errors(structured(data_base64="!")) == {"/data": "is given twice: as data and as data_base64"}


@pytest.mark.parametrize(
    ("encoded", "detail"),
    [(5, "must be base64 in a string"), ("!", "is not base64"), ("bm90IGpzb24=", "is not JSON")],
)
def test_base64_must_hold_json(encoded: Any, detail: str) -> None:
    assert errors(structured(data=None, data_base64=encoded))["/data"].startswith(detail)


def test_numbers_are_normalised() -> None:
    event = structured(data={"amount_minor": 100.0, "list": [2.0, 2.5]})

    assert isinstance(event, CloudEvent)
    assert repr(event.data) == "{'amount_minor': 100, 'list': [2, 2.5]}"


def test_data_nested_without_end_is_refused() -> None:
    deep: Any = {}
    for _ in range(80):
        deep = {"a": deep}

    assert "deeper" in errors(structured(data=deep))["/data"]


def test_extensions_are_limited_in_number() -> None:
    item = structured(**{f"x{number}": "1" for number in range(EXTENSIONS_MAX + 1)})

    assert errors(item) == {"": f"has {EXTENSIONS_MAX + 1} extension attributes, at most {EXTENSIONS_MAX}"}


def test_the_good_events_of_a_batch_stand() -> None:
    batch = json.dumps([EVENT, {**EVENT, "id": ""}, 5, {**EVENT, "id": "2"}]).encode()

    first, bad, worse, last = parse_http(BATCH, batch)

    assert isinstance(first, CloudEvent)
    assert isinstance(last, CloudEvent)
    assert errors(bad) == {"/id": "must not be empty"}
    assert isinstance(bad, Unparsable)
    assert bad.event_id == ""
    assert errors(worse) == {"": "an event is a JSON object"}
    assert parse_http(BATCH, b"[]") == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"a": NaN}', b'"\\ud800"', gzip.compress(b"{}", mtime=0), b"[" * 5000]
)
def test_a_body_that_is_no_json_is_malformed(body: bytes) -> None:
    for parse, content in ((parse_http, STRUCTURED), (parse_http, BATCH), (parse_nats, {})):
        with pytest.raises(Malformed, match="is not JSON"):
            parse(content, body)
    if body:
        with pytest.raises(Malformed, match="is not JSON"):
            parse_http(headers(EVENT), body)


def test_a_batch_that_is_no_array_is_malformed() -> None:
    with pytest.raises(Malformed, match="JSON array"):
        parse_http(BATCH, json.dumps(EVENT).encode())


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"content-type": "application/json"},
        {"content-type": "text/plain"},
        {"content-type": "application/cloudevents+avro"},
        {"content-type": "application/cloudevents"},
        {"content-type": "application/cloudevents+json; charset=latin-1"},
        {"content-type": "application/xml", "ce-id": "1"},
        {"content-type": "application/json; charset=utf-16", "ce-id": "1"},
    ],
)
def test_other_media_types_are_not_taken(content: dict[str, str]) -> None:
    with pytest.raises(UnsupportedMediaType):
        parse_http(content, json.dumps(EVENT).encode())


@pytest.mark.parametrize(
    "kind",
    [
        "application/cloudevents+json; charset=utf-8; profile=city",
        'Application/CloudEvents+JSON ; Charset="UTF-8";',
        "application/cloudevents+json;v=1",
        "application/cloudevents+json; charset=us-ascii",
    ],
)
def test_parameters_of_a_media_type_are_let_be(kind: str) -> None:
    assert one(parse_http({"content-type": kind}, json.dumps(EVENT).encode())) == structured()


@pytest.mark.parametrize(
    ("kind", "is_json"),
    [
        ("application/json; charset=utf-8; odata.metadata=minimal", True),
        ("application/vnd.el_paso-311.v2+json;version=1", True),
        ("application/ld+json", True),
        ("model/gltf+json", True),
        ("text/json", True),
        ("APPLICATION/JSON;", True),
        ("application/jsonp", False),
        ("application/json5", False),
        ("application/json; charset=utf-16", False),
        ("application/", False),
        ("json", False),
        ("application/json; a=\x07", False),
        ("application/json; a=" + "x" * 2000, False),
    ],
)
def test_what_is_json(kind: str, *, is_json: bool) -> None:
    item = structured(datacontenttype=kind)
    assert isinstance(item, CloudEvent) == is_json


def test_over_http_the_content_type_is_that_of_the_data() -> None:
    event = one(parse_http(headers(EVENT) | {"content-type": "application/json", "ce-datacontenttype": "x"}, b"{}"))

    assert isinstance(event, CloudEvent)
    assert event.datacontenttype == "application/json"


def test_over_nats_it_is_an_attribute_like_the_others() -> None:
    event = one(parse_nats(headers(EVENT) | {"ce-datacontenttype": "application/vnd.city+json"}, b"{}"))

    assert isinstance(event, CloudEvent)
    assert event.datacontenttype == "application/vnd.city+json"
    item = one(parse_nats(headers(EVENT) | {"ce-datacontenttype": "text/xml"}, b"{}"))
    assert list(errors(item)) == ["/datacontenttype"]


def test_an_event_without_data_has_none() -> None:
    event = one(parse_http(headers(EVENT), b""))

    assert isinstance(event, CloudEvent)
    assert event.data is None
