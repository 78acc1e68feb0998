"""Pulling from a durable consumer in batches: own pull requests, a callback, public nats-py API only.

nats-py's `fetch` spends more time on each message than all the rest of the consumer does.
"""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import Self

import nats.errors
import orjson
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from citygoals.shared.connection import Bus
from citygoals.shared.delivery import Batch, Delivery
from citygoals.shared.topology import MIB, PULL_MESSAGES_MAX, ConsumerSpec, consumer

log = structlog.get_logger(__name__)

LINGER_S = 0.0  # while one batch is worked on the next one gathers; who has nothing to do need not wait for company
LINGER_MOST_S = 0.05
IDLE_S = 1.0
IDLE_MOST_S = 1.0  # a pull request that the server forgot costs at most this much
LOST_AFTER_S = 0.5  # a pull request that is this much overdue is taken for lost
REFUSED_PAUSE_S = 0.25
PULL_BYTES_MAX = 16 * MIB
CLOSE_TIMEOUT_S = 2.0
TAKE_BACK_TIMEOUT_S = 2.0
TAKE_BACK_ATTEMPTS = 3
NOT_FOUND = 404
REQUESTS = 2  # outstanding, each for half a batch: the next one is on its way while a batch is worked on
ORDINARY_STATUSES = frozenset({"404", "408"})  # nothing there; nothing more in time
# A request that also limits bytes ends with one of these, even when it was served in full.
ORDINARY_DETAILS = frozenset({"Batch Completed", "Message Size Exceeds MaxBytes"})


@dataclass(slots=True)
class _Request:
    """A pull request that the server may still answer."""

    remaining: int
    lost_at: float


class Batches:
    """An endless iterator of batches of one durable consumer; made by `batches()`.

    Never holds more than one batch beside the one that is worked on. Ends when `stop` is set, or by `close`, and hands back
    (naks) what it holds and nobody has started. Survives restarts of the broker.
    """

    def __init__(
        self, bus: Bus, spec: ConsumerSpec, *, size: int, linger_s: float, idle_s: float, stop: asyncio.Event | None
    ) -> None:
        self._bus, self._nc, self._spec = bus, bus.nc, spec
        self._size, self._linger_s, self._idle_s, self._stop = size, linger_s, idle_s, stop
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{spec.stream}.{spec.durable}"
        self._reset = f"$JS.API.CONSUMER.RESET.{spec.stream}.{spec.durable}"
        self._ask = -(-size // REQUESTS)
        self._query = orjson.dumps({"batch": self._ask, "expires": round(idle_s * 1e9), "max_bytes": PULL_BYTES_MAX})
        self._arrived: deque[Msg] = deque()
        self._wake = asyncio.Event()
        self._requests: dict[str, _Request] = {}  # by reply address, oldest first
        self._refused_until = 0.0
        self._inbox = bus.nc.new_inbox()
        self._number = 0
        self._subscription: Subscription | None = None
        self._take_back_attempts = self._take_backs_due()
        self._closed = False

    def __aiter__(self) -> "Batches":
        return self

    async def __anext__(self) -> Batch:
        """Return what has arrived; if that is nothing, wait for the first message, and then at most `linger_s` for more."""
        if self._subscription is None and not self._closed:
            await self._open()
        if not self._arrived and await self._first():
            await self._linger()
        if self._stopping():
            await self.close()
            raise StopAsyncIteration
        taken = [self._arrived.popleft() for _ in range(min(self._size, len(self._arrived)))]
        await self._top_up()
        return Batch([Delivery(self._nc, msg) for msg in taken], acks_all=self._spec.ack == "all")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop fetching and hand back every message that was delivered here and not taken. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._wake.set()
        if self._subscription is None or not self._nc.is_connected:
            return
        try:
            # Drained, not dropped: what the server sent before it saw the unsubscription still comes in, and a
            # message that nobody naks is out of reach until ack_wait has passed.
            drained = self._subscription.drain()  # type: ignore[no-untyped-call]  # nats-py's
            await asyncio.wait_for(drained, CLOSE_TIMEOUT_S)
            for msg in self._arrived:
                await self._nc.publish(msg.reply, b"-NAK")
            await self._nc.flush(timeout=round(CLOSE_TIMEOUT_S))
        except (nats.errors.Error, OSError) as error:
            log.warning("messages not handed back", durable=self._spec.durable, error=type(error).__name__)

    def _stopping(self) -> bool:
        return self._closed or (self._stop is not None and self._stop.is_set())

    async def _open(self) -> None:
        self._bus.on_reconnect(self._forget_requests)
        self._bus.before_close(self.close)
        self._subscription = await self._nc.subscribe(
            f"{self._inbox}.*", cb=self._on_message, pending_msgs_limit=0, pending_bytes_limit=0
        )
        await self._top_up()

    async def _on_message(self, msg: Msg) -> None:
        if msg.reply:
            self._arrived.append(msg)
            self._count_one()
        else:
            self._on_status(msg)
        self._wake.set()

    def _count_one(self) -> None:
        # The server serves its waiting requests in order, so this message belongs to the oldest one.
        for address, request in self._requests.items():
            request.remaining -= 1
            if request.remaining == 0:
                del self._requests[address]
            return

    def _on_status(self, msg: Msg) -> None:
        self._requests.pop(msg.subject, None)
        headers = msg.headers or {}
        status, detail = headers.get("Status", ""), headers.get("Description", "")
        if status not in ORDINARY_STATUSES and detail not in ORDINARY_DETAILS:
            # The consumer or its server is away. Both come back; asking in a tight loop would not help them.
            self._refused_until = monotonic() + REFUSED_PAUSE_S
            log.warning("pull request refused", durable=self._spec.durable, status=status, detail=detail)

    def _forget_requests(self) -> None:
        self._requests.clear()
        self._take_back_attempts = self._take_backs_due()
        self._refused_until = 0.0
        self._wake.set()

    async def _first(self) -> bool:
        """Wait for a message; False when it is time to stop."""
        while not self._arrived and not self._stopping():
            await self._top_up()
            self._wake.clear()
            await self._wait(self._pause_s())
        return not self._stopping()

    def _pause_s(self) -> float:
        now = monotonic()
        if self._refused_until > now:
            return self._refused_until - now
        return min((request.lost_at for request in self._requests.values()), default=now + REFUSED_PAUSE_S) - now

    async def _wait(self, seconds: float) -> None:
        """Wait for a message, a status or the stop, at most `seconds` and at most half a second."""
        with contextlib.suppress(TimeoutError):
            # Not wait_for: Python 3.11's can swallow a cancellation that comes together with the event.
            async with asyncio.timeout(max(0.001, min(seconds, LOST_AFTER_S))):
                await self._wake.wait()

    async def _linger(self) -> None:
        deadline = monotonic() + self._linger_s
        while len(self._arrived) < self._size and not self._stopping() and (left := deadline - monotonic()) > 0:
            self._wake.clear()
            await self._wait(left)

    async def _top_up(self) -> None:
        """Send pull requests while what is held and what is asked for leave room for one more."""
        now = monotonic()
        if now < self._refused_until or not self._nc.is_connected or self._stopping():
            return
        if self._take_back_attempts and not await self._take_back():
            self._refused_until = monotonic() + REFUSED_PAUSE_S
            return
        for address in [address for address, request in self._requests.items() if request.lost_at < now]:
            del self._requests[address]
        asked = sum(request.remaining for request in self._requests.values())
        while len(self._requests) < REQUESTS and len(self._arrived) + asked <= self._ask * (REQUESTS - 1):
            self._number += 1
            address = f"{self._inbox}.{self._number}"
            self._requests[address] = _Request(self._ask, now + self._idle_s + LOST_AFTER_S)
            asked += self._ask
            await self._nc.publish(self._subject, self._query, reply=address)

    def _take_backs_due(self) -> int:
        return TAKE_BACK_ATTEMPTS if self._spec.ack == "all" else 0

    async def _take_back(self) -> bool:
        """Have everything that was delivered and not acknowledged delivered again; False: try that first once more.

        Else an acknowledgement of what comes next would also cover what a reader that is gone, or a connection that
        broke, still held, and nobody would ever get it from the stream. A broker that never does it (one too old, say)
        costs time and no event: whoever reads this consumer compares its numbers with the journal now and then.
        """
        try:
            reply = await self._nc.request(self._reset, b"", timeout=TAKE_BACK_TIMEOUT_S)
            refusal = orjson.loads(reply.data).get("error") or {}
        except (nats.errors.Error, OSError) as error:
            refusal = {"description": type(error).__name__}
        if not refusal:
            self._take_back_attempts = 0
            return True
        if refusal.get("code") != NOT_FOUND:  # a consumer that is not there yet holds nothing, and is waited for
            self._take_back_attempts -= 1
            log.warning("deliveries not taken back", durable=self._spec.durable, reason=refusal.get("description"))
        return not self._take_back_attempts


def batches(  # noqa: PLR0913 - five of them are options with defaults, all keywords
    bus: Bus,
    stream: str,
    durable: str,
    *,
    size: int = PULL_MESSAGES_MAX,
    linger_s: float = LINGER_S,
    idle_s: float = IDLE_S,
    stop: asyncio.Event | None = None,
) -> Batches:
    """Iterate over batches of at most `size` messages of a durable consumer of the topology.

    Acknowledge a batch after the transaction that recorded it (`ack_all`); what is not acknowledged comes again.
    Use it as `async with batches(...) as incoming: async for batch in incoming: ...` so that an error on the way
    hands back what was fetched. Setting `stop` ends the iteration between two batches.
    """
    spec = consumer(durable)
    assert spec.stream == stream, f"{durable} is a consumer of {spec.stream}"
    assert 0 < size <= PULL_MESSAGES_MAX
    assert 0 <= linger_s <= LINGER_MOST_S
    assert 0 < idle_s <= IDLE_MOST_S
    return Batches(bus, spec, size=size, linger_s=linger_s, idle_s=idle_s, stop=stop)
