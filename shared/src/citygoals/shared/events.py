"""The admitted event: the envelope that intake journals, the bus carries and kpi keeps in its ledger."""

import uuid
from datetime import datetime
from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One admitted event."""

    id: str
    source: str
    type: str
    time: str
    data: dict[str, Any]
    subject: str | None = None
    lane: int | None = None
    sequence: str | None = None
    recordedtime: str | None = None
    namespace: str | None = None
    traceparent: str | None = None

    @property
    def seq(self) -> int:
        """The event's number in its lane."""
        raise NotImplementedError

    @property
    def occurred_at(self) -> datetime:
        """When it happened, in UTC."""
        raise NotImplementedError


def decode(body: bytes) -> Event:
    """Read an admitted event's body. Raises Malformed."""
    raise NotImplementedError


def event_subject(event_type: str) -> str:
    """Return the EVENTS subject of a type: city.payment.settled.v1 is published on city.evt.v1.payment.settled."""
    raise NotImplementedError


def key_of(source: str, event_id: str) -> uuid.UUID:
    """Return the event's identity as one key: blake2b-128 of source, a line feed, id."""
    raise NotImplementedError


def digest_of(event_type: str, subject: str | None, time: str, data: Any) -> bytes:
    """Return the event's content as 16 bytes: blake2b-128 of the RFC 8785 form of [type, subject, time, data]."""
    raise NotImplementedError


def normalise(data: Any) -> Any:
    """Return the data with every integral float as an integer, at any depth."""
    raise NotImplementedError
