"""The way out: what a mail offers is enough to get no more of its kind, and only of its kind."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from brokers import Database
from citygoals.notify.api import Access
from citygoals.notify.app import build_http
from citygoals.notify.channels import SmtpChannel
from citygoals.notify.settings import NotifySettings
from citygoals.shared.keys import KeyRing, create_key
from citygoals.shared.postgres import create_pool
from integration.notify.conftest import Office, smtp_settings
from integration.notify.post_office import PostOffice
from pydantic import SecretStr
from unit.notify.happenings import a_closing, a_crossing, a_subscription

ANA = "ana@example.org"
PEOPLE = (
    a_subscription(id="a", to=ANA, language="es"),
    a_subscription(id="b", to="Ana@example.org"),
    a_subscription(id="c", to=ANA, on="closing"),
    a_subscription(id="d", to="bob@example.org"),
)


@pytest.fixture
async def http(notify: Office, office: PostOffice) -> AsyncIterator[httpx.AsyncClient]:
    settings = smtp_settings(office.port, unsubscribe_url="http://notify")
    notify.channel = SmtpChannel(settings)
    app = build_http(settings, notify.store, PEOPLE, Access(KeyRing(notify.pool)), notify.clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notify") as client:
        yield client
    await notify.channel.close()


async def told(notify: Office, office: PostOffice, event: Any) -> list[str]:
    """Return who got a mail about an event."""
    office.mails.clear()
    await notify.desk(*PEOPLE).tell(event)
    sender = notify.sender()
    while await sender.send_due():
        pass
    return sorted(mail.to for mail in office.mails)


async def link_for(notify: Office, office: PostOffice, person: str) -> str:
    """Return the link of a mail that a person got."""
    await told(notify, office, a_crossing())
    mail = next(mail for mail in office.mails if mail.to == person)
    assert mail.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return str(mail.message["List-Unsubscribe"]).strip().strip("<>")


async def one_click(http: httpx.AsyncClient, link: str) -> httpx.Response:
    """Do what a mail program does, which has no cookie, no key and sends no more than this."""
    return await http.post(link, data={"List-Unsubscribe": "One-Click"})


async def test_opening_the_link_asks_and_changes_nothing(notify: Office, office: PostOffice, http: Any) -> None:
    page = await http.get(await link_for(notify, office, ANA))
    assert page.status_code == 200
    assert '<form method="post">' in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert ANA not in page.text
    assert page.headers["content-language"] == "es"
    assert await told(notify, office, a_crossing(position=2)) == [ANA, "bob@example.org"]


async def test_one_click_ends_this_kind_for_this_person_and_nothing_else(
    notify: Office, office: PostOffice, http: Any
) -> None:
    link = await link_for(notify, office, ANA)
    assert [(await one_click(http, link)).status_code for _ in range(2)] == [200, 200]
    assert await told(notify, office, a_crossing(position=2)) == ["bob@example.org"]
    assert await told(notify, office, a_closing()) == [ANA]


@pytest.mark.parametrize("token", ["0" * 32, "nonsense", "00000000-0000-0000-0000-000000000000"])
async def test_a_token_that_was_never_sent_is_not_found(http: Any, *, token: str) -> None:
    assert [(await http.get(f"/u/{token}")).status_code, (await http.post(f"/u/{token}")).status_code] == [404, 404]


async def test_a_notices_public_id_is_no_token(notify: Office, office: PostOffice, http: Any) -> None:
    await told(notify, office, a_crossing())
    (row, *_) = await notify.store.unannounced(5)
    assert (await http.post(f"/u/{row['id']}")).status_code == 404


async def test_the_local_mailbox_shows_the_way_out(notify: Office) -> None:
    await notify.desk(*PEOPLE).tell(a_closing())
    settings = NotifySettings(pg_dsn=SecretStr("postgresql://unused"))
    app = build_http(settings, notify.store, PEOPLE, Access(KeyRing(notify.pool)), notify.clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notify") as client:
        link = re.findall(r'href="(/u/[0-9a-f-]{36})"', (await client.get("/")).text)[0]
        assert "service request is closed" in (await client.get(link)).text


async def test_what_waits_is_not_sent_after_that(notify: Office, office: PostOffice, http: Any) -> None:
    link = await link_for(notify, office, ANA)
    await notify.desk(*PEOPLE).tell(a_crossing(position=2))
    await one_click(http, link)
    office.mails.clear()
    await notify.sender().send_due()
    assert [mail.to for mail in office.mails] == ["bob@example.org"]


async def test_staff_see_it_explain_it_and_undo_it(
    notify: Office, office: PostOffice, http: Any, database: Database
) -> None:
    admin = await create_pool(database.dsn(), "access")
    key, _ = await create_key(admin, "staff")
    await admin.close()
    staff = {"authorization": f"Bearer {key}"}
    await one_click(http, await link_for(notify, office, ANA))
    (item,) = (await http.get("/v1/preferences", headers=staff)).json()["items"]
    assert (item["recipient"], item["topic"], item["subscribed"]) == (ANA, "crossing", False)
    event = a_crossing(position=2)
    await told(notify, office, event)
    why = await http.get("/v1/explain", params={"event": event.id, "recipient": ANA}, headers=staff)
    assert "unsubscribed" in why.json()["summary"]
    wish = {"recipient": "ANA@example.org", "topic": "crossing", "subscribed": True}
    assert (await http.put("/v1/preferences", json=wish, headers=staff)).status_code == 200
    assert await told(notify, office, a_crossing(position=3)) == [ANA, "bob@example.org"]
