"""What notify needs to know."""

import ipaddress
import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from citygoals.notify.mail import ADDRESS
from citygoals.shared.settings import ServiceSettings

_ADDRESS = re.compile(r"(https?://[!-;=?-~]+)?")  # it goes into headers and letters


class NotifySettings(ServiceSettings):
    """Settings of notify. Without a mail server the notices stay in the local mailbox, where a page shows them."""

    subscriptions: Path | None = Field(default=None, description="The subscriptions file (YAML); none: the sample's")
    public_url: str = Field(
        default="", description="Address of the public pages, for links in letters; empty: no links"
    )
    unsubscribe_url: str = Field(
        default="",
        description="Address of this service as recipients reach it, for unsubscribing with one click; empty: no such link",
    )
    synthetic: bool = Field(
        default=False, description="Say in every letter that events behind it are made up for a demonstration"
    )
    smtp_host: str = Field(default="", description="Mail server; empty: notices stay in the local mailbox")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="The mail server's port")
    smtp_security: Literal["none", "starttls", "tls"] = Field(
        default="starttls",
        description="starttls: refuse to go on without it; tls: from the first byte; none: clear text",
    )
    smtp_user: str = Field(default="", description="User at the mail server; empty: no authentication")
    smtp_password: SecretStr = Field(default=SecretStr(""), description="The user's password at the mail server")
    smtp_sender: str = Field(default="", description="The address that notices come from")
    smtp_ca_file: Path | None = Field(default=None, description="CA bundle for the mail server; none: the system's")
    smtp_timeout_s: float = Field(default=30, gt=0, le=600, description="Longest wait to connect, and to send one mail")
    claim_margin_s: float = Field(
        default=15,
        gt=0,
        le=600,
        description="How much longer than a delivery may take a notice stays claimed by its sender",
    )
    smtp_connections: int = Field(default=4, ge=1, le=32, description="Most mails under way at once")

    @property
    def claim_s(self) -> float:
        """How long a claim lasts: longer than the longest delivery (connect, then send), or two senders have one notice."""
        return 2 * self.smtp_timeout_s + self.claim_margin_s

    @model_validator(mode="after")
    def _mail_is_complete(self) -> Self:
        problems = list(self._mail_problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _mail_problems(self) -> list[str]:
        problems = [
            f"CITYGOALS_{name.upper()} must begin with http:// or https:// and hold neither spaces nor angle brackets"
            for name in ("public_url", "unsubscribe_url")
            if not _ADDRESS.fullmatch(getattr(self, name))
        ]
        if not self.smtp_host:
            return problems
        if not ADDRESS.fullmatch(self.smtp_sender):
            problems.append("CITYGOALS_SMTP_SENDER must be a plain mail address when CITYGOALS_SMTP_HOST is set")
        if self.subscriptions is None:
            # The sample's people do not exist; a real mail server must never be asked to write to them.
            problems.append("CITYGOALS_SUBSCRIPTIONS must name a file when CITYGOALS_SMTP_HOST is set")
        if self.smtp_user and self.smtp_security == "none" and not _is_loopback(self.smtp_host):
            problems.append("CITYGOALS_SMTP_SECURITY=none would send the password in clear text")
        return problems


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
