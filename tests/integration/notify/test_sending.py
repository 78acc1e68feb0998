"""The sender against a real mail server: away, busy, unwilling, demanding."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from brokers import wait_until
from citygoals.notify.channels import SmtpChannel
from citygoals.notify.delivery import RETRY_DELAYS_S
from integration.notify.conftest import LEASE, Office, smtp_settings
from integration.notify.post_office import OK, PostOffice, accepts_only, make_certificate, post_office
from patience import PATIENCE_S
from unit.notify.happenings import a_crossing, a_subscription


async def test_a_notice_arrives_once_and_is_read_in_both_parts(notify: Office, office: PostOffice) -> None:
    await notify.desk(a_subscription(language="es")).tell(a_crossing())
    sender = notify.sender()
    assert [await sender.send_due() for _ in range(3)] == [1, 0, 0]
    (mail,) = office.mails
    assert (mail.to, mail.message["Subject"]) == ("anybody@example.org", "Casos resueltos: ahora en meta (FY2027)")
    assert {part.get_content_type() for part in mail.message.iter_parts()} == {"text/plain", "text/html"}
    assert await notify.states() == {"anybody@example.org": ("sent", 1, None)}


async def test_while_the_server_is_away_nothing_is_lost_and_no_attempt_is_spent(
    notify: Office, office: PostOffice
) -> None:
    office.closes()
    people = [a_subscription(id=f"s{index}", to=f"p{index}@example.org") for index in range(9)]
    await notify.desk(*people).tell(a_crossing())
    sender = notify.sender()
    for outages in (1, 2, 3):
        await sender.send_due()
        assert sender.outages == outages
        notify.clock.advance(timedelta(minutes=10))
    assert {attempts for _, attempts, _ in (await notify.states()).values()} == {0}
    office.opens()
    while await sender.send_due():
        notify.clock.advance(timedelta(seconds=1))
    assert sender.outages == 0
    assert sorted(mail.to for mail in office.mails) == sorted(person.to for person in people)


async def test_a_busy_server_is_asked_again_at_growing_intervals(notify: Office, office: PostOffice) -> None:
    answers = iter(["451 busy", "450 mailbox locked", "452 no room"])
    office.on_recipient = lambda _: next(answers, OK)
    await notify.desk().tell(a_crossing())
    sender = notify.sender()
    assert await sender.send_due() == 1
    for delay_s in RETRY_DELAYS_S[:3]:
        assert (await notify.states())["anybody@example.org"][0] == "failed-temporary"
        notify.clock.advance(timedelta(seconds=delay_s - 1))
        assert await sender.send_due() == 0, "too early"
        notify.clock.advance(timedelta(seconds=1))
        assert await sender.send_due() == 1
    assert await notify.states() == {"anybody@example.org": ("sent", 4, None)}
    assert len(office.mails) == 1


@pytest.mark.parametrize("answer", ["550 5.1.1 no such user", "554 5.7.1 we do not want this"])
@pytest.mark.parametrize("where", ["on_recipient", "on_data"])
async def test_a_refusal_is_final_at_once(notify: Office, office: PostOffice, *, answer: str, where: str) -> None:
    setattr(office, where, lambda _: answer)
    await notify.desk().tell(a_crossing())
    sender = notify.sender()
    await sender.send_due()
    notify.clock.advance(timedelta(days=30))
    assert await sender.send_due() == 0
    assert await notify.states() == {"anybody@example.org": ("failed-permanent", 1, answer)}


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("550 we do not know you", "failed-temporary"),  # about us: nothing may be given up for it
        ("530 log in first", "failed-temporary"),
        ("451 later", "failed-temporary"),
        ("552 too large", "failed-permanent"),
    ],
)
async def test_an_objection_to_the_sender(notify: Office, office: PostOffice, *, answer: str, state: str) -> None:
    office.on_sender = lambda _: answer
    await notify.desk().tell(a_crossing())
    sender = notify.sender()
    await sender.send_due()
    assert (await notify.states())["anybody@example.org"][0] == state
    assert sender.outages == (1 if answer[:3] in ("550", "530") else 0)


async def test_one_bad_address_does_not_hold_up_the_others(notify: Office, office: PostOffice) -> None:
    office.on_recipient = lambda address: "550 unknown" if address.startswith("bad") else OK
    people = [a_subscription(id=name, to=f"{name}@example.org") for name in ("a", "bad-1", "b", "bad-2", "c")]
    await notify.desk(*people).tell(a_crossing())
    sender = notify.sender(at_once=2)
    while await sender.send_due():
        pass
    assert sorted(mail.to for mail in office.mails) == ["a@example.org", "b@example.org", "c@example.org"]
    states = {person: state for person, (state, _, _) in (await notify.states()).items()}
    assert states["bad-1@example.org"] == states["bad-2@example.org"] == "failed-permanent"


async def test_a_server_that_hangs_up_at_the_worst_moment_is_asked_again(notify: Office, office: PostOffice) -> None:
    office.on_data = lambda _: "421 shutting down"
    await notify.desk().tell(a_crossing())
    sender = notify.sender()
    await sender.send_due()
    assert (await notify.states())["anybody@example.org"][0] == "failed-temporary"
    office.on_data = lambda _: OK
    notify.clock.advance(timedelta(seconds=RETRY_DELAYS_S[0]))
    await sender.send_due()
    assert len(office.mails) == 1


async def test_a_sender_that_vanished_leaves_the_same_bytes_to_the_next(notify: Office, office: PostOffice) -> None:
    await notify.desk().tell(a_crossing())
    (claim,) = await notify.store.claim(1, now=notify.clock.now(), lease=LEASE)
    await notify.channel.deliver(claim.parcel)  # accepted, and then nobody writes it down
    notify.clock.advance(LEASE)
    await notify.sender().send_due()
    first, second = office.mails
    assert first.body == second.body
    assert len(office.inbox()) == 1
    assert await notify.states() == {"anybody@example.org": ("sent", 1, None)}


async def test_the_loop_survives_a_server_that_comes_back(notify: Office, office: PostOffice) -> None:
    office.closes()
    await notify.desk().tell(a_crossing())
    sender, stop = notify.sender(), asyncio.Event()
    loop = asyncio.create_task(sender.run(stop))
    await wait_until(lambda: sender.outages > 0)
    office.opens()
    notify.clock.advance(timedelta(minutes=1))
    await wait_until(lambda: office.mails)
    stop.set()
    await asyncio.wait_for(loop, PATIENCE_S)


@pytest.fixture
def tls(tmp_path: Path) -> Any:
    return make_certificate(tmp_path)


async def deliver_with(notify: Office, **values: Any) -> str:
    channel = SmtpChannel(smtp_settings(**values))
    (claim,) = await notify.store.claim(1, now=notify.clock.now(), lease=LEASE)
    outcome = await channel.deliver(claim.parcel)
    await channel.close()
    return type(outcome).__name__


async def test_starttls_and_a_login(notify: Office, tls: Any) -> None:
    await notify.desk().tell(a_crossing())
    options = {
        "tls_context": tls.server_context(),
        "require_starttls": True,
        "auth_required": True,
        "authenticator": accepts_only("city", "pass phrase"),
    }
    with post_office(**options) as secure:
        login = {
            "smtp_user": "city",
            "smtp_password": "pass phrase",
            "smtp_ca_file": tls.cert,
            "smtp_security": "starttls",
        }
        assert await deliver_with(notify, port=secure.port, **login) == "Accepted"
        assert len(secure.mails) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_password": "guess", "smtp_user": "city", "smtp_security": "starttls", "with_ca": True},
        {"smtp_security": "starttls", "with_ca": False},  # a certificate that nobody we know vouches for
    ],
)
async def test_what_is_wrong_between_the_servers_is_no_notices_fault(
    notify: Office, tls: Any, wrong: dict[str, Any]
) -> None:
    await notify.desk().tell(a_crossing())
    with_ca = wrong.pop("with_ca")
    with post_office(tls_context=tls.server_context(), authenticator=accepts_only("city", "right")) as secure:
        values = wrong | ({"smtp_ca_file": tls.cert} if with_ca else {})
        assert await deliver_with(notify, port=secure.port, **values) == "Unreachable"
        assert secure.mails == []


async def test_no_mail_leaves_in_clear_text_when_starttls_is_wanted(notify: Office, office: PostOffice) -> None:
    await notify.desk().tell(a_crossing())
    assert await deliver_with(notify, port=office.port, smtp_security="starttls") == "Unreachable"
    assert office.mails == []


@pytest.mark.parametrize(
    "reply",
    [
        "550 5.1.1 buz\xf3n desconocido",  # Latin-1, as many a server speaks
        "550 " + "\x07\x00 no",
        "451 later",
    ],
)
async def test_a_reply_in_any_bytes_is_kept_in_readable_text(notify: Office, *, reply: str) -> None:
    await notify.desk().tell(a_crossing())
    async with rude_server(reply.encode("latin-1")) as port:
        notify.channel = SmtpChannel(smtp_settings(port))
        await notify.sender().send_due()
        await notify.channel.close()
    state, attempts, reason = (await notify.states())["anybody@example.org"]
    assert (state, attempts) == ("failed-permanent" if reply.startswith("5") else "failed-temporary", 1)
    assert reason is not None
    assert reason.startswith(reply[:4])
    assert reason.isprintable()


@pytest.mark.parametrize(
    ("greeting", "outages", "attempts"),
    [(b"", 1, 0), (b"220 here\r\n", 0, 1)],  # silent from the start: about us all; in the middle: about this notice
)
async def test_a_server_that_falls_silent_holds_nothing_up(
    notify: Office, office: PostOffice, *, greeting: bytes, outages: int, attempts: int
) -> None:
    await notify.desk().tell(a_crossing())
    async with rude_server(b"", greeting) as port:
        notify.channel = SmtpChannel(smtp_settings(port, smtp_timeout_s=1))
        sender = notify.sender()
        async with asyncio.timeout(PATIENCE_S):
            await sender.send_due()
        await notify.channel.close()
    assert sender.outages == outages
    state, tried, reason = (await notify.states())["anybody@example.org"]
    assert (state, tried) == ("failed-temporary", attempts)
    assert reason is not None
    assert "Timeout" in reason
    notify.channel = SmtpChannel(smtp_settings(office.port))
    notify.clock.advance(timedelta(seconds=RETRY_DELAYS_S[0]))
    await notify.sender().send_due()
    await notify.channel.close()
    assert len(office.mails) == 1


@asynccontextmanager
async def rude_server(reply: bytes, greeting: bytes = b"220 here\r\n") -> AsyncIterator[int]:
    """Give the port of a mail server that says yes to everything but a recipient, to whom it says `reply` as it is."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        while line := await reader.readline():
            if not line.upper().startswith(b"RCPT"):
                writer.write(b"250 yes\r\n")
            elif reply:
                writer.write(reply + b"\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
