"""Rows of any table as events, by a mapping. Pure: a row in, a CloudEvent out."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from citygoals.local.csv_mapping import TEMPLATE, Source, TableMapping, When
from citygoals.local.unusable import Unusable

_WORDS = {
    **dict.fromkeys(("true", "yes", "y", "t", "1"), True),
    **dict.fromkeys(("false", "no", "n", "f", "0"), False),
}
_MINOR_PER_UNIT = 100

Row = Mapping[str, Any]


def event_of(row: Row, mapping: TableMapping) -> list[dict[str, Any]]:
    """Return the event of a row, or nothing for a row that the mapping leaves out. Raises Unusable."""
    if mapping.only is not None and _text(row, mapping.only.column) not in mapping.only.words:
        return []
    identity = _filled(mapping.id, row)
    event = {
        "specversion": "1.0",
        "type": mapping.type,
        "source": f"/systems/{mapping.system}/csv",
        "id": identity,
        "subject": _filled(mapping.subject, row) if mapping.subject else identity,
        "time": _instant(row, mapping.time),
        "datacontenttype": "application/json",
    }
    values = {name: _value(row, source) for name, source in mapping.data.items()}
    return [event | {"data": {name: value for name, value in values.items() if value is not None}}]


def _filled(template: str, row: Row) -> str:
    def column(match: Any) -> str:
        text = _text(row, match[1])
        if not text:
            raise Unusable(f"{match[1]} is empty")
        return text

    return TEMPLATE.sub(column, template)


def _instant(row: Row, when: When) -> str:
    text = _text(row, when.column)
    try:
        at = datetime.strptime(text, when.format) if when.format else datetime.fromisoformat(text)  # noqa: DTZ007 - just below
        at = at if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(when.zone))
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        raise Unusable(f"{when.column} is not a date and time: {text[:40]!r}") from None


def _value(row: Row, source: Source) -> Any:
    if source.column is None:
        return source.value
    text = _text(row, source.column)
    if source.words is not None and text in source.words:
        return source.words[text]
    if source.default is not None and (not text or source.words is not None):
        return source.default
    if not text and source.optional:
        return None
    try:
        return _READ[source.kind](text)
    except (ValueError, KeyError, InvalidOperation):
        raise Unusable(f"{source.column} is not {source.kind}: {text[:40]!r}") from None


def _decimal(text: str) -> Decimal:
    """Read 1,234.50, $1,234.50 and (12.00), which is how books write a negative number."""
    plain = text.replace(",", "").replace("$", "").strip()
    if plain.startswith("(") and plain.endswith(")"):
        plain = f"-{plain[1:-1]}"
    number = Decimal(plain)
    if not number.is_finite():
        raise ValueError(text)
    return number


def _whole(number: Decimal) -> int:
    if number != number.to_integral_value():
        raise ValueError(number)
    return int(number)


_READ: dict[str, Callable[[str], Any]] = {
    "text": lambda text: text,
    "integer": lambda text: _whole(_decimal(text)),
    "decimal": lambda text: format(_decimal(text), "f"),
    "minor": lambda text: _whole(_decimal(text) * _MINOR_PER_UNIT),
    "boolean": lambda text: _WORDS[text.lower()],
}


def _text(row: Row, column: str) -> str:
    value = row.get(column)
    return "" if value is None else str(value).strip()
