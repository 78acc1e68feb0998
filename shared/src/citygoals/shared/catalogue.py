"""The event types that the city knows, and the check of an event's data against its type."""

from collections.abc import Mapping
from typing import Any

EVENT_TYPES: dict[str, dict[str, Any]] = {}


def schema_of(event_type: str) -> dict[str, Any]:
    """Return the JSON Schema of a type's data. Raises KeyError."""
    raise NotImplementedError


class Validator:
    """The compiled schemas of all types."""

    def __init__(self, extra_types: Mapping[str, dict[str, Any]] | None = None, *, departments: frozenset[str] | None = None) -> None:
        raise NotImplementedError

    def knows(self, event_type: str) -> bool:
        """Say whether the type is in the catalogue."""
        raise NotImplementedError

    def errors(self, event_type: str, data: Any) -> list[dict[str, str]]:
        """Return everything that is wrong with the data, as {"pointer", "detail"}; [] when nothing is."""
        raise NotImplementedError
