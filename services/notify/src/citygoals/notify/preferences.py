"""Who does not want to be told of what any more: staff see it, and note what people say by telephone."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from citygoals.notify.api import LIMIT_DEFAULT, LIMIT_MAX, Access, answer, page_of
from citygoals.notify.mail import ADDRESS
from citygoals.notify.news import Topic
from citygoals.notify.store import Store
from citygoals.shared.clock import Clock
from citygoals.shared.instants import format_instant
from citygoals.shared.model import Model
from citygoals.shared.problem import Problem


class Preference(Model):
    """What a recipient said about a topic."""

    recipient: Annotated[str, Field(max_length=254)]
    topic: Topic
    subscribed: bool


def preference_routes(store: Store, access: Access, clock: Clock) -> APIRouter:
    """Return /v1/preferences, for staff."""
    router = APIRouter(prefix="/v1/preferences", dependencies=[Depends(access.staff)])

    @router.get("", summary="Who has unsubscribed from what")
    async def preferences(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
        cursor: Annotated[str | None, Query(max_length=300)] = None,
    ) -> Response:
        rows = await store.preferences(limit + 1, _place(cursor))
        items = [
            {
                "recipient": row["mailbox"],
                "topic": row["topic"],
                "subscribed": False,
                "since": format_instant(row["since"]),
            }
            for row in rows[:limit]
        ]
        following = f"{items[-1]['topic']} {items[-1]['recipient']}" if len(rows) > limit else None
        return page_of(request, items, following)

    @router.put("", summary="Note that a recipient wants, or does not want, to be told of a topic")
    async def prefer(preference: Preference) -> Response:
        if not ADDRESS.fullmatch(preference.recipient):
            raise Problem(422, "recipient: expected one plain mail address")
        if preference.subscribed:
            await store.resubscribe(preference.recipient, preference.topic)
        else:
            await store.unsubscribe(preference.recipient, preference.topic, now=clock.now())
        return answer(preference.model_dump())

    return router


def _place(cursor: str | None) -> tuple[str, str] | None:
    if cursor is None:
        return None
    topic, _, mailbox = cursor.partition(" ")
    if not mailbox:
        raise Problem(400, "cursor: not one that this list gave")
    return mailbox, topic
