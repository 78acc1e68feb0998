"""The way out: a page that unsubscribes from one kind of notice, by its button or by a mail program's (RFC 8058).

Opening it changes nothing, because mail scanners open every link. Whoever holds the token of a letter may leave the
topic of that letter, without a login; staff see and undo that under /v1/preferences.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from citygoals.notify.pages import HEADERS, environment, masked
from citygoals.notify.store import Store
from citygoals.notify.wording import Language
from citygoals.shared.clock import Clock

POLICY = HEADERS["Content-Security-Policy"].replace("form-action 'none'", "form-action 'self'")

WORDS: Mapping[Language, Mapping[str, Any]] = {
    "en": {
        "title": "Stop these notices",
        "topics": {
            "crossing": "notices that say when a KPI or a part of the plan changes its status",
            "closing": "notices that say when a service request is closed",
            "duty": "notices that say what a department must do, and until when",
        },
        "ask": "{recipient} gets {topic}.",
        "button": "Stop them",
        "done_title": "Done",
        "done": "{recipient} will get no more {topic}. Other notices stay as they are.",
        "back": "To get them again, write to the people who run City Goals.",
        "missing_title": "This link is not known",
        "missing": "Use the whole link from the mail. If it still does not work, write to the people who run City Goals.",
    },
    "es": {
        "title": "Dejar de recibir estos avisos",
        "topics": {
            "crossing": "avisos de los cambios de estado de un indicador o de una parte del plan",
            "closing": "avisos de que se cerró una solicitud de servicio",
            "duty": "avisos de lo que un departamento debe hacer y hasta cuándo",
        },
        "ask": "{recipient} recibe {topic}.",
        "button": "No recibirlos más",
        "done_title": "Listo",
        "done": "{recipient} ya no recibirá {topic}. Los demás avisos siguen igual.",
        "back": "Para volver a recibirlos, escriba a quienes administran City Goals.",
        "missing_title": "Este enlace no existe",
        "missing": "Use el enlace completo del correo. Si aún así no funciona, escriba a quienes administran City Goals.",
    },
}


def unsubscribe_routes(store: Store, clock: Clock) -> APIRouter:
    """Return `/u/{token}`: GET asks, POST does it; both may be repeated, and a token that was never sent is a 404."""
    router = APIRouter(include_in_schema=False)

    @router.get("/u/{token}")
    async def ask(token: str) -> HTMLResponse:
        found = await _addressee(store, token)
        return _page("ask", found)

    @router.post("/u/{token}")
    async def leave(token: str) -> HTMLResponse:
        found = await _addressee(store, token)
        if found is not None:
            await store.unsubscribe(found["recipient"], found["template"], now=clock.now())
        return _page("done", found)

    return router


async def _addressee(store: Store, token: str) -> Mapping[str, Any] | None:
    try:
        return await store.addressee(uuid.UUID(token))
    except ValueError:
        return None


def _page(step: str, found: Mapping[str, Any] | None) -> HTMLResponse:
    step = step if found is not None else "missing"
    lang: Language = found["language"] if found is not None else "en"
    words = WORDS[lang]
    about = {"recipient": masked(found["recipient"]), "topic": words["topics"][found["template"]]} if found else {}
    page = environment().get_template("unsubscribe.html").render(
        lang=lang, step=step, words=words, title=words["title" if step == "ask" else f"{step}_title"],
        text=words[step].format(**about),
    )  # fmt: skip
    headers = {**HEADERS, "Content-Security-Policy": POLICY, "Content-Language": lang, "X-Robots-Tag": "noindex"}
    return HTMLResponse(page, 404 if found is None else 200, headers)
