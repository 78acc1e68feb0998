"""Which column of a table becomes what: a mapping file (YAML), read and checked."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from citygoals.local.city_dir import LocalError

TEMPLATE = re.compile(r"\{([^{}]+)\}")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{name!r} is not a time zone such as America/Denver") from None
    return name


Template = Annotated[str, StringConstraints(pattern=r"\{[^{}]+\}")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """Where a value comes from: a `column`, or a fixed `value`; what it is (`as`); other words for it (`map`, `default`)."""

    column: str | None = None
    value: Any = None
    kind: Literal["text", "integer", "decimal", "minor", "boolean"] = Field(default="text", alias="as")
    words: dict[str, Any] | None = Field(default=None, alias="map")
    default: Any = None
    optional: bool = False

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "Source":
        if (self.column is None) == (self.value is None):
            raise ValueError("a value comes from a `column`, or is a fixed `value`")
        return self


class When(_Part):
    """The column with the event's time: `format` as in strptime, else ISO 8601; `zone` where it has no offset."""

    column: str
    format: str | None = None
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"


class Only(_Part):
    """The rows to take: those whose `column` has one of the words in `in`."""

    column: str
    words: list[str] = Field(alias="in")


class TableMapping(_Part):
    """A mapping file. `id` and `subject` are texts with columns in braces, such as "{voucher}-{line}"."""

    system: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    type: str = Field(pattern=r"^city(\.[a-z0-9_]+){2,3}\.v[0-9]+$")
    id: Template
    subject: Template | None = None
    time: When
    only: Only | None = None
    data: dict[str, Source] = Field(min_length=1)

    def columns(self) -> list[str]:
        """Return every column that the mapping speaks of."""
        named = {self.time.column, *TEMPLATE.findall(self.id), *TEMPLATE.findall(self.subject or "")}
        named |= {source.column for source in self.data.values() if source.column is not None}
        return sorted(named | ({self.only.column} if self.only else set()))


def load_mapping(path: Path) -> TableMapping:
    """Read a mapping file. Raises LocalError that names every mistake."""
    try:
        known = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        return TypeAdapter(TableMapping).validate_python(known)
    except FileNotFoundError:
        raise LocalError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise LocalError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        lines = [
            f"{path}: /{'/'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_url=False)
        ]
        raise LocalError("\n".join(lines)) from error
