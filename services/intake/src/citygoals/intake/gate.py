"""The gate: whether an event may enter, decided from the event, its publisher, the rules and the clock. Pure.

Everything that is wrong is said at once. A refusal never repeats a value that must not be kept.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

import msgspec
import orjson

from citygoals.intake.cards import card_pointers, masked, may_hold_card
from citygoals.shared.catalogue import Validator
from citygoals.shared.cloudevents import CloudEvent, Unparsable
from citygoals.shared.definition_file import pointer as pointer_of
from citygoals.shared.events import digest_of, event_subject
from citygoals.shared.instants import parse_instant

Code = Literal["card_number", "too_large", "identity", "schema", "future", "conflict"]
# When several things are wrong, the code is the first of these that is.
_PRECEDENCE: Final[tuple[Code, ...]] = ("card_number", "too_large", "identity", "schema", "future")

PAYMENT = "city.payment."
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_USUAL_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})\Z"
)
# Attributes that intake sets itself; a publisher's own are dropped. Tracing is the door's affair.
_OURS: Final = frozenset(("lane", "sequence", "recordedtime", "namespace", "traceparent", "tracestate"))

Error = dict[str, str]
Fault = tuple[Code, Error]


class Publisher(msgspec.Struct, frozen=True):
    """Who sends: a system, and the namespace that its facts live in."""

    system: str
    namespace: str


class Rules(NamedTuple):
    """Today's rules: the schemas, the latest time an event may have, the size of one event."""

    validator: Validator
    latest: datetime
    event_bytes_max: int


class Admitted(msgspec.Struct, frozen=True, gc=False):
    """An event that may enter. `head` is its body without lane, sequence, recordedtime and the closing brace."""

    id: str
    source: str
    type: str
    key: bytes
    digest: bytes
    route: str
    head: bytes
    traceparent: str | None


class Refused(msgspec.Struct, frozen=True):
    """An event that may not. `body` is what a replay would judge again; None where it must not be stored."""

    id: str | None
    source: str | None
    type: str | None
    code: Code
    errors: Sequence[Error]
    body: bytes | None


def admit(
    item: CloudEvent | Unparsable, publisher: Publisher, rules: Rules, traceparent: str | None = None
) -> Admitted | Refused:
    """Judge one event. `traceparent` is set for an event that is traced, and travels with it."""
    if isinstance(item, Unparsable):
        return _judge_unparsable(item, publisher, rules)
    faults = [*_identity(item.source, publisher.system), *_time(item.time, rules.latest)]
    faults += [("schema", error) for error in rules.validator.errors(item.type, item.data)]
    head = _head(item, publisher.namespace, traceparent)
    faults += _content(item.type, head, rules)
    if faults:
        return _refused((item.id, item.source, item.type), head + b"}", faults, rules)
    assert item.time is not None, "an event without a time has a fault"
    return Admitted(
        item.id,
        item.source,
        item.type,
        hashlib.blake2b(f"{item.source}\n{item.id}".encode(), digest_size=16).digest(),
        digest_of(item.type, item.subject, item.time, item.data),
        _route(item.type),
        head,
        traceparent,
    )


def _judge_unparsable(item: Unparsable, publisher: Publisher, rules: Rules) -> Refused:
    """Refuse what is no CloudEvent, and say what else is wrong with the parts that can be read."""
    sent = item.attributes if isinstance(item.attributes, dict) else {}
    faults: list[Fault] = [("schema", error) for error in item.errors]
    told = {error["pointer"] for error in item.errors}
    identity = tuple(value if isinstance(value := sent.get(name), str) else None for name in ("id", "source", "type"))
    _, source, event_type = identity
    if source is not None and "/source" not in told:
        faults += _identity(source, publisher.system)
    if "/time" not in told:
        faults += _time(sent.get("time"), rules.latest)
    if event_type is not None and "/type" not in told and "/data" not in told:
        faults += [("schema", error) for error in rules.validator.errors(event_type, sent.get("data"))]
    body = _json(sent)
    if body is not None:
        faults += _content(event_type or "", body[:-1], rules)
    return _refused(identity, body, faults, rules)


def _json(attributes: dict[str, Any]) -> bytes | None:
    try:
        return orjson.dumps(attributes) if attributes else None
    except TypeError:  # nested deeper than orjson writes
        return None


def _identity(source: str, system: str) -> Sequence[Fault]:
    if _owns(system, source):
        return ()
    return [("identity", {"pointer": "/source", "detail": f"must be /systems/{system} or below it"})]


@lru_cache(maxsize=4096)
def _owns(system: str, source: str) -> bool:
    own = f"/systems/{system}"
    return source == own or (source.startswith(own + "/") and "/." not in source)


def _time(time: Any, latest: datetime) -> Sequence[Fault]:
    if not isinstance(time, str):
        return [("schema", {"pointer": "/time", "detail": "is required: when it happened, with its offset"})]
    try:
        # What the pattern lets pass is read the same by both, and the first is three times as fast.
        instant = datetime.fromisoformat(time) if _USUAL_TIME.match(time) else parse_instant(time)
    except ValueError as error:
        # What was sent may be anything; a refusal is kept and passed on, so it does not repeat it.
        return [("schema", {"pointer": "/time", "detail": str(error).replace(repr(time[:64]), "this")})]
    if EARLIEST <= instant <= latest:
        return ()
    if instant > latest:
        return [("future", {"pointer": "/time", "detail": "is too far ahead of the city's clock"})]
    return [("schema", {"pointer": "/time", "detail": f"is before {EARLIEST:%Y}"})]


def _head(item: CloudEvent, namespace: str, traceparent: str | None) -> bytes:
    """Return the admitted body up to where the journal adds lane, time and number: JSON without its closing brace."""
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": item.id,
        "source": item.source,
        "type": item.type,
        "time": item.time,
        "namespace": namespace,
    }
    if item.subject is not None:
        envelope["subject"] = item.subject
    if item.datacontenttype is not None:
        envelope["datacontenttype"] = item.datacontenttype
    if item.dataschema is not None:
        envelope["dataschema"] = item.dataschema
    if item.extensions:
        envelope |= {name: value for name, value in item.extensions.items() if name not in _OURS}
    if traceparent is not None:
        envelope["traceparent"] = traceparent
    envelope["data"] = item.data
    return orjson.dumps(envelope)[:-1]


@lru_cache(maxsize=1024)
def _route(event_type: str) -> str:
    return event_subject(event_type)


def _content(event_type: str, head: bytes, rules: Rules) -> list[Fault]:
    """Find what schemas cannot say about the content; `head` is the event's JSON without its closing brace."""
    faults: list[Fault] = []
    if len(head) > rules.event_bytes_max:
        detail = f"has {len(head)} bytes, at most {rules.event_bytes_max} are taken"
        faults.append(("too_large", {"pointer": "", "detail": detail}))
    if event_type.startswith(PAYMENT) and may_hold_card(head):
        faults += [("card_number", _card(pointer)) for pointer in card_pointers(orjson.loads(head + b"}"))]
    if b"\\u0000" in head:
        faults += [("schema", _nul(pointer)) for pointer in nul_pointers(orjson.loads(head + b"}"))]
    return faults


def _card(pointer: str) -> Error:
    return {"pointer": pointer, "detail": "holds a card number; nothing of this event was stored"}


def _nul(pointer: str) -> Error:
    return {"pointer": pointer, "detail": "holds the character U+0000, which cannot be stored"}


def nul_pointers(value: Any, pointer: str = "") -> list[str]:
    """Return the JSON pointer of every string with a NUL; for one in a member's name, that of the object."""
    if isinstance(value, dict):
        inside = [nul_pointers(item, pointer + pointer_of((name,))) for name, item in value.items() if "\0" not in name]
        return [pointer for name in value if "\0" in name] + [found for part in inside for found in part]
    if isinstance(value, list):
        return [found for place, item in enumerate(value) for found in nul_pointers(item, f"{pointer}/{place}")]
    return [pointer] if isinstance(value, str) and "\0" in value else []


def _refused(identity: tuple[str | None, ...], body: bytes | None, faults: Sequence[Fault], rules: Rules) -> Refused:
    code = min((fault[0] for fault in faults), key=_PRECEDENCE.index)
    if code in ("card_number", "too_large"):
        body = None
    elif body is not None and may_hold_card(body) and not rules.validator.knows(identity[2] or ""):
        # Not surely a payment, but perhaps one with a misspelt type.
        body = None if card_pointers(orjson.loads(body)) else body
    errors: Sequence[Error] = [fault[1] for fault in faults]
    if body is None:
        errors = [{"pointer": masked(error["pointer"]), "detail": masked(error["detail"])} for error in errors]
        identity = tuple(None if text is None else masked(text) for text in identity)
    event_id, source, event_type = identity
    return Refused(event_id, source, event_type, code, errors, body)
