"""Events through the intake door: batches, receipts, and what to do with a batch that cannot be taken whole."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from citygoals.local.city_dir import LocalError
from citygoals.local.client import City, explain

BATCH_EVENTS_MAX = 1000
BATCH_BYTES_MAX = 900_000  # the door takes 1 MiB; brackets, commas and headers are not counted here
_BATCH = "application/cloudevents-batch+json"
_UNPARSABLE, _TOO_LARGE = 400, 413


@dataclass(frozen=True, slots=True)
class Item:
    """One event as JSON, and where it came from (line or record number, from 1)."""

    number: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one event was refused."""

    number: int
    id: str | None
    code: str
    errors: tuple[Any, ...]

    def line(self, place: str = "line") -> str:
        """Return it as one line for people; `place` is what the number counts."""
        details = "; ".join(_detail(error) for error in self.errors)
        return f"{place} {self.number}: {self.code}{f' ({self.id})' if self.id else ''}: {details or 'refused'}"


@dataclass(slots=True)
class Receipt:
    """What became of events: those taken, those known already, those refused."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[Rejection] = field(default_factory=list)

    def add(self, other: "Receipt") -> None:
        """Add another receipt to this one."""
        self.accepted += other.accepted
        self.duplicates += other.duplicates
        self.rejected += other.rejected

    def to_dict(self, place: str = "line") -> dict[str, Any]:
        """Return the receipt as JSON values, rejections with their numbers, called `place`."""
        rejected = [
            {place: item.number, "id": item.id, "code": item.code, "errors": list(item.errors)}
            for item in self.rejected
        ]
        return {"accepted": self.accepted, "duplicates": self.duplicates, "rejected": rejected}

    def codes(self) -> dict[str, int]:
        """Return how many were refused for each code."""
        return dict(Counter(item.code for item in self.rejected))


def in_batches(items: Iterator[Item]) -> Iterator[list[Item]]:
    """Group items into batches that the door takes."""
    batch: list[Item] = []
    size = 0
    for item in items:
        if batch and (len(batch) >= BATCH_EVENTS_MAX or size + len(item.body) > BATCH_BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += len(item.body) + 1
    if batch:
        yield batch


class Door:
    """The door of one city for one publisher's key."""

    def __init__(self, city: City, key: str, *, dry_run: bool = False) -> None:
        self._city = city
        self._url = city.url("intake") + "/v1/events"
        self._headers = {"authorization": f"Bearer {key}", "content-type": _BATCH}
        self._query = {"dry_run": "true"} if dry_run else {}

    def send(self, batch: Sequence[Item]) -> Receipt:
        """Return the receipt of a batch; what was accepted is durable by then.

        Raises LocalError when the key is refused or the city stays away; repeating all of it is safe.
        """
        body = b"[" + b",".join(item.body for item in batch) + b"]"
        answer = self._city.send("POST", self._url, headers=self._headers, content=body, params=self._query)
        if answer.status_code in (_UNPARSABLE, _TOO_LARGE):
            return self._halved(batch, answer)
        if not answer.is_success:
            raise LocalError(explain(answer))
        return _receipt(batch, answer)

    def give_up(self) -> None:
        """Let go of everything that waits for the city, in every thread."""
        self._city.close()

    def _halved(self, batch: Sequence[Item], answer: httpx.Response) -> Receipt:
        """Find the event because of which the door refuses a whole batch; all others are sent."""
        if len(batch) == 1:
            code = "too_large" if answer.status_code == _TOO_LARGE else "malformed"
            return Receipt(
                rejected=[Rejection(batch[0].number, None, code, ({"pointer": "", "detail": explain(answer)},))]
            )
        middle = len(batch) // 2
        receipt = self.send(batch[:middle])
        receipt.add(self.send(batch[middle:]))
        return receipt


def _receipt(batch: Sequence[Item], answer: httpx.Response) -> Receipt:
    try:
        said = orjson.loads(answer.content)
        rejected = [
            Rejection(batch[item["index"]].number, item.get("id"), item["code"], tuple(item.get("errors", ())))
            for item in said["rejected"]
        ]
        return Receipt(said["accepted"], said["duplicates"], rejected)
    except (ValueError, LookupError, TypeError):
        raise LocalError(f"{answer.url} answers, but not as intake does; is that its address?") from None


def _detail(error: Any) -> str:
    if not isinstance(error, dict):
        return json.dumps(error, ensure_ascii=False)
    return f"{error.get('pointer') or '/'} {error.get('detail', '')}".strip()
