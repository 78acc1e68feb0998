"""The changeset: what one position changed, as absolute integers, cut into parts that the bus can carry.

The whole is one `Changeset`; on the bus it is one CloudEvent for each part. Part 1 carries everything that is not
cells. Integers beyond 2**53 travel as strings, because most JSON readers would round them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec
import orjson

from citygoals.shared.errors import Malformed
from citygoals.shared.instants import format_instant, parse_instant

TYPE = "city.kpi.changeset.v1"
SOURCE = "/city-goals/kpi"
SUBJECT = "city.kpi.v1.changeset"

PART_MAX_BYTES = 512 * 1024
"""The largest body of one part: half of the bus's message limit, which counts the headers as well."""

_ENVELOPE_MAX_BYTES = 1024
_EXACT_MAX = 2**53

assert PART_MAX_BYTES > 16 * _ENVELOPE_MAX_BYTES


class CellRow(NamedTuple):
    """One changed cell: its address and its integers after the change.

    `start` is the period's first local day (date.min for `all`), `dimension` is city, department, district or channel and
    `member` the slice in it ("" for city).
    """

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
    """Everything that one position changed.

    `lanes` is the next number expected of each lane, `tick` the last tick at or before the position. `events_total`
    and `by_type` count the whole ledger (only the types that changed). `definitions` is given when they changed, then
    whole: {"plan", "kpis", "departments"} as the models dump.
    """

    position: int
    recorded_at: datetime
    tick: datetime
    lanes: Mapping[str, int] = field(default_factory=dict)
    cells: Sequence[CellRow] = ()
    events_total: int | None = None
    by_type: Mapping[str, int] = field(default_factory=dict)
    definitions: Mapping[str, Any] | None = None
    traces: Sequence[str] = ()


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One decoded part, checked to belong to a position and to have a number in it."""

    position: int
    previous: int
    part: int
    parts: int
    recorded_at: str
    tick: str
    cells: list[tuple[str, str, date, str, str, int | str, int | str, int | str]] = msgspec.field(default_factory=list)
    lanes: dict[str, int] = msgspec.field(default_factory=dict)
    totals: dict[str, Any] | None = None
    definitions: dict[str, Any] | None = None
    traces: list[str] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        if not 1 <= self.part <= self.parts or self.previous != self.position - 1:
            raise ValueError(f"part {self.part} of {self.parts} at position {self.position} after {self.previous}")


class _Envelope(msgspec.Struct, frozen=True):
    type: str
    data: Part


_decoder = msgspec.json.Decoder(_Envelope)


def encode_changeset(changeset: Changeset) -> list[bytes]:
    """Return the CloudEvent bodies of the parts, in order, each at most PART_MAX_BYTES; at least one.

    Raises ValueError when what must ride in part 1 (the definitions, above all) does not fit into one part.
    """
    head = _head(changeset)
    room = PART_MAX_BYTES - _ENVELOPE_MAX_BYTES
    if len(head) > room:
        raise ValueError(f"definitions and totals take {len(head)} bytes; a part holds at most {room}")
    rows = [_row(cell) for cell in changeset.cells]
    runs = list(_runs(rows, room))
    if len(runs) > 1 or len(head) + len(runs[0]) > room:
        runs.insert(0, b"[]")
    return [
        _body(changeset, part=number, parts=len(runs), inner=(head if number == 1 else b"") + b'"cells":' + run)
        for number, run in enumerate(runs, start=1)
    ]


def decode_changeset(body: bytes) -> Part:
    """Read one part. Raises Malformed."""
    try:
        envelope = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed(f"not a part of a changeset: {error}") from error
    if envelope.type != TYPE:
        raise Malformed(f"not a part of a changeset: its type is {envelope.type}")
    return envelope.data


def assemble(parts: Iterable[Part]) -> Changeset:
    """Join all the parts of one position, given in any order, each once. Raises Malformed when one is missing."""
    ordered = sorted(parts, key=lambda part: part.part)
    if not ordered:
        raise Malformed("a changeset has at least one part")
    first = ordered[0]
    numbers = [part.part for part in ordered]
    same = {(part.position, part.parts, part.recorded_at, part.tick) for part in ordered}
    if len(same) != 1 or numbers != list(range(1, first.parts + 1)):
        raise Malformed(f"position {first.position} has {first.parts} parts, not {numbers}")
    totals = first.totals or {}
    return Changeset(
        position=first.position,
        recorded_at=_instant(first.recorded_at),
        tick=_instant(first.tick),
        lanes=first.lanes,
        cells=tuple(_cell(row) for part in ordered for row in part.cells),
        events_total=totals.get("events"),
        by_type=totals.get("by_type") or {},
        definitions=first.definitions,
        traces=tuple(first.traces),
    )


def _head(changeset: Changeset) -> bytes:
    """What rides in part 1 only, as the inside of a JSON object that goes on."""
    head: dict[str, Any] = {"lanes": dict(changeset.lanes)}
    if changeset.events_total is not None:
        head["totals"] = {"events": changeset.events_total, "by_type": dict(changeset.by_type)}
    if changeset.definitions is not None:
        head["definitions"] = dict(changeset.definitions)
    if changeset.traces:
        head["traces"] = list(changeset.traces)
    return orjson.dumps(head)[1:-1] + b","


def _runs(rows: Sequence[tuple[Any, ...]], room: int) -> Iterator[bytes]:
    """Cut the rows into JSON arrays that fit, by halving: a changeset of more than one part is rare."""
    run = orjson.dumps(rows)
    if len(run) <= room:
        yield run
    elif len(rows) == 1:
        raise ValueError(f"one cell takes {len(run)} bytes; a part holds at most {room}")
    else:
        half = len(rows) // 2
        yield from _runs(rows[:half], room)
        yield from _runs(rows[half:], room)


def _row(cell: CellRow) -> tuple[Any, ...]:
    return (*cell[:5], _number(cell.numerator), _number(cell.denominator), _number(cell.events))


def _number(value: int) -> int | str:
    return value if -_EXACT_MAX <= value <= _EXACT_MAX else str(value)


def _cell(row: tuple[Any, ...]) -> CellRow:
    kpi, grain, start, dimension, member, numerator, denominator, events = row
    try:
        return CellRow(kpi, grain, start, dimension, member, int(numerator), int(denominator), int(events))
    except ValueError as error:
        raise Malformed(f"a cell of {kpi} has no integers: {row[5:]}") from error


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise Malformed(f"a changeset's {error}") from error


def _body(changeset: Changeset, *, part: int, parts: int, inner: bytes) -> bytes:
    recorded_at = format_instant(changeset.recorded_at)
    envelope = {
        "specversion": "1.0",
        "type": TYPE,
        "source": SOURCE,
        "id": f"{changeset.position}/{part}",
        "time": recorded_at,
        "datacontenttype": "application/json",
    }
    data = {
        "position": changeset.position,
        "previous": changeset.position - 1,
        "part": part,
        "parts": parts,
        "recorded_at": recorded_at,
        "tick": format_instant(changeset.tick),
    }
    return orjson.dumps(envelope)[:-1] + b',"data":' + orjson.dumps(data)[:-1] + b"," + inner + b"}}"
