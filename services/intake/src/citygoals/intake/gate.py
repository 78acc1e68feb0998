"""The gate: whether an event may enter, decided from the event, its publisher, the rules and the clock. Pure."""

from collections.abc import Sequence
from typing import Literal

import msgspec

Code = Literal["schema", "identity", "conflict", "future", "card_number", "too_large"]


class Publisher(msgspec.Struct, frozen=True):
    """Who sends: a system, and the namespace that its facts live in."""

    system: str
    namespace: str


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
    code: str
    errors: Sequence[dict[str, str]]
    body: bytes | None
