"""A notice as a mail message: the same notice gives the same bytes, so a repeated delivery is recognisably the same."""

import email.policy
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape

from citygoals.notify.letters import Letter

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
ADDRESS = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
"""A plain address as HTML forms accept it: ASCII, no display name, no quoting, nothing that could end a header."""


WAY_OUT = {"en": "Stop notices of this kind", "es": "Dejar de recibir avisos de este tipo"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Everything a channel needs to deliver one notice."""

    id: uuid.UUID
    token: uuid.UUID
    recipient: str
    language: str
    letter: Letter
    created_at: datetime
    attempts: int


def message_id(notice: uuid.UUID, sender: str) -> str:
    """Return the Message-ID of a notice: from its stored id, hence the same at every attempt."""
    return f"<{notice.hex}@{sender.rpartition('@')[2]}>"


def compose(parcel: Parcel, sender: str, unsubscribe_url: str = "") -> EmailMessage:
    """Build the message. Every part of it comes from the stored notice: two attempts send the same bytes.

    With an address of the unsubscribe pages it offers both ways out: the mail program's button (RFC 8058) and a link.

    Raises ValueError if a header would hold a line break; letters and subscriptions exclude that beforehand.
    """
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = f"City Goals <{sender}>"
    message["To"] = parcel.recipient
    message["Subject"] = parcel.letter.subject
    message["Date"] = format_datetime(parcel.created_at.astimezone(UTC))
    message["Message-ID"] = message_id(parcel.id, sender)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies, please
    text, html = parcel.letter.text, parcel.letter.html
    if unsubscribe_url:
        link = f"{unsubscribe_url.rstrip('/')}/u/{parcel.token}"
        message["List-Unsubscribe"] = f"<{link}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        text, html = with_way_out(parcel, link)
    # Quoted-printable also reaches servers that never heard of 8BITMIME.
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    message["Content-Language"] = parcel.language  # after the content, which resets what describes it
    message.set_boundary(f"=_{parcel.id.hex}")  # the default is random
    return message


def with_way_out(parcel: Parcel, link: str) -> tuple[str, str]:
    """Return the letter's text and HTML with a line that says how to get no more of its kind."""
    words = WAY_OUT[parcel.language]
    head, end, tail = parcel.letter.html.rpartition("</body>")
    return f"{parcel.letter.text}{words}: {link}\n", f'{head}<p><a href="{escape(link)}">{words}</a></p>\n{end}{tail}'
