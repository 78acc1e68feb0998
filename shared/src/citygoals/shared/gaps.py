"""Filling a hole in a numbered sequence by asking its owner, page by page."""

from collections.abc import AsyncIterator

from citygoals.shared.connection import Bus
from citygoals.shared.errors import Unavailable

JOURNAL = "city.ask.intake.journal"
PAGE_ENTRIES = 500


async def missing_entries(
    bus: Bus, lane: int, first: int, stop: int, *, limit: int = PAGE_ENTRIES
) -> AsyncIterator[list[bytes]]:
    """Yield the bodies of a journal lane's entries numbered `first` up to, not including, `stop`, in order, by page.

    Raises:
        Unavailable: the journal does not answer, or does not have them all.
    """
    while first < stop:
        page = await bus.request(JOURNAL, {"lane": lane, "from": first, "limit": min(limit, stop - first)})
        bodies = [entry.encode() for entry in page["entries"]]
        if not bodies:
            raise Unavailable(f"the journal has no entry {first} of lane {lane} (its next is {page['next_seq']})")
        yield bodies
        first += len(bodies)
