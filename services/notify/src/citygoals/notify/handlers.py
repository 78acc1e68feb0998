"""From the bus to the notices: decode, decide, write down. A redelivery finds everything written and changes nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from faststream.nats import NatsBroker

from citygoals.notify.letters import Letter, Writer
from citygoals.notify.news import read_news
from citygoals.notify.policy import decide
from citygoals.notify.store import Store
from citygoals.notify.subscriptions import Subscription
from citygoals.shared.clock import Clock
from citygoals.shared.events import Event
from citygoals.shared.faststream import subscribe

log = structlog.get_logger()

CLOSINGS_AT_ONCE = 50
"""A city closes requests all day and nearly all of them concern nobody here; their order says nothing."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that a handler needs."""

    subscriptions: Sequence[Subscription]
    writer: Writer
    store: Store
    clock: Clock
    channel: str
    has_mail: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there is something to send."""

    async def tell(self, event: Event) -> int:
        """Write down the notices that one event gives; returns how many are new. Raises Malformed."""
        news = read_news(event)
        notices = decide(news, self.subscriptions)
        if not notices and news.topic == "closing":
            return 0  # a city closes requests all day; a closing that concerns nobody leaves no trace here
        gone = await self.store.unsubscribed(news.topic, [notice.recipient for notice in notices])
        notices = decide(news, self.subscriptions, gone) if gone else notices
        letters: dict[str, Letter] = {
            language: self.writer.write(news, language) for language in sorted({notice.language for notice in notices})
        }
        new = await self.store.record(news, notices, letters, channel=self.channel, now=self.clock.now())
        if new:
            log.info("notices written", source=news.source, id=news.id, notices=new)
            self.has_mail.set()
        return new


def subscribe_desk(broker: NatsBroker, desk: Desk) -> None:
    """Connect the desk to its consumers."""

    @subscribe(broker, "notify-crossings")
    async def on_crossing(event: Event) -> None:
        """Tell the people who asked for it that a figure or a node entered another status."""
        await desk.tell(event)

    @subscribe(broker, "notify-closings", at_once=CLOSINGS_AT_ONCE)
    async def on_closing(event: Event) -> None:
        """Tell the people who asked for it that a service request was closed."""
        await desk.tell(event)

    @subscribe(broker, "notify-duties")
    async def on_duty(event: Event) -> None:
        """Tell the people who asked for it that something a department must do is due soon, due today or overdue."""
        await desk.tell(event)
