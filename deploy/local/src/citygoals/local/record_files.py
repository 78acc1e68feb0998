"""Exports as they lie on disk: CSV or JSON, plain, .gz or .xz, read piece by piece."""

import csv
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from citygoals.local.city_dir import LocalError

_CHUNK = 1 << 16
_FIELD_MAX = 1 << 24
_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"

csv.field_size_limit(_FIELD_MAX)


@dataclass(frozen=True, slots=True)
class Record:
    """One record, its number in the file (from 1) and how many bytes of the file were read when it came."""

    number: int
    fields: dict[str, Any]
    bytes_read: int


def read_records(path: Path, columns: Collection[str] = ()) -> Iterator[Record]:
    """Yield the records of an export; a CSV must have these columns.

    Raises LocalError for a file that cannot be read to its end.
    """
    number = 0
    try:
        with path.open("rb") as raw, _unpacked(raw) as plain, _text(plain) as text:
            for fields in _fields(text, columns):
                number += 1
                yield Record(number, fields, raw.tell())
    except FileNotFoundError:
        raise LocalError(f"there is no file {path}") from None
    except (OSError, EOFError, lzma.LZMAError, zlib.error, csv.Error, ValueError) as error:
        raise LocalError(f"{path} cannot be read after record {number}: {error}") from error


def _text(plain: IO[bytes]) -> io.TextIOWrapper:
    return io.TextIOWrapper(plain, encoding="utf-8-sig", errors="replace", newline="")


def _fields(text: IO[str], columns: Collection[str]) -> Iterator[dict[str, Any]]:
    head = text.read(_CHUNK)
    return _json(head, text) if head.lstrip()[:1] in ("[", "{") else _csv(head, text, columns)


def _unpacked(raw: IO[bytes]) -> IO[bytes]:
    magic = raw.read(len(_XZ))
    raw.seek(0)
    if magic.startswith(_GZIP):
        return cast("IO[bytes]", gzip.open(raw))
    return lzma.open(raw) if magic == _XZ else raw


def _csv(head: str, rest: IO[str], columns: Collection[str]) -> Iterator[dict[str, Any]]:
    reader = csv.DictReader(_lines(head, rest))
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        raise ValueError(f"it has no column {' and no column '.join(missing)}, so it is another kind of table")
    yield from reader


def _lines(head: str, rest: IO[str]) -> Iterator[str]:
    left = head
    while True:
        *whole, left = left.split("\n")
        yield from (line + "\n" for line in whole)
        more = rest.read(_CHUNK)
        if not more:
            break
        left += more
    if left:
        yield left


def _json(head: str, rest: IO[str]) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON array, of arrays inside one object, or of one object a line."""
    decoder, buffer, depth = json.JSONDecoder(), head, 0
    while True:
        buffer, depth = _to_object(buffer, depth)
        try:
            value, end = decoder.raw_decode(buffer)
        except json.JSONDecodeError as error:
            more = rest.read(_CHUNK)
            if more:
                buffer += more
                continue
            if buffer or depth:
                raise ValueError(f"the JSON ends early or is wrong: {error.msg}") from error
            return
        buffer = buffer[end:]
        yield from _records_in(value)


def _records_in(value: Any) -> list[dict[str, Any]]:
    """Unwrap `{"requests": [...]}`; what is no object at all becomes an empty record, which is reported like any other."""
    if not isinstance(value, dict):
        return [{}]
    if "service_request_id" not in value:
        lists = [item for item in value.values() if isinstance(item, list) and item and isinstance(item[0], dict)]
        if lists:
            return [item if isinstance(item, dict) else {} for item in lists[0]]
    return [value]


def _to_object(buffer: str, depth: int) -> tuple[str, int]:
    """Skip what stands between two records; returns the rest and how many arrays are open."""
    buffer = buffer.lstrip(" \t\r\n,")
    while buffer[:1] in ("[", "]"):
        depth += 1 if buffer[0] == "[" else -1
        buffer = buffer[1:].lstrip(" \t\r\n,")
    return buffer, depth
