"""The local mailbox: what people would have been sent by a city that has a mail server. For one machine, not for residents."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import Response

from citygoals.notify import wording
from citygoals.notify.mail import WAY_OUT
from citygoals.notify.store import Page, Store
from citygoals.notify.wording import Language

SHOWN = 50
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

WORDS: Mapping[Language, Mapping[str, Any]] = {
    "en": {
        "skip": "Skip to the letters",
        "languages": "Language",
        "heading": "Local mailbox",
        "about": f"This city has no mail server. These are the last {SHOWN} letters that would have been sent, newest first.",
        "empty": "No letter has been written yet. One is written when a status changes that somebody subscribed to.",
        "elsewhere": "This city sends its letters by mail. Staff find them at /v1/notices.",
        "to": "To",
        "written": "Written",
        "state": "State",
        "states": {
            "created": "waiting",
            "sending": "being delivered",
            "sent": "delivered to this mailbox",
            "failed-temporary": "will be tried again",
            "failed-permanent": "failed",
        },
    },
    "es": {
        "skip": "Ir a las cartas",
        "languages": "Idioma",
        "heading": "Buzón local",
        "about": f"Esta ciudad no tiene servidor de correo. Estas son las últimas {SHOWN} cartas que se habrían enviado, "
        "las más nuevas primero.",
        "empty": "Todavía no hay cartas. Se escribe una cuando cambia un estado al que alguien está suscrito.",
        "elsewhere": "Esta ciudad envía sus cartas por correo. El personal las encuentra en /v1/notices.",
        "to": "Para",
        "written": "Escrita",
        "state": "Estado",
        "states": {
            "created": "en espera",
            "sending": "en entrega",
            "sent": "entregada en este buzón",
            "failed-temporary": "se intentará de nuevo",
            "failed-permanent": "fallida",
        },
    },
}


def mailbox_routes(store: Store, zone: ZoneInfo, *, is_local: bool) -> APIRouter:
    """Return `/` and `/mailbox`. With a mail server (`is_local` false) the page shows no notice: letters are private."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    @router.get("/mailbox")
    async def mailbox(lang: Annotated[Language, Query()] = "en") -> HTMLResponse:
        rows = await store.notices(Page(limit=SHOWN)) if is_local else []
        letters = [_letter(row, zone, lang) for row in rows]
        page = (
            environment()
            .get_template("mailbox.html")
            .render(letters=letters, is_local=is_local, words=WORDS[lang], lang=lang)
        )
        return HTMLResponse(page, headers={**HEADERS, "Content-Language": lang})

    @router.get("/mailbox.css")
    async def style() -> Response:
        css = (resources.files("citygoals.notify") / "templates" / "mailbox.css").read_text(encoding="utf-8")
        return Response(css, media_type="text/css", headers={"X-Content-Type-Options": "nosniff"})

    return router


def masked(address: str) -> str:
    """Return an address that shows where the mail would have gone without saying to whom."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def _letter(row: Mapping[str, Any], zone: ZoneInfo, lang: Language) -> dict[str, Any]:
    return {
        "id": row["id"],
        "to": masked(row["recipient"]),
        "language": row["language"],
        "subject": row["subject"],
        "text": row["body_text"],
        "state": row["state"],
        "token": row["token"],
        "way_out": WAY_OUT[row["language"]],
        "instant": row["created_at"].isoformat(),
        "time": wording.instant(row["created_at"], zone, lang),
    }


@cache
def environment() -> Environment:
    """Return the templates of the pages; made once."""
    return Environment(
        loader=PackageLoader("citygoals.notify", "templates"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
