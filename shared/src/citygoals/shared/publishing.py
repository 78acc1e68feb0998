"""Publishing to streams: one message until its outcome is known, many as atomic batches."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, NamedTuple, TypeVar

import nats.errors
import nats.js.errors
import orjson
from nats.js import JetStreamContext
from nats.nuid import NUID

from citygoals.shared.errors import Malformed, Unavailable
from citygoals.shared.lean import LeanClient
from citygoals.shared.topology import MAX_PAYLOAD_BYTES

PATIENCE_S = 30.0
ACK_TIMEOUT_S = 5.0
RETRY_PAUSE_S = 0.1
BATCH_MESSAGES_MAX = 1000  # the server's limit
BATCH_BYTES_MAX = 8 << 20
ENVELOPE_BYTES = 256  # room for the headers that are added here: the server counts them against its limit

_nuid = NUID()
T = TypeVar("T")


class Outgoing(NamedTuple):
    """One message to store; `msg_id` is its identity within the stream's duplicate window."""

    subject: str
    body: bytes
    msg_id: str
    headers: Mapping[str, str] | None = None


AnyOutgoing = Outgoing | tuple[str, bytes, str, Mapping[str, str] | None]


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a message is: its sequence in the stream, and whether it was there already."""

    stream: str
    seq: int
    duplicate: bool


class Publisher:
    """Publishes over one connection."""

    def __init__(self, nc: LeanClient, js: JetStreamContext) -> None:
        self._nc = nc
        self._js = js
        self._asked: set[asyncio.Future[Any]] = set()

    def give_up_answers(self) -> None:
        """Take every answer that is still out for lost: it was on its way to a connection that is gone."""
        for asked in self._asked:
            asked.cancel()

    async def publish(self, stream: str, message: Outgoing, *, patience_s: float) -> Stored:
        """Publish until the outcome is known; see `Bus.publish`."""
        _check(message)
        deadline = monotonic() + patience_s
        while True:
            await self._connected(stream, deadline)
            try:
                headers = {**(message.headers or {}), "Nats-Msg-Id": message.msg_id}
                asked = self._js.publish(message.subject, message.body, ACK_TIMEOUT_S, stream, headers)
                ack = await self._answer(asked)
                return Stored(ack.stream, ack.seq, bool(ack.duplicate))
            except (nats.errors.Error, nats.js.errors.Error, OSError) as error:
                # Unknown or refused for now (no leader, disk full, reconnecting): the id makes repeating harmless.
                if monotonic() + RETRY_PAUSE_S > deadline:
                    raise Unavailable(f"{stream}: {type(error).__name__}: {error}") from error
            await asyncio.sleep(RETRY_PAUSE_S)

    async def publish_batch(self, stream: str, messages: Sequence[AnyOutgoing], *, patience_s: float) -> None:
        """Publish in order as atomic batches, see `Bus.publish_batch`.

        One duplicate id makes the server refuse its whole batch, and an unanswered batch may or may not be stored;
        both are settled by publishing that batch's messages one by one.
        """
        deadline = monotonic() + patience_s
        for chunk in _chunks(messages):
            await self._connected(stream, deadline)
            if len(chunk) > 1 and await self._try_atomic(stream, chunk):
                continue
            for message in chunk:
                await self.publish(stream, Outgoing(*message), patience_s=max(ACK_TIMEOUT_S, deadline - monotonic()))

    async def _try_atomic(self, stream: str, chunk: Sequence[AnyOutgoing]) -> bool:
        """Send one atomic batch; True if it is stored, False if it must go one by one."""
        batch_id = _nuid.next().decode()
        *first, last = chunk
        wire = b"".join([_encode(message, batch_id, number) for number, message in enumerate(first, 1)])
        subject, body, msg_id, headers = last
        commit = {
            **(headers or {}),
            "Nats-Msg-Id": msg_id,
            "Nats-Expected-Stream": stream,
            "Nats-Batch-Id": batch_id,
            "Nats-Batch-Sequence": str(len(chunk)),
            "Nats-Batch-Commit": "1",
        }
        try:
            await self._nc.write(wire)
            reply = await self._answer(self._nc.request(subject, body, ACK_TIMEOUT_S, headers=commit))
        except (nats.errors.Error, OSError):
            return False
        ack = orjson.loads(reply.data)
        return "error" not in ack and bool(ack.get("count") == len(chunk))

    async def _answer(self, asking: Coroutine[Any, Any, T]) -> T:
        """Await an answer, but not past a reconnection. Raises ConnectionResetError: the outcome is unknown."""
        asked = asyncio.ensure_future(asking)
        self._asked.add(asked)
        try:
            return await asked
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if me is not None and me.cancelling():
                raise
            raise ConnectionResetError("reconnected before the answer came") from None
        finally:
            self._asked.discard(asked)

    async def _connected(self, stream: str, deadline: float) -> None:
        while not self._nc.is_connected:
            if monotonic() > deadline:
                raise Unavailable(f"{stream}: not connected")
            await asyncio.sleep(RETRY_PAUSE_S)


def _chunks(messages: Sequence[AnyOutgoing]) -> Iterator[Sequence[AnyOutgoing]]:
    """Check every message, then cut the sequence at the server's limits."""
    sizes = [_check(message) for message in messages]
    start, total = 0, 0
    for index, size in enumerate(sizes):
        if index - start == BATCH_MESSAGES_MAX or (total + size > BATCH_BYTES_MAX and index > start):
            yield messages[start:index]
            start, total = index, 0
        total += size
    if start < len(messages):
        yield messages[start:]


def _check(message: AnyOutgoing) -> int:
    """Return the message's size; raise Malformed if the broker would not take it or if a header is not one line."""
    _, body, msg_id, headers = message
    size = len(body) + len(msg_id) + ENVELOPE_BYTES
    is_clean = msg_id.isprintable()
    for name, value in headers.items() if headers else ():
        size += len(name) + len(value) + 4
        is_clean = is_clean and value.isprintable()
    if size > MAX_PAYLOAD_BYTES:
        raise Malformed(f"message {msg_id} of {len(body)} bytes is larger than the broker takes")
    if not is_clean:
        raise Malformed(f"message {msg_id!r} has a control character in a header")
    return size


def _encode(message: AnyOutgoing, batch_id: str, number: int) -> bytes:
    """Return the protocol text of one message of an atomic batch. It asks for no reply: the commit's answers for all."""
    subject, body, msg_id, headers = message
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()]) if headers else ""
    block = (
        f"NATS/1.0\r\nNats-Msg-Id: {msg_id}\r\nNats-Batch-Id: {batch_id}\r\nNats-Batch-Sequence: {number}\r\n{lines}\r\n"
    ).encode()
    return b"HPUB %b %d %d\r\n%b%b\r\n" % (subject.encode(), len(block), len(block) + len(body), block, body)
