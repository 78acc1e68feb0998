"""Notices in PostgreSQL: recorded once, claimed by one sender at a time, announced after they were sent."""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from citygoals.notify.delivery import State
from citygoals.notify.letters import Letter
from citygoals.notify.mail import Parcel
from citygoals.notify.news import News, Topic
from citygoals.notify.outage import reachable
from citygoals.notify.policy import Notice
from citygoals.shared.events import key_of
from citygoals.shared.postgres import Connection, Pool, load_sql, transaction

CHUNK = 1_000  # notices in one statement: a long list of recipients must not become a long array of parameters

SQL = load_sql("citygoals.notify")


@dataclass(frozen=True, slots=True)
class Claim:
    """One notice that this sender, and no other, is to deliver before the claim lapses."""

    parcel: Parcel
    number: int
    """The claim's number: what is said under an older number is not heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How a failed attempt is written down."""

    state: State
    costs_attempt: bool
    due_at: datetime
    reason: str
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which notices to list: newest first, after a place, narrowed."""

    limit: int
    after: tuple[datetime, uuid.UUID] | None = None
    state: str | None = None
    template: str | None = None


def notice_key(source: str, event_id: str, recipient: str, template: str) -> uuid.UUID:
    """Return the identity of a notice: blake2b-128 of event, recipient (case does not matter) and template."""
    text = f"{source}\n{event_id}\n{recipient.casefold()}\n{template}"
    return uuid.UUID(bytes=hashlib.blake2b(text.encode(), digest_size=16).digest())


class Store:
    """The notices of this city."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @reachable
    async def record(
        self, news: News, notices: Sequence[Notice], letters: Mapping[str, Letter], *, channel: str, now: datetime
    ) -> int:
        """Write down what happened and who is to be told, all or nothing; `letters` by language.

        Returns how many notices are new: repeating the call changes nothing and returns 0.
        """
        event_key = key_of(news.source, news.id)
        async with transaction(self._pool) as connection:
            facets = orjson.dumps(dict(news.facets)).decode()
            await connection.execute(
                SQL.put_news, event_key, news.source, news.id, news.type, news.topic,
                news.is_backfill, news.is_redefined, facets, now,
            )  # fmt: skip
            for language, letter in letters.items():
                await connection.execute(
                    SQL.put_letter, event_key, news.topic, language, letter.subject, letter.text, letter.html
                )
            return await _put_notices(connection, news, notices, channel=channel, now=now)

    @reachable
    async def claim(self, limit: int, *, now: datetime, lease: timedelta) -> list[Claim]:
        """Take up to `limit` due notices for `lease`; nobody else gets them before it is over."""
        rows = await self._pool.fetch(SQL.claim_notices, limit, now, now + lease)
        return [
            Claim(
                Parcel(
                    id=row["id"],
                    token=row["token"],
                    recipient=row["recipient"],
                    language=row["language"],
                    letter=Letter(row["subject"], row["body_text"], row["body_html"]),
                    created_at=row["created_at"],
                    attempts=row["attempts"],
                ),
                row["claims"],
            )
            for row in rows
        ]

    @reachable
    async def mark_sent(self, notice: uuid.UUID, *, now: datetime) -> bool:
        """Write down that the channel has the notice; False if it was finished before."""
        return await self._pool.fetchval(SQL.mark_sent, notice, now) is not None

    @reachable
    async def mark_failed(self, claim: Claim, failure: Failure) -> bool:
        """Write down a failed attempt; False if the claim had lapsed and somebody else has the notice."""
        marked = await self._pool.fetchval(
            SQL.mark_failed, claim.parcel.id, claim.number, failure.state.value, int(failure.costs_attempt),
            failure.due_at, failure.reason, failure.finished_at,
        )  # fmt: skip
        return marked is not None

    @reachable
    async def unannounced(self, limit: int) -> list[Mapping[str, Any]]:
        """Return sent notices that are not on the bus yet, oldest first."""
        return [dict(row) for row in await self._pool.fetch(SQL.unannounced, limit)]

    @reachable
    async def mark_announced(self, notices: Iterable[uuid.UUID], *, now: datetime) -> None:
        """Write down that these are on the bus."""
        await self._pool.execute(SQL.mark_announced, list(notices), now)

    @reachable
    async def notices(self, page: Page) -> list[Mapping[str, Any]]:
        """Return one page of notices, newest first, with event and letter."""
        instant, notice = page.after or (None, None)
        rows = await self._pool.fetch(SQL.list_notices, page.limit, instant, notice, page.state, page.template)
        return [dict(row) for row in rows]

    @reachable
    async def news(self, event_id: str, source: str | None, *, limit: int = 10) -> list[Mapping[str, Any]]:
        """Return what was handled under an event id."""
        rows = await self._pool.fetch(SQL.find_news, event_id, source, limit)
        return [dict(row) | {"facets": orjson.loads(row["facets"])} for row in rows]

    @reachable
    async def notice(self, key: uuid.UUID) -> Mapping[str, Any] | None:
        """Return what became of a notice; None if there is none."""
        row = await self._pool.fetchrow(SQL.find_notice, key)
        return dict(row) if row else None

    @reachable
    async def unsubscribed(self, topic: Topic, recipients: Collection[str]) -> frozenset[str]:
        """Return the mailboxes, of these recipients, that do not want to be told of the topic any more."""
        if not recipients:
            return frozenset()
        rows = await self._pool.fetch(SQL.find_unsubscribed, topic, [one.casefold() for one in recipients])
        return frozenset(row["mailbox"] for row in rows)

    @reachable
    async def unsubscribe(self, recipient: str, topic: Topic, *, now: datetime) -> None:
        """Tell a recipient nothing of a topic from now on, also not what is waiting; repeating it changes nothing."""
        mailbox = recipient.casefold()
        async with transaction(self._pool) as connection:
            await connection.execute(SQL.put_unsubscribed, mailbox, topic, now)
            await connection.execute(SQL.withdraw_notices, mailbox, topic, now, "the recipient unsubscribed")

    @reachable
    async def resubscribe(self, recipient: str, topic: Topic) -> None:
        """Let a recipient be told of a topic again."""
        await self._pool.execute(SQL.delete_unsubscribed, recipient.casefold(), topic)

    @reachable
    async def preferences(self, limit: int, after: tuple[str, str] | None) -> list[Mapping[str, Any]]:
        """Return one page of who does not want what, by mailbox and topic."""
        return [dict(row) for row in await self._pool.fetch(SQL.list_unsubscribed, limit, *(after or (None, None)))]

    @reachable
    async def addressee(self, token: uuid.UUID) -> Mapping[str, Any] | None:
        """Return recipient, template and language of the notice that was sent with a token; None if there is none."""
        row = await self._pool.fetchrow(SQL.find_token, token)
        return dict(row) if row else None

    @reachable
    async def waiting(self) -> dict[str, tuple[int, datetime]]:
        """Return how many unfinished notices there are in each state, and since when the oldest waits."""
        return {row["state"]: (row["notices"], row["oldest"]) for row in await self._pool.fetch(SQL.count_states)}


async def _put_notices(
    connection: Connection, news: News, notices: Sequence[Notice], *, channel: str, now: datetime
) -> int:
    by_language: dict[str, list[Notice]] = defaultdict(list)
    for notice in notices:
        by_language[notice.language].append(notice)
    new = 0
    for language, group in by_language.items():
        for first in range(0, len(group), CHUNK):
            chunk = group[first : first + CHUNK]
            rows = await connection.fetch(
                SQL.put_notices, key_of(news.source, news.id), news.topic, language, channel, now,
                [notice_key(news.source, news.id, notice.recipient, notice.template) for notice in chunk],
                [notice.recipient for notice in chunk],
                [notice.subscription for notice in chunk],
            )  # fmt: skip
            new += len(rows)
    return new
