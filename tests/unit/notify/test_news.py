from datetime import timedelta

import msgspec
import pytest
from citygoals.notify.news import read_news
from citygoals.shared.errors import Malformed
from unit.notify.happenings import a_closing, a_crossing, a_duty


def test_a_crossing_gives_its_facets_and_its_words() -> None:
    news = read_news(a_crossing())
    assert news.topic == "crossing"
    assert news.facets == {
        "kind": "kpi", "id": "MC-01", "department": "municipal-court", "before": "NEAR", "after": "ON_TRACK",
    }  # fmt: skip
    assert (news.words["value"], news.words["period"]) == ("65.00", "FY2027")


def test_fields_that_are_not_known_are_passed_over() -> None:
    assert read_news(a_crossing(colour="green")).facets["id"] == "MC-01"


@pytest.mark.parametrize(
    ("age", "is_backfill"),
    [
        (timedelta(0), False),
        (timedelta(hours=24), False),  # a day exactly is not older than a day
        (timedelta(hours=24, microseconds=1), True),
        (timedelta(days=400), True),
        (timedelta(minutes=-5), False),  # the door takes events up to five minutes ahead
    ],
)
def test_a_closing_older_than_a_day_when_admitted_is_backfill(*, age: timedelta, is_backfill: bool) -> None:
    assert read_news(a_closing(age=age)).is_backfill is is_backfill


def test_a_duty_gives_its_facets() -> None:
    news = read_news(a_duty())
    assert (news.topic, news.is_redefined) == ("duty", False)
    assert news.facets == {
        "duty": "report", "kind": "report", "department": "municipal-court", "stage": "before",
    }  # fmt: skip
    assert read_news(a_duty(backfill=True)).is_backfill


@pytest.mark.parametrize("flag", [True, False])
def test_a_crossing_says_itself_whether_it_is_backfill(*, flag: bool) -> None:
    assert read_news(a_crossing(backfill=flag)).is_backfill is flag


def test_a_closing_names_the_system_that_published_it() -> None:
    assert read_news(a_closing()).facets == {"request": "SR-1", "reason": "resolved", "system": "crm"}


@pytest.mark.parametrize(
    "event",
    [
        a_crossing(after="EXCELLENT"),
        a_crossing(kind="department"),
        a_crossing(title={}),
        a_crossing(title={"en": "x" * 2_000}),
        a_crossing(position="12"),
        a_crossing(attainment="1/3"),
        a_closing(reason="whatever"),
        a_closing(service_request_id=None),
        a_duty(kind="party"),
        a_duty(stage="soon"),
        a_duty(due="tomorrow"),
        a_duty(due="2027-03-26T17:00:00"),
        a_duty(meeting_at="noon"),
        a_duty(department_title={}),
        a_duty(days_left=-1),
        msgspec.structs.replace(a_closing(), recordedtime=None),
        msgspec.structs.replace(a_closing(), time="yesterday"),
        msgspec.structs.replace(a_crossing(), type="city.payment.settled.v1"),
    ],
)
def test_what_cannot_be_read_is_malformed(event: object) -> None:
    with pytest.raises(Malformed):
        read_news(event)  # type: ignore[arg-type]
