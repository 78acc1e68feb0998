import pytest
from citygoals.notify.news import News, read_news
from citygoals.notify.policy import concerns_anybody, decide, judge
from citygoals.notify.subscriptions import Subscription
from citygoals.shared.events import Event
from hypothesis import given
from hypothesis import strategies as st
from unit.notify.happenings import a_closing, a_crossing, a_duty, a_subscription


def told(news: News, *subscriptions: Subscription) -> list[str]:
    return [notice.recipient for notice in decide(news, subscriptions)]


def test_an_open_subscription_is_told_of_everything_of_its_topic() -> None:
    anybody = a_subscription()
    assert told(read_news(a_crossing()), anybody) == ["anybody@example.org"]
    assert told(read_news(a_closing()), anybody) == []


@pytest.mark.parametrize(
    ("when", "is_told"),
    [
        ({"department": ["municipal-court"]}, True),
        ({"department": ["fire", "municipal-court"]}, True),
        ({"department": ["fire"]}, False),
        ({"after": ["ON_TRACK"], "before": ["NEAR"]}, True),
        ({"after": ["ON_TRACK"], "before": ["OFF_TRACK"]}, False),
        ({"kind": ["node"]}, False),
        ({"id": ["MC-01"]}, True),
    ],
)
def test_every_facet_that_is_asked_for_must_match(*, when: dict[str, list[str]], is_told: bool) -> None:
    assert bool(told(read_news(a_crossing()), a_subscription(when=when))) is is_told


def test_a_city_wide_figure_matches_no_department() -> None:
    assert told(read_news(a_crossing(department=None)), a_subscription(when={"department": ["fire"]})) == []


def test_backfill_notifies_nobody() -> None:
    assert told(read_news(a_crossing(backfill=True)), a_subscription()) == []


def test_what_a_new_target_did_is_no_news() -> None:
    news = read_news(a_crossing(redefined=True))
    assert told(news, a_subscription()) == []
    assert judge(news, [a_subscription()])[0].reason.startswith("redefined: ")


def test_only_staff_are_told_of_what_is_kept_from_the_public() -> None:
    news = read_news(a_crossing(internal=True))
    wishes = [a_subscription(), a_subscription(id="b", to="head@example.org", staff=True)]
    assert told(news, *wishes) == ["head@example.org"]
    assert judge(news, wishes)[0].reason.startswith("internal: ")
    assert told(read_news(a_crossing(internal=False)), *wishes) == ["anybody@example.org", "head@example.org"]


def test_who_unsubscribed_is_told_nothing_whichever_subscription_asks() -> None:
    wishes = [
        a_subscription(),
        a_subscription(id="b", to="Anybody@Example.org"),
        a_subscription(id="c", to="c@example.org"),
    ]
    notices = decide(read_news(a_crossing()), wishes, {"anybody@example.org"})
    assert [notice.recipient for notice in notices] == ["c@example.org"]
    verdicts = judge(read_news(a_crossing()), wishes, {"anybody@example.org"})
    assert [verdict.reason.split(":")[0] for verdict in verdicts] == ["unsubscribed", "unsubscribed", "told"]


def test_one_recipient_is_told_once_however_the_address_is_spelled() -> None:
    first, second = a_subscription(id="a", language="es"), a_subscription(id="b", to="Anybody@Example.org")
    notices = decide(read_news(a_crossing()), [first, second])
    assert [(notice.subscription, notice.language) for notice in notices] == [("a", "es")]
    verdicts = judge(read_news(a_crossing()), [first, second])
    assert verdicts[1].reason == "told already: an earlier subscription has the same recipient"


def test_every_refusal_says_why() -> None:
    reasons = [
        judge(read_news(a_crossing()), [a_subscription(on="closing")])[0].reason,
        judge(read_news(a_crossing(backfill=True)), [a_subscription()])[0].reason,
        judge(read_news(a_crossing(department=None)), [a_subscription(when={"department": ["fire"]})])[0].reason,
    ]
    assert reasons == [
        "other topic: the subscription is on closing",
        "backfill: the event was older than 24 hours when it was admitted",
        "department: the subscription asks for fire, this is none",
    ]


@given(st.lists(st.sampled_from(["a@x.org", "A@X.org", "b@x.org", "c@x.org"])))
def test_never_two_notices_for_one_mailbox(addresses: list[str]) -> None:
    subscriptions = [a_subscription(id=f"s{index}", to=address) for index, address in enumerate(addresses)]
    mailboxes = [address.casefold() for address in told(read_news(a_crossing()), *subscriptions)]
    assert sorted(mailboxes) == sorted({address.casefold() for address in addresses})


@pytest.mark.parametrize("event", [a_crossing(), a_crossing(backfill=True), a_closing(), a_closing("SR-2"), a_duty()])
def test_the_quick_look_says_what_the_decision_says(*, event: Event) -> None:
    wishes = [a_subscription(on=topic, id=topic) for topic in ("crossing", "duty")]
    wishes.append(a_subscription(on="closing", id="closing", when={"request": ["SR-2"]}))
    for some in ([], wishes[:1], wishes[1:], wishes):
        assert concerns_anybody(read_news(event), some) == bool(decide(read_news(event), some))
