"""Every wrong setting of every service is named before anything starts."""

import pytest
from citygoals.local.city_dir import UsageError
from citygoals.local.service_settings import check_settings


def test_the_defaults_are_fine() -> None:
    check_settings()


def test_all_problems_of_all_services_are_said_at_once_and_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"ZONE": "Mars/X", "FISCAL_MONTH": "13", "BODY_BYTES_MAX": "x", "SMTP_PORT": "0", "HISTORY_DAYS": "-1"}
    for name, value in wrong.items():
        monkeypatch.setenv(f"CITYGOALS_{name}", value)
    with pytest.raises(UsageError) as caught:
        check_settings()
    lines = str(caught.value).splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == sorted(f"CITYGOALS_{name}" for name in wrong)


def test_what_up_sets_itself_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYGOALS_PORT", "none")
    check_settings()


def test_a_secrets_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYGOALS_SMTP_PASSWORD_FILE", "/nowhere/word")
    with pytest.raises(UsageError, match=r"CITYGOALS_SMTP_PASSWORD_FILE=/nowhere/word"):
        check_settings()
