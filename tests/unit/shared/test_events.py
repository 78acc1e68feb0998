"""The admitted event: decoding, identity, subjects."""

import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from citygoals.shared.errors import Malformed
from citygoals.shared.events import Event, decode, encode, event_subject, key_of

ADMITTED: dict[str, Any] = {
    "specversion": "1.0", "id": "pay-1-settled", "source": "/systems/cashiering/court",
    "type": "city.payment.settled.v1", "time": "2026-11-21T10:03:05.123-07:00", "subject": "pay-1",
    "datacontenttype": "application/json", "lane": 1, "sequence": "00000000000000000042",
    "recordedtime": "2026-11-21T17:03:06.000123Z", "namespace": "cashiering", "partitionkey": "not looked at",
    "data": {"payment_id": "pay-1", "amount_minor": 12550, "unknown": {"kept": [1, "ñ"]}},
}  # fmt: skip


def admitted(**changes: Any) -> Event:
    return decode(json.dumps(ADMITTED | changes).encode())


def test_an_admitted_event_is_decoded_whole() -> None:
    event = admitted()

    assert (event.lane, event.seq, event.namespace, event.subject) == (1, 42, "cashiering", "pay-1")
    assert event.data == ADMITTED["data"]
    assert event.occurred_at == datetime(2026, 11, 21, 17, 3, 5, 123_000, tzinfo=UTC)
    assert event.recorded_at == datetime(2026, 11, 21, 17, 3, 6, 123, tzinfo=UTC)
    assert event.traceparent is None


def test_an_encoded_event_decodes_to_itself() -> None:
    assert decode(encode(admitted())) == admitted()
    assert b"traceparent" not in encode(admitted())


def test_lower_case_times_are_times() -> None:
    assert admitted(time="2026-11-21t17:03:05z").occurred_at == datetime(2026, 11, 21, 17, 3, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"\xff", b'{"id":1}', json.dumps(ADMITTED | {"data": "text"}).encode()]
)
def test_other_bodies_are_malformed(body: bytes) -> None:
    with pytest.raises(Malformed, match="not an admitted event"):
        decode(body)


def test_what_intake_adds_is_asked_for_only_where_it_is() -> None:
    with pytest.raises(Malformed, match="no sequence"):
        _ = admitted(sequence=None).seq
    with pytest.raises(Malformed, match="no sequence"):
        _ = admitted(sequence="-1").seq
    with pytest.raises(Malformed, match="RFC 3339"):
        _ = admitted(recordedtime=None).recorded_at
    with pytest.raises(Malformed, match="RFC 3339"):
        _ = admitted(time="yesterday").occurred_at


def test_the_key_is_the_identity_as_a_uuid() -> None:
    expected = uuid.UUID(bytes=hashlib.blake2b("/systems/a\nñ".encode(), digest_size=16).digest())

    assert key_of("/systems/a", "ñ") == expected
    assert key_of("/systems/a", "n") != expected
    assert key_of("/systems/", "añ") != key_of("/systems/a", "ñ")


@pytest.mark.parametrize(
    ("event_type", "subject"),
    [
        ("city.payment.settled.v1", "city.evt.v1.payment.settled"),
        ("city.service_request.closed.v1", "city.evt.v1.service_request.closed"),
        ("city.payment.settled.v2", "city.evt.v2.payment.settled"),
    ],
)
def test_a_type_has_its_subject(event_type: str, subject: str) -> None:
    assert event_subject(event_type) == subject


@pytest.mark.parametrize(
    "event_type",
    ["", "city", "payment.settled.v1", "city.payment.v1", "city.payment.settled", "city.payment.>.v1", "city.*.settled.v1",
     "city.payment.settled.v0", "city.Payment.settled.v1", "city.payment.settled.v1 ", "city.payment..v1"],
)  # fmt: skip
def test_other_types_have_none(event_type: str) -> None:
    with pytest.raises(ValueError, match="an event type is"):
        event_subject(event_type)
