"""What every page shares: the reader's choices, the templates, the static files and the headers of an answer."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from citygoals.reporting import charts
from citygoals.reporting.i18n import Words, negotiate, words

# Own files only: no inline script, no inline style, no foreign host. A page that needs more is wrong.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",  # keep it, but ask every time: the ETag makes asking cheap
    "Vary": "Accept-Language, Accept-Encoding",
}
FOREVER = "public, max-age=31536000, immutable"
MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
HASH_CHARACTERS = 10
GZIP_LEVEL = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader chose in the address: each part stays in every link of the page."""

    path: str
    lang: str
    said_lang: bool
    period: str | None = None
    plan: str | None = None
    as_of: str | None = None
    status: str | None = None

    @classmethod
    def of(cls, request: Request) -> "Choice":
        """Read the choices from the address, the language also from what the browser asks for."""
        query = request.query_params
        said = query.get("lang")
        lang = negotiate(said, request.headers.get("accept-language", ""))
        asked = {name: query.get(name) or None for name in ("period", "plan", "as_of", "status")}
        return cls(request.url.path, lang, said == lang, **asked)

    def href(self, path: str | None = None, **changes: str | None) -> str:
        """Return an address of the site that keeps the choices; `status` only where it is asked for again."""
        lang = self.lang if self.said_lang else None
        kept = {"lang": lang, "period": self.period, "plan": self.plan, "as_of": self.as_of, **changes}
        query = urlencode({name: value for name, value in kept.items() if value})
        return quote(self.path if path is None else path) + ("?" + query if query else "")


class Site:
    """Templates and static files, read once, with hashed names so that a browser may keep a file for ever."""

    def __init__(self, zone: str, *, synthetic: bool) -> None:
        self._zone = zone
        folder = files("citygoals.reporting").joinpath("static")
        contents = {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}
        self.static = {hashed_name(name, body): body for name, body in contents.items()}
        self._hashed = {name: hashed_name(name, body) for name, body in contents.items()}
        self.version = hashlib.sha256("".join(sorted(self.static)).encode()).hexdigest()[:HASH_CHARACTERS]
        self._templates = Environment(
            loader=PackageLoader("citygoals.reporting"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._templates.globals.update(
            charts=charts,
            static=lambda name: f"/static/{self._hashed[name]}",
            statuses=charts.STATUS_ORDER,
            english=Markup('<span lang="en">{}</span>').format,
            synthetic=synthetic,
        )

    def words(self, choice: Choice) -> Words:
        """Return the words of the reader's language."""
        return words(choice.lang, self._zone)

    def tag(self, answer: Mapping[str, Any], choice: Choice) -> str:
        """Return the ETag of a page: the position and city date of its numbers, its language, and our own files."""
        day = answer.get("city_date", "")
        return f'W/"{answer["as_of"]["position"]}-{day}-{choice.lang}-{self.version}"'

    def is_known(self, request: Request, tag: str) -> bool:
        """Say whether the reader has the page of this tag already."""
        return tag in {known.strip() for known in request.headers.get("if-none-match", "").split(",")}

    def not_modified(self, choice: Choice, tag: str) -> Response:
        """Answer that the page the reader has is still right."""
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=_headers(choice, tag))

    def page(self, request: Request, template: str, context: Mapping[str, Any], *, tag: str | None = None) -> Response:
        """Render a page; `status_code` of the context is the answer's. Compressed where the reader accepts it."""
        choice = Choice.of(request)
        if (
            "scene" not in context
        ):  # what could not be answered is not asked again by the links of the page that says so
            choice = replace(choice, period=None, plan=None, as_of=None)
        headers = _headers(choice, tag)
        html = self._templates.get_template(template).render(t=self.words(choice), choice=choice, **context).encode()
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            html = gzip.compress(html, GZIP_LEVEL, mtime=0)
        return Response(html, context.get("status_code", HTTPStatus.OK), headers, "text/html; charset=utf-8")

    def file(self, name: str) -> Response | None:
        """Return a static file by its hashed name, or None."""
        body = self.static.get(name)
        if body is None:
            return None
        kind = MEDIA_TYPES[name.rsplit(".", 1)[-1]]
        return Response(body, headers={"Cache-Control": FOREVER, "X-Content-Type-Options": "nosniff"}, media_type=kind)


def hashed_name(name: str, body: bytes) -> str:
    """Return `site.css` as `site.<hash>.css`: another content is another name."""
    stem, dot, ending = name.rpartition(".")
    return f"{stem}.{hashlib.sha256(body).hexdigest()[:HASH_CHARACTERS]}{dot}{ending}"


def _headers(choice: Choice, tag: str | None) -> dict[str, str]:
    return {**PAGE_HEADERS, "Content-Language": choice.lang, **({"ETag": tag} if tag else {})}
