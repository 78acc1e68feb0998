"""Which entries restated a figure, position by position: asked by reporting, which knows where figures changed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asyncpg.pgproto.pgproto import UUID

from citygoals.kpi import store
from citygoals.kpi.board import now_at
from citygoals.kpi.changes import by_fact
from citygoals.kpi.definitions import Definitions
from citygoals.kpi.entries import Entry, EntryReader
from citygoals.kpi.facts import KIND_OF, thing_id
from citygoals.kpi.giving import Measure
from citygoals.kpi.measures import compiled
from citygoals.kpi.own_entries import TICKED
from citygoals.kpi.questions import period_of
from citygoals.kpi.restating import Asked, Moved, causes, moved, moved_beside
from citygoals.kpi.standing import KnownDefinitions
from citygoals.shared.comparisons import IndexMeasure
from citygoals.shared.errors import Malformed
from citygoals.shared.instants import format_instant, parse_instant
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import CityCalendar, Period
from citygoals.shared.postgres import Connection, Pool, snapshot

POSITIONS_MAX = 200
ENTRIES_MAX = 4_000
"""Most entries that one answer looks at; it is then of fewer positions than were asked for, but of one at least."""
ITEMS_SHOWN_MAX = 100
"""Most entries that are named of one figure at one position; they are counted all."""

Pair = tuple[Sequence[Entry], Sequence[Entry]]
"""The entries of one fact: those of before the position, and those that came at it."""

Find = Callable[[Measure, Sequence[Entry], Sequence[Entry], Asked], list[Moved]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question as it was read: the KPIs by position, and the period."""

    wanted: Mapping[int, Sequence[str]]
    period: Period
    cut: datetime | None


@dataclass(frozen=True, slots=True)
class Restated:
    """Answers what came at positions that changed figures of a period."""

    pool: Pool
    calendar: CityCalendar
    _known: KnownDefinitions = field(default_factory=KnownDefinitions)

    async def entries(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Return {"positions": {position: {kpi: {"causes", "items", "rebuilt"}}}} of the first positions asked.

        `causes` counts the entries by what they did. Where no entry came from intake (`rebuilt`), cells that a rebuild had
        made took the place of others.

        `query` has wanted ({position: [kpi, ...]}), grain, start, and cut where the period was open when it was
        published. The answer is of as many positions as one answer can look at; ask again for the others. Raises
        Malformed.
        """
        asked = read_query(query, self.calendar)
        async with snapshot(self.pool) as connection:
            found = await self._entries_at(connection, sorted(asked.wanted))
            positions = sorted(asked.wanted)[: len(found)]
            facts = await self._facts(connection, found)
            answer = {}
            for position in positions:
                answer[str(position)] = await self._at(connection, position, asked, found[position], facts)
        return {"positions": answer}

    async def _entries_at(self, connection: Connection, positions: Sequence[int]) -> dict[int, list[Entry]]:
        """Return what came at the first of the positions, each whole."""
        limits = positions[0], positions[-1], ENTRIES_MAX + 1
        rows = await connection.fetch(store.SQL.read_entries_of, list(positions), *limits)
        last = rows[-1]["position"] if len(rows) > ENTRIES_MAX else None
        whole = [one for one in positions if last is None or one < last]
        if not whole:  # the first alone is more than that: nothing is left out of it
            whole = list(positions[:1])
            rows = await connection.fetch(store.SQL.read_entries_of, whole, whole[0], whole[0], None)
        reader = EntryReader(self.calendar)
        found: dict[int, list[Entry]] = {position: [] for position in whole}
        for row in rows:
            if row["position"] in found:
                found[row["position"]].append(reader.read(row["body"]))
        return found

    async def _facts(
        self, connection: Connection, found: Mapping[int, Sequence[Entry]]
    ) -> Mapping[bytes, list[tuple[int, Entry]]]:
        """Return every entry of the facts that were told of up to the last of the positions, with its position."""
        reader = EntryReader(self.calendar)
        known: dict[bytes, list[tuple[int, Entry]]] = {}
        wanted = [UUID(fact) for fact in {one.fact for new in found.values() for one in new}]
        for row in await connection.fetch(store.SQL.read_facts_at, wanted, max(found)):
            entry = reader.read(row["body"])
            known.setdefault(entry.fact, []).append((row["position"], entry))
        return known

    async def _at(
        self,
        connection: Connection,
        position: int,
        query: Query,
        new: Sequence[Entry],
        facts: Mapping[bytes, list[tuple[int, Entry]]],
    ) -> dict[str, Any]:
        tick = await store.read_tick(connection, TICKED, position)
        if tick is None:
            return {}
        definitions = await self._known(connection, until=position)
        asked = Asked(query.period, now_at(self.calendar, tick), query.cut)
        pairs = [
            ([entry for at, entry in facts.get(fact, ()) if at < position], entries)
            for fact, entries in by_fact(new).items()
        ]
        answer = {}
        for kpi in query.wanted[position]:
            measures = measures_of(kpi, definitions, self.calendar)
            items = _found(moved, measures, pairs, asked) or _found(moved_beside, measures, pairs, asked)
            shown = [_item(one) for one in items[:ITEMS_SHOWN_MAX]]
            answer[kpi] = {"causes": causes(items), "items": shown, "rebuilt": not new}
        return answer


def read_query(query: Mapping[str, Any], calendar: CityCalendar) -> Query:
    """Return what a query asks. Raises Malformed."""
    wanted, cut = query.get("wanted"), query.get("cut")
    if not isinstance(wanted, dict) or not 0 < len(wanted) <= POSITIONS_MAX:
        raise Malformed(f"`wanted` says the KPIs of 1 to {POSITIONS_MAX} positions")
    try:
        read = {int(position): [str(kpi) for kpi in kpis] for position, kpis in wanted.items()}
        instant = None if cut is None else parse_instant(cut)
    except (TypeError, ValueError) as error:
        raise Malformed(f"`wanted` is {{position: [kpi, ...]}}, `cut` an instant: {error}") from error
    return Query(wanted=read, period=period_of(query, calendar), cut=instant)


def measures_of(kpi: str, definitions: Definitions, calendar: CityCalendar) -> list[Measure]:
    """Return the measures that a KPI's figure comes from: its own, or those of the KPIs that it is made of."""
    found = (compiled(one, definitions.ready(calendar)) for one in _sources(kpi, definitions))
    return [measure for measure in found if measure is not None]


def _sources(kpi: str, definitions: Definitions) -> list[KpiDef]:
    """Return the KPIs whose events move a figure; what is internal moves only what is internal itself."""
    known = definitions.kpis.get(kpi)
    if known is None or not known.is_derived:
        return [known] if known is not None else []
    every = [one for one in definitions.kpis.values() if known.internal or not one.internal]
    if not isinstance(known.measure, IndexMeasure):
        return every
    parts = {part.kpi for part in known.measure.parts}
    return [one for one in every if one.id in parts]


def _found(find: Find, measures: Sequence[Measure], pairs: Iterable[Pair], asked: Asked) -> list[Moved]:
    """Return what new entries moved; one that moved several of the measures counts once."""
    every = [one for old, new in pairs for measure in measures for one in find(measure, old, new, asked)]
    return list({one.entry.key: one for one in every}.values())


def _item(one: Moved) -> dict[str, Any]:
    entry = one.entry
    return {
        "source": entry.source,
        "id": entry.id,
        "type": entry.type,
        "subject": entry.subject,
        "time": format_instant(entry.at),
        "cause": one.cause,
        "numerator": str(one.numerator),
        "denominator": str(one.denominator),
        "thing": thing_id(KIND_OF.get(entry.type), entry.data),
    }
