"""A real mail server on loopback that keeps what it accepts and can be told to be away, busy or unwilling."""

import email
import email.policy
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from patience import PATIENCE_S
from ports import free_port

OK = "250 OK"


@dataclass(frozen=True)
class Mail:
    """One accepted mail."""

    to: str
    body: bytes

    @property
    def message(self) -> EmailMessage:
        message = email.message_from_bytes(self.body, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        return message

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])


@dataclass
class PostOffice:
    """What the server accepted, and what it answers to MAIL, RCPT and DATA."""

    port: int = field(default_factory=free_port)
    mails: list[Mail] = field(default_factory=list)
    on_sender: Callable[[str], str] = lambda _: OK
    on_recipient: Callable[[str], str] = lambda _: OK
    on_data: Callable[[Mail], str] = lambda _: OK
    options: dict[str, Any] = field(default_factory=dict)
    _controller: Controller | None = None

    def opens(self) -> None:
        self._controller = Controller(
            self, hostname="127.0.0.1", port=self.port, ready_timeout=PATIENCE_S, **self.options
        )
        self._controller.start()

    def closes(self) -> None:
        if self._controller is not None:
            # The library stops listening but leaves the connections it has; a server that is away has none.
            with suppress(AssertionError):
                self._controller.stop()
            self._controller = None

    def inbox(self) -> dict[str, Mail]:
        """Return what a receiver sees who knows a mail by its Message-ID."""
        return {mail.message_id: mail for mail in self.mails}

    async def handle_MAIL(self, _s: Any, _e: Any, envelope: Envelope, address: str, _o: Any) -> str:  # noqa: N802 - aiosmtpd's name
        answer = self.on_sender(address)
        if answer == OK:
            envelope.mail_from = address
        return answer

    async def handle_RCPT(self, _s: Any, _e: Any, envelope: Envelope, address: str, _o: Any) -> str:  # noqa: N802 - aiosmtpd's name
        answer = self.on_recipient(address)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        mail = Mail(envelope.rcpt_tos[0], envelope.content)
        answer = self.on_data(mail)
        if answer == OK:
            self.mails.append(mail)
        return answer


@contextmanager
def post_office(**options: Any) -> Iterator[PostOffice]:
    office = PostOffice(options=options)
    office.opens()
    try:
        yield office
    finally:
        office.closes()


@dataclass(frozen=True)
class Certificate:
    """A certificate for localhost that only its own file vouches for."""

    cert: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


def make_certificate(folder: Path) -> Certificate:
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", made.key, "-out", made.cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return made


def accepts_only(user: str, password: str) -> Callable[..., AuthResult]:
    """Return an authenticator for one user."""

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and data == LoginPassword(user.encode(), password.encode())
        return AuthResult(success=good, handled=good)

    return authenticate
