"""The check of an event's data against its type: compiled schemas, and every mistake at once."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import Any

import jsonschema_rs

from citygoals.shared.definition_file import pointer
from citygoals.shared.event_types import EVENT_TYPES
from citygoals.shared.instants import parse_instant
from citygoals.shared.model import KEBAB_PATTERN
from citygoals.shared.period import CityCalendar

__all__ = ["ERRORS_MAX", "EVENT_TYPES", "NO_DEPARTMENT", "UNASSIGNED", "Validator", "schema_error", "schema_of"]

UNASSIGNED = "unassigned"
"""The department of what has been given to none yet; always a valid one."""

NO_DEPARTMENT = "is not a department of the catalogue"
"""What is said of a department that the validator was not given: the one mistake that a newer catalogue cures."""

ERRORS_MAX = 100
"""How many errors of one event are told. An array of a million wrong values needs no million sentences."""

OPTIONS_TOLD_MAX = 30

Errors = list[dict[str, str]]

# Offline: a schema that a city adds must not make this process fetch addresses. Without backtracking: nor hang.
_OPTIONS: Mapping[str, Any] = {
    "offline": True,
    "pattern_options": jsonschema_rs.RegexOptions(),
    "validate_formats": True,
    "mask": "",  # error messages are stored and logged, the values that they are about must not be
}

_KEBAB = re.compile(KEBAB_PATTERN.replace("$", r"\Z"))

_FORMAT_DETAILS = {
    "department": NO_DEPARTMENT,
    "instant": "must be an RFC 3339 date-time with its offset, like 2026-11-21T10:03:05-07:00",
    "city-period": "must be a period like 2026-11-21, 2026-W47, 2026-11, FY2027-Q1, FY2027-H1 or FY2027",
}


def schema_of(event_type: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the data of a type that ships. Raises KeyError for another type."""
    definition = EVENT_TYPES[event_type]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:city-goals:event:{event_type}",
        "title": event_type,
        "description": definition.description,
        "type": "object",
        "properties": {**definition.required, **definition.optional},
        "required": list(definition.required),
        **definition.rules,
    }


def schema_error(schema: Any) -> str | None:
    """Return why something is no JSON Schema that a type may have; None if it is one."""
    if not isinstance(schema, dict):
        return "a schema is a JSON object"
    try:
        jsonschema_rs.validator_for(schema, **{**_OPTIONS, "mask": None})
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        return str(error).splitlines()[0]
    return None


class Validator:
    """The compiled schemas of all types: those that ship and those that a city adds.

    `departments` are the ids of the catalogue; without them any id in kebab-case passes. Raises ValueError for a
    schema that is none.
    """

    def __init__(
        self, extra_types: Mapping[str, dict[str, Any]] | None = None, *, departments: frozenset[str] = frozenset()
    ) -> None:
        schemas = {name: schema_of(name) for name in EVENT_TYPES} | dict(extra_types or {})
        self._validators = {name: _compile(schema, departments) for name, schema in schemas.items()}
        self._quick = {
            name: _compile(_without_calls(schema, departments), departments) for name, schema in schemas.items()
        }

    def knows(self, event_type: str) -> bool:
        """Say whether the type is in the catalogue."""
        return event_type in self._validators

    def errors(self, event_type: str, data: Any) -> Errors:
        """Return everything that is wrong with an event's type and data, as {"pointer", "detail"}; [] when nothing is.

        Pointers start at the event: "/data/amount_minor". Details never repeat a value that was sent.
        """
        validator = self._validators.get(event_type)
        if validator is None:
            return [{"pointer": "/type", "detail": "is not a known event type"}]
        if type(data) is dict and self._quick[event_type].is_valid(data):
            return []
        if not isinstance(data, dict):
            return [{"pointer": "/data", "detail": "must be a JSON object"}]
        found = (part for error in validator.iter_errors(data) for part in _told(error))
        return list(islice(found, ERRORS_MAX))


def _compile(schema: dict[str, Any], departments: frozenset[str]) -> Any:
    return jsonschema_rs.validator_for(schema, formats=_formats(departments), **_OPTIONS)


def _without_calls(schema: Any, departments: frozenset[str]) -> Any:
    """Return the schema with departments as plain JSON Schema: calling back into Python for each costs more than the rest.

    It refuses at least what the schema refuses, which has the last word.
    """
    if isinstance(schema, list):
        return [_without_calls(item, departments) for item in schema]
    if not isinstance(schema, dict):
        return schema
    part = {name: _without_calls(item, departments) for name, item in schema.items()}
    if part.get("format") != "department" or {"pattern", "enum"} & part.keys():
        return part
    del part["format"]
    return part | ({"enum": sorted(departments | {UNASSIGNED})} if departments else {"pattern": KEBAB_PATTERN})


def _formats(departments: frozenset[str]) -> dict[str, Callable[[str], bool]]:
    known = departments | {UNASSIGNED} if departments else None
    return {
        "department": lambda text: text in known if known is not None else _KEBAB.match(text) is not None,
        "instant": _accepts(parse_instant),
        "city-period": _is_period,
    }


def _told(error: Any) -> Iterator[dict[str, str]]:
    """Tell one finding, at the place where the publisher has to change something."""
    path, kind = ("data", *error.instance_path), error.kind
    if kind.name == "required":
        yield {"pointer": pointer((*path, kind.property)), "detail": "is required"}
    elif kind.name == "additionalProperties":
        for name in kind.unexpected:
            yield {"pointer": pointer((*path, name)), "detail": "is not taken by this type"}
    elif kind.name == "format" and kind.format in _FORMAT_DETAILS:
        yield {"pointer": pointer(path), "detail": _FORMAT_DETAILS[kind.format]}
    elif kind.name == "enum":
        yield {"pointer": pointer(path), "detail": f"must be one of {_listed(kind.options)}"}
    else:
        yield {"pointer": pointer(path), "detail": error.message.strip()}


def _listed(options: Sequence[Any]) -> str:
    told = [str(option) for option in options[:OPTIONS_TOLD_MAX]]
    more = len(options) - len(told)
    return ", ".join(told) + (f" and {more} more, which the type's schema lists" if more else "")


_calendar = CityCalendar("UTC", 9)


def _is_period(text: str) -> bool:
    """Say whether a measurement can be for that period: one of the calendar, neither rolling nor for ever."""
    try:
        return _calendar.parse(text, today=date.min).grain not in {"rolling", "all"}
    except ValueError:
        return False


def _accepts(read: Callable[[str], object]) -> Callable[[str], bool]:
    def accepts(text: str) -> bool:
        try:
            read(text)
        except ValueError:
            return False
        return True

    return accepts
