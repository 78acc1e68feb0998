"""Every page whole, in both languages, from the answers of the sample city."""

import gzip
import re
from collections import Counter
from html.parser import HTMLParser
from http import HTTPStatus
from importlib.resources import files
from typing import Any

import pytest
from citygoals.reporting import page_board, page_duties, page_reports
from citygoals.reporting.commitments import commitment_row
from citygoals.reporting.i18n import catalogue
from citygoals.reporting.page_commitments import of_department, said_of_figure
from citygoals.reporting.page_site import CONTENT_SECURITY_POLICY, Choice, Site, hashed_name
from citygoals.reporting.report_rows import publication_row
from starlette.requests import Request
from unit.reporting_pages.due import ANSWER as DUE
from unit.reporting_pages.scenes import (
    DEFINITIONS,
    a_city,
    a_commitment,
    a_control,
    a_narrative,
    a_publication,
    a_report,
)

SITE = Site("America/Denver", synthetic=True)
VOID = {"meta", "link", "input", "br", "hr", "img", "use"}


def request(path: str = "/", query: str = "", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": raw}
    return Request(scope)


class Page(HTMLParser):
    """What a test asks of a page: ids, parts, links, texts, and whether every tag is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.parts: list[str] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.headings: list[int] = []
        self._open: list[tuple[str, bool]] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id" and value]
        is_part = any(name == "data-part" for name, _ in attrs)
        # The browser swaps whole parts: one inside another would be swapped twice.
        assert not (is_part and any(inside for _, inside in self._open))
        self.parts += [value for name, value in attrs if name == "data-part" and value]
        self.links += [value for name, value in attrs if (tag, name) == ("a", "href") and value]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self._open.append((tag, is_part))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag


def contexts(lang: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Every page by name: its path, its template and its context."""
    city = a_city()
    scene, t = city.scene, SITE.words(Choice("/", lang, said_lang=True))
    figure, months = scene.figures["MC-01"], city.months["MC-01"]
    split = {"by": "district", "items": [{**figure, "member": "1", "district": "1"}]}
    court = next(one for one in city.snapshot["departments"] if one["id"] == "municipal-court")
    department = {**court, "figures": [figure], "slices": [scene.figures["FIN-02"]]}
    since = {"is_restated": True, "positions": 1, "last": "2026-11-20T09:00:00.000000Z"}
    promised = commitment_row(a_commitment(), DEFINITIONS.kpis, is_whole=False)
    held = {**figure, "committed": {"commitment": promised["id"], "catalogue_target": figure["target"]}}
    beside = {"commitment": promised, "narrative": a_narrative()}
    common = {"scene": scene, "dates": "Sep 1, 2026 to Aug 31, 2027"}
    more = {"versions": [city.snapshot["plan"]], "periods": ["FY2027", "all"]}
    kpi = {
        **page_board.kpi_page(scene, "MC-01", {"items": months, "control": a_control("MC-01", months)}, t),
        **said_of_figure(beside, held, t),
        "splits": [("district", page_board.members(scene, split, t))],
        "published": page_reports.published_notes({"items": [{**publication_row(a_publication()), **since}]}, t),
    }
    due = page_duties.of_department(DUE, scene, t, "America/Denver")
    pressing = page_duties.pressing(DUE, scene, t, "America/Denver")
    withdrawal = {"reason": {"en": "The wrong plan"}, "by": "City Clerk", "key": "staff", "at": "2026-11-20T12:00:00Z"}
    withdrawn = a_publication(withdrawal=withdrawal, note={"en": "A note"}, is_preliminary=False)
    notices = {"items": [publication_row(a_publication()), {**publication_row(withdrawn), "id": "withdrawn"}]}
    report = {**page_reports.report_page(*a_report(), t), "is_first": True}
    quiet = {**page_reports.report_page(a_report(withdrawn)[0], {"items": [], "next": None}, t), "is_first": False}
    return {
        "board": ("/", "board.html", {**page_board.board(scene, city.months, t, None), **more, **common}),
        "off track": ("/", "board.html", {**page_board.board(scene, city.months, t, "STALE"), **more, **common}),
        "kpi": ("/kpis/MC-01", "kpi.html", {**kpi, **common}),
        "city": ("/plan/city", "node.html", {**page_board.node_page(scene, "city", t), **common}),
        "strategy": ("/plan/strategy-6-5", "node.html", {**page_board.node_page(scene, "strategy-6-5", t), **common}),
        "empty": ("/plan/objective-6", "node.html", {**page_board.node_page(scene, "objective-6", t), **common}),
        "reports": ("/reports", "reports.html", {**page_reports.list_page(notices, t), **common}),
        "nothing": ("/reports", "reports.html", {**page_reports.list_page({"items": []}, t), **common}),
        "report": ("/reports/fy2027-so-far", "report.html", {**report, **common}),
        "quiet report": ("/reports/withdrawn", "report.html", {**quiet, **common}),
        "departments": (
            "/departments",
            "departments.html",
            {**page_board.departments_page(scene, t), **pressing, **common},
        ),
        "nothing due": (
            "/departments",
            "departments.html",
            {
                **page_board.departments_page(scene, t),
                **page_duties.pressing({**DUE, "items": []}, scene, t, "America/Denver"),
                **common,
            },
        ),
        "department": (
            "/departments/municipal-court",
            "department.html",
            {
                **page_board.department_page(scene, department, city.months, t),
                **of_department({"commitment": promised, "figures": scene.figures}, "FY2027", t),
                **due,
                **common,
            },
        ),
        "quiet department": (
            "/departments/municipal-court",
            "department.html",
            {
                **page_board.department_page(scene, department, city.months, t),
                **of_department({"commitment": None, "figures": {}}, "FY2027", t),
                **page_duties.of_department({**DUE, "items": []}, scene, t, "America/Denver"),
                **common,
            },
        ),
    }


PAGES = [(name, lang) for name in contexts("en") for lang in ("en", "es")]


def render(name: str, lang: str) -> str:
    path, template, context = contexts(lang)[name]
    return bytes(SITE.page(request(path, f"lang={lang}"), template, context).body).decode()


@pytest.mark.parametrize(("name", "lang"), PAGES)
def test_a_page_is_well_formed_and_its_ids_and_parts_are_unique(name: str, lang: str) -> None:
    page = Page(render(name, lang))
    assert [found for found, times in Counter(page.ids).items() if times > 1] == []
    assert [found for found, times in Counter(page.parts).items() if times > 1] == []
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False))


@pytest.mark.parametrize(("name", "lang"), PAGES)
def test_every_table_says_what_it_is_and_what_its_heads_are_of(name: str, lang: str) -> None:
    html = render(name, lang)
    for table in re.findall(r"<table.*?</table>", html, flags=re.DOTALL):
        assert re.match(r"<table[^>]*>\s*<caption[^>]*>[^<]+</caption>", table), table[:200]
        for head in re.findall(r"<th\b[^>]*>", table):
            assert re.search(r'scope="(col|row)"', head), head


def test_what_is_not_translated_is_marked_as_english() -> None:
    for name in ("reports", "quiet report"):
        assert '<span lang="en">The wrong plan</span>' in render(name, "es")
        assert '<span lang="en">A note</span>' in render(name, "es")
        assert "The wrong plan" in render(name, "en")


@pytest.mark.parametrize(("name", "lang"), PAGES)
def test_a_page_holds_to_its_content_security_policy(name: str, lang: str) -> None:
    html = render(name, lang)
    assert not [found for found in Page(html).attributes if found[1] == "style" or found[1].startswith("on")]
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)", html)
    assert not re.search(r'(src|href)="(https?:)?//', html)


@pytest.mark.parametrize(("name", "lang"), PAGES)
def test_links_inside_the_site_keep_the_language(name: str, lang: str) -> None:
    for link in Page(render(name, lang)).links:
        if link.startswith("/") and not link.startswith(("/v1/", "/docs")):
            assert "lang=" in link


def test_a_page_names_its_language_and_offers_the_other_at_the_same_place() -> None:
    english, spanish = render("kpi", "en"), render("kpi", "es")
    assert '<html lang="en-US">' in english
    assert '<html lang="es-US">' in spanish
    assert 'href="/kpis/MC-01?lang=es"' in english
    assert 'href="/kpis/MC-01?lang=en"' in spanish


def test_a_report_says_what_was_published_what_is_known_and_why_they_differ() -> None:
    english, spanish = render("report", "en"), render("report", "es")
    assert "2 of" in english
    for said in (
        "Late: events of the period",
        "The bank sent a day late",
        "City Clerk",
        "Nobody has explained this yet.",
    ):
        assert said in english
    assert "El banco envió un día tarde" in spanish
    assert "(+1 / +1)" in english
    assert "Redefined: target, other parts." in english
    assert "after=40100%2FSR-08" in english
    assert "The wrong plan" in render("quiet report", "en")
    assert "Restated at one position since" in render("kpi", "en")


def test_every_status_has_a_word_and_a_shape() -> None:
    html = render("board", "en")
    for status in ("on-track", "near", "off-track", "baselining", "stale", "no-data"):
        assert f'<symbol id="i-{status}"' in html
        assert f'href="#i-{status}"' in html


def test_the_synthetic_banner_is_there_only_where_it_is_true() -> None:
    path, template, context = contexts("en")["board"]
    honest = Site("America/Denver", synthetic=False).page(request(path), template, context)
    assert "Synthetic data." in render("board", "en")
    assert "Synthetic data." not in bytes(honest.body).decode()


def test_every_text_is_used_somewhere() -> None:
    package = files("citygoals.reporting")
    sources = [entry.read_text() for entry in package.iterdir() if entry.name.startswith(("page", "i18n"))]
    whole = "\n".join([*sources, *(entry.read_text() for entry in package.joinpath("templates").iterdir())])
    named = set(re.findall(r"""["']([a-z_]+\.[A-Za-z_]+)["']""", whole))
    stems = tuple(re.findall(r"""["']([a-z_]+\.[a-z_]*)(?:["'] [~+]|\{)""", whole))  # `"status." ~ status`
    assert {
        key for key in catalogue("en") if key.removesuffix("_one") not in named and not key.startswith(stems)
    } == set()


def test_the_past_is_called_the_past_and_never_live() -> None:
    path, template, context = contexts("en")["board"]
    past = bytes(SITE.page(request(path, "as_of=48213&lang=en"), template, context).body).decode()
    assert "as it was at position 48,213, Nov 21, 2026, 4:05 PM MST" in past
    assert 'href="/?lang=en">See the city now' in past
    assert "data-live" not in past
    assert "<script" not in past


def test_the_links_of_an_error_do_not_lead_back_into_it() -> None:
    context = {"status_code": HTTPStatus.BAD_REQUEST, "key": "bad", "values": {"detail": "no such period: '<x>'"}}
    html = bytes(SITE.page(request("/", "period=%3Cx%3E&lang=es"), "error.html", context).body).decode()
    assert all("period" not in link for link in Page(html).links)
    assert '<span lang="en">no such period: &#39;&lt;x&gt;&#39;</span>' in html


def test_an_answer_is_revalidated_compressed_and_guarded() -> None:
    path, template, context = contexts("en")["board"]
    city = a_city()
    asked = request(path, accept_encoding="gzip, br")
    tag = SITE.tag(city.snapshot, Choice.of(asked))
    answer = SITE.page(asked, template, context, tag=tag)
    assert gzip.decompress(bytes(answer.body)).startswith(b"\n<!doctype html>"[1:])
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["etag"].startswith('W/"48213-2026-11-21-en-')
    assert answer.headers["cache-control"] == "no-cache"
    assert "Accept-Language" in answer.headers["vary"]
    assert SITE.is_known(request(path, if_none_match=f'"x", {tag}'), tag)
    assert not SITE.is_known(request(path, if_none_match='W/"48212-2026-11-21-en-0"'), tag)


def test_static_files_have_their_content_in_their_name_and_are_kept_for_ever() -> None:
    for name, body in SITE.static.items():
        answer = SITE.file(name)
        assert answer is not None
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert bytes(answer.body) == body
    assert SITE.file("site.css") is None
    assert SITE.file("../pages.py") is None
    assert hashed_name("site.css", b"a") != hashed_name("site.css", b"b")


def test_choices_stay_in_links_and_nothing_foreign_does() -> None:
    asked = Choice.of(request("/kpis/MC-01", "lang=es&period=FY2026&x=<script>&status=NEAR"))
    assert asked.href("/plan/goal-6") == "/plan/goal-6?lang=es&period=FY2026"
    assert asked.href(lang="en") == "/kpis/MC-01?lang=en&period=FY2026"
    assert Choice.of(request("/", accept_language="es-MX")).href("/") == "/"
    assert Choice.of(request("/a b%3Cc")).href() == "/a%20b%253Cc"


def test_a_page_says_who_promised_what_and_what_became_of_it() -> None:
    english, spanish = render("kpi", "en"), render("kpi", "es")
    for words in (
        "Signed by Ann Court, Sep 1, 2026, 12:00 PM MDT, and locked",
        "at least 80% became at least 70%",
        "The portal came &lt;late&gt;",
        "own target is at least 65%",
        "Sample commitment",
        "One line &lt;b&gt;.</p><p>Another paragraph.",
        "Written by Bea Budget",
    ):
        assert words in english, words
    assert "Compromiso: Año fiscal 2027" in spanish
    assert '<div class="said" lang="en"><p>One line' in spanish, "what is not translated says so"
    department = render("department", "en")
    assert "First year" in department
    assert "MC-01" in department
    assert "has committed itself to no targets" in render("quiet department", "en")


@pytest.mark.parametrize(("moves", "words"), [
    ((), "Proposed by Ann Court"), (("reviewed",), "Reviewed by Ann Court"), (("reviewed", "signed"), "Signed by Ann Court"),
    (("reviewed", "proposed"), "Set back to proposed by Ann Court, Sep 1, 2026, 12:00 PM MDT, and not in force: The portal"),
    (("withdrawn",), "Withdrawn by Ann Court"), (("withdrawn", "proposed"), "Set back to proposed by Ann Court"),
])  # fmt: skip
def test_every_state_is_said_in_words(moves: tuple[str, ...], words: str) -> None:
    row = commitment_row(a_commitment(*moves, is_amended=False), DEFINITIONS.kpis, is_whole=False)
    said = of_department({"commitment": row, "figures": {}}, "FY2027", SITE.words(Choice("/", "en", said_lang=True)))
    assert said["promise"]["standing"].startswith(words)
