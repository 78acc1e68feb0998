"""Keeps this process's leases: the lane that it writes, and the lanes whose rows it publishes for the dead."""

import asyncio
from collections.abc import Callable

import structlog

from citygoals.intake.lanes import RENEW_EVERY_S, Fenced, Lanes, Lease
from citygoals.intake.relay import Relay
from citygoals.shared.ending import end
from citygoals.shared.errors import Unavailable
from citygoals.shared.outage import is_away

log = structlog.get_logger(__name__)

GIVE_BACK_S = 1.0


class Keeper:
    """Owns the relays of every lane that this process holds; one of them is the lane it writes."""

    def __init__(self, lanes: Lanes, relay_of: Callable[[Lease], Relay]) -> None:
        self.lanes = lanes
        self._relay_of = relay_of
        self._writing: Relay | None = None
        self._tasks: dict[Relay, asyncio.Task[None]] = {}
        self._taking = asyncio.Lock()
        self._is_closed = False

    @property
    def relays(self) -> list[Relay]:
        """The relays of all lanes held."""
        return list(self._tasks)

    @property
    def is_writing(self) -> bool:
        """Whether this process holds a lane to write."""
        return self._writing is not None

    async def writing(self) -> Relay:
        """Return the relay of the lane that this process writes; take a lane if it has none.

        Raises:
            Unavailable: this process is leaving, or no lane could be taken.
        """
        async with self._taking:
            if self._is_closed:
                raise Unavailable("intake is leaving")
            if self._writing is None:
                self._writing = self._start(await self.lanes.take())
            return self._writing

    async def lost(self, relay: Relay) -> None:
        """Stop what concerns a lane that is somebody else's now."""
        log.warning("lane lost", lane=relay.lease.lane, epoch=relay.lease.epoch)
        if relay is self._writing:
            self._writing = None
        task = self._tasks.pop(relay, None)
        if task is not None:
            await end(task)

    async def run(self) -> None:
        """Renew the leases and look for orphaned lanes until cancelled. Ends with the error of a relay that broke."""
        while not self._is_closed:
            try:
                await self._round()
            except Exception as error:
                if not is_away(error):
                    raise
                log.warning("leases not renewed", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(RENEW_EVERY_S)

    async def close(self, patience_s: float) -> None:
        """Publish what is committed, for so long at most; then give every lane back and take none again."""
        async with self._taking:
            self._is_closed = True
        await asyncio.gather(*(relay.finish(patience_s) for relay in self._tasks))
        for relay, task in list(self._tasks.items()):
            await end(task)
            try:
                async with asyncio.timeout(GIVE_BACK_S):
                    await relay.move_cursor()
                    await self.lanes.release(relay.lease)
            except Exception as error:  # noqa: BLE001 - the lease expires by itself
                log.warning("lane not given back", lane=relay.lease.lane, error=type(error).__name__)
        self._tasks.clear()
        self._writing = None

    def _start(self, lease: Lease) -> Relay:
        log.info("lane taken", lane=lease.lane, epoch=lease.epoch, next_seq=lease.next_seq, relayed=lease.relayed_seq)
        relay = self._relay_of(lease)
        self._tasks[relay] = asyncio.create_task(relay.run(), name=f"relay-{lease.lane}")
        return relay

    async def _round(self) -> None:
        await self.writing()
        for relay, task in list(self._tasks.items()):
            try:
                if task.done():
                    task.result()
                relay.reach(await self.lanes.renew(relay.lease))
            except Fenced:
                await self.lost(relay)
                continue
            if relay is not self._writing and not relay.lag:
                await self._give_back(relay)
        async with self._taking:
            orphan = None if self._is_closed else await self.lanes.take_orphan()
            if orphan is not None:
                self._start(orphan)

    async def _give_back(self, relay: Relay) -> None:
        task = self._tasks.pop(relay)
        await end(task)
        await relay.move_cursor()
        await self.lanes.release(relay.lease)
