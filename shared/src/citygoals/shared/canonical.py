"""One form for equal content: numbers normalised, and the RFC 8785 bytes that a digest is taken of."""

import hashlib
from typing import Any

import orjson
import rfc8785

DEPTH_MAX = 64
"""How deep data may be nested. Deeper JSON is an attack or an accident, and recursion must end somewhere."""

_EXACT_MAX = 2**53
_POSITIONAL_MIN, _POSITIONAL_MAX = 1e-4, 1e15
_UNCHANGING = frozenset((str, int, bool, type(None)))


def normalise(data: Any) -> Any:
    """Return the data with every integral float below 2**53 as an integer (12.0 becomes 12), at any depth.

    Parts that need no change are returned as they are. Raises ValueError when nested deeper than DEPTH_MAX.
    """
    return _normalise(data, DEPTH_MAX)


def digest_of(event_type: str, subject: str | None, time: str, data: Any) -> bytes:
    """Return an event's content as 16 bytes: blake2b-128 of the RFC 8785 form of [type, subject, time, data].

    Extension attributes are no part of it, so the same event traced or relayed differently is still the same event.
    Raises ValueError for what JSON cannot carry: lone surrogates, NaN, infinities.
    """
    content = [event_type, subject, time, data]
    form = _written(content) if _orjson_agrees(data, DEPTH_MAX) else canonical(content)
    return hashlib.blake2b(form, digest_size=16).digest()


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 form of a JSON value. Integers beyond 2**53 keep all their digits, which it leaves open."""
    if not _orjson_agrees(value):  # rare in city events: most values are strings and integers
        value = _normalise(value, DEPTH_MAX + 1)
        if not _orjson_agrees(value):
            return _careful(value)
    return _written(value)


def _written(value: Any) -> bytes:
    """Return the form of a value whose numbers orjson writes as the standard does."""
    try:
        form = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer beyond 64 bits, or what the careful path will name
        return _careful(value)
    # RFC 8785 sorts keys by UTF-16, orjson by code point: for ASCII keys that is the same order.
    return form if form.isascii() or _ascii_keys(value) else _careful(value)


def _normalise(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is dict:
        return _normalise_dict(value, depth)
    if kind is list:
        if depth == 0:
            raise ValueError(f"data is nested deeper than {DEPTH_MAX} levels")
        items = [_normalise(item, depth - 1) for item in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    if kind is float and -_EXACT_MAX < value < _EXACT_MAX and value.is_integer():
        return int(value)
    return value


def _normalise_dict(value: dict[str, Any], depth: int) -> dict[str, Any]:
    if depth == 0:
        raise ValueError(f"data is nested deeper than {DEPTH_MAX} levels")
    if _UNCHANGING.issuperset(map(type, value.values())):  # nearly every event: no step for each member
        return value
    changed = None
    for key, item in value.items():
        kind = type(item)
        if kind is float or kind is dict or kind is list:  # strings and integers, nearly all of it, pass untouched
            new = _normalise(item, depth - 1)
            if new is not item:
                changed = {} if changed is None else changed
                changed[key] = new
    return value if changed is None else {**value, **changed}


def _orjson_agrees(value: Any, depth: int = DEPTH_MAX + 1) -> bool:
    """Tell whether orjson writes every number in `value` as the standard does."""
    kind = type(value)
    if kind is float:
        # Between these, both write the shortest digits and no exponent. Integral ones have another form.
        return _POSITIONAL_MIN <= abs(value) < _POSITIONAL_MAX and not value.is_integer()
    if kind is dict:
        value = value.values()
    elif kind is not list:
        return True
    if depth == 0:
        raise ValueError(f"data is nested deeper than {DEPTH_MAX} levels")
    return _UNCHANGING.issuperset(map(type, value)) or all(_orjson_agrees(item, depth - 1) for item in value)


def _ascii_keys(value: Any) -> bool:
    if isinstance(value, dict):
        return all(key.isascii() and _ascii_keys(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_ascii_keys, value))
    return True


def _careful(value: Any) -> bytes:
    if isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: item[0].encode("utf-16be", "surrogatepass"))
        return b"{" + b",".join(rfc8785.dumps(key) + b":" + _careful(item) for key, item in items) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(_careful, value)) + b"]"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value).encode()
    return rfc8785.dumps(value)
