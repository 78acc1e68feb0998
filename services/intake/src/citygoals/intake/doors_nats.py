"""The NATS doors: `city.admit.<system>` with a receipt, and RAW for systems that can only fire.

The broker lets a system publish below its own token alone, so the token says who sends.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import orjson
import structlog

from citygoals.intake.admission import Admission, Items
from citygoals.intake.namespaces import Namespaces
from citygoals.shared.bus import Batch, Bus, Delivery, batches
from citygoals.shared.cloudevents import CloudEvent, Unparsable, UnsupportedMediaType, attributes_of, parse_nats
from citygoals.shared.errors import Malformed
from citygoals.shared.outage import is_away
from citygoals.shared.problem import RETRY_AFTER_S
from citygoals.shared.topology import MAX_PAYLOAD_BYTES, RAW
from citygoals.shared.verdict import RETRY_FIRST_S, Retry, retry_delay_s, verdict

log = structlog.get_logger(__name__)

ADMIT, QUEUE = "city.admit.>", "intake"
REQUESTS_MAX = 64
RAW_NAK_MAX_S = 10.0
REPLY_BYTES_MAX = MAX_PAYLOAD_BYTES - 1024


def system_of(subject: str) -> str:
    """Return the publishing system of city.admit.<system>... or city.raw.<system>..."""
    return subject.split(".", 3)[2]


@dataclass
class AdmitDoor:
    """Answers requests to city.admit.<system> with the receipt that HTTP gives, or with a problem document."""

    bus: Bus
    admission: Admission
    namespaces: Namespaces
    _active: int = 0

    async def open(self) -> None:
        """Start answering, together with the other intake processes."""
        await self.bus.serve_raw(ADMIT, QUEUE, self.admit)

    async def admit(self, subject: str, headers: Mapping[str, str], body: bytes) -> bytes:
        """Return the answer to one request."""
        if self._active >= REQUESTS_MAX:
            return _problem(503, "Busy", "Too many requests at once.", retry_after_s=RETRY_AFTER_S)
        self._active += 1
        try:
            return await self._take(subject, headers, body)
        except UnsupportedMediaType as error:
            return _problem(415, "Unsupported Media Type", str(error))
        except Malformed as error:
            return _problem(400, "The request cannot be read", str(error))
        except Exception as error:
            if not is_away(error):
                raise
            return _problem(503, "Service Unavailable", str(error), retry_after_s=RETRY_AFTER_S)
        finally:
            self._active -= 1

    async def _take(self, subject: str, headers: Mapping[str, str], body: bytes) -> bytes:
        self.admission.check_open()
        settings = self.admission.settings
        if len(body) > settings.body_bytes_max:
            return _problem(413, "Content Too Large", f"A body may have {settings.body_bytes_max} bytes.")
        items = parse_nats(headers, body)
        most = settings.batch_events_max
        if len(items) > most:
            return _problem(413, "Content Too Large", f"A batch may have {most} events; this one has {len(items)}.")
        publisher = await self.namespaces.publisher(system_of(subject))
        receipt = await self.admission.take(publisher, "nats", items, traceparent=headers.get("traceparent"))
        return receipt.to_json(REPLY_BYTES_MAX)


def _problem(status: int, title: str, detail: str, **extra: float) -> bytes:
    return orjson.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail, **extra})


@dataclass(frozen=True)
class RawDoor:
    """Judges what RAW holds. A message is acknowledged once its verdict is durable; it is never lost, only late.

    One that breaks the door itself is put aside after some attempts: it must not keep the others waiting for ever.
    """

    bus: Bus
    admission: Admission
    namespaces: Namespaces

    async def run(self, stop: asyncio.Event) -> None:
        """Take batches until told to stop."""
        size = self.admission.settings.raw_batch_events
        async with batches(self.bus, RAW, "intake-raw", size=size, stop=stop) as incoming:
            async for batch in incoming:
                await self._settle(batch)

    async def _settle(self, batch: Batch) -> None:
        try:
            self.admission.check_open()
            for system, messages in groupby(batch.messages, lambda message: system_of(message.subject)):
                await self._take(system, list(messages))
        except Exception as error:
            if not is_away(error):
                log.exception("raw batch failed, trying one by one", messages=len(batch))
                await self._settle_each(batch.messages)
                return
            delay_s = min(retry_delay_s(batch.messages[0].delivered), RAW_NAK_MAX_S)
            log.warning("raw batch comes again", messages=len(batch), delay_s=delay_s, error=type(error).__name__)
            await batch.nak(delay_s)
        else:
            await batch.ack_all()

    async def _settle_each(self, messages: Sequence[Delivery]) -> None:
        for message in messages:
            system = system_of(message.subject)
            try:
                await self._take(system, [message])
            except Exception as error:
                answer = Retry(RETRY_FIRST_S) if is_away(error) else verdict(error, message.delivered)
                log.exception("raw message failed", system=system, seq=message.seq, attempt=message.delivered)
                if isinstance(answer, Retry):
                    await message.nak(min(answer.delay_s, RAW_NAK_MAX_S))
                    continue
                await self._offer(system, [_unjudged(message)])
            await message.ack()

    async def _take(self, system: str, messages: Sequence[Delivery]) -> None:
        await self._offer(
            system, [item for message in messages for item in read_message(message.headers, message.body)]
        )

    async def _offer(self, system: str, items: Items) -> None:
        await self.admission.take(await self.namespaces.publisher(system), "raw", items)


def _unjudged(message: Delivery) -> Unparsable:
    return Unparsable([{"pointer": "", "detail": f"could not be judged: message {message.seq} of {RAW}"}])


def read_message(headers: Mapping[str, str], body: bytes) -> Sequence[CloudEvent | Unparsable]:
    """Return the events of one message; one that cannot be read is one unparsable event, with what its headers say."""
    try:
        return parse_nats(headers, body)
    except (Malformed, UnsupportedMediaType) as error:
        sent = attributes_of(headers)
        return [Unparsable([{"pointer": "/data" if sent else "", "detail": str(error)}], sent.get("id"), sent)]
