"""Why did I get, or not get, this: the same decision as at the time, put into words."""

from collections.abc import Mapping, Sequence
from typing import Any

from citygoals.notify.news import News
from citygoals.notify.policy import judge
from citygoals.notify.store import Store, notice_key
from citygoals.notify.subscriptions import Subscription
from citygoals.shared.instants import format_instant
from citygoals.shared.problem import Problem


async def explain(
    store: Store, subscriptions: Sequence[Subscription], *, event: str, source: str | None, recipient: str
) -> dict[str, Any]:
    """Say what became of an event for a recipient, and what each of the recipient's subscriptions makes of it.

    Raises:
        Problem: 404 for an event that left no trace here; 409 if several sources have events of that id.
    """
    found = await store.news(event, source)
    if not found:
        raise Problem(
            404,
            "Nothing is known of this event here: it has not arrived, or it was a closing that no subscription asked for",
        )
    if len(found) > 1:
        raise Problem(409, "Several events have this id; name the source", sources=[row["source"] for row in found])
    news = _news(found[0])
    notice = await store.notice(notice_key(news.source, news.id, recipient, news.topic))
    gone = await store.unsubscribed(news.topic, [recipient])
    wishes = [v for v in judge(news, subscriptions, gone) if v.subscription.mailbox == recipient.casefold()]
    return {
        "event": {"source": news.source, "id": news.id, "type": news.type, "facets": dict(news.facets)},
        "recipient": recipient,
        "told": notice is not None,
        "notice": _outcome(notice) if notice else None,
        "subscriptions": [
            {"id": wish.subscription.id, "asks_for_it": wish.is_told, "reason": wish.reason} for wish in wishes
        ],
        "summary": _summary(notice, [wish.reason for wish in wishes]),
    }


def _news(row: Mapping[str, Any]) -> News:
    return News(
        source=row["source"],
        id=row["id"],
        type=row["type"],
        topic=row["topic"],
        is_backfill=row["is_backfill"],
        is_redefined=row["is_redefined"],
        facets=row["facets"],
        words={},
    )


def _outcome(notice: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": str(notice["id"]),
        "subscription": notice["subscription"],
        "state": notice["state"],
        "attempts": notice["attempts"],
        "reason": notice["reason"],
        "created_at": format_instant(notice["created_at"]),
        "finished_at": notice["finished_at"] and format_instant(notice["finished_at"]),
    }


def _summary(notice: Mapping[str, Any] | None, reasons: list[str]) -> str:
    if notice is not None:
        return f"A notice was written because of the subscription {notice['subscription']}; it is {notice['state']}."
    if not reasons:
        return "No notice: no subscription has this recipient."
    return f"No notice: {'; '.join(reasons)}."
