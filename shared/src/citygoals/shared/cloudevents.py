"""CloudEvents 1.0 as they arrive: structured, binary and batch, over HTTP and over NATS.

All forms of one event give an equal `CloudEvent`. A body that cannot be read at all raises; an event in it that breaks
the rules is returned as `Unparsable`, so that the others of its batch can stand.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from citygoals.shared.cloudevent_rules import (
    CORE,
    Fault,
    data_of,
    faults_of,
    is_json_type,
    is_usual,
    json_of,
    media_type,
)
from citygoals.shared.errors import Malformed

STRUCTURED = "application/cloudevents"
BATCH = "application/cloudevents-batch"
_PREFIX = "ce-"


class CloudEvent(msgspec.Struct, frozen=True):
    """One event as it was sent: its attributes checked, its data decoded and its numbers normalised.

    `time` is as sent; whether it is an instant is for the gate to judge. Attributes that are null are absent.
    """

    id: str
    source: str
    type: str
    time: str | None = None
    subject: str | None = None
    data: Any = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: dict[str, Any] = {}


class Unparsable(ValueError):  # noqa: N818  # reads as a verdict on one event of a batch
    """Not a CloudEvent; `errors` names everything that is wrong, as {"pointer", "detail"}.

    `attributes` is what was sent as far as it could be read, for judging and keeping the rest of it.
    """

    def __init__(
        self, errors: list[Fault], event_id: str | None = None, attributes: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__("; ".join(f"{error['pointer'] or '/'} {error['detail']}" for error in errors))
        self.errors = errors
        self.event_id = event_id
        self.attributes = attributes or {}


class UnsupportedMediaType(ValueError):  # noqa: N818  # the name of HTTP's 415
    """A content type that the doors do not take."""


def parse_http(headers: Mapping[str, str], body: bytes) -> list[CloudEvent | Unparsable]:
    """Read an HTTP body in the mode that Content-Type names; without a CloudEvents type, `ce-` headers mean binary.

    `headers` are as ASGI servers give them: bytes read as Latin-1. Raises Malformed for a body that is no JSON, and
    UnsupportedMediaType.
    """
    known = _lower(headers.items())
    content_type = known.get("content-type", "")
    if content_type.lower().startswith(STRUCTURED):
        return _enveloped(content_type, body)
    attributes, faults = _from_headers(headers.items(), "latin-1")
    if not attributes and not faults:
        raise UnsupportedMediaType(
            "Send application/cloudevents+json, application/cloudevents-batch+json, or the ce- headers of binary mode."
        )
    if content_type and not is_json_type(content_type):
        raise UnsupportedMediaType("In binary mode the body is application/json, in UTF-8.")
    attributes.pop("datacontenttype", None)  # over HTTP that is what Content-Type says
    if content_type:
        attributes["datacontenttype"] = content_type
    return [_binary(attributes, faults, body)]


def parse_nats(headers: Mapping[str, str] | None, body: bytes) -> list[CloudEvent | Unparsable]:
    """Read a NATS message: a CloudEvents content type, else `ce-` headers, else whatever the JSON body is.

    Header names are compared case-insensitively, since NATS keeps the case in which they were written. Raises
    Malformed and UnsupportedMediaType like `parse_http`.
    """
    pairs = (headers or {}).items()
    content_type = _lower(pairs).get("content-type", "")
    if content_type.lower().startswith(STRUCTURED):
        return _enveloped(content_type, body)
    attributes, faults = _from_headers(pairs, "utf-8")
    if attributes or faults:
        return [_binary(attributes, faults, body)]
    value = _json(body)
    return _batch(value) if isinstance(value, list) else [_event(value)]


def attributes_of(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return what the `ce-` headers of a NATS message say, as far as they can be read; for a body that cannot be."""
    return _from_headers(headers.items(), "utf-8")[0]


def _enveloped(content_type: str, body: bytes) -> list[CloudEvent | Unparsable]:
    kind, is_utf8 = media_type(content_type)
    if kind not in {f"{STRUCTURED}+json", f"{BATCH}+json"} or not is_utf8:
        raise UnsupportedMediaType("Of the CloudEvents formats, JSON in UTF-8 is taken.")
    value = _json(body)
    if not kind.startswith(BATCH):
        return [_event(value)]
    if not isinstance(value, list):
        raise Malformed("A batch is a JSON array of events.")
    return _batch(value)


def _json(body: bytes) -> Any:
    try:
        return json_of(body)
    except ValueError as error:
        raise Malformed(f"The body {error}.") from error


def _batch(values: list[Any]) -> list[CloudEvent | Unparsable]:
    return [_event(value) for value in values]


def _event(attributes: Any) -> CloudEvent | Unparsable:
    if not isinstance(attributes, dict):
        return Unparsable([{"pointer": "", "detail": "an event is a JSON object"}])
    is_quick = is_usual(attributes)
    faults = [] if is_quick else faults_of(attributes)
    try:
        data = data_of(attributes)
    except ValueError as error:
        faults.append({"pointer": "/data", "detail": str(error)})
    get = attributes.get
    if faults:
        event_id = get("id")
        return Unparsable(faults, event_id if isinstance(event_id, str) else None, attributes)
    return CloudEvent(
        attributes["id"],
        attributes["source"],
        attributes["type"],
        get("time"),
        get("subject"),
        data,
        get("datacontenttype"),
        get("dataschema"),
        {} if is_quick else _extensions(attributes),
    )


def _extensions(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: attributes[name] for name in attributes.keys() - CORE if attributes[name] is not None}


def _binary(attributes: dict[str, Any], faults: list[Fault], body: bytes) -> CloudEvent | Unparsable:
    """Read the body as the data of an event whose attributes came as headers."""
    attributes.pop("data_base64", None)
    attributes["data"] = _json(body) if body else None
    event = _event(attributes)
    if not faults:
        return event
    told = {fault["pointer"] for fault in faults}
    known = event.errors if isinstance(event, Unparsable) else []
    faults += [fault for fault in known if fault["pointer"] not in told]
    return Unparsable(faults, attributes.get("id"), attributes)


def _lower(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in pairs}


def _from_headers(pairs: Iterable[tuple[str, str]], encoding: str) -> tuple[dict[str, Any], list[Fault]]:
    """Return the attributes that the `ce-` headers carry, percent-decoded, and what is wrong with the headers."""
    attributes: dict[str, Any] = {}
    faults: list[Fault] = []
    for header, text in pairs:
        if header[:3].lower() != _PREFIX:
            continue
        name = header[3:].lower()
        try:
            value = _decoded(_unquoted(text), encoding)
        except UnicodeError:
            faults.append({"pointer": f"/{name}", "detail": "is not UTF-8 once percent-decoded"})
            continue
        if attributes.setdefault(name, value) != value:
            faults.append({"pointer": f"/{name}", "detail": "is given twice, and not the same"})
    return attributes, faults


def _decoded(text: str, encoding: str) -> str:
    """Return what a header value says: UTF-8, percent-encoded or as it is; else Latin-1, as some HTTP clients write it."""
    sent = text.encode(encoding, "surrogateescape")
    try:
        sent.decode()
    except UnicodeDecodeError:
        sent = text.encode("utf-8", "surrogateescape")
    return unquote_to_bytes(sent).decode()


def _unquoted(text: str) -> str:
    """Return a header value without the double quotes that HTTP allows around it."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return text
