"""CloudEvents 1.0 as they arrive: structured, binary and batch, over HTTP and over NATS."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """One event as it was sent, its attributes checked and its data decoded."""

    id: str
    source: str
    type: str
    time: str | None
    subject: str | None
    data: Any
    datacontenttype: str | None
    dataschema: str | None
    extensions: dict[str, Any]


class Unparsable(ValueError):
    """The body is no CloudEvent."""

    def __init__(self, errors: list[dict[str, str]], event_id: str | None = None) -> None:
        super().__init__("; ".join(f"{error['pointer']}: {error['detail']}" for error in errors))
        self.errors = errors
        self.event_id = event_id


class UnsupportedMediaType(ValueError):
    """The content type is none that the door takes."""


def parse_http(headers: Mapping[str, str], body: bytes) -> list[CloudEvent | Unparsable]:
    """Read the body in the mode that Content-Type names."""
    raise NotImplementedError


def parse_nats(headers: Mapping[str, str] | None, body: bytes) -> list[CloudEvent | Unparsable]:
    """Read the body in the mode that the headers name."""
    raise NotImplementedError
