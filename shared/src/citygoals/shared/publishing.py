"""Publishing to streams: one message until its outcome is known, many as atomic batches."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

import nats.errors
import nats.js.errors
import orjson
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.nuid import NUID

from citygoals.shared.errors import Malformed, Unavailable
from citygoals.shared.topology import MAX_PAYLOAD_BYTES

PATIENCE_S = 30.0
ACK_TIMEOUT_S = 5.0
RETRY_PAUSE_S = 0.1
BATCH_MESSAGES_MAX = 1000  # the server's limit
BATCH_BYTES_MAX = 8 << 20
HEADER_ROOM_BYTES = 512  # kept free below the server's limit for the headers added here

_nuid = NUID()


class Outgoing(NamedTuple):
    """One message to store; `msg_id` is its identity within the stream's duplicate window."""

    subject: str
    body: bytes
    msg_id: str
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a message is: its sequence in the stream, and whether it was there already."""

    stream: str
    seq: int
    duplicate: bool


def check_size(message: Outgoing) -> None:
    """Raise Malformed if headers and body together exceed what the broker takes."""
    headers = sum(len(name) + len(value) + 4 for name, value in message.headers.items()) if message.headers else 0
    if len(message.body) + headers + HEADER_ROOM_BYTES > MAX_PAYLOAD_BYTES:
        raise Malformed(f"message {message.msg_id} of {len(message.body)} bytes is larger than the broker takes")


async def publish(js: JetStreamContext, stream: str, message: Outgoing, *, patience_s: float) -> Stored:
    """Publish until the outcome is known; see `Bus.publish`."""
    check_size(message)
    deadline = monotonic() + patience_s
    while True:
        try:
            headers = {**(message.headers or {}), "Nats-Msg-Id": message.msg_id}
            ack = await js.publish(message.subject, message.body, ACK_TIMEOUT_S, stream, headers)
            return Stored(ack.stream, ack.seq, bool(ack.duplicate))
        except (nats.errors.Error, nats.js.errors.Error, OSError) as error:
            # Unknown or refused for now (no leader, disk full, reconnecting): the id makes repeating harmless.
            if monotonic() + RETRY_PAUSE_S > deadline:
                raise Unavailable(f"{stream}: {type(error).__name__}: {error}") from error
        await asyncio.sleep(RETRY_PAUSE_S)


async def publish_batch(
    nc: Client,
    js: JetStreamContext,
    stream: str,
    messages: Sequence[Outgoing | tuple[str, bytes, str, Mapping[str, str] | None]],
    *,
    patience_s: float,
) -> None:
    """Publish in order as atomic batches, see `Bus.publish_batch`.

    One duplicate id makes the server refuse its whole batch, and an unanswered batch may or may not be stored; both
    are settled by publishing that batch's messages one by one.
    """
    outgoing = [Outgoing(*message) for message in messages]
    for message in outgoing:
        check_size(message)
    for chunk in _chunks(outgoing):
        if len(chunk) > 1 and await _try_atomic(nc, stream, chunk):
            continue
        for message in chunk:
            await publish(js, stream, message, patience_s=patience_s)


def _chunks(messages: Sequence[Outgoing]) -> Iterator[Sequence[Outgoing]]:
    start, size = 0, 0
    for index, message in enumerate(messages):
        if index - start == BATCH_MESSAGES_MAX or (size + len(message.body) > BATCH_BYTES_MAX and index > start):
            yield messages[start:index]
            start, size = index, 0
        size += len(message.body)
    if start < len(messages):
        yield messages[start:]


async def _try_atomic(nc: Client, stream: str, chunk: Sequence[Outgoing]) -> bool:
    """Send one atomic batch; True if it is stored, False if it must go one by one."""
    batch_id = _nuid.next().decode()
    last = len(chunk)
    try:
        for number, message in enumerate(chunk[:-1], 1):
            await nc.publish(message.subject, message.body, headers=_headers(message, stream, batch_id, number))
        message = chunk[-1]
        headers = _headers(message, stream, batch_id, last)
        headers["Nats-Batch-Commit"] = "1"
        reply = await nc.request(message.subject, message.body, ACK_TIMEOUT_S, headers=headers)
    except (nats.errors.Error, OSError):
        return False
    ack = orjson.loads(reply.data)
    return "error" not in ack and ack.get("count") == last


def _headers(message: Outgoing, stream: str, batch_id: str, number: int) -> dict[str, str]:
    headers = {
        "Nats-Msg-Id": message.msg_id,
        "Nats-Batch-Id": batch_id,
        "Nats-Batch-Sequence": str(number),
    }
    if number == 1:
        headers["Nats-Expected-Stream"] = stream
    if message.headers:
        headers.update(message.headers)
    return headers
