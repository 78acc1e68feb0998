"""What every definition (plan, KPI, department) is made of: strict frozen models, exact decimals, bilingual texts."""

import re
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, WithJsonSchema

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,12})?\Z")
_DAYS = re.compile(r"P(?:([0-9]{1,4})D|([0-9]{1,3})W)\Z")


class Model(BaseModel):
    """A definition: frozen, and it refuses fields that it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )


def _decimal_text(value: Any) -> str:
    """Keep an exact decimal as it was written. A float has already lost what was written, so it is refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, float):
        raise ValueError(f'a decimal is written as a string, for example "{value}": a JSON number is not exact')  # noqa: TRY004  # pydantic reads ValueError
    if not isinstance(value, str) or not _DECIMAL.match(value):
        raise ValueError('expected a decimal string with at most 15 digits before and 12 after the point, like "0.65"')
    return value


def _positive_decimal_text(value: Any) -> str:
    text = _decimal_text(value)
    if Fraction(text) <= 0:
        raise ValueError(f"expected a decimal above zero, not {text}")
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


_DECIMAL_SCHEMA = {
    "anyOf": [{"type": "string", "pattern": r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,12})?$"}, {"type": "integer"}],
    "description": "An exact decimal, best written as a string.",
}

DecimalText = Annotated[str, BeforeValidator(_decimal_text), WithJsonSchema(_DECIMAL_SCHEMA)]
PositiveDecimalText = Annotated[str, BeforeValidator(_positive_decimal_text), WithJsonSchema(_DECIMAL_SCHEMA)]
DaysText = Annotated[
    str, BeforeValidator(_days_text), WithJsonSchema({"type": "string", "pattern": r"^P([0-9]{1,4}D|[0-9]{1,3}W)$"})
]
KebabId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
KpiId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$", max_length=40)]
EventType = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\.v[1-9][0-9]*$", max_length=120)
]


class Text(Model):
    """A text in English and, where there is one, in Spanish."""

    en: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    es: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None

    def labels(self) -> dict[str, str]:
        """Return both languages; the English text stands in where Spanish is missing."""
        return {"en": self.en, "es": self.es or self.en}
