"""The connection to NATS: reconnects for ever, says why it may not, asks and answers requests."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self

import nats
import nats.errors
import nats.js.errors
import orjson
import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from citygoals.shared.errors import Malformed, Unavailable
from citygoals.shared.lean import LeanClient
from citygoals.shared.publishing import PATIENCE_S, AnyOutgoing, Outgoing, Publisher, Stored
from citygoals.shared.settings import ServiceSettings
from citygoals.shared.topology import QUARANTINE, inbox

log = structlog.get_logger(__name__)

EXIT_BUS_CLOSED = 70
CONNECT_PATIENCE_S = 30.0
CONNECT_TIMEOUT_S = 2
RECONNECT_WAIT_S = 0.25
REQUEST_TIMEOUT_S = 5.0
PING_INTERVAL_S = 20  # a half-open connection is noticed within three of these
PENDING_BYTES_MAX = 16 << 20  # what may wait in memory for a broker that is away

JsonHandler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
RawHandler = Callable[[str, Mapping[str, str], bytes], Awaitable[bytes]]


class Bus:
    """One service's connection. `nc` and `js` are nats-py's own, for what this class does not offer."""

    def __init__(self, nc: LeanClient, user: str, on_closed: Callable[[], None]) -> None:
        self.nc = nc
        self._on_closed = on_closed
        self.js: JetStreamContext = nc.jetstream()
        self.user = user
        self._publisher = Publisher(nc, self.js)
        self._on_reconnect: list[Callable[[], None]] = [self._publisher.give_up_answers]
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self._answers: set[asyncio.Task[None]] = set()
        self.is_closing = False

    async def publish(
        self, stream: str, subject: str, body: bytes, *, msg_id: str, headers: Mapping[str, str] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Stored:  # fmt: skip
        """Store one message and return where; the same message again while the outcome is unknown.

        Raises:
            Unavailable: no answer within `patience_s` seconds; whether it is stored is not known.
            Malformed: it is larger than the broker takes.
        """
        return await self._publisher.publish(stream, Outgoing(subject, body, msg_id, headers), patience_s=patience_s)

    async def publish_batch(
        self, stream: str, messages: Sequence[AnyOutgoing], *, patience_s: float = PATIENCE_S,
    ) -> None:  # fmt: skip
        """Store messages in order, in atomic batches; those that are stored already are passed over.

        Raises:
            Unavailable: no answer within `patience_s` seconds; some of them may be stored. Call again with the same.
            Malformed: one is larger than the broker takes; nothing was sent.
        """
        await self._publisher.publish_batch(stream, messages, patience_s=patience_s)

    async def bury(self, service: str, reason: str, identity: Mapping[str, Any], *, msg_id: str) -> None:
        """Put a refusal on QUARANTINE: `reason`, and who and which (never the refused content)."""
        body = orjson.dumps({"service": service, "reason": reason, **identity})
        await self.publish(QUARANTINE, f"city.quarantine.{service}", body, msg_id=msg_id)

    async def request(
        self, subject: str, query: Mapping[str, Any], *, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> dict[str, Any]:
        """Ask another service.

        Raises:
            Unavailable: nobody answered in time, or it could not.
            Malformed: it refused the query.
        """
        try:
            reply = await self.nc.request(subject, orjson.dumps(query), timeout=timeout_s)
        except (nats.errors.Error, OSError) as error:
            raise Unavailable(f"{subject}: {type(error).__name__}") from error
        answer: dict[str, Any] = orjson.loads(reply.data)
        refused = answer.get("error")
        if refused is None:
            return answer
        raise (Malformed if refused["kind"] == "malformed" else Unavailable)(f"{subject}: {refused['detail']}")

    async def serve(self, subject: str, queue: str, handler: JsonHandler) -> None:
        """Answer JSON requests on `subject`, sharing them with the other members of `queue`.

        Malformed raised by the handler (or a body that is no JSON object) refuses the query; any other error is
        logged and answered as unavailable.
        """

        async def answer(_: str, __: Mapping[str, str], body: bytes) -> bytes:
            return await _answer_json(subject, handler, body)

        await self.serve_raw(subject, queue, answer)

    async def serve_raw(self, subject: str, queue: str, handler: RawHandler) -> None:
        """Answer requests on `subject` with `handler(subject, headers, body)`, each in its own task.

        Who gives no reply address, or one outside the inboxes, is heard and gets no answer: a server that may answer
        anybody must not be talked into publishing an answer to a stream's subject.
        """

        async def on_request(msg: Msg) -> None:
            task = asyncio.create_task(self._answer(msg, handler))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

        await self.nc.subscribe(subject, queue=queue, cb=on_request)
        await self.nc.flush()  # who asks from now on is heard

    async def _answer(self, msg: Msg, handler: RawHandler) -> None:
        try:
            reply = await handler(msg.subject, msg.headers or {}, msg.data)
            if msg.reply.startswith("_INBOX_"):
                await self.nc.publish(msg.reply, reply)
        except Exception:
            # Nobody awaits this task. Silence makes the asker's request time out, which it takes for unavailable.
            log.exception("request failed", subject=msg.subject)

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each reconnection."""
        self._on_reconnect.append(callback)

    def before_close(self, closer: Callable[[], Awaitable[None]]) -> None:
        """Await `closer` first when this bus is closed."""
        self._closers.append(closer)

    def callbacks(self) -> dict[str, Any]:
        """Return what nats-py is to call; it takes coroutines only."""

        async def on_error(error: Exception) -> None:
            # Also the only place where a denied subject shows; its victim merely times out.
            log.warning("bus error", error=str(error) or type(error).__name__)

        async def on_reconnected() -> None:
            log.info("bus reconnected")
            for callback in self._on_reconnect:
                callback()

        async def on_closed() -> None:
            if not self.is_closing:
                log.critical("bus closed")
                self._on_closed()

        return {"error_cb": on_error, "reconnected_cb": on_reconnected, "closed_cb": on_closed}

    async def ready(self) -> bool:
        """Tell whether the broker answers right now."""
        if not self.nc.is_connected:
            return False
        try:
            await self.nc.flush(timeout=1)
        except (nats.errors.Error, OSError):
            return False
        return True

    async def close(self) -> None:
        """Hand back what was fetched and not started, finish the answers, flush, disconnect. May be called twice."""
        if self.is_closing:
            return
        self.is_closing = True
        for closer in self._closers:
            await closer()
        if self._answers:
            await asyncio.wait(self._answers, timeout=2)
        try:
            await self.nc.close()
        except (OSError, RuntimeError) as error:
            # The broker is away and something waited to be sent; whoever published it knows that it was not stored.
            log.warning("bus closed while disconnected", error=type(error).__name__)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _answer_json(subject: str, handler: JsonHandler, body: bytes) -> bytes:
    try:
        return orjson.dumps(await handler(_query(body)))
    except (Malformed, orjson.JSONDecodeError) as error:
        return orjson.dumps({"error": {"kind": "malformed", "detail": str(error)}})
    except Exception as error:
        log.exception("request failed", subject=subject)
        return orjson.dumps({"error": {"kind": "unavailable", "detail": type(error).__name__}})


def _query(body: bytes) -> dict[str, Any]:
    query = orjson.loads(body or b"{}")
    if not isinstance(query, dict):
        raise Malformed("the query is not a JSON object")
    return query


def exit_process() -> None:
    """End this process: a closed client never reconnects, and a loop that suppresses that would spin."""
    os._exit(EXIT_BUS_CLOSED)


async def connect(
    settings: ServiceSettings, name: str, *, patience_s: float = CONNECT_PATIENCE_S,
    on_closed: Callable[[], None] = exit_process,
) -> Bus:  # fmt: skip
    """Connect as the settings' NATS user, with its own inbox prefix; `name` shows in the broker's monitoring.

    Reconnects for ever afterwards. If the client closes without being asked to (the broker withdrew the user),
    `on_closed` is called.

    Raises:
        Unavailable: no connection within `patience_s` seconds; the log says why.
    """
    bus = Bus(LeanClient(), settings.nats_user, on_closed)
    try:
        await asyncio.wait_for(bus.nc.connect(**_options(settings, name), **bus.callbacks()), patience_s)
    except TimeoutError as error:
        where = settings.nats_url.rpartition("@")[2]
        raise Unavailable(f"no connection to NATS at {where} within {patience_s:.0f} s") from error
    return bus


def _options(settings: ServiceSettings, name: str) -> dict[str, Any]:
    return {
        "servers": settings.nats_url.split(","),
        "name": name,
        "user": settings.nats_user or None,
        "password": settings.nats_password.get_secret_value() or None,
        "inbox_prefix": inbox(settings.nats_user) if settings.nats_user else "_INBOX",
        "connect_timeout": CONNECT_TIMEOUT_S,
        "allow_reconnect": True,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": RECONNECT_WAIT_S,
        "ping_interval": PING_INTERVAL_S,
        "pending_size": PENDING_BYTES_MAX,
    }
