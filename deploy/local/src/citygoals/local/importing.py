"""An export through the door: converted as it is read, sent in parallel, resumable and repeatable."""

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from citygoals.local.city_dir import CityDir, read_json, write_json
from citygoals.local.door import Door, Item, Receipt, in_batches
from citygoals.local.progress import progress
from citygoals.local.record_files import read_records
from citygoals.local.unusable import Unusable

_IN_FLIGHT_MAX = 3
_CHECKPOINT_EVERY_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Export:
    """A file, what makes events of its records (or raises Unusable), and whatever else decides which events those are."""

    path: Path
    convert: Callable[[Mapping[str, Any]], list[dict[str, Any]]]
    columns: Collection[str] = ()
    depends_on: tuple[object, ...] = ()


@dataclass(slots=True)
class Tally:
    """What one run read and sent. `by_fact` counts events by the last word of their type, such as `closed`."""

    resumed_after: int = 0
    records: int = 0
    bytes_read: int = 0
    by_fact: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    first_skipped: dict[str, int] = field(default_factory=dict)
    receipt: Receipt = field(default_factory=Receipt)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "records": self.records,
            "resumed_after": self.resumed_after,
            "events": self.by_fact.total(),
            **self.by_fact,
            "skipped": dict(self.skipped),
            **self.receipt.to_dict("record"),
        }

    def skip(self, record: int, reason: str) -> None:
        """Count a record that is left out."""
        self.skipped[reason] += 1
        self.first_skipped.setdefault(reason, record)


class Checkpoint:
    """How far an interrupted import of the very same export came. Sending again would only take time."""

    def __init__(self, folder: CityDir, export: Export) -> None:
        stat = export.path.stat()
        same = (str(export.path.resolve()), stat.st_size, stat.st_mtime_ns, *export.depends_on)
        self._file = folder.imports / f"{hashlib.blake2b(repr(same).encode(), digest_size=12).hexdigest()}.json"
        self._name = export.path.name
        self._saved_at = 0.0

    def records(self) -> int:
        """Return after how many records to go on."""
        return int((read_json(self._file) or {}).get("records", 0))

    def save(self, records: int) -> None:
        """Remember that everything up to this record has a receipt."""
        if self._file.parent.is_dir() and time.monotonic() - self._saved_at > _CHECKPOINT_EVERY_S:
            write_json(self._file, {"file": self._name, "records": records})
            self._saved_at = time.monotonic()

    def clear(self) -> None:
        """Forget it: the import is complete."""
        self._file.unlink(missing_ok=True)


def send_export(export: Export, door: Door, checkpoint: Checkpoint) -> Tally:
    """Send every event of an export and return the tally. Raises LocalError; the next run goes on where this one was."""
    tally = Tally(resumed_after=checkpoint.records())
    pending: deque[tuple[int, Future[Receipt]]] = deque()
    size = export.path.stat().st_size
    with progress(f"importing {export.path.name}", size) as show, ThreadPoolExecutor(_IN_FLIGHT_MAX) as pool:
        try:
            for batch in in_batches(_items(export, tally)):
                show(tally.bytes_read)
                pending.append((batch[-1].number, pool.submit(door.send, batch)))
                if len(pending) >= _IN_FLIGHT_MAX:
                    _settle(pending, tally, checkpoint)
            while pending:
                _settle(pending, tally, checkpoint)
        except BaseException:
            door.give_up()  # else the pool would wait for senders that wait for a city that is away
            raise
    checkpoint.clear()
    return tally


def _settle(pending: deque[tuple[int, Future[Receipt]]], tally: Tally, checkpoint: Checkpoint) -> None:
    """Take the oldest receipt: the checkpoint only ever stands behind receipts without a gap."""
    last, receipt = pending.popleft()
    tally.receipt.add(receipt.result())
    if not tally.receipt.rejected:  # a refused event is met, and reported, again by the next run
        checkpoint.save(last - 1)  # the last record of a batch may have its closing in the next one


def _items(export: Export, tally: Tally) -> Iterator[Item]:
    for record in read_records(export.path, export.columns):
        tally.bytes_read = record.bytes_read
        tally.records = record.number
        if record.number <= tally.resumed_after:
            continue
        try:
            events = export.convert(record.fields)
        except Unusable as reason:
            tally.skip(record.number, str(reason))
            continue
        for event in events:
            tally.by_fact[event["type"].split(".")[-2]] += 1
            yield Item(record.number, orjson.dumps(event))
