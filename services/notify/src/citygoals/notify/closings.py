"""Closed service requests, many at a time: a city closes them all day, and nearly all of them concern nobody here.

One that concerns nobody costs its decoding and a look at the subscriptions; handling each like the other news took more
of the machine's time than counting it did.
"""

import asyncio

import structlog

from citygoals.notify.handlers import Desk
from citygoals.notify.news import read_news
from citygoals.shared.bus import Batch, Bus, Delivery, batches
from citygoals.shared.delivery import identity_in
from citygoals.shared.errors import Conflict, Malformed, Unavailable
from citygoals.shared.events import decode
from citygoals.shared.topology import EVENTS
from citygoals.shared.verdict import RETRY_MOST_S, Quarantine, Retry, verdict

log = structlog.get_logger(__name__)

DURABLE = "notify-closings"
CLOSINGS_AT_ONCE = 200
"""Their order says nothing, so those of a batch that concern somebody are told side by side."""


async def follow_closings(bus: Bus, desk: Desk, stop: asyncio.Event) -> None:
    """Tell the people who asked for it that a service request was closed, until told to stop."""
    async with batches(bus, EVENTS, DURABLE, size=CLOSINGS_AT_ONCE, stop=stop) as incoming:
        async for batch in incoming:
            await _take(bus, desk, batch)


async def _take(bus: Bus, desk: Desk, batch: Batch) -> None:
    concerning = []
    for message in batch.messages:
        if _concerns_nobody(desk, message):
            await message.ack()
        else:
            concerning.append(message)
    await asyncio.gather(*(_settle(bus, desk, message) for message in concerning))


def _concerns_nobody(desk: Desk, message: Delivery) -> bool:
    """Say so for sure; what cannot be read is settled like what concerns somebody."""
    try:
        return desk.concerns_nobody(read_news(decode(message.body)))
    except Malformed:
        return False


async def _settle(bus: Bus, desk: Desk, message: Delivery) -> None:
    """Tell of one, and answer the broker: done, again after a growing pause, or put aside with the reason."""
    try:
        await desk.tell(decode(message.body))
    except Conflict:
        log.critical("handler stopped by a conflict", subject=message.subject, exc_info=True)
        await message.nak(RETRY_MOST_S)
    except Exception as error:  # noqa: BLE001 - the verdict knows every kind
        answer = verdict(error, message.delivered)
        log.warning("closing not told", attempt=message.delivered, error=type(error).__name__)
        if isinstance(answer, Quarantine):
            await _put_aside(bus, message, answer.reason)
        else:
            await message.nak(answer.delay_s if isinstance(answer, Retry) else RETRY_MOST_S)
    else:
        await message.ack()


async def _put_aside(bus: Bus, message: Delivery, reason: str) -> None:
    identity = identity_in(message.subject, message.body)
    try:
        await bus.bury("notify", reason, identity, msg_id=f"notify-{EVENTS}-{message.seq}")
    except Unavailable:  # not lost: it comes again and is put aside then
        log.exception("not put aside", subject=message.subject)
        await message.nak(RETRY_MOST_S)
    else:
        await message.ack()
