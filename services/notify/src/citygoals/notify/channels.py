"""The ways out: a mail server, or the local mailbox of a machine that has none."""

import asyncio
import ssl
from typing import Protocol

import aiosmtplib
from aiosmtplib import (
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from citygoals.notify.delivery import Accepted, Deferred, Outcome, Refused, Unreachable
from citygoals.notify.letters import plain
from citygoals.notify.mail import Parcel, compose
from citygoals.notify.settings import NotifySettings

TOO_LARGE = 552
CLOSING = 421


class Channel(Protocol):
    """A way to reach people."""

    @property
    def name(self) -> str:
        """The channel's name in notices and events."""
        ...

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Hand one notice over and say how it went; never raises for what the other end does."""
        ...

    async def close(self) -> None:
        """Let go of what is held."""
        ...


class MailboxChannel:
    """Delivers by leaving the notice where it is: the notices are the mailbox."""

    name = "mailbox"

    async def deliver(self, parcel: Parcel) -> Outcome:  # noqa: ARG002 - the protocol names it
        """Accept everything."""
        return Accepted()

    async def close(self) -> None:
        """Hold nothing."""


class SmtpChannel:
    """Delivers to one mail server over a few connections that are kept open between mails."""

    name = "email"

    def __init__(self, settings: NotifySettings) -> None:
        self._settings = settings
        self._tls = (
            None if settings.smtp_security == "none" else ssl.create_default_context(cafile=settings.smtp_ca_file)
        )
        self._idle: list[aiosmtplib.SMTP] = []

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Send one mail: at most `smtp_timeout_s` to connect and as long again to send."""
        try:
            async with asyncio.timeout(self._settings.smtp_timeout_s):
                client = await self._connected()
        except (SMTPException, OSError) as error:
            # Also a refused login or a missing STARTTLS: whatever it is, it is not about this notice.
            return Unreachable(_words(error))
        try:
            async with asyncio.timeout(self._settings.smtp_timeout_s):
                outcome = await self._send(client, parcel)
        except (SMTPException, OSError) as error:
            client.close()
            return Deferred(_words(error))
        if client.is_connected:
            self._idle.append(client)
        return outcome

    async def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.pop().close()

    async def _connected(self) -> aiosmtplib.SMTP:
        while self._idle:
            client = self._idle.pop()
            try:
                await client.noop()
            except (SMTPException, OSError):
                client.close()  # the server hung up in the meantime
            except BaseException:
                client.close()
                raise
            else:
                return client
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_user or None,
            password=settings.smtp_password.get_secret_value() if settings.smtp_user else None,
            use_tls=settings.smtp_security == "tls",
            start_tls=settings.smtp_security == "starttls",  # False: never, not even when offered
            tls_context=self._tls,
            timeout=settings.smtp_timeout_s,
        )
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        return client

    async def _send(self, client: aiosmtplib.SMTP, parcel: Parcel) -> Outcome:
        sender = self._settings.smtp_sender
        body = compose(parcel, sender, self._settings.unsubscribe_url).as_bytes()
        try:
            await client.sendmail(sender, [parcel.recipient], body)
        except SMTPRecipientsRefused as error:
            return _refusal(error.recipients[0])
        except SMTPSenderRefused as error:
            # The server objects to us, not to this notice: nothing may be given up for it.
            return (
                _refusal(error)
                if error.code in range(400, 500) or error.code == TOO_LARGE
                else Unreachable(_words(error))
            )
        except SMTPResponseException as error:
            return _refusal(error)
        return Accepted()


def _refusal(error: SMTPResponseException) -> Outcome:
    if error.code == CLOSING:
        raise SMTPServerDisconnected(error.message)
    return Refused(_words(error)) if error.code >= 500 else Deferred(_words(error))


def _words(error: Exception) -> str:
    """Say it in text that can be kept: servers answer in any encoding, on several lines, with any byte."""
    name = str(error.code) if isinstance(error, SMTPResponseException) else f"{type(error).__name__}:"
    said = error.message if isinstance(error, SMTPResponseException) else str(error)
    return plain(f"{name} {said}".encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
