from pathlib import Path
from typing import Any

import pytest
from citygoals.notify.settings import NotifySettings
from pydantic import SecretStr, ValidationError

GOOD: dict[str, Any] = {
    "pg_dsn": SecretStr("postgresql://x"),
    "smtp_host": "mail.example.org",
    "smtp_sender": "city-goals@example.org",
    "subscriptions": Path("s.yaml"),
}


def test_without_a_mail_server_nothing_else_is_needed() -> None:
    assert NotifySettings(pg_dsn=SecretStr("postgresql://x")).smtp_host == ""


def test_mail_insists_on_starttls_unless_told_otherwise() -> None:
    assert NotifySettings(**GOOD).smtp_security == "starttls"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"smtp_sender": ""}, "CITYGOALS_SMTP_SENDER"),
        ({"smtp_sender": "City <a@b.c>"}, "CITYGOALS_SMTP_SENDER"),
        ({"subscriptions": None}, "CITYGOALS_SUBSCRIPTIONS"),
        ({"smtp_security": "none", "smtp_user": "u"}, "clear text"),
        ({"public_url": "javascript:alert(1)"}, "CITYGOALS_PUBLIC_URL"),
        ({"unsubscribe_url": "notify.example.org"}, "CITYGOALS_UNSUBSCRIBE_URL"),
        ({"unsubscribe_url": "https://a.b/>,<mailto:x@y.z"}, "CITYGOALS_UNSUBSCRIBE_URL"),
    ],
)
def test_half_a_configuration_is_refused_by_name(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        NotifySettings(**(GOOD | change))


def test_a_password_may_go_to_this_machine_in_clear_text() -> None:
    assert NotifySettings(**(GOOD | {"smtp_security": "none", "smtp_user": "u", "smtp_host": "127.0.0.1"}))
