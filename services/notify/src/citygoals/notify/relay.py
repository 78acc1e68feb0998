"""Sent notices onto the bus: what was sent, why and when, without the recipient. At least once, deduplicated by id."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import structlog

from citygoals.notify.store import Store
from citygoals.shared.clock import Clock
from citygoals.shared.connection import Bus
from citygoals.shared.instants import format_instant
from citygoals.shared.publishing import Outgoing
from citygoals.shared.topology import NOTICES
from citygoals.shared.verdict import is_passing, retry_delay_s

log = structlog.get_logger()

SUBJECT = "city.notice.v1.sent"
TYPE = "city.notice.sent.v1"
SOURCE = "/city-goals/notify"
PAGE = 200
POLL_S = 0.5
"""How often sent notices are looked for; nobody waits for these events."""
HEADERS = {"content-type": "application/cloudevents+json"}


def sent_event(row: Mapping[str, Any]) -> Outgoing:
    """Return the event about one sent notice. Its id is the notice's: random, so it tells nothing of the recipient."""
    event = {
        "specversion": "1.0",
        "id": str(row["id"]),
        "source": SOURCE,
        "type": TYPE,
        "time": format_instant(row["finished_at"]),
        "subject": str(row["id"]),
        "datacontenttype": "application/json",
        "data": {
            "event": {"source": row["source"], "id": row["event_id"], "type": row["event_type"]},
            "template": row["template"],
            "language": row["language"],
            "channel": row["channel"],
            "attempts": row["attempts"],
        },
    }
    return Outgoing(SUBJECT, orjson.dumps(event), str(row["id"]), HEADERS)


async def announce(store: Store, bus: Bus, clock: Clock) -> int:
    """Publish one page of sent notices and write that down; returns how many. A crash in between repeats the page."""
    rows = await store.unannounced(PAGE)
    if rows:
        await bus.publish_batch(NOTICES, [sent_event(row) for row in rows])
        await store.mark_announced([row["id"] for row in rows], now=clock.now())
    return len(rows)


async def relay(store: Store, bus: Bus, clock: Clock, stop: asyncio.Event) -> None:
    """Announce until told to stop; survives a database or a broker that is away."""
    failures = 0
    while not stop.is_set():
        try:
            rest_s = 0 if await announce(store, bus, clock) else POLL_S
            failures = 0
        except Exception as error:
            if not is_passing(error):
                raise
            failures += 1
            rest_s = retry_delay_s(failures)
            log.warning("cannot announce sent notices", error=type(error).__name__)
        try:
            async with asyncio.timeout(rest_s):
                await stop.wait()
        except TimeoutError:
            continue
