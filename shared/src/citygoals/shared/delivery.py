"""What a consumer hands out: messages, and what may be said about them."""

from collections.abc import Mapping

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg


class Delivery:
    """One delivered message."""

    __slots__ = ("_nc", "_reply", "body", "headers", "subject")

    def __init__(self, nc: Client, msg: Msg) -> None:
        self._nc = nc
        self._reply = msg.reply
        self.subject: str = msg.subject
        self.body: bytes = msg.data
        self.headers: Mapping[str, str] = msg.headers or {}

    @property
    def seq(self) -> int:
        """Sequence in the stream. Not an identity: a damaged broker may hand out the same one again."""
        return int(self._reply.split(".")[-4])

    @property
    def delivered(self) -> int:
        """How many times this message has been delivered, this time included."""
        return int(self._reply.split(".")[-5])

    async def ack(self) -> None:
        """Say that it is done."""
        await self._nc.publish(self._reply, b"+ACK")

    async def ack_sync(self, timeout_s: float = 5.0) -> None:
        """Say that it is done and wait until the broker knows. Raises TimeoutError."""
        await self._nc.request(self._reply, b"+ACK", timeout=timeout_s)

    async def nak(self, delay_s: float = 0.0) -> None:
        """Ask for it again, `delay_s` seconds from now."""
        await self._nc.publish(self._reply, b'-NAK {"delay": %d}' % round(delay_s * 1e9) if delay_s else b"-NAK")


class Batch:
    """Messages in the order of delivery; at least one."""

    __slots__ = ("_acks_all", "messages")

    def __init__(self, messages: list[Delivery], *, acks_all: bool) -> None:
        self.messages = messages
        self._acks_all = acks_all

    def __len__(self) -> int:
        return len(self.messages)

    async def ack_all(self, *, sync: bool = False) -> None:
        """Acknowledge every message, after the transaction that recorded them; `sync` waits until the broker knows."""
        for message in self.messages[-1:] if self._acks_all else self.messages[: -1 if sync else None]:
            if not (sync and self._acks_all):
                await message.ack()
        if sync:
            await self.messages[-1].ack_sync()

    async def nak(self, delay_s: float = 0.0) -> None:
        """Ask for every message again, `delay_s` seconds from now."""
        for message in self.messages:
            await message.nak(delay_s)


def identity_in(subject: str, body: bytes) -> dict[str, str]:
    """Return who and which a message is, never what: a refused body may hold anything."""
    found = {"subject": subject}
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        return found
    if isinstance(event, dict):
        found |= {name: event[name][:200] for name in ("source", "id", "type") if isinstance(event.get(name), str)}
    return found
