"""RFC 3339 instants: read strictly, written one way."""

import re
from datetime import UTC, datetime

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:(?P<second>[0-9]{2})(\.[0-9]{1,9})?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})?\Z"
)


def parse_instant(text: str) -> datetime:
    """Return an RFC 3339 date-time with its offset as an instant in UTC.

    `t` and `z` may be lower-case; a fraction may have up to nine digits, of which microseconds are kept.
    Raises ValueError that says what is wrong: no offset, a leap second, a day that does not exist.
    """
    match = _RFC3339.match(text)
    if match is None:
        raise ValueError(f"expected an RFC 3339 date-time like 2026-11-21T10:03:05-07:00, not {text[:64]!r}")
    if match["offset"] is None:
        raise ValueError("the time has no offset: end it with Z or with one like -07:00")
    if match["second"] == "60":
        raise ValueError("leap seconds (:60) are not taken: write :59, or the second after")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"no such time: {text[:64]!r} ({error})") from error


def format_instant(instant: datetime) -> str:
    """Return the instant as RFC 3339 in UTC with microseconds, for example 2026-11-21T17:03:05.000000Z.

    Raises ValueError for a naive datetime: without an offset it is no instant.
    """
    if instant.utcoffset() is None:
        raise ValueError("a naive datetime is no instant: give it a zone")
    return instant.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"
