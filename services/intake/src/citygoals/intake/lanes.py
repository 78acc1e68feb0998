"""Lanes: the numbered sequences of the journal, and who may write them.

A process writes one lane, which it leases. It also takes over lanes that dead processes left with unpublished rows.
"""

import os
import secrets
import socket
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from citygoals.shared.errors import Unavailable
from citygoals.shared.postgres import Pool, Statements

LEASE_S = 6.0
RENEW_EVERY_S = 2.0
OPEN_ATTEMPTS = 10

assert RENEW_EVERY_S * 2 < LEASE_S, "one missed renewal must not cost the lease"


class Fenced(Exception):  # noqa: N818 - it is what happened
    """Somebody else took the lane over: stop writing it, nothing of this transaction may stand."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one lane: valid while the lane's epoch is this one."""

    lane: int
    epoch: int
    next_seq: int
    relayed_seq: int


def holder_name() -> str:
    """Name this process for the operator who reads the lane table."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


class Lanes:
    """Takes, renews and gives back leases."""

    def __init__(self, pool: Pool, sql: Statements, *, lease_s: float = LEASE_S) -> None:
        self._pool, self._sql = pool, sql
        self.lease = timedelta(seconds=lease_s)
        self._holder = holder_name()

    async def take(self) -> Lease:
        """Take a free or expired lane, or open a new one.

        Raises:
            Unavailable: others were faster each time.
        """
        for _ in range(OPEN_ATTEMPTS):
            taken = await self._pool.fetchrow(self._sql.take_lane, self._holder, self.lease)
            if taken is not None:
                return Lease(**taken)
            try:
                opened = await self._pool.fetchrow(self._sql.open_lane, self._holder, self.lease)
            except asyncpg.UniqueViolationError:  # another process opened the same number at the same time
                continue
            assert opened is not None, "an insert returns its row"
            return Lease(**opened)
        raise Unavailable("no lane could be taken")

    async def take_orphan(self) -> Lease | None:
        """Take over an expired lane that has rows nobody published, if there is one."""
        taken = await self._pool.fetchrow(self._sql.take_orphan, self._holder, self.lease)
        return None if taken is None else Lease(**taken)

    async def renew(self, lease: Lease) -> int:
        """Keep the lease and return the lane's next number. Raises Fenced when it is somebody else's now."""
        next_seq = await self._pool.fetchval(self._sql.renew_lease, lease.lane, lease.epoch, self.lease)
        if next_seq is None:
            raise Fenced(f"lane {lease.lane}, epoch {lease.epoch}")
        return int(next_seq)

    async def release(self, lease: Lease) -> None:
        """Give the lane back, so that the next process need not wait for the lease to expire."""
        await self._pool.execute(self._sql.release_lane, lease.lane, lease.epoch)
