"""Whether a new event type may be added: its name, and its JSON Schema. Pure."""

import re
from collections.abc import Iterable
from typing import Any

import orjson

from citygoals.shared.catalogue import schema_error

SCHEMA_BYTES_MAX = 64 << 10
DEPTH_MAX = 32
# Version 1 only: EVENTS carries city.evt.v1.>, and a new shape of a fact is a new fact name.
_TYPE = re.compile(r"city\.(?P<domain>[a-z][a-z0-9_]{0,40})(\.[a-z][a-z0-9_]{0,40}){1,3}\.v1")
_WRITABLE = "no half of a surrogate pair and no integer beyond 64 bits"
# What the city itself writes.
_RESERVED = frozenset(("kpi", "plan", "catalogue", "notice", "quarantine"))


def type_errors(event_type: str, schema: dict[str, Any]) -> list[dict[str, str]]:
    """Return what is wrong with a new type as {"pointer", "detail"}, pointers into the request."""
    errors = []
    match = _TYPE.fullmatch(event_type)
    if match is None:
        errors.append(_error("/type", "must be city.<domain>.<fact>.v1, in lower-case letters, digits and _"))
    elif match["domain"] in _RESERVED:
        errors.append(_error("/type", f"city.{match['domain']} is the city's own"))
    if not _fits(schema):
        errors.append(_error("/schema", f"may have {SCHEMA_BYTES_MAX} bytes and {DEPTH_MAX} levels, {_WRITABLE}"))
    elif (reason := schema_error(schema)) is not None:
        errors.append(_error("/schema", reason[:300]))
    elif schema.get("type", "object") != "object":
        errors.append(_error("/schema/type", "an event's data is an object"))
    return errors


def _fits(schema: dict[str, Any]) -> bool:
    depth, level = 0, [schema]
    while level and depth <= DEPTH_MAX:
        depth += 1
        level = [item for outer in level for item in _inside(outer)]
    try:
        return depth <= DEPTH_MAX and len(orjson.dumps(schema)) <= SCHEMA_BYTES_MAX
    except TypeError:
        return False


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _error(pointer: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "detail": detail}
