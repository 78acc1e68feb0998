"""What every definition (plan, KPI, department) is made of: strict frozen models, exact decimals, bilingual texts."""

import re
from collections import Counter
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    WithJsonSchema,
    field_validator,
)

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,12})?\Z")
_DAYS = re.compile(r"P(?:([0-9]{1,4})D|([0-9]{1,3})W)\Z")


class Model(BaseModel):
    """A definition: frozen, and it refuses fields that it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    @field_validator("*")
    @classmethod
    def _can_be_stored(cls, value: Any) -> Any:
        """Refuse the one character that PostgreSQL's JSON cannot hold: whoever reads the changeset would stop at it."""
        inside = value if isinstance(value, list | tuple | dict) else (value,)
        if any(isinstance(text, str) and "\x00" in text for text in inside):
            raise ValueError("a text cannot hold the character U+0000")
        return value


def _decimal_text(value: Any) -> str:
    """Keep an exact decimal as it was written. A float has already lost what was written, so it is refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, float):
        raise ValueError(f'a decimal is written as a string, for example "{value}": a JSON number is not exact')  # noqa: TRY004  # pydantic reads ValueError
    if not isinstance(value, str) or not _DECIMAL.match(value):
        raise ValueError('expected a decimal string with at most 15 digits before and 12 after the point, like "0.65"')
    return value


def _positive(text: str) -> str:
    if Fraction(text) <= 0:
        raise ValueError(f"expected a decimal above zero, not {text}")
    return text


def _not_negative(text: str) -> str:
    if Fraction(text) < 0:
        raise ValueError(f"expected zero or a decimal above it, not {text}")
    return text


def _share(text: str) -> str:
    if not 0 <= Fraction(text) < 1:
        raise ValueError(f"expected a share from 0 to below 1, not {text}")
    return text


def _days_text(value: Any) -> str:
    if not isinstance(value, str) or not _DAYS.match(value):
        raise ValueError("expected an ISO 8601 duration in whole days or weeks, like P7D or P2W")
    return value


def days(text: str) -> timedelta:
    """Return an ISO 8601 duration of whole days or weeks, for example P7D."""
    match = _DAYS.match(text)
    if match is None:
        raise ValueError(f"expected a duration like P7D or P2W, not {text!r}")
    return timedelta(days=int(match[1] or 0), weeks=int(match[2] or 0))


def _decimal_schema(pattern: str, **integer: int) -> dict[str, Any]:
    return {
        "anyOf": [{"type": "string", "pattern": pattern}, {"type": "integer", **integer}],
        "description": "An exact decimal, best written as a string.",
    }


_UNSIGNED = r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,12})?$"

DecimalText = Annotated[str, BeforeValidator(_decimal_text), WithJsonSchema(_decimal_schema("^-?" + _UNSIGNED))]
UnsignedDecimalText = Annotated[
    str,
    BeforeValidator(_decimal_text),
    AfterValidator(_not_negative),
    WithJsonSchema(_decimal_schema("^" + _UNSIGNED, minimum=0)),
]
PositiveDecimalText = Annotated[
    str,
    BeforeValidator(_decimal_text),
    AfterValidator(_positive),
    WithJsonSchema(_decimal_schema(r"^(?!0(\.0+)?$)" + _UNSIGNED, minimum=1)),
]
ShareText = Annotated[
    str,
    BeforeValidator(_decimal_text),
    AfterValidator(_share),
    WithJsonSchema(_decimal_schema(r"^0(\.[0-9]{1,12})?$", minimum=0, maximum=0)),
]
DaysText = Annotated[
    str, BeforeValidator(_days_text), WithJsonSchema({"type": "string", "pattern": r"^P([0-9]{1,4}D|[0-9]{1,3}W)$"})
]

KEBAB_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
KPI_ID_PATTERN = r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$"
EVENT_TYPE_PATTERN = r"^city(\.[a-z][a-z0-9_]*){2,}\.v[1-9][0-9]*$"
DATA_PATH_PATTERN = r"^data(\.[A-Za-z_][A-Za-z0-9_]*)+$"
VALUE_PATTERN = r"^(count|seconds|data(\.[A-Za-z_][A-Za-z0-9_]*)+)$"

PATTERNS = {
    KEBAB_PATTERN: "expected an id in kebab-case, like municipal-court",
    KPI_ID_PATTERN: "expected a KPI id of letters, digits and single dashes, like MC-01",
    EVENT_TYPE_PATTERN: "expected an event type, like city.payment.settled.v1",
    DATA_PATH_PATTERN: "expected a field below data, like data.attendees",
    VALUE_PATTERN: "expected count, seconds or a field below data, like data.attendees",
}
"""What each pattern asks for, in words: for those who wrote the file."""

KebabId = Annotated[str, StringConstraints(pattern=KEBAB_PATTERN, max_length=80)]
KpiId = Annotated[str, StringConstraints(pattern=KPI_ID_PATTERN, max_length=40)]
EventType = Annotated[str, StringConstraints(pattern=EVENT_TYPE_PATTERN, max_length=120)]


class Text(Model):
    """A text in English and, where there is one, in Spanish."""

    en: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    es: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None

    def labels(self) -> dict[str, str]:
        """Return both languages; the English text stands in where Spanish is missing."""
        return {"en": self.en, "es": self.es or self.en}


def number_as_text(value: object) -> object:
    """Take 2024 for "2024": YAML reads a bare version, number or district as an integer."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class HasId(Protocol):
    """A definition with an id."""

    @property
    def id(self) -> str:
        """The id."""
        ...


D = TypeVar("D", bound=HasId)


def one_id_each(definitions: tuple[D, ...]) -> tuple[D, ...]:
    """Return the definitions. Raises ValueError for an id that is given twice."""
    for name, times in Counter(one.id for one in definitions).items():
        if times > 1:
            raise ValueError(f"`{name}` is given {times} times")
    return definitions
