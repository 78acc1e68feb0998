"""FastStream made safe, for handlers that make one decision a message: every default that bites is overridden here.

The traps and the test of each are listed in tests/conformance/README.md. Batches do not go through FastStream: see
`citygoals.shared.batches`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import orjson
import structlog
from faststream import AckPolicy, BaseMiddleware
from faststream.exceptions import AckMessage, NackMessage
from faststream.message import StreamMessage
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.opentelemetry import NatsTelemetryMiddleware
from faststream.nats.security import NatsSecurity, NatsUserPassword
from nats.aio.msg import Msg
from opentelemetry import trace

from citygoals.shared.connection import CONNECT_TIMEOUT_S, PING_INTERVAL_S, RECONNECT_WAIT_S, exit_process
from citygoals.shared.delivery import identity_in
from citygoals.shared.errors import Conflict, Malformed
from citygoals.shared.events import Event, decode
from citygoals.shared.settings import ServiceSettings
from citygoals.shared.topology import QUARANTINE, STREAMS, consumer, inbox
from citygoals.shared.verdict import RETRY_MOST_S, Quarantine, Retry, verdict

log = structlog.get_logger(__name__)

GRACEFUL_TIMEOUT_S = 5.0  # a service has 10 s to leave
PULL_TIMEOUT_S = 1.0  # a pull request that the server forgot costs at most this much

Handler = Callable[[Event], Awaitable[None]]
Bury = Callable[[str, StreamMessage[Msg]], Awaitable[None]]


class CloudEventCodec:
    """Bodies are admitted CloudEvents, whatever their content type says; nothing is guessed."""

    async def decode(self, msg: StreamMessage[Any]) -> Any:
        """Decode one body to an Event. Raises Malformed."""
        return decode(msg.body)

    async def encode(self, msg: Any, serializer: object = None) -> tuple[bytes, str | None]:  # noqa: ARG002 - CodecProto
        """Pass bytes through: everything else is published through the bus."""
        if not isinstance(msg, bytes):
            raise TypeError("publish through citygoals.shared.bus")
        return msg, "application/json"


class Redeliver(BaseMiddleware[Any, Any]):
    """Turns what a handler raised into its verdict: again after a growing pause, or aside with the reason."""

    def __init__(self, msg: Any, /, *, context: Any, bury: Bury) -> None:
        super().__init__(msg, context=context)
        self._bury = bury

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Msg]) -> Any:
        """Run the handler, and answer the broker by raising: a returned error would count as success."""
        attempt = msg.raw_message.metadata.num_delivered
        try:
            return await call_next(msg)
        except Conflict:
            log.critical("handler stopped by a conflict", subject=msg.raw_message.subject, exc_info=True)
            raise NackMessage(delay=RETRY_MOST_S) from None
        except Exception as error:  # noqa: BLE001 - the verdict knows every kind
            answer = verdict(error, attempt)
            log.warning("handler failed", subject=msg.raw_message.subject, attempt=attempt, error=_brief(error))
            if isinstance(answer, Retry):
                raise NackMessage(delay=answer.delay_s) from None
            assert isinstance(answer, Quarantine)
            await self._put_aside(answer, msg, attempt)
            raise AckMessage from None

    async def _put_aside(self, answer: Quarantine, msg: StreamMessage[Msg], attempt: int) -> None:
        try:
            await self._bury(answer.reason, msg)
        except Exception as error:
            # Not lost: it comes again and is put aside then.
            log.exception("not put aside", subject=msg.raw_message.subject)
            raise NackMessage(delay=verdict_delay_s(error, attempt)) from None


def verdict_delay_s(error: Exception, attempt: int) -> float:
    """Return the pause that an error's verdict asks for, the longest one where it asks for none."""
    answer = verdict(error, attempt)
    return answer.delay_s if isinstance(answer, Retry) else RETRY_MOST_S


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if isinstance(error, Malformed) else type(error).__name__


def make_broker(settings: ServiceSettings, name: str) -> NatsBroker:
    """Return a broker for the settings' NATS user; register handlers with `subscribe`, then start it.

    Streams and consumers must exist: nothing is declared from here.
    """

    async def on_closed() -> None:
        if broker.running:  # not by `stop`: the server withdrew this user, and a closed client never comes back
            log.critical("bus closed")
            exit_process()

    broker = NatsBroker(
        settings.nats_url.split(","),
        name=name,
        security=_security(settings),
        inbox_prefix=inbox(settings.nats_user),
        connect_timeout=CONNECT_TIMEOUT_S,
        allow_reconnect=True,
        max_reconnect_attempts=-1,  # once its attempts are spent, the pull loop would spin and freeze the event loop
        reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # annotated int, slept as a number
        ping_interval=PING_INTERVAL_S,
        closed_cb=on_closed,
        error_cb=_on_error,
        graceful_timeout=GRACEFUL_TIMEOUT_S,
        ack_policy=AckPolicy.NACK_ON_ERROR,  # the default gives a message up at the first error
        codec=CloudEventCodec(),
        apply_types=False,  # a handler takes the event and nothing else
        specification_url="nats://bus",  # the asynchronous API document must not show credentials
        logger=None,
    )

    async def bury(reason: str, msg: StreamMessage[Msg]) -> None:
        seq = msg.raw_message.metadata.sequence.stream
        await broker.publish(
            orjson.dumps({"service": name, "reason": reason, **identity_in(msg.raw_message.subject, msg.body)}),
            f"city.quarantine.{settings.nats_user}",
            stream=QUARANTINE,
            headers={
                "Nats-Msg-Id": f"{name}/{msg.raw_message.metadata.stream}/{seq}/{msg.raw_message.metadata.timestamp}"
            },
            timeout=5,
        )

    if settings.otlp_endpoint:
        broker.add_middleware(NatsTelemetryMiddleware(tracer_provider=trace.get_tracer_provider()))
    broker.add_middleware(partial(Redeliver, bury=bury))
    return broker


async def leave(broker: NatsBroker) -> None:
    """Stop a broker of `make_broker`, as soon as its handlers are through with what its open requests bring.

    FastStream drops what arrives while it stops, and the server would wait `ack_wait` before it sends that again. So
    each pull loop is held where it would send its next request.
    """
    held = [_hold(subscriber) for subscriber in broker.subscribers if getattr(subscriber, "subscription", None)]
    with suppress(TimeoutError):
        async with asyncio.timeout(2 * PULL_TIMEOUT_S):
            await asyncio.gather(*(loop.wait() for loop in held))
    await broker.stop()


def _hold(subscriber: Any) -> asyncio.Event:
    """Send no further request for a subscriber; the event returned is set once the last one is dealt with."""
    is_through = asyncio.Event()

    async def fetch(**_: Any) -> list[Msg]:
        is_through.set()
        await asyncio.Event().wait()  # until the subscriber cancels its loop
        return []

    subscriber.subscription.fetch = fetch
    return is_through


def subscribe(broker: NatsBroker, durable: str) -> Callable[[Handler], Handler]:
    """Decorate a handler (`async def on_fact(event: Event) -> None`) of a durable consumer of the topology.

    Messages come one at a time, in order. Raise Malformed to put one aside; any other error brings it again.
    """
    spec = consumer(durable)
    streams = {stream.name: stream.subjects[0] for stream in STREAMS}

    def decorate(handler: Handler) -> Handler:
        subscriber = broker.subscriber(
            spec.filter_subject or streams[spec.stream],
            durable=durable,
            stream=JStream(spec.stream, declare=False),  # declaring would reset the stream to FastStream's defaults
            pull_sub=PullSub(batch_size=1, timeout=PULL_TIMEOUT_S),
            ack_policy=AckPolicy.NACK_ON_ERROR,
            no_reply=True,
            inbox_prefix=f"{inbox(spec.user)}.".encode(),  # FastStream names its own, where no service may listen
        )
        subscriber(handler)
        return handler

    return decorate


def _security(settings: ServiceSettings) -> NatsSecurity | NatsUserPassword:
    password = settings.nats_password.get_secret_value()
    return NatsUserPassword(settings.nats_user, password) if settings.nats_user else NatsSecurity()


async def _on_error(error: Exception) -> None:
    log.warning("bus error", error=str(error) or type(error).__name__)
