import email
import email.policy
import uuid
from datetime import UTC, datetime
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest
from citygoals.notify.letters import Letter, Writer
from citygoals.notify.mail import ADDRESS, Parcel, compose
from citygoals.notify.news import read_news
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.notify.happenings import a_crossing

ID = uuid.UUID("0123456789abcdef0123456789abcdef")
TOKEN = uuid.UUID("fedcba9876543210fedcba9876543210")
SENDER = "city-goals@example.org"


def a_parcel(letter: Letter | None = None, recipient: str = "anybody@example.org") -> Parcel:
    return Parcel(
        id=ID,
        token=TOKEN,
        recipient=recipient,
        language="es",
        letter=letter or Writer(ZoneInfo("UTC")).write(read_news(a_crossing()), "es"),
        created_at=datetime(2026, 11, 21, 19, 0, 0, 123456, tzinfo=UTC),
        attempts=0,
    )


def parsed(parcel: Parcel) -> EmailMessage:
    message = email.message_from_bytes(compose(parcel, SENDER).as_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_mail_has_a_text_part_and_an_html_part_that_a_reader_gets_back() -> None:
    parcel = a_parcel()
    message = parsed(parcel)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == parcel.letter.text
    assert html.get_content().replace("\r\n", "\n") == parcel.letter.html
    assert message["Subject"] == parcel.letter.subject
    assert message["Auto-Submitted"] == "auto-generated"


def test_two_attempts_send_the_same_bytes() -> None:
    assert compose(a_parcel(), SENDER).as_bytes() == compose(a_parcel(), SENDER).as_bytes()
    message = parsed(a_parcel())
    assert message["Message-ID"] == f"<{ID.hex}@example.org>"
    assert message["Date"] == "Sat, 21 Nov 2026 19:00:00 +0000"


def test_every_byte_is_ascii_and_no_line_is_too_long_for_old_servers() -> None:
    body = compose(a_parcel(), SENDER).as_bytes()
    assert body.isascii()
    assert max(len(line) for line in body.split(b"\r\n")) <= 998


@settings(max_examples=50)
@given(st.text(max_size=300), st.text(max_size=500))
def test_whatever_the_words_are_the_headers_stay_ours(title: str, text: str) -> None:
    letter = Writer(ZoneInfo("UTC")).write(read_news(a_crossing(title={"en": title})), "en")
    message = parsed(a_parcel(Letter(letter.subject, text, letter.html)))
    assert sorted(message.keys()) == [
        "Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To",
    ]  # fmt: skip
    assert message["To"] == "anybody@example.org"


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r"])
def test_a_line_break_in_a_header_is_refused_even_if_all_else_failed(break_: str) -> None:
    with pytest.raises(ValueError, match=r"linefeed|newline"):
        compose(a_parcel(Letter(f"Hello{break_}Bcc: a@b.c", "", "")), SENDER).as_bytes()
    with pytest.raises(ValueError, match=r"linefeed|newline|invalid"):
        compose(a_parcel(recipient=f"a@b.c{break_}Bcc: d@e.f"), SENDER).as_bytes()


@pytest.mark.parametrize("address", ["a@b.c", "first.last+tag@example.org", "x@localhost", "o'neil@a-b.example.org"])
def test_plain_addresses(address: str) -> None:
    assert ADDRESS.fullmatch(address)


def test_a_mail_offers_a_button_and_a_link_to_get_no_more_of_its_kind() -> None:
    sent = compose(a_parcel(), SENDER, "https://notify.example.org/").as_bytes()
    message = email.message_from_bytes(sent, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    link = f"https://notify.example.org/u/{TOKEN}"
    assert message["List-Unsubscribe"].strip() == f"<{link}>"  # a long header begins on a line of its own
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().endswith(f"Dejar de recibir avisos de este tipo: {link}\r\n")
    assert f'<a href="{link}">' in html.get_content()
    assert html.get_content().rstrip().endswith("</html>")


def test_without_an_address_to_go_to_there_is_no_way_out() -> None:
    assert parsed(a_parcel())["List-Unsubscribe"] is None
