"""Lineage: from a cell down to the entries that stand behind it, and from an entry up to the KPIs that it counts in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from asyncpg.pgproto.pgproto import UUID

from citygoals.kpi import store
from citygoals.kpi.board import now_at
from citygoals.kpi.candidates import READ_AT_ONCE, Candidate, looks
from citygoals.kpi.changes import by_fact
from citygoals.kpi.contributions import slices
from citygoals.kpi.definitions import Definitions
from citygoals.kpi.entries import Entry, EntryReader
from citygoals.kpi.facts import KIND_OF, event_key, thing_id
from citygoals.kpi.flow_measures import MEASUREMENT, Latest
from citygoals.kpi.folds import Fact, fold
from citygoals.kpi.measures import Measures, compiled
from citygoals.kpi.own_entries import TICKED
from citygoals.kpi.questions import Question, cursor_of, integer_in, place_of, read_question, span_of
from citygoals.kpi.standing import KnownDefinitions
from citygoals.shared.comparisons import IndexMeasure
from citygoals.shared.errors import Malformed
from citygoals.shared.instants import format_instant
from citygoals.shared.period import CityCalendar
from citygoals.shared.postgres import Connection, Pool, snapshot


@dataclass(frozen=True, slots=True)
class Lineage:
    """Answers what stands behind a figure."""

    pool: Pool
    calendar: CityCalendar
    _known: KnownDefinitions = field(default_factory=KnownDefinitions)

    async def items(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Return {"items", "next"}: every entry of the facts that give the figure something, with what each gives.

        The items of all pages add up to the figure, and there are as many of them as it has events. Where a figure is no
        sum, they add up to what it is made of: the values of a percentile, things by item and not by key, the flow and
        the minutes of a turnover, the importance of a survey's rating, this side of a change. `query` has kpi, grain,
        start (and end where the grain is rolling), and may have position, cursor, limit, dimension and member. Raises
        Malformed.
        """
        async with snapshot(self.pool) as connection:
            question = await self._question(connection, query)
            if question is None:
                return {"items": [], "next": None}
            if isinstance(question.measure, Latest):
                question = await self._of_last_day(connection, question, question.measure)
            return await self._page(connection, question)

    async def entry(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Return where the event {"source", "id"} is in the ledger, and the KPIs that its fact counts in. Raises Malformed."""
        source, identity = query.get("source"), query.get("id")
        if not isinstance(source, str) or not isinstance(identity, str):
            raise Malformed("an entry is named by `source` and `id`")
        async with snapshot(self.pool) as connection:
            row = await connection.fetchrow(store.SQL.find_entry, UUID(event_key(source, identity)))
            if row is None:
                return {"found": False}
            definitions = await self._known(connection)
            known = await _facts(connection, [row["fact"]], row["position"])
        reader = EntryReader(self.calendar)
        entries = [(position, reader.read(body)) for position, body in known]
        before = fold((entry for position, entry in entries if position < row["position"]), self.calendar)
        after = fold((entry for _, entry in entries), self.calendar)
        kpis = _counting(definitions, (before, after), self.calendar)
        return {
            "found": True,
            "position": row["position"],
            "previous": row["position"] - 1,
            "lane": row["lane"],
            "seq": row["seq"],
            "type": row["type"],
            "recorded_at": reader.read(row["body"]).recorded,
            "kpis": sorted(kpis),
        }

    async def _question(self, connection: Connection, query: Mapping[str, Any]) -> Question | None:
        header = await store.read_header(connection)
        position = integer_in(query, "position", header.position, 0, header.position)
        definitions = await self._known(connection, until=position)
        kpi = definitions.kpis.get(str(query.get("kpi")))
        measure = None if kpi is None else compiled(kpi, definitions.ready(self.calendar))
        tick = await store.read_tick(connection, TICKED, position)
        if measure is None or tick is None:
            return None
        return read_question(query, measure, position, now_at(self.calendar, tick))

    async def _of_last_day(self, connection: Connection, question: Question, measure: Latest) -> Question:
        """A latest value is that of the last day with one, so only the entries behind that day stand behind it."""
        rows = await connection.fetch(store.SQL.read_measurements, [MEASUREMENT], question.position)
        reader = EntryReader(self.calendar)
        facts = by_fact(reader.read(row["body"]) for row in rows).values()
        days = [day for entries in facts for day in measure.days(fold(entries, self.calendar))]
        last = max((day for day in days if day in question.period), default=question.period.start)
        return replace(question, period=self.calendar.containing(last, "day"))

    async def _page(self, connection: Connection, question: Question) -> dict[str, Any]:
        """Look at candidates, some at a time, until there are enough items or it has been long enough."""
        items: list[dict[str, Any]] = []
        onward = None
        async for look in looks(connection, question):
            for first in range(0, len(look.candidates), READ_AT_ONCE):
                some = look.candidates[first : first + READ_AT_ONCE]
                facts = self._read(await _facts(connection, {one.fact for one in some}, question.position))
                for one in some:
                    items += _listed(question, one, *facts[one.fact.bytes], self.calendar)
                    if len(items) >= question.limit:
                        return {"items": items, "next": cursor_of(look.window, one.place)}
            onward = look.onward
        return {"items": items, "next": None if onward is None else cursor_of(*onward)}

    def _read(self, known: Iterable[tuple[int, bytes]]) -> dict[bytes, tuple[dict[bytes, int], list[Entry]]]:
        """Return each fact's entries, and their positions by key."""
        reader = EntryReader(self.calendar)
        facts: dict[bytes, tuple[dict[bytes, int], list[Entry]]] = {}
        for position, body in known:
            entry = reader.read(body)
            positions, entries = facts.setdefault(entry.fact, ({}, []))
            positions[entry.key] = position
            entries.append(entry)
        return facts


async def _facts(connection: Connection, facts: Iterable[UUID], position: int) -> list[tuple[int, bytes]]:
    """Return (position, body) of every entry of the facts that was there at the position."""
    rows = await connection.fetch(store.SQL.read_facts_at, list(facts), position)
    return [(row["position"], row["body"]) for row in rows]


def _counting(definitions: Definitions, facts: Iterable[Fact], calendar: CityCalendar) -> set[str]:
    """Return the KPIs that the facts give something, and those that are made of them."""
    measures = Measures(definitions.kpis.values(), definitions.ready(calendar))
    given = {
        measure.kpi
        for fact in facts
        for measure, terms in measures.of(fact)
        if any(True for _ in measure.given(fact, terms))
    }
    made = {
        kpi.id
        for kpi in definitions.kpis.values()
        if isinstance(kpi.measure, IndexMeasure) and given.intersection(part.kpi for part in kpi.measure.parts)
    }
    return given | made


def _listed(
    question: Question,
    candidate: Candidate,
    positions: Mapping[bytes, int],
    entries: list[Entry],
    calendar: CityCalendar,
) -> list[dict[str, Any]]:
    """Return what the candidate's fact gives, if this is the entry under which it is listed: once, whatever finds it."""
    fact, span = fold(entries, calendar), span_of(question)
    home = question.measure.home(fact)
    place = min(place_of(one) for one in entries if span.holds(one)) if home is None else place_of(home)
    return _given(question, fact, positions) if candidate.place == place else []


def _given(question: Question, fact: Fact, positions: Mapping[bytes, int]) -> list[dict[str, Any]]:
    """Return the fact's entries with what each gives the figure; nothing when together they give it nothing."""
    if question.slice not in slices(fact.department, fact.district, question.measure.channel_of(fact)):
        return []
    given: dict[bytes, list[int]] = {entry.key: [0, 0] for entry in fact.sources}
    for entry, numerator, denominator in question.measure.behind(fact, question.period, question.now):
        parts = given[entry.key]
        parts[0] += numerator
        parts[1] += denominator
    if not any(map(sum, zip(*given.values(), strict=True))):
        return []
    return [_item(entry, positions[entry.key], fact, given[entry.key]) for entry in fact.sources]


def _item(entry: Entry, position: int, fact: Fact, given: list[int]) -> dict[str, Any]:
    numerator, denominator = given
    return {
        "source": entry.source,
        "id": entry.id,
        "type": entry.type,
        "subject": entry.subject,
        "time": format_instant(entry.at),
        "position": position,
        "numerator": _number(numerator),
        "denominator": _number(denominator),
        "thing": thing_id(KIND_OF.get(entry.type), entry.data),
        "department": fact.department,
        "district": fact.district,
    }


def _number(value: int) -> int | str:
    """Integers that JSON readers would round travel as text, as in changesets."""
    return value if -(2**53) <= value <= 2**53 else str(value)
