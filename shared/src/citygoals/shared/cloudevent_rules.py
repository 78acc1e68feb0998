"""What CloudEvents 1.0 asks of an event's attributes, and what this city asks beyond it: JSON data, and limits.

Attributes come as a plain mapping, whichever form they arrived in. Every fault is told, as {"pointer", "detail"}.
"""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import orjson

from citygoals.shared.canonical import normalise
from citygoals.shared.definition_file import pointer

TEXT_MAX_CHARS = 1024
NAME_MAX_CHARS = 64
EXTENSIONS_MAX = 32

Fault = dict[str, str]

CORE = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "data", "data_base64"}
)

_URI_REFERENCE = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAME = re.compile(r"[a-z0-9]+\Z")
_JSON_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/(?:[a-z0-9!#$&^_.+-]+\+)?json\Z")
_UTF8 = frozenset(("utf-8", "utf8", "us-ascii"))

_INTEGER_MAX = 2**31 - 1


def faults_of(attributes: Mapping[str, Any]) -> list[Fault]:
    """Return what is wrong with the attributes; [] when nothing is. `data` is looked at by `data_of`."""
    faults = _all_faults(attributes)
    if not faults:
        if len(_sound_kinds) >= _SOUND_KINDS_MAX:
            _sound_kinds.clear()
        _sound_kinds.add(tuple(map(attributes.get, _KIND)))
    return faults


# A publisher's events differ in id, subject and time; all else was found sound in the event before. That halves the
# cost of reading a batch.
_KIND = ("specversion", "source", "type", "datacontenttype", "dataschema")
_sound_kinds: set[tuple[Any, ...]] = set()
_SOUND_KINDS_MAX = 4096


def is_usual(attributes: Mapping[str, Any]) -> bool:
    """Say whether the attributes are sound for sure and are CloudEvents' own; False says nothing."""
    get = attributes.get
    try:
        is_known = tuple(map(get, _KIND)) in _sound_kinds
    except TypeError:  # unhashable, so one of them is no string
        return False
    subject = get("subject")
    return (
        is_known
        and attributes.keys() <= CORE
        and _is_plain(get("id"))
        and _is_plain(get("time"))
        and (subject is None or _is_plain(subject))
    )


def _is_plain(value: Any) -> bool:
    return type(value) is str and 0 < len(value) <= TEXT_MAX_CHARS and value.isprintable()


def _all_faults(attributes: Mapping[str, Any]) -> list[Fault]:
    faults = []
    for name, check in _CHECKS:
        detail = check(attributes.get(name))
        if detail is not None:
            faults.append({"pointer": pointer((name,)), "detail": detail})
    return faults + _extension_faults(attributes)


def data_of(attributes: Mapping[str, Any]) -> Any:
    """Return the event's data, its numbers normalised. Raises ValueError that says what is wrong with it."""
    data, encoded = attributes.get("data"), attributes.get("data_base64")
    if encoded is not None:
        if data is not None:
            raise ValueError("is given twice: as data and as data_base64")
        data = _from_base64(encoded)
    return normalise(data)


def json_of(body: bytes) -> Any:
    """Return what a JSON text says. Raises ValueError in words for the one who sent it.

    A member that is given twice is refused: readers differ on which one counts.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error}") from error
    if _lost_members(value, body):
        name = _repeated(body)
        if name is not None:
            raise ValueError(f"is not JSON that can be relied on: it has the member {name[:64]!r} twice in one object")
    return value


def _lost_members(value: Any, body: bytes) -> bool:
    """Tell cheaply whether `body` may have a member twice: reading it then loses a colon that writing does not bring back."""
    try:
        written = orjson.dumps(value)
    except TypeError:  # too deep for orjson to write; the depth is refused elsewhere
        return False
    return written.count(b":") != body.count(b":") or b"u003a" in body or b"u003A" in body


def _repeated(body: bytes) -> str | None:
    """Return a member that is twice in one object, the slow way."""
    found: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) < len(pairs) and not found:
            seen: set[str] = set()
            found.append(next(name for name, _ in pairs if name in seen or seen.add(name)))  # type: ignore[func-returns-value]

    try:
        json.loads(body, object_pairs_hook=note, parse_int=str, parse_float=str)
    except RecursionError as error:
        raise ValueError("is nested too deep") from error
    return found[0] if found else None


def media_type(content_type: str) -> tuple[str, bool]:
    """Return the type/subtype in lower case, and whether its text is UTF-8: so it is unless a charset says otherwise.

    Other parameters say nothing about how to read it, so they are let be.
    """
    kind, *parameters = content_type.lower().split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    charsets = {value.strip(' \t"') for name, _, value in pairs if name.strip() == "charset"}
    return kind.strip(), charsets <= _UTF8


@lru_cache(maxsize=256)
def is_json_type(content_type: str) -> bool:
    """Say whether a media type is JSON in UTF-8."""
    kind, is_utf8 = media_type(content_type)
    return is_utf8 and _JSON_TYPE.match(kind) is not None


def _from_base64(encoded: Any) -> Any:
    if not isinstance(encoded, str):
        raise ValueError("must be base64 in a string")  # noqa: TRY004  # a fault of the sender, not of our types
    try:
        body = b64decode(encoded, validate=True)
    except ValueError as error:
        raise ValueError("is not base64") from error
    return json_of(body)


def _extension_faults(attributes: Mapping[str, Any]) -> list[Fault]:
    extra = [name for name in attributes if name not in CORE]
    if len(extra) > EXTENSIONS_MAX:
        return [{"pointer": "", "detail": f"has {len(extra)} extension attributes, at most {EXTENSIONS_MAX}"}]
    details = ((name, _extension(name, attributes[name])) for name in extra)
    return [{"pointer": pointer((name,)), "detail": detail} for name, detail in details if detail is not None]


def _text(value: Any) -> str | None:
    """Return what is wrong with a CloudEvents string: of another type, empty, too long, with control characters."""
    if type(value) is not str:
        return None if value is None else "must be a string"
    if not value:
        return "must not be empty"
    if len(value) > TEXT_MAX_CHARS:
        return f"has {len(value)} characters, at most {TEXT_MAX_CHARS}"
    if not value.isprintable() and _CONTROL.search(value):
        return "holds control characters"
    return None


def _required(value: Any) -> str | None:
    return "is required" if value is None else _text(value)


def _specversion(value: Any) -> str | None:
    if value == "1.0":
        return None
    return "is required" if value is None else 'must be "1.0"'


def _source(value: Any) -> str | None:
    detail = _required(value)
    if detail is None and not _is_uri_reference(value):
        return "must be a URI reference, like /systems/cashiering"
    return detail


@lru_cache(maxsize=4096)
def _is_uri_reference(value: str) -> bool:
    return _URI_REFERENCE.match(value) is not None


def _content_type(value: Any) -> str | None:
    if value is None or (_text(value) is None and is_json_type(value)):
        return None
    return "must be a JSON type, like application/json: the city's events are JSON"


def _extension(name: str, value: Any) -> str | None:
    if not _NAME.match(name) or len(name) > NAME_MAX_CHARS:
        return f"attribute names are up to {NAME_MAX_CHARS} lower-case letters and digits"
    if type(value) is int:
        return None if -_INTEGER_MAX - 1 <= value <= _INTEGER_MAX else "must fit into 32 bits"
    if value is None or type(value) is bool or value == "":
        return None
    return _text(value) if type(value) is str else "must be a string, an integer or a boolean"


_CHECKS: tuple[tuple[str, Callable[[Any], str | None]], ...] = (
    ("specversion", _specversion),
    ("id", _required),
    ("source", _source),
    ("type", _required),
    ("time", _text),
    ("subject", _text),
    ("datacontenttype", _content_type),
    ("dataschema", _text),
)
