"""As published and as now known: what was reported, exactly as it was, beside what is known of the same period now.

The period and the plan are those that were published. The figures now are by the definitions of now; how much of a
difference came with data, with definitions and with time is told apart, exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from citygoals.reporting.answers import plan_row, stamp
from citygoals.reporting.definitions import Definitions
from citygoals.reporting.follower import Follower, Pinned
from citygoals.reporting.moments import Moments, Reader
from citygoals.reporting.queries import SQL, reachable
from citygoals.reporting.questions import Misread, Unknown
from citygoals.reporting.readmodel import Answer, ReadModel
from citygoals.reporting.report_causes import definitions_around, read_row, told
from citygoals.reporting.report_rows import (
    Sums,
    is_restated,
    kpi_rows,
    newest_first,
    node_rows,
    publication_row,
    reason_row,
    restatement_row,
)  # fmt: skip
from citygoals.reporting.restatements import DATA, DEFINITION, redefined
from citygoals.reporting.sheet import Row
from citygoals.reporting.view import View, choose
from citygoals.shared.bus import Bus
from citygoals.shared.errors import Unavailable
from citygoals.shared.instants import format_instant
from citygoals.shared.publication import Publication

FIRST_PLACE = (0, "")


@dataclass(frozen=True, slots=True)
class Opened:
    """One publication at the position of an answer: what it pinned, what held then, and the same period now."""

    publication: Publication
    pinned: Pinned
    then: Definitions
    now: Definitions
    view: View

    @property
    def published(self) -> dict[str, Row]:
        """The published figures that the reader may see."""
        return {name: self.pinned.kpis[name] for name in self.then.kpis}

    @property
    def figures(self) -> dict[str, Row]:
        """The figures as now known."""
        return {name: self.view.rows[name] for name in self.now.kpis}

    @property
    def head(self) -> dict[str, Any]:
        """What every answer says of its position."""
        return {"as_of": stamp(self.view.mark), "city_date": self.view.today.isoformat()}


class Reports:
    """Answers about publications; internal KPIs are only in those of an analyst's."""

    def __init__(
        self, reader: Reader, moments: Moments, follower: Follower, bus: Bus, *, analyst: bool = False
    ) -> None:
        self._reader = reader
        self._moments = moments
        self._follower = follower
        self._bus = bus
        self._analyst = analyst
        self._model = ReadModel(reader, moments, analyst=analyst)

    async def reports(self, *, as_of: str | None = None) -> Answer:
        """Every publication, the newest first: {"items": [publication...], "next": null, "as_of", "city_date"}.

        A publication is {"id", "title", "labels", "period", "plan", "position", "preliminary", "note", "state",
        "published_by", "published_at", "withdrawal"}.
        """
        view = await self._model.view(None, as_of)
        items = [publication_row(one) for one in newest_first(_records(view.definitions).values())]
        return {"items": items, "next": None, "as_of": stamp(view.mark), "city_date": view.today.isoformat()}

    async def report(self, identity: str, *, as_of: str | None = None) -> Answer:
        """One publication: its figures and nodes as published, beside the same as now known.

        The publication's own members, plus "as_of", "city_date", "published" and "now" ({"as_of", "city_date", "plan"}
        each), "kpis" (see kpi_rows), "nodes" (see node_rows: the published plan over the figures of now), "reasons" and
        "history". Raises Unknown, Misread, Unavailable.
        """
        one = await self._open(identity, as_of)
        plan = choose(one.then, one.publication.plan, date.fromisoformat(one.pinned.city_date))
        nodes = one.view.nodes(plan.without(one.view.definitions.kpis.keys() - one.now.kpis.keys()))
        in_force = one.now.in_force(one.view.today)
        sums = await self._sums(one)
        published = one.published
        parts = {kpi: self._redefined(kpi, one.then, one.now, one.view) for kpi in published}
        before = {"as_of": one.pinned.as_of, "city_date": one.pinned.city_date, "plan": plan_row(plan)}
        return {
            **publication_row(one.publication),
            **one.head,
            "published": before,
            "now": {**one.head, "plan": None if in_force is None else plan_row(in_force)},
            "kpis": kpi_rows(published, one.figures, sums, parts, is_preliminary=one.publication.is_preliminary),
            "nodes": node_rows(one.pinned.nodes if self._analyst else one.pinned.public_nodes, nodes),
            "reasons": [reason_row(reason) for reason in one.publication.reasons if reason.kpi in published],
            "history": [step for step in one.publication.history() if step.get("kpi") in (None, *published)],
        }

    async def restatements(
        self, identity: str, *, kpi: str | None = None, as_of: str | None = None, cursor: str | None = None,
        limit: int, is_patient: bool = False,
    ) -> Answer:  # fmt: skip
        """Every later position that changed a figure of a publication, oldest first: see restatement_row.

        {"items": [...], "next", "as_of", "city_date", "report", "kpi"}. While kpi does not answer, a patient reader is
        told without the events; others get Unavailable. Raises Unknown, Misread, Unavailable.
        """
        one = await self._open(identity, as_of)
        await self._follower.reach(one.publication, one.view.mark.position)
        seen = sorted(one.then.kpis.keys() & one.now.kpis.keys())
        if kpi is not None and kpi not in seen:
            raise Unknown(f"no figure of {kpi[:40]!r} was published there", allowed=seen)
        place = FIRST_PLACE if cursor is None else read_place(cursor)
        bounds = seen if kpi is None else [kpi], one.view.mark.position, *place, limit + 1
        async with reachable(), self._reader.pool.acquire() as connection:
            found = await connection.fetch(SQL.read_restatements, identity, *bounds)
            rows = [read_row(dict(row)) for row in found[:limit]]
            around = await definitions_around(connection, self._reader.book, rows)
        events = await self._told(one, rows, is_patient=is_patient)
        items = [self._item(one, row, events, around) for row in rows]
        following = f"{rows[-1]['position']}/{rows[-1]['kpi']}" if len(found) > limit else None
        return {"items": items, "next": following, **one.head, "report": identity, "kpi": kpi}

    async def of_figure(self, kpi: str, period: str, *, as_of: str | None = None) -> Answer:
        """Where the figure of a KPI and period was published, the newest first, and whether it was restated since.

        {"items": [{...publication..., "is_restated", "positions", "last"}...], "as_of", "city_date"}; of publications
        that stand.
        """
        view = await self._model.view(period, as_of)
        items = []
        for publication in newest_first(_records(view.definitions).values()):
            if publication.period != view.period.label or publication.withdrawal is not None:
                continue
            try:
                one = await self._open(publication.id, str(view.mark.position))
            except Unknown:  # its position was past the retention when it was published: there is nothing to show
                continue
            if kpi in one.published:
                items.append(publication_row(publication) | _since(kpi, one, await self._sums(one)))
        return {"items": items, "as_of": stamp(view.mark), "city_date": view.today.isoformat()}

    async def _open(self, identity: str, as_of: str | None) -> Opened:
        """Read a publication and its period; the nodes of the view may be asked until the next await."""
        position = await self._moments.position(as_of)
        present = self._reader.present
        is_present = position in (None, present.position)
        known = present.definitions if is_present else (await self._moments.past(position or 0)).definitions
        publication = _known(known, identity)
        pinned = await self._follower.pinned(publication)
        async with reachable(), self._reader.pool.acquire() as connection:
            then = await self._reader.book.at(connection, publication.position)
        view = await self._model.view(publication.period, None if position is None else str(position))
        return Opened(_known(view.definitions, identity), pinned, self._seen(then), self._seen(view.definitions), view)

    async def _sums(self, one: Opened) -> Sums:
        await self._follower.reach(one.publication, one.view.mark.position)
        async with reachable():
            rows = await self._reader.pool.fetch(SQL.sum_restatements, one.publication.id, one.view.mark.position)
        return {(row["kpi"], row["kind"]): dict(row) for row in rows}

    async def _told(
        self, one: Opened, rows: Sequence[Row], *, is_patient: bool
    ) -> Mapping[tuple[int, str], Mapping[str, Any]]:
        try:
            return await told(self._bus, one.publication, rows, one.view.period, one.pinned.as_of["recorded_at"])
        except Unavailable:
            if not is_patient:
                raise
            return {}

    def _item(
        self, one: Opened, row: Row, events: Mapping[tuple[int, str], Mapping[str, Any]],
        around: Mapping[int, tuple[Definitions, Definitions]],
    ) -> Row:  # fmt: skip
        position, kpi = row["position"], row["kpi"]
        reason = one.publication.reason_of(kpi, position, row["recorded_at"])
        parts: Sequence[str] = ()
        if position in around:
            before, after = map(self._seen, around[position])
            parts = self._redefined(kpi, before, after, one.view)
        return restatement_row(row, events.get((position, kpi), {}), parts, reason, with_events=self._analyst)

    def _redefined(self, kpi: str, before: Definitions, after: Definitions, view: View) -> list[str]:
        return redefined(kpi, before, after, view.period, self._reader.calendar)

    def _seen(self, definitions: Definitions) -> Definitions:
        return definitions if self._analyst else definitions.public


def read_place(cursor: str) -> tuple[int, str]:
    """Return after which restatement a page begins. Raises Misread."""
    position, slash, kpi = cursor.partition("/")
    if not slash or not position.isdecimal():
        raise Misread("the cursor is not one of this list; use `next` of the page before")
    return int(position), kpi


def _records(definitions: Definitions) -> Mapping[str, Publication]:
    return definitions.records["publications"]


def _known(definitions: Definitions, identity: str) -> Publication:
    found = _records(definitions).get(identity)
    if found is None:
        raise Unknown(f"no such report: {identity[:80]!r}", allowed=list(_records(definitions)))
    return found


def _since(kpi: str, one: Opened, sums: Sums) -> Row:
    """Return whether a published figure was restated, at how many positions, and when last."""
    mine = [found for kind in (DATA, DEFINITION) if (found := sums.get((kpi, kind))) is not None]
    last = max((found["last_at"] for found in mine), default=None)
    return {
        "is_restated": is_restated(kpi, sums, is_preliminary=one.publication.is_preliminary),
        "positions": sum(found["positions"] for found in mine),
        "last": None if last is None else format_instant(last),
    }
