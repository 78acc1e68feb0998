"""RFC 3339 instants: read strictly, written one way."""

from datetime import datetime


def parse_instant(text: str) -> datetime:
    """Return the instant in UTC. Raises ValueError that says what is wrong."""
    raise NotImplementedError


def format_instant(instant: datetime) -> str:
    """Return the instant as RFC 3339 in UTC with microseconds, for example 2026-11-21T17:03:05.000000Z."""
    raise NotImplementedError
