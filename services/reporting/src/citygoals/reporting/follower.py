"""Follows every publication from its position on: keeps what it pinned, and what each later position restated.

All of it follows from history, and is kept because history is long, and may be forgotten after a time. What is kept
moves with the position up to which it is known in one transaction, so that nothing is missing and nothing comes twice.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from citygoals.reporting.answers import encode, stamp
from citygoals.reporting.cells import CITY
from citygoals.reporting.definitions import Definitions
from citygoals.reporting.moments import Moments, Reader
from citygoals.reporting.present import Step
from citygoals.reporting.queries import SQL, Moment, reachable
from citygoals.reporting.questions import Unknown
from citygoals.reporting.restatements import Restated, restated
from citygoals.reporting.sheet import Row, Sheet
from citygoals.reporting.view import choose
from citygoals.shared.errors import Unavailable
from citygoals.shared.period import Period
from citygoals.shared.postgres import Connection, transaction
from citygoals.shared.publication import Publication

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0
POSITIONS_A_STEP = 200
STEPS_BETWEEN_PAUSES = 20
BEHIND_MAX = 5_000
"""Positions that a question may wait for; a publication that is further behind is being worked out."""
FOLLOWED_MAX = 16


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a publication pinned: the figures of all KPIs, and the nodes as the public and as analysts see them."""

    as_of: Mapping[str, Any]
    city_date: str
    kpis: Mapping[str, Row]
    nodes: Mapping[str, Row]
    public_nodes: Mapping[str, Row]


@dataclass(slots=True)
class Followed:
    """A publication's figures at the position up to which it has been followed."""

    period: Period
    position: int
    sheet: Sheet
    kpis: Sequence[str]


@dataclass(slots=True)
class Follower:
    """Brings publications to the present, in the background and before a question is answered."""

    reader: Reader
    moments: Moments
    _followed: OrderedDict[str, Followed] = field(default_factory=OrderedDict)
    _pinned: dict[str, Pinned] = field(default_factory=dict)
    _reached: dict[str, int] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _lost: set[str] = field(default_factory=set)

    async def run(self, stop: asyncio.Event) -> None:
        """Look every few seconds until told to stop."""
        while not stop.is_set():
            for publication in self.publications():
                if not stop.is_set():
                    await self._look(publication)
            try:
                await asyncio.wait_for(stop.wait(), LOOK_EVERY_S)
            except TimeoutError:
                continue

    async def _look(self, publication: Publication) -> None:
        try:
            await self.reach(publication, self.reader.present.position, behind_max=None)
            self._lost.discard(
                publication.id
            )  # another process may have been ahead, and forgotten what this one needed
        except Unknown as error:  # what is forgotten does not come back
            if publication.id not in self._lost:
                log.warning("what a publication pinned is forgotten", publication=publication.id, reason=str(error))
            self._lost.add(publication.id)
        except Unavailable as error:
            log.warning("a publication is not followed for now", publication=publication.id, reason=str(error))

    def publications(self) -> list[Publication]:
        """Return every publication of the present."""
        return list(self.reader.present.definitions.records["publications"].values())

    def needed(self) -> int | None:
        """Return the oldest position that some publication is still to be followed from; None if nothing is needed."""
        places = [self._reached.get(one.id, one.position) for one in self.publications() if one.id not in self._lost]
        return min(places, default=None)

    async def pinned(self, publication: Publication) -> Pinned:
        """Return what a publication pinned. Raises Unknown where its position was forgotten before it was kept."""
        if publication.id not in self._pinned:
            async with self._lock(publication):
                await self._begin(publication)
        return self._pinned[publication.id]

    async def reach(self, publication: Publication, position: int, *, behind_max: int | None = BEHIND_MAX) -> None:
        """Follow a publication up to a position. Raises Unknown, Unavailable."""
        if self._reached.get(publication.id, 0) >= position:
            return
        async with self._lock(publication):
            followed = await self._begin(publication)
            if behind_max is not None and position - followed.position > behind_max:
                raise Unavailable(
                    f"what was restated in {publication.id} is being worked out: "
                    f"position {followed.position} of {position}"
                )
            while followed.position < position:
                until = min(followed.position + POSITIONS_A_STEP, position)
                await self._follow(publication, followed, until)

    def _lock(self, publication: Publication) -> asyncio.Lock:
        return self._locks.setdefault(publication.id, asyncio.Lock())

    async def _begin(self, publication: Publication) -> Followed:
        """Return where a publication is, from memory or from what is kept; what it pinned is kept with it."""
        known = self._followed.get(publication.id)
        if known is None:
            known = await self._resume(publication)
            while len(self._followed) >= FOLLOWED_MAX:
                self._followed.popitem()  # all are looked at in turn, so what was used last is needed again last
            self._followed[publication.id] = known
        self._followed.move_to_end(publication.id)
        return known

    async def _resume(self, publication: Publication) -> Followed:
        async with reachable(), self.reader.pool.acquire() as connection:
            row = await connection.fetchrow(SQL.read_report, publication.id)
        position: int = publication.position if row is None else row["followed"]
        moment = await self.moments.past(position)
        day = self.reader.calendar.local_day(moment.mark.tick)
        period = self.reader.calendar.parse(publication.period, day)
        sheet = Sheet(await moment.tally(CITY, period), moment.definitions, moment.almanac)
        kept = _kept(moment, sheet, publication, day.isoformat()) if row is None else json.loads(row["published"])
        if row is None:
            async with reachable(), self.reader.pool.acquire() as connection:
                await connection.execute(SQL.add_report, publication.id, position, encode(kept).decode())
        self._pinned[publication.id] = _pinned(kept)
        self._reached[publication.id] = position
        return Followed(period, position, sheet, [one["id"] for one in kept["kpis"]])

    async def _follow(self, publication: Publication, followed: Followed, until: int) -> None:
        """Follow up to a position and keep what was found; whatever goes wrong, the publication is begun again."""
        del self._followed[publication.id]
        steps = await self.moments.steps(followed.position, until, is_counted=False)
        found: list[Restated] = []
        for number, step in enumerate(steps, start=1):
            found += await self._step(followed, step)
            if number % STEPS_BETWEEN_PAUSES == 0:
                await asyncio.sleep(0)
        async with reachable(), transaction(self.reader.pool) as connection:
            await _keep(connection, publication.id, found, until)
        followed.position = self._reached[publication.id] = until
        self._followed[publication.id] = followed

    async def _step(self, followed: Followed, step: Step) -> list[Restated]:
        before, calendar = followed.sheet.rows, self.reader.calendar
        followed.sheet.move(step.cells, step.definitions, step.definitions.almanac(calendar, step.mark.tick))
        if followed.sheet.tally.is_doubtful:
            then = await self.moments.past(step.mark.position)
            followed.sheet = Sheet(await then.tally(CITY, followed.period), then.definitions, then.almanac)
        return list(restated(step, before, followed.sheet.rows, followed.kpis))


def _kept(moment: Moment, sheet: Sheet, publication: Publication, city_date: str) -> dict[str, Any]:
    def nodes(definitions: Definitions) -> list[Row]:
        plan = choose(definitions, publication.plan, moment.almanac.now.day)
        return list(sheet.nodes(plan).values())

    return {
        "as_of": stamp(moment.mark),
        "city_date": city_date,
        "kpis": list(sheet.rows.values()),
        "nodes": nodes(moment.definitions),
        "public_nodes": nodes(moment.definitions.public),
    }


def _pinned(kept: Mapping[str, Any]) -> Pinned:
    kpis, nodes, public = ({one["id"]: one for one in kept[part]} for part in ("kpis", "nodes", "public_nodes"))
    return Pinned(kept["as_of"], kept["city_date"], kpis, nodes, public)


async def _keep(connection: Connection, publication: str, found: Sequence[Restated], until: int) -> None:
    if found:
        rows = [
            (one.position, one.kpi, one.recorded_at, one.kind, *map(str, one.size), _text(one.before), _text(one.after))
            for one in found
        ]
        await connection.execute(SQL.append_restatements, publication, *map(list, zip(*rows, strict=True)))
    await connection.execute(SQL.move_report, publication, until)


def _text(row: Row | None) -> str | None:
    return None if row is None else encode(row).decode()
