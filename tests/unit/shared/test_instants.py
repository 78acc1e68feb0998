"""RFC 3339 instants, read strictly."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from citygoals.shared.instants import format_instant, parse_instant
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-21T10:03:05-07:00", datetime(2026, 11, 21, 17, 3, 5, tzinfo=UTC)),
        ("2026-11-21T17:03:05Z", datetime(2026, 11, 21, 17, 3, 5, tzinfo=UTC)),
        ("2026-11-21t17:03:05z", datetime(2026, 11, 21, 17, 3, 5, tzinfo=UTC)),
        ("2026-11-21T17:03:05.5Z", datetime(2026, 11, 21, 17, 3, 5, 500_000, tzinfo=UTC)),
        ("2026-11-21T17:03:05.123456789Z", datetime(2026, 11, 21, 17, 3, 5, 123_456, tzinfo=UTC)),
        ("2026-11-21T17:03:05-00:00", datetime(2026, 11, 21, 17, 3, 5, tzinfo=UTC)),
        ("2026-11-21T17:03:05+14:00", datetime(2026, 11, 21, 3, 3, 5, tzinfo=UTC)),
    ],
)
def test_instants_with_an_offset_are_read_as_utc(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant
    assert parse_instant(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-11-21T10:03:05", "no offset"),
        ("2026-06-30T23:59:60Z", "leap second"),
        ("2026-11-21", "RFC 3339"),
        ("2026-11-21 10:03:05Z", "RFC 3339"),
        ("20261121T100305Z", "RFC 3339"),
        ("2026-W47-6T10:03:05Z", "RFC 3339"),
        ("2026-11-21T10:03Z", "RFC 3339"),
        ("2026-11-21T10:03:05.Z", "RFC 3339"),
        ("2026-11-21T10:03:05,5Z", "RFC 3339"),
        ("2026-11-21T10:03:05.1234567891Z", "RFC 3339"),
        ("2026-11-21T10:03:05Z\n", "RFC 3339"),
        ("\uff12\uff10\uff12\uff16-11-21T10:03:05Z", "RFC 3339"),
        ("2026-02-29T10:03:05Z", "no such time"),
        ("2026-11-21T24:00:00Z", "no such time"),
        ("2026-11-21T10:03:05+24:00", "no such time"),
        ("0000-01-01T00:00:00Z", "no such time"),
        ("0001-01-01T00:00:00+14:00", "no such time"),
        ("9999-12-31T23:59:59-01:00", "no such time"),
    ],
)
def test_everything_else_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_instant(text)


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))]), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001  # hypothesis adds the zone
def test_what_is_written_reads_back(instant: datetime) -> None:
    text = format_instant(instant)

    assert len(text) == 27
    assert text.endswith("Z")
    assert parse_instant(text) == instant


def test_a_naive_datetime_is_not_written() -> None:
    with pytest.raises(ValueError, match="no instant"):
        format_instant(datetime(2026, 11, 21))  # noqa: DTZ001  # the mistake under test
