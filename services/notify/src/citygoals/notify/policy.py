"""Who is told of what: a pure function of the news and the subscriptions, the same one that explains itself."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from citygoals.notify.news import News
from citygoals.notify.subscriptions import Subscription
from citygoals.notify.wording import Language


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one subscription makes of one piece of news, and why."""

    subscription: Subscription
    is_told: bool
    reason: str
    """One of `told`, `other topic`, `backfill`, `redefined`, `internal`, `unsubscribed`, `told already`, or the facet that did not match."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One recipient to be told of one event with one template."""

    recipient: str
    template: str
    language: Language
    subscription: str


def decide(news: News, subscriptions: Sequence[Subscription], gone: Collection[str] = ()) -> list[Notice]:
    """Return the notices to send: at most one for each recipient, in the order of the subscriptions.

    `gone` holds the mailboxes that unsubscribed from the news's topic.
    """
    return [
        Notice(
            recipient=verdict.subscription.to,
            template=news.topic,
            language=verdict.subscription.language,
            subscription=verdict.subscription.id,
        )
        for verdict in judge(news, subscriptions, gone)
        if verdict.is_told
    ]


def concerns_anybody(news: News, subscriptions: Sequence[Subscription]) -> bool:
    """Say whether `decide` would give any notice as long as nobody unsubscribed: quicker where it hardly ever would."""
    return any(_objection(news, subscription) is None for subscription in subscriptions)


def judge(news: News, subscriptions: Sequence[Subscription], gone: Collection[str] = ()) -> list[Verdict]:
    """Return a verdict for every subscription, in order.

    A recipient whom two subscriptions name is told once, by the first of them.
    """
    told: set[str] = set()
    verdicts = []
    for subscription in subscriptions:
        reason = _objection(news, subscription)
        if reason is None and subscription.mailbox in gone:
            reason = "unsubscribed: the recipient does not want this topic any more"
        if reason is None and subscription.mailbox in told:
            reason = "told already: an earlier subscription has the same recipient"
        if reason is None:
            told.add(subscription.mailbox)
        verdicts.append(Verdict(subscription, reason is None, reason or "told"))
    return verdicts


def _objection(news: News, subscription: Subscription) -> str | None:
    """Return why this subscription does not ask for this news; None if it does."""
    if subscription.on != news.topic:
        return f"other topic: the subscription is on {subscription.on}"
    if news.is_backfill:
        return "backfill: the event was older than 24 hours when it was admitted"
    if news.is_redefined:
        return "redefined: the status changed with a target, a measure or the plan, not with the city"
    if news.is_internal and not subscription.staff:
        return "internal: the KPI is kept from the public, and the subscription is not marked `staff`"
    for facet, wanted in subscription.when.items():
        if news.facets.get(facet) not in wanted:
            return f"{facet}: the subscription asks for {', '.join(wanted)}, this is {news.facets.get(facet) or 'none'}"
    return None
