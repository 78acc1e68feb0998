"""From the bus to the notices: decode, decide, write down. A redelivery finds everything written and changes nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from faststream.nats import NatsBroker

from citygoals.notify.letters import Letter, Writer
from citygoals.notify.news import News, read_news
from citygoals.notify.policy import concerns_anybody, decide
from citygoals.notify.store import Store
from citygoals.notify.subscriptions import Subscription
from citygoals.shared.clock import Clock
from citygoals.shared.events import Event
from citygoals.shared.faststream import subscribe

log = structlog.get_logger()


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

    def concerns_nobody(self, news: News) -> bool:
        """Say whether this leaves no trace here: a city closes requests all day, and nearly all of them concern nobody."""
        return news.topic == "closing" and not concerns_anybody(news, self.subscriptions)

    async def tell(self, event: Event) -> int:
        """Write down the notices that one event gives; returns how many are new. Raises Malformed."""
        news = read_news(event)
        if self.concerns_nobody(news):
            return 0
        notices = decide(news, self.subscriptions)
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
    """Connect the desk to the consumers of what comes one at a time; closings are many (`citygoals.notify.closings`)."""

    @subscribe(broker, "notify-crossings")
    async def on_crossing(event: Event) -> None:
        """Tell the people who asked for it that a figure or a node entered another status."""
        await desk.tell(event)

    @subscribe(broker, "notify-duties")
    async def on_duty(event: Event) -> None:
        """Tell the people who asked for it that something a department must do is due soon, due today or overdue."""
        await desk.tell(event)
