"""The admitted event: the envelope that intake journals, the bus carries and kpi keeps in its ledger."""

import hashlib
import re
import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec

from citygoals.shared.canonical import digest_of, normalise
from citygoals.shared.errors import Malformed
from citygoals.shared.instants import parse_instant

__all__ = ["Event", "decode", "digest_of", "encode", "event_subject", "key_of", "normalise"]

_TYPE = re.compile(r"city\.(?P<fact>[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+)\.v(?P<version>[1-9][0-9]*)\Z")


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One admitted event. Attributes that intake adds are None before admission; other extensions are skipped here.

    `data` is a plain dict: a payment's takes 0.3 us more than raw bytes, and reading one field of raw bytes 1.5 us.
    """

    id: str
    source: str
    type: str
    time: str
    data: dict[str, Any]
    specversion: str = "1.0"
    datacontenttype: str | None = None
    subject: str | None = None
    lane: int | None = None
    sequence: str | None = None
    recordedtime: str | None = None
    namespace: str | None = None
    traceparent: str | None = None

    @property
    def seq(self) -> int:
        """The event's number in its lane. Raises Malformed when it was never given one."""
        if self.sequence is None or not (self.sequence.isascii() and self.sequence.isdigit()):
            raise Malformed(f"event {self.source} {self.id} has no sequence: only intake gives one")
        return int(self.sequence)

    @property
    def occurred_at(self) -> datetime:
        """When it happened, in UTC. Raises Malformed for a time that intake would not have admitted."""
        try:
            return datetime.fromisoformat(self.time).astimezone(UTC)
        except ValueError:  # rare but legal: lower-case t and z
            return self._slow(self.time)

    @property
    def recorded_at(self) -> datetime:
        """When intake admitted it, in UTC. Raises Malformed when it was never admitted."""
        return self._slow(self.recordedtime or "")

    def _slow(self, text: str) -> datetime:
        try:
            return parse_instant(text)
        except ValueError as error:
            raise Malformed(f"event {self.source} {self.id}: {error}") from error


_decoder = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()


def decode(body: bytes) -> Event:
    """Read an admitted event's body (structured CloudEvents JSON). Raises Malformed."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed(f"not an admitted event: {error}") from error


def encode(event: Event) -> bytes:
    """Return the event as structured CloudEvents JSON."""
    return _encoder.encode(event)


def event_subject(event_type: str) -> str:
    """Return the EVENTS subject of a type: city.payment.settled.v1 goes to city.evt.v1.payment.settled.

    Raises ValueError for a type that is not city.<domain>.<fact>.v<n>.
    """
    match = _TYPE.match(event_type)
    if match is None:
        raise ValueError(f"an event type is city.<domain>.<fact>.v1, not {event_type[:120]!r}")
    return f"city.evt.v{match['version']}.{match['fact']}"


def key_of(source: str, event_id: str) -> uuid.UUID:
    """Return the event's identity as one key: blake2b-128 of source, a line feed, id."""
    return uuid.UUID(bytes=hashlib.blake2b(f"{source}\n{event_id}".encode(), digest_size=16).digest())
