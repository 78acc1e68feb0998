"""What is asked: as_of, series, cursors, ETags, the stream's last event."""

from datetime import UTC, date, datetime, timedelta

import pytest
from citygoals.reporting.docs import render
from citygoals.reporting.front import matches
from citygoals.reporting.http import page_cursor, read_cursor
from citygoals.reporting.live_board import reload_message
from citygoals.reporting.live_ring import Ring
from citygoals.reporting.moments import parse_as_of
from citygoals.reporting.questions import Misread
from citygoals.reporting.series import SeriesQuestion
from citygoals.reporting.stream import last_event
from hypothesis import given
from hypothesis import strategies as st
from unit.reporting.city import CALENDAR

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("4711", 4711),
        ("0", 0),
        ("2026-11-21T10:00:00Z", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21T10:00:00-07:00", datetime(2026, 11, 21, 17, tzinfo=UTC)),
        ("2026-11-21T10:00:00 01:00", datetime(2026, 11, 21, 9, tzinfo=UTC)),  # a + that nobody escaped
        ("2026-11-21", datetime(2026, 11, 22, 7, tzinfo=UTC) - timedelta(microseconds=1)),
    ],
)
def test_as_of_is_a_position_an_instant_or_a_day(text: str, meaning: object) -> None:
    assert parse_as_of(text, CALENDAR) == meaning


@pytest.mark.parametrize("text", ["yesterday", "", "-1", "2026-11-21T10:00:00", "2026-13-01", "1e3", "9" * 20])
def test_as_of_that_cannot_be_read_says_what_can(text: str) -> None:
    with pytest.raises(Misread) as error:
        parse_as_of(text, CALENDAR)
    assert "position" in error.value.allowed["allowed"]


def ask(**parameters: str) -> SeriesQuestion:
    return SeriesQuestion.read(
        CALENDAR, TODAY, **{"grain": None, "first": None, "last": None, "by": None, **parameters}
    )


def test_a_series_is_by_default_the_months_of_the_fiscal_year() -> None:
    assert [one.label for one in ask().periods] == ["2026-09", "2026-10", "2026-11"]


def test_a_series_takes_days_and_labels() -> None:
    assert [one.label for one in ask(first="FY2027-Q1", last="2026-10-02", grain="quarter").periods] == ["FY2027-Q1"]
    assert [one.label for one in ask(first="FY2026", last="FY2027", grain="fiscal_year").periods] == [
        "FY2026",
        "FY2027",
    ]
    assert len(ask(grain="day", first="2026-11-01", last="2026-11").periods) == 30
    assert [one.label for one in ask(grain="fiscal_year").periods] == [f"FY{year}" for year in range(2023, 2028)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"grain": "hour"}, {"grain": "all"}, {"by": "colour"}, {"first": "soon"}, {"last": "2026-02-30"},
        {"first": "2026-11-02", "last": "2026-11-01"}, {"grain": "day", "first": "all"}, {"first": "0001-01-01", "grain": "week"},
    ],
)  # fmt: skip
def test_a_series_that_cannot_be_read_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(Misread):
        ask(**wrong)


@given(st.integers(1, 2**62), st.one_of(st.integers(0, 10**6), st.text(max_size=40)))
def test_cursors_come_back_as_they_went(position: int, offset: int | str) -> None:
    assert read_cursor(page_cursor(position, offset), None, kind=type(offset)) == (str(position), offset)


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", page_cursor(1, "theirs"), page_cursor(1, -3), "WzEsMl0sWzNd", "ü"])
def test_foreign_cursors_are_refused(cursor: str) -> None:
    with pytest.raises(Misread):
        read_cursor(cursor, None, kind=int)


def test_etags_are_compared_weakly() -> None:
    assert matches('W/"5-2026-11-21", "7"', '"5-2026-11-21"')
    assert matches('"5-2026-11-21"', 'W/"5-2026-11-21"')
    assert matches("*", '"5"')
    assert not matches('"6-2026-11-21"', '"5-2026-11-21"')


def test_the_last_event_seen() -> None:
    assert last_event(None, None) is None
    assert last_event("17", "3") == 17
    assert last_event(None, "3") == 3
    assert last_event("lost", None) == -1


@given(st.lists(st.integers(1, 30), max_size=60))
def test_the_ring_gives_exactly_what_came_after(cursors: list[int]) -> None:
    ring = Ring()
    ring.restart(10)
    ring.prepend([b"8", b"9", b"10"])
    for position in range(11, 21):
        ring.append(b"%d" % position)
    for cursor in cursors:
        expected = b"".join(b"%d" % position for position in range(cursor + 1, 21)) if 7 <= cursor <= 20 else None
        assert ring.after(cursor) == expected
    assert reload_message(20).startswith(b"id: 20\nevent: reload\ndata: {")


def test_the_ring_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citygoals.reporting.live_ring.RING_MESSAGES_MAX", 3)
    ring = Ring()
    for number in range(1, 10):
        ring.append(b"%d" % number)
    assert (ring.start, ring.end) == (6, 9)
    assert ring.after(5) is None
    assert ring.after(6) == b"789"
    ring.restart(9)
    ring.prepend([b"1"] * 5)
    assert ring.start == 6


def test_docs_are_escaped() -> None:
    operation = {"summary": "<b>", "parameters": [{"name": "a", "in": "query", "description": "<script>"}]}
    page = render({"info": {"title": "T&T"}, "paths": {"/v1/x": {"get": operation}}})
    assert "<script>" not in page
    assert "T&amp;T" in page
    assert "<code>GET /v1/x</code>" in page
