"""The HTTP side: staff see who was told what and why, nobody else does; the mailbox page is safe to open."""

from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from brokers import Database
from citygoals.notify.api import Access
from citygoals.notify.app import build_http
from citygoals.notify.settings import NotifySettings
from citygoals.notify.subscriptions import Subscription
from citygoals.shared.keys import KeyRing, create_key
from citygoals.shared.postgres import create_pool
from integration.notify.conftest import Office, smtp_settings
from integration.notify.post_office import PostOffice
from pydantic import SecretStr
from unit.notify.happenings import a_closing, a_crossing, a_subscription

PEOPLE = (
    a_subscription(id="a", to="ana@example.org", language="es", when={"department": ("municipal-court",)}),
    a_subscription(id="b", to="bob@example.org", when={"department": ("fire",)}),
)
Client = httpx.AsyncClient


@pytest.fixture
async def keys(database: Database) -> dict[str, dict[str, str]]:
    admin = await create_pool(database.dsn(), "access")
    made = {role: (await create_key(admin, role))[0] for role in ("analyst", "staff", "admin")}
    await admin.close()
    return {role: {"authorization": f"Bearer {key}"} for role, key in made.items()}


def client(notify: Office, settings: NotifySettings, people: tuple[Subscription, ...] = PEOPLE) -> Client:
    app = build_http(settings, notify.store, people, Access(KeyRing(notify.pool)), notify.clock)
    return Client(transport=httpx.ASGITransport(app), base_url="http://notify")


@pytest.fixture
async def local(notify: Office) -> AsyncIterator[Client]:
    async with client(notify, NotifySettings(pg_dsn=SecretStr("postgresql://unused"))) as opened:
        yield opened


@pytest.mark.parametrize(
    "path",
    ["/v1/notices", "/v1/subscriptions", "/v1/templates", "/v1/preferences", "/v1/explain?event=e&recipient=a@b.c"],
)
async def test_only_staff_get_in(local: Client, keys: dict[str, Any], path: str) -> None:
    nobody, analyst = await local.get(path), await local.get(path, headers=keys["analyst"])
    assert (nobody.status_code, nobody.headers["content-type"]) == (401, "application/problem+json")
    assert nobody.headers["www-authenticate"] == "Bearer"
    assert analyst.status_code == 403
    for role in ("staff", "admin"):
        assert (await local.get(path, headers=keys[role])).status_code in (200, 404)


async def test_notices_say_who_what_and_how_it_went(
    notify: Office, office: PostOffice, local: Client, keys: dict[str, Any]
) -> None:
    await notify.desk(*PEOPLE).tell(a_crossing())
    await notify.sender().send_due()
    answer = await local.get("/v1/notices", headers=keys["staff"])
    (item,) = answer.json()["items"]
    assert answer.headers["cache-control"] == "no-store"
    assert item["recipient"] == "ana@example.org"
    assert item["event"] == {
        "source": "/city-goals/kpi",
        "id": "12:kpi:MC-01:fiscal_year",
        "type": "city.kpi.crossed.v1",
    }
    assert (item["state"], item["attempts"], item["template"], item["language"]) == ("sent", 1, "crossing", "es")
    assert item["next_attempt_at"] is None


async def test_pages_are_linked_and_complete(notify: Office, local: Client, keys: dict[str, Any]) -> None:
    many = [a_subscription(id=f"s{index}", to=f"p{index}@example.org") for index in range(7)]
    await notify.desk(*many).tell(a_crossing())
    seen: list[str] = []
    url: str | None = "/v1/notices?limit=3&state=created&template=crossing"
    while url:
        answer = await local.get(url, headers=keys["staff"])
        seen += [item["recipient"] for item in answer.json()["items"]]
        assert ("next" in answer.links) == (answer.json()["next"] is not None)
        url = answer.links.get("next", {}).get("url")
    assert sorted(seen) == sorted(person.to for person in many)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=0", 422),
        ("limit=1001", 422),
        ("state=lost", 422),
        ("cursor=!", 400),
        ("cursor=eA", 400),
        ("cursor=%C3%B1", 400),
    ],
)
async def test_bad_questions_get_a_problem(local: Client, keys: dict[str, Any], query: str, status: int) -> None:
    answer = await local.get(f"/v1/notices?{query}", headers=keys["staff"])
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_explain_why_told_and_why_not(notify: Office, local: Client, keys: dict[str, Any]) -> None:
    await notify.desk(*PEOPLE).tell(a_crossing())

    async def why(recipient: str) -> dict[str, Any]:
        query = {"event": a_crossing().id, "recipient": recipient}
        answer: dict[str, Any] = (await local.get("/v1/explain", params=query, headers=keys["staff"])).json()
        return answer

    ana, bob, eve = await why("Ana@example.org"), await why("bob@example.org"), await why("eve@example.org")
    assert (ana["told"], ana["notice"]["subscription"], ana["notice"]["state"]) == (True, "a", "created")
    assert bob["told"] is False
    assert bob["subscriptions"] == [
        {
            "id": "b",
            "asks_for_it": False,
            "reason": "department: the subscription asks for fire, this is municipal-court",
        }
    ]
    assert eve["summary"] == "No notice: no subscription has this recipient."


async def test_explain_says_that_backfill_notifies_nobody(notify: Office, local: Client, keys: dict[str, Any]) -> None:
    await notify.desk(*PEOPLE).tell(a_crossing(backfill=True))
    query = {"event": a_crossing().id, "recipient": "ana@example.org"}
    answer = await local.get("/v1/explain", params=query, headers=keys["staff"])
    assert "older than 24 hours" in answer.json()["summary"]


async def test_explain_of_an_unknown_event_says_so(local: Client, keys: dict[str, Any]) -> None:
    answer = await local.get("/v1/explain?event=never&recipient=a@b.c", headers=keys["staff"])
    assert answer.status_code == 404
    assert "Nothing is known of this event" in answer.json()["detail"]


class Outline(HTMLParser):
    """Collects what the page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


async def test_the_mailbox_shows_letters_escaped_and_addresses_masked(notify: Office, local: Client) -> None:
    nasty = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    await notify.desk(*PEOPLE).tell(a_crossing(title={"en": nasty, "es": nasty}))
    for path in ("/", "/mailbox"):
        page = await local.get(path)
        outline = Outline(page.text)
        assert outline.all("script") == outline.all("img") == []
        assert "&lt;script&gt;" in page.text
        assert "ana@" not in page.text
        assert "a…@example.org" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("lang", ["en", "es"])
async def test_the_mailbox_can_be_read_by_everybody(notify: Office, local: Client, lang: str) -> None:
    await notify.desk(*PEOPLE).tell(a_crossing())
    await notify.desk(a_subscription(id="c", to="c@example.org", on="closing")).tell(a_closing())
    outline = Outline((await local.get(f"/?lang={lang}")).text)
    assert outline.all("html") == [{"lang": lang}]
    assert (len(outline.all("main")), len(outline.all("h1")), len(outline.all("article"))) == (1, 1, 2)
    assert sorted(str(heading["lang"]) for heading in outline.all("h2")) == [
        "en",
        "es",
    ]  # each letter says its language
    names = {heading["id"] for heading in outline.all("h2")}
    assert {article["aria-labelledby"] for article in outline.all("article")} == names
    assert outline.all("a")[0]["href"] == "#letters"
    assert (await local.get("/mailbox.css")).headers["content-type"].startswith("text/css")


async def test_with_a_mail_server_the_mailbox_shows_nothing(notify: Office) -> None:
    await notify.desk(*PEOPLE).tell(a_crossing())
    async with client(notify, smtp_settings(25)) as served:
        assert Outline((await served.get("/")).text).all("article") == []


async def test_an_empty_mailbox_says_what_would_fill_it(local: Client) -> None:
    assert "No letter has been written yet" in (await local.get("/")).text
