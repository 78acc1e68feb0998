"""The HTTP side: notices and explanations for staff, and the local mailbox page."""

import base64
import binascii
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from citygoals.notify.delivery import State
from citygoals.notify.explain import explain
from citygoals.notify.letters import sources
from citygoals.notify.mail import ADDRESS
from citygoals.notify.news import Topic
from citygoals.notify.store import Page, Store
from citygoals.notify.subscriptions import Subscription
from citygoals.shared.instants import format_instant
from citygoals.shared.keys import ROLES, KeyRing
from citygoals.shared.problem import Problem

STAFF = ("staff", "admin")
LIMIT_DEFAULT, LIMIT_MAX = 100, 1_000


@dataclass(frozen=True, slots=True)
class Access:
    """Lets staff in and nobody else: who was told what is personal data."""

    keys: KeyRing

    async def staff(self, request: Request) -> None:
        """Raise Problem (401, 403) unless the request carries a live staff or admin key."""
        key = await self.keys.find(request.headers.get("authorization"), ROLES)
        if key is None:
            raise Problem(
                401, "A staff key is needed: Authorization: Bearer <key>", headers={"WWW-Authenticate": "Bearer"}
            )
        if key.role not in STAFF:
            raise Problem(403, f"A staff key is needed; this is a key of the role {key.role}")


def staff_routes(store: Store, subscriptions: Sequence[Subscription], access: Access) -> APIRouter:
    """Return the routes under /v1, all of them for staff."""
    router = APIRouter(prefix="/v1", dependencies=[Depends(access.staff)])

    @router.get("/notices", summary="Notices, newest first, with their recipients")
    async def notices(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        state: State | None = None,
        template: Topic | None = None,
    ) -> Response:
        page = Page(limit=limit + 1, after=_place(cursor), state=state, template=template)
        rows = await store.notices(page)
        following = _cursor(rows[limit - 1]) if len(rows) > limit else None
        return page_of(request, [_notice(row) for row in rows[:limit]], following)

    @router.get("/templates", summary="What letters are made from: one for each kind of news and language")
    async def templates() -> Response:
        return answer({"items": sources(), "next": None})

    @router.get("/subscriptions", summary="The subscriptions in force")
    async def list_subscriptions() -> Response:
        items = [subscription.model_dump(mode="json") for subscription in subscriptions]
        return answer({"items": items, "next": None})

    @router.get("/explain", summary="Why somebody got, or did not get, a notice of an event")
    async def why(
        event: Annotated[str, Query(min_length=1, max_length=500, description="The event's id")],
        recipient: Annotated[str, Query(min_length=3, max_length=254, description="The mail address")],
        source: Annotated[str | None, Query(max_length=500, description="The event's source, where ids repeat")] = None,
    ) -> Response:
        if not ADDRESS.fullmatch(recipient):
            raise Problem(422, "recipient: expected one plain mail address")
        return answer(await explain(store, subscriptions, event=event, source=source, recipient=recipient))

    return router


def answer(body: Any, headers: dict[str, str] | None = None) -> Response:
    """Return JSON that nobody keeps."""
    # no-store: names of people do not belong in anybody's cache.
    content = orjson.dumps(body, default=str)
    return Response(content, headers={"Cache-Control": "no-store", **(headers or {})}, media_type="application/json")


def page_of(request: Request, items: Sequence[Any], following: str | None) -> Response:
    """Return one page of a list, and where the next one is."""
    link = {} if following is None else {"Link": f'<{request.url.include_query_params(cursor=following)}>; rel="next"'}
    return answer({"items": items, "next": following}, link)


def _notice(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "event": {"source": row["source"], "id": row["event_id"], "type": row["event_type"]},
        "recipient": row["recipient"],
        "subscription": row["subscription"],
        "template": row["template"],
        "language": row["language"],
        "channel": row["channel"],
        "state": row["state"],
        "attempts": row["attempts"],
        "reason": row["reason"],
        "subject": row["subject"],
        "created_at": format_instant(row["created_at"]),
        "next_attempt_at": None if row["finished_at"] else format_instant(row["due_at"]),
        "finished_at": row["finished_at"] and format_instant(row["finished_at"]),
    }


def _cursor(row: Any) -> str:
    place = f"{format_instant(row['created_at'])} {row['id']}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _place(cursor: str | None) -> tuple[datetime, uuid.UUID] | None:
    if cursor is None:
        return None
    try:
        place = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        instant, _, notice = place.partition(" ")
        return datetime.fromisoformat(instant), uuid.UUID(notice)
    except (binascii.Error, ValueError) as error:
        raise Problem(400, "cursor: not one that this list gave") from error
