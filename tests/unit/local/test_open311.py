"""Open311 records become events that stay the same however often, and in whatever offset, a city sends them."""

import contextlib
from typing import Any

import pytest
from citygoals.local.open311 import CLOSED, OPENED, Departments, events_of, reason_of
from citygoals.local.unusable import Unusable
from hypothesis import given
from hypothesis import strategies as st

MAP = Departments("test", {"pothole": "streets-maintenance"})


def record(**changes: Any) -> dict[str, Any]:
    """A closed pothole, as a city's API gives it."""
    return {
        "service_request_id": "101",
        "status": "closed",
        "service_code": "pothole",
        "requested_datetime": "2012-07-01T11:25:57-04:00",
        "updated_datetime": "2012-07-03T10:04:30-04:00",
        "close_reason": "Case Resolved",
        **changes,
    }


def events(**changes: Any) -> list[dict[str, Any]]:
    return events_of(record(**changes), system="bay-311", departments=MAP)


def test_a_closed_request_is_opened_and_closed() -> None:
    opened, closed = events()
    assert opened == {
        "specversion": "1.0",
        "type": OPENED,
        "source": "/systems/bay-311/open311",
        "id": "101:opened:2012-07-01T15:25:57Z",
        "subject": "101",
        "time": "2012-07-01T15:25:57Z",
        "datacontenttype": "application/json",
        "data": {
            "service_request_id": "101",
            "service_code": "pothole",
            "department": "streets-maintenance",
            "channel": "unknown",
        },
    }
    assert (closed["type"], closed["id"]) == (CLOSED, "101:closed:2012-07-03T14:04:30Z")
    assert closed["data"] == {"service_request_id": "101", "reason": "resolved"}


@pytest.mark.parametrize("status", ["open", "submitted", None, "OPEN"])
def test_what_is_not_closed_is_only_opened(status: str | None) -> None:
    assert [event["type"] for event in events(status=status)] == [OPENED]


def test_closed_is_never_before_opened() -> None:
    opened, closed = events(updated_datetime="2012-07-01T11:25:00-04:00")
    assert closed["time"] == opened["time"]


def test_the_same_instant_in_another_offset_is_the_same_event() -> None:
    assert events() == events(
        requested_datetime="2012-07-01T15:25:57+00:00", updated_datetime="2012-07-03T15:04:30+01:00"
    )


def test_fields_that_drift_between_deliveries_change_nothing() -> None:
    assert events() == events(lat=42.1, long=-71.0, address="elsewhere", description="x", has_media=True, media_url="u")


def test_an_older_open_copy_after_the_closed_one_adds_nothing_new() -> None:
    newer = {event["id"] for event in events()}
    older = {
        event["id"] for event in events(status="open", updated_datetime="2012-07-01T11:25:00-04:00", close_reason="")
    }
    assert older < newer


def test_a_corrected_closing_is_another_event() -> None:
    first, second = events()[1], events(updated_datetime="2012-07-04T10:04:30-04:00")[1]
    assert first["id"] != second["id"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"service_request_id": None}, "no service_request_id"),
        ({"service_request_id": "  "}, "no service_request_id"),
        ({"requested_datetime": ""}, "no requested_datetime"),
        ({"requested_datetime": "yesterday"}, "not a date and time"),
        ({"requested_datetime": "0001-01-01T00:00:00+05:00"}, "not a date and time"),
        ({"requested_datetime": "2012-07-01T11:25:57"}, "no offset from UTC"),
        ({"updated_datetime": None}, "no updated_datetime"),
    ],
)
def test_what_cannot_be_used_says_why(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Unusable, match=why):
        events(**changes)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Case Resolved", "resolved"),
        ("Case Closed", "resolved"),
        ("Case Noted", "no_action"),
        ("Duplicate of Existing Case", "duplicate"),
        ("Case Invalid", "invalid"),
        ("Case Referred to External Agency", "referred"),
        ("Case Closed. Case Referred to External Agency. See notes.", "referred"),
        ("Case Closed. NOVIO: No Violation Found/No Cause.", "no_action"),
        ("Bulk Item Automation", "no_action"),
        ("", "no_action"),
        (None, "no_action"),
        ("\n", "no_action"),
    ],
)
def test_reasons(said: str | None, reason: str) -> None:
    assert reason_of({"close_reason": said}) == reason


def test_the_reason_is_read_from_the_notes_where_there_is_no_field_for_it() -> None:
    assert reason_of({"status_notes": "Duplicate of Existing Case. 101001."}) == "duplicate"


@pytest.mark.parametrize(
    ("channel", "kept"), [("web", "web"), ("Phone", "phone"), ("pigeon", "unknown"), ("", "unknown")]
)
def test_channels(channel: str, kept: str) -> None:
    assert events(channel=channel)[0]["data"]["channel"] == kept


def test_ids_are_text_even_where_a_city_sends_numbers() -> None:
    assert events(service_request_id=101) == events()


def test_a_service_code_outside_the_map_is_unassigned() -> None:
    assert events(service_code="zeppelin")[0]["data"]["department"] == "unassigned"
    assert events(service_code=None)[0]["data"]["service_code"] == "unknown"


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())


@given(st.dictionaries(st.sampled_from(sorted(record())), VALUES))
def test_any_record_gives_events_or_a_reason(changes: dict[str, Any]) -> None:
    with contextlib.suppress(Unusable):
        assert [event["type"] for event in events(**changes)] in ([OPENED], [OPENED, CLOSED])
