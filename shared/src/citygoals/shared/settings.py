"""Settings from the environment (prefix CITYGOALS_), secrets also from files; every mistake is reported at once."""

import os
import sys
from pathlib import Path
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "CITYGOALS_"


class SecretFiles(PydanticBaseSettingsSource):
    """Reads a secret from the file that `<NAME>_FILE` names, as containers mount them; a trailing newline is dropped."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the file's text for a secret field, or None where no file is named."""
        path = os.environ.get(f"{PREFIX}{field_name}_file".upper())
        if path is None or field.annotation not in (SecretStr, SecretStr | None):
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\r\n"), field_name, False
        except OSError as error:
            raise ValueError(f"{PREFIX}{field_name.upper()}_FILE={path}: {error.strerror}") from error

    def __call__(self) -> dict[str, Any]:
        """Return every secret found in a file."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class ServiceSettings(BaseSettings):
    """What every service needs to know. A service adds its own fields by subclassing."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True, populate_by_name=True
    )

    pg_dsn: SecretStr = Field(description="The service's own PostgreSQL role and database, postgresql://...")
    pg_pool_max: int = Field(default=8, ge=1, le=100, description="Most connections to PostgreSQL")
    nats_url: str = Field(default="nats://127.0.0.1:4222", description="NATS servers, comma-separated")
    nats_user: str = Field(default="", description="NATS user; also names the inbox prefix _INBOX_<user>")
    nats_password: SecretStr = Field(default=SecretStr(""), description="The NATS user's password")
    host: str = Field(default="127.0.0.1", description="Address to listen on for HTTP")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on for HTTP")
    zone: str = Field(default="America/Denver", description="The city's time zone (IANA name)")
    fiscal_month: int = Field(default=9, ge=1, le=12, description="Month in which the city's fiscal year begins")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least severe log line")
    trace_ratio: float = Field(default=0.001, ge=0, le=1, description="Share of events the doors choose for tracing")
    otlp_endpoint: str = Field(
        default="", validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT", description="OTLP/HTTP collector; empty: no export"
    )

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("no such time zone; it is an IANA name such as America/Denver") from None
        return zone

    @field_validator("otlp_endpoint")
    @classmethod
    def _is_http(cls, endpoint: str) -> str:
        if endpoint and not endpoint.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return endpoint

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then secret files; no dotenv, nothing is picked up by surprise."""
        return init_settings, env_settings, SecretFiles(settings_cls)


S = TypeVar("S", bound=ServiceSettings)


def load(cls: type[S]) -> S:
    """Read the settings, or print every problem with the variable that has it and exit with status 2."""
    try:
        return cls()
    except ValidationError as error:
        for item in error.errors(include_input=False, include_url=False):
            where = f"{variable(cls, str(item['loc'][0]))}: " if item["loc"] else ""
            sys.stderr.write(f"{where}{item['msg'].removeprefix('Value error, ')}\n")
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
    raise SystemExit(2)


def variable(cls: type[ServiceSettings], field: str) -> str:
    """Return the environment variable that sets `field`."""
    info = cls.model_fields.get(field)
    if info is None:
        return field  # an alias already
    return info.validation_alias if isinstance(info.validation_alias, str) else f"{PREFIX}{field}".upper()
