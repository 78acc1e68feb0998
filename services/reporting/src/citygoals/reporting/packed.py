"""Cells as history and checkpoints keep them: columns of integers, as JSON, compressed. Pure.

Integers that do not fit into 64 bits are written as texts; readers accept both everywhere.
"""

import zlib
from collections.abc import Iterable
from typing import Any

import orjson

LEVEL = 1  # the bodies are short and written for every position; level 6 costs three times as much for a tenth less


NumberedCell = tuple[int, int, int, int, int]
"""One cell by numbers: its series, the ordinal of its first day, numerator, denominator, events."""


def pack(cells: Iterable[NumberedCell]) -> bytes:
    """Return the cells as one compressed body; nothing at all for no cells."""
    columns = list(zip(*cells, strict=True))
    if not columns:
        return b""
    try:
        text = orjson.dumps(columns)
    except orjson.JSONEncodeError:  # beyond 64 bits
        text = orjson.dumps([[str(value) for value in column] for column in columns])
    return zlib.compress(text, LEVEL)


def unpack(body: bytes) -> list[list[int]]:
    """Return the columns of a body: series, starts, numerators, denominators, events."""
    if not body:
        return [[], [], [], [], []]
    return [integers(column) for column in orjson.loads(zlib.decompress(body))]


def integers(column: list[Any]) -> list[int]:
    """Return a decoded column with the integers that were written as texts."""
    return [int(value) for value in column] if str in set(map(type, column)) else column


Columns = tuple[list[int], list[int], list[int], list[int]]


def pack_chunk(series: Iterable[tuple[int, str]]) -> bytes:
    """Return a chunk: for each series, the JSON text of its four columns (starts, numerators, denominators, events)."""
    inner = ",".join(f'"{number}":{columns}' for number, columns in series)
    return zlib.compress(f"{{{inner}}}".encode(), LEVEL)


def unpack_chunk(body: bytes) -> dict[int, Columns]:
    """Return a chunk by series; starts ascend."""
    loaded = orjson.loads(zlib.decompress(body))
    return {int(number): _columns(*map(integers, columns)) for number, columns in loaded.items()}


def _columns(starts: list[int], numerators: list[int], denominators: list[int], events: list[int]) -> Columns:
    return starts, numerators, denominators, events
