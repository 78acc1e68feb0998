"""NDJSON lines as batches for the door."""

import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import orjson

from citygoals.local.city_dir import LocalError
from citygoals.local.client import City
from citygoals.local.door import Door, Item, Receipt, Rejection, in_batches
from citygoals.local.progress import progress

LINE_BYTES_MAX = 1 << 20
_LINGER_S = 0.5  # a slow producer's lines do not wait longer than this for company
_WAITING_MAX = 5000
_AROUND, _BOM = b" \t\r\n", b"\xef\xbb\xbf"


def publish_lines(file: str, city: City, *, dry_run: bool = False) -> Receipt:
    """Send every line of a file (or `-`), and return the receipt. Raises LocalError; repeating all of it is safe."""
    door = Door(city, city.key("publisher"), dry_run=dry_run)
    receipt = Receipt()
    source = _opened(file)
    size = Path(file).stat().st_size if file != "-" else None
    with progress("publishing", size) as show:
        done = 0
        for batch in _batches(source, receipt):
            receipt.add(door.send(batch))
            done += sum(len(item.body) + 1 for item in batch)
            show(done)
    receipt.rejected.sort(key=lambda item: item.number)
    return receipt


def _opened(file: str) -> IO[bytes]:
    if file == "-":
        # Not sys.stdin itself: at the end the interpreter wants its lock, which the reading thread still holds.
        return open(sys.stdin.fileno(), "rb", closefd=False)
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise LocalError(f"{file}: {error.strerror}") from error


def _batches(source: IO[bytes], receipt: Receipt) -> Iterator[list[Item]]:
    """Yield full batches, and smaller ones whenever the source is slower than the linger."""
    lines: queue.Queue[Item | Rejection | BaseException | None] = queue.Queue(_WAITING_MAX)
    threading.Thread(target=_read, args=(source, lines), daemon=True, name="read lines").start()
    is_open = True
    while is_open:
        waiting: list[Item] = []
        while len(waiting) < _WAITING_MAX:
            try:
                line = lines.get(timeout=_LINGER_S) if waiting else lines.get()
            except queue.Empty:
                break
            if isinstance(line, Item):
                waiting.append(line)
            elif isinstance(line, Rejection):
                receipt.rejected.append(line)
            elif line is None:
                is_open = False
                break
            else:
                raise line
        yield from in_batches(iter(waiting))


def _read(source: IO[bytes], lines: "queue.Queue[Item | Rejection | BaseException | None]") -> None:
    """Close the source in the thread that reads it: for anybody else that would mean to wait until it has read."""
    try:
        with source:
            for number, line in enumerate(_lines(source), start=1):
                body = line.strip(_AROUND + _BOM if number == 1 else _AROUND)
                if body:
                    lines.put(_item(number, body))
        lines.put(None)
    except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
        lines.put(error)


def _lines(source: IO[bytes]) -> Iterator[bytes]:
    """Yield lines; of one that is too long, only so much that this can be seen."""
    while line := source.readline(LINE_BYTES_MAX + 1):
        yield line
        while len(line) > LINE_BYTES_MAX and not line.endswith(b"\n"):
            line = source.readline(LINE_BYTES_MAX + 1)


def _item(number: int, body: bytes) -> Item | Rejection:
    """Return the line to send, or why it cannot be part of any batch."""
    if len(body) > LINE_BYTES_MAX:
        return _refused(number, "too_large", f"the line is longer than {LINE_BYTES_MAX:,} bytes")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return _refused(number, "malformed", f"not JSON: {error}")
    if not isinstance(value, dict):
        return _refused(number, "malformed", "not a JSON object; each line is one CloudEvent")
    return Item(number, body)


def _refused(number: int, code: str, detail: str) -> Rejection:
    return Rejection(number, None, code, ({"pointer": "", "detail": detail},))
