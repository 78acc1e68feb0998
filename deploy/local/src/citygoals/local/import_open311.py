"""An Open311 export through the door: converted as it is read, sent in parallel, resumable and repeatable."""

import hashlib
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from citygoals.local.city_dir import CityDir, read_json, write_json
from citygoals.local.door import Door, Item, Receipt, in_batches
from citygoals.local.open311 import Departments, Unusable, events_of
from citygoals.local.open311_files import read_records
from citygoals.local.progress import progress

_IN_FLIGHT_MAX = 3
_CHECKPOINT_EVERY_S = 1.0


@dataclass(slots=True)
class Tally:
    """What one run read and sent."""

    departments: str
    resumed_after: int = 0
    records: int = 0
    bytes_read: int = 0
    by_fact: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    skipped_records: list[int] = field(default_factory=list)
    receipt: Receipt = field(default_factory=Receipt)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "records": self.records,
            "resumed_after": self.resumed_after,
            "events": self.by_fact.total(),
            "opened": self.by_fact["opened"],
            "closed": self.by_fact["closed"],
            "skipped": dict(self.skipped),
            "departments": self.departments,
            **self.receipt.to_dict(),
        }


class Checkpoint:
    """How far an interrupted import of the very same file, system and map came. Sending again would only take time."""

    def __init__(self, folder: CityDir, path: Path, *, system: str, departments: Departments) -> None:
        stat = path.stat()
        same = (
            str(path.resolve()),
            stat.st_size,
            stat.st_mtime_ns,
            system,
            departments.label,
            *departments.by_code.items(),
        )
        self._file = folder.imports / f"{hashlib.blake2b(repr(same).encode(), digest_size=12).hexdigest()}.json"
        self._name = path.name
        self._saved_at = 0.0

    def records(self) -> int:
        """Return after how many records to go on."""
        return int((read_json(self._file) or {}).get("records", 0))

    def save(self, records: int, *, now: bool = False) -> None:
        """Remember that everything up to this record has a receipt."""
        if self._file.parent.is_dir() and (now or time.monotonic() - self._saved_at > _CHECKPOINT_EVERY_S):
            write_json(self._file, {"file": self._name, "records": records})
            self._saved_at = time.monotonic()

    def clear(self) -> None:
        """Forget it: the import is complete."""
        self._file.unlink(missing_ok=True)


def import_open311(path: Path, door: Door, checkpoint: Checkpoint, *, system: str, departments: Departments) -> Tally:
    """Send every event of an export and return the tally. Raises LocalError; the next run goes on where this one was."""
    tally = Tally(departments.label, resumed_after=checkpoint.records())
    items = _items(path, tally, system=system, departments=departments)
    pending: deque[tuple[int, Future[Receipt]]] = deque()
    with progress(f"importing {path.name}", path.stat().st_size) as show, ThreadPoolExecutor(_IN_FLIGHT_MAX) as pool:
        for batch in in_batches(items):
            show(tally.bytes_read)
            pending.append((batch[-1].number, pool.submit(door.send, batch)))
            if len(pending) >= _IN_FLIGHT_MAX:
                _settle(pending, tally, checkpoint)
        while pending:
            _settle(pending, tally, checkpoint)
    checkpoint.clear()
    return tally


def _settle(pending: deque[tuple[int, Future[Receipt]]], tally: Tally, checkpoint: Checkpoint) -> None:
    """Take the oldest receipt: the checkpoint only ever stands behind receipts without a gap."""
    last, receipt = pending.popleft()
    tally.receipt.add(receipt.result())
    if not tally.receipt.rejected:  # a refused event is met, and reported, again by the next run
        checkpoint.save(last - 1)  # the last record of a batch may have its closing in the next one


def _items(path: Path, tally: Tally, *, system: str, departments: Departments) -> Iterator[Item]:
    for record in read_records(path):
        tally.bytes_read = record.bytes_read
        tally.records = record.number
        if record.number <= tally.resumed_after:
            continue
        try:
            events = events_of(record.fields, system=system, departments=departments)
        except Unusable as reason:
            tally.skipped[str(reason)] += 1
            tally.skipped_records.append(record.number)
            continue
        for event in events:
            tally.by_fact[event["type"].split(".")[2]] += 1
            yield Item(record.number, orjson.dumps(event))
