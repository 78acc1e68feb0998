"""Settings: from the environment, secrets from files, all mistakes at once."""

from pathlib import Path

import pytest
from citygoals.shared.settings import ServiceSettings, load, variable
from pydantic import Field, SecretStr


class Shop(ServiceSettings):
    """A service with a field and a secret of its own."""

    shelf: int = Field(ge=1)
    till_key: SecretStr = SecretStr("")


def test_defaults_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYGOALS_PG_DSN", "postgresql://u:p@h/d")
    monkeypatch.setenv("CITYGOALS_SHELF", "3")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    settings = load(Shop)
    assert settings.pg_dsn.get_secret_value() == "postgresql://u:p@h/d"
    assert (settings.shelf, settings.zone, settings.fiscal_month) == (3, "America/Denver", 9)
    assert settings.otlp_endpoint == "http://collector:4318"


def test_secrets_come_from_files_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in (("pg_dsn", "postgresql://from/file\n"), ("till_key", " keeps spaces \r\n")):
        (tmp_path / name).write_text(text)
        monkeypatch.setenv(f"CITYGOALS_{name.upper()}_FILE", str(tmp_path / name))
    monkeypatch.setenv("CITYGOALS_SHELF", "1")
    settings = load(Shop)
    assert settings.pg_dsn.get_secret_value() == "postgresql://from/file"
    assert settings.till_key.get_secret_value() == " keeps spaces "


def test_the_environment_wins_over_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text("postgresql://from/file")
    monkeypatch.setenv("CITYGOALS_PG_DSN_FILE", str(tmp_path / "dsn"))
    monkeypatch.setenv("CITYGOALS_PG_DSN", "postgresql://from/env")
    assert load(ServiceSettings).pg_dsn.get_secret_value() == "postgresql://from/env"


def test_every_mistake_is_told_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CITYGOALS_SHELF", "0")
    monkeypatch.setenv("CITYGOALS_PORT", "seventy")
    monkeypatch.setenv("CITYGOALS_FISCAL_MONTH", "13")
    monkeypatch.setenv("CITYGOALS_ZONE", "Mars/Olympus")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")
    with pytest.raises(SystemExit) as ended:
        load(Shop)
    assert ended.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert {line.split(":")[0] for line in lines} == {
        "CITYGOALS_SHELF", "CITYGOALS_PORT", "CITYGOALS_FISCAL_MONTH", "CITYGOALS_PG_DSN", "CITYGOALS_ZONE",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    }  # fmt: skip


def test_a_wrong_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CITYGOALS_PG_DSN", "postgresql://u:hunter2@h/d")
    monkeypatch.setenv("CITYGOALS_PORT", "hunter2")
    with pytest.raises(SystemExit):
        load(Shop)
    assert "hunter2" not in capsys.readouterr().err
    assert "hunter2" not in repr(Shop(pg_dsn=SecretStr("hunter2"), shelf=1, port=1))


def test_a_missing_secret_file_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("CITYGOALS_PG_DSN_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(SystemExit) as ended:
        load(ServiceSettings)
    assert ended.value.code == 2
    assert "CITYGOALS_PG_DSN_FILE" in capsys.readouterr().err


def test_settings_cannot_change() -> None:
    settings = ServiceSettings(pg_dsn=SecretStr("x"))
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc]  # that is the point


def test_every_setting_says_what_it_is_and_where_it_comes_from() -> None:
    for name, field in ServiceSettings.model_fields.items():
        assert field.description, name
        assert variable(ServiceSettings, name).isupper()
