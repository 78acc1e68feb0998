"""The changeset: what one position changed, as absolute integers, cut into parts that the bus can carry."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple


class CellRow(NamedTuple):
    """One changed cell: its address and its integers after the change."""

    kpi: str
    grain: str
    start: date
    dimension: str
    member: str
    numerator: int
    denominator: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Changeset:
    """Everything that one position changed."""

    position: int
    recorded_at: datetime
    tick: datetime
    lanes: dict[str, int]
    cells: Sequence[CellRow] = ()
    events_total: int | None = None
    by_type: dict[str, int] = field(default_factory=dict)
    definitions: dict[str, Any] | None = None
    traces: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One decoded part."""

    position: int
    part: int
    parts: int
    data: dict[str, Any]


def encode_changeset(changeset: Changeset) -> list[bytes]:
    """Return the CloudEvent bodies of the parts, in order."""
    raise NotImplementedError


def decode_changeset(body: bytes) -> Part:
    """Read one part. Raises Malformed."""
    raise NotImplementedError


def assemble(parts: Sequence[Part]) -> Changeset:
    """Join all the parts of one position, given in any order. Raises Malformed."""
    raise NotImplementedError
