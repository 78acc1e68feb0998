"""The applier: one transaction for each batch, in which a position and all that follows from it come to be.

It is the only writer of its city. Its tenure has an epoch, which every commit checks. Whatever goes wrong inside a
commit ends the tenure, and the next one reads everything from the database again: nothing in memory outlives a doubt.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from citygoals.kpi import store
from citygoals.kpi.announcements import Announcement, Moment, announcements, is_backfill
from citygoals.kpi.board import Board, now_at
from citygoals.kpi.changes import Engine, by_fact
from citygoals.kpi.contributions import CellKey
from citygoals.kpi.definitions import Definitions, remeasured
from citygoals.kpi.deltas import Changes, combine, difference, key_difference, risen
from citygoals.kpi.duty_messages import duty_messages
from citygoals.kpi.entries import OWN_LANE, Entry, EntryReader
from citygoals.kpi.lanes import FIRST_SEQ, Gap, Hole, sift
from citygoals.kpi.own_entries import TICKED, own_body
from citygoals.kpi.recompute import recomputed
from citygoals.kpi.standing import read_board, read_cells, read_key_counts, read_last_days, read_state
from citygoals.kpi.state import State, counted
from citygoals.shared.changeset import CellRow, Changeset
from citygoals.shared.clock import Clock
from citygoals.shared.figures import Cell
from citygoals.shared.instants import parse_instant
from citygoals.shared.model import Model
from citygoals.shared.period import CityCalendar
from citygoals.shared.postgres import Connection
from citygoals.shared.records import RECORD_CHANGED, dump
from citygoals.shared.telemetry import APPLY, hop_span

HandOver = Callable[[int, Sequence[Announcement], Sequence[str]], None]
"""Told of each position after its commit: its number, its messages, and the traces that go on with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is to become the next position. What is left out stays as it is."""

    lanes: Mapping[int, int]
    entries: Sequence[Entry] = ()
    holes: Sequence[Hole] = ()
    tick: datetime | None = None
    definitions: Definitions | None = None
    traces: Sequence[str] = field(default=())


class Applier:
    """Applies what comes, one position after the other. Made by `begin`."""

    def __init__(self, connection: Connection, epoch: int, state: State, clock: Clock, hand_over: HandOver) -> None:
        self._connection = connection
        self._epoch = epoch
        self._state: State | None = state
        self._clock = clock
        self._hand_over = hand_over
        self._turn = asyncio.Lock()
        self.calendar = state.engine.calendar
        self.reader = EntryReader(self.calendar)

    @classmethod
    async def begin(
        cls, connection: Connection, calendar: CityCalendar, clock: Clock, hand_over: HandOver
    ) -> "Applier":
        """Begin a tenure: fence every earlier one, and read where it left off."""
        epoch = await store.begin_tenure(connection)
        return cls(connection, epoch, await read_state(connection, calendar, clock.now()), clock, hand_over)

    @property
    def state(self) -> State:
        """What this tenure knows. Raises Fenced once it is over."""
        if self._state is None:
            raise store.Fenced(f"the tenure of epoch {self._epoch} is over")
        return self._state

    def next_seq(self, lane: int) -> int:
        """Return the number that is expected next in the lane."""
        return self.state.lanes.get(lane, FIRST_SEQ)

    async def apply(self, delivered: Iterable[Entry | Hole], traces: Sequence[str] = ()) -> list[Gap]:
        """Apply what is new in the delivered entries as one position; return what is missing in their lanes.

        What was applied before is dropped; if all of it was, there is no new position.
        """
        async with self._turn:
            fresh, holes, lanes, gaps = sift(delivered, self.state.lanes)
            if lanes:
                await self._commit(Step(lanes=lanes, entries=fresh, holes=holes, traces=traces))
            return gaps

    async def tick(self, instant: datetime) -> None:
        """Let the city's clock strike: from this position on, now is `instant`."""
        async with self._turn:
            entry = self._own_entry(TICKED, {}, instant)
            await self._commit(Step(lanes={OWN_LANE: entry.seq + 1}, entries=[entry], tick=instant))

    async def define(self, event_type: str, data: Mapping[str, Any]) -> int | None:
        """Apply definitions and return their position, or None when they say nothing new."""
        async with self._turn:
            return await self._define(event_type, data)

    async def record(self, part: str, decide: Callable[[Definitions, datetime], Sequence[Model]]) -> int | None:
        """Change records of a part as `decide` says, from what holds and the clock's now; return the position, if any.

        Nothing else happens in between; what `decide` raises changes nothing.
        """
        async with self._turn:
            changed = decide(self.state.definitions, self._clock.now())
            return await self._define(RECORD_CHANGED[part], {part: [dump(record) for record in changed]})

    async def _define(self, event_type: str, data: Mapping[str, Any]) -> int | None:
        state = self.state
        definitions = state.definitions.after(event_type, data, state.position + 1)
        if definitions.changed_since(state.definitions) is None:
            return None
        entry = self._own_entry(event_type, data, self._clock.now())
        await self._commit(Step(lanes={OWN_LANE: entry.seq + 1}, entries=[entry], definitions=definitions))
        return self.state.position

    def _own_entry(self, event_type: str, data: Mapping[str, Any], at: datetime) -> Entry:
        seq = self.next_seq(OWN_LANE)
        return self.reader.read(own_body(event_type, data, seq=seq, at=at, recorded_at=self._clock.now()))

    async def _commit(self, step: Step) -> None:
        before = self.state
        try:
            with ExitStack() as spans:
                hops = [spans.enter_context(hop_span(APPLY, trace)) for trace in step.traces]
                traces = [hop.traceparent for hop in hops if hop.traceparent is not None]
                async with self._connection.transaction():
                    after, messages = await self._transact(before, step, traces)
        except BaseException:
            self._state = None  # whether it was committed is not known here
            raise
        self._state = after
        self._hand_over(after.position, messages, traces)

    async def _transact(self, before: State, step: Step, traces: list[str]) -> tuple[State, list[Announcement]]:
        connection, entries = self._connection, step.entries
        prior = await self._hold(before, entries)
        after = self._next(before, step)
        async with asyncio.TaskGroup() as both:  # PostgreSQL takes in the entries while we compute
            both.create_task(store.append_entries(connection, entries, after.position))
            for _ in before.engine.take(entries, prior):
                await asyncio.sleep(0)
        changes = before.engine.take_changes()
        await store.put_unreadable(connection, step.holes, after.recorded_at)
        if step.definitions is None:
            cells = await self._with_keys(changes)
        else:
            cells = await self._redefine(before.definitions, step.definitions)
        rows = await store.change_cells(connection, cells)
        after = replace(after, board=await self._next_board(before, after, rows))
        messages = _messages(before, after, step, rows, traces)
        await store.commit_position(
            connection,
            store.Commit(
                position=after.position,
                recorded_at=after.recorded_at,
                tick=after.tick,
                events_total=after.events_total,
                lanes=step.lanes,
                totals=counted(before.totals, entries),
                messages=messages,
                traces=traces,
            ),
        )
        return after, messages

    async def _hold(self, before: State, entries: Sequence[Entry]) -> dict[bytes, list[Entry]]:
        """Lock the applier's row; return the entries that the ledger has of the facts that the new ones are about."""
        facts = {entry.fact for entry in entries if before.engine.reads(entry)}
        bodies = await store.hold_and_read(self._connection, facts, epoch=self._epoch, position=before.position)
        return by_fact(self.reader.read(body) for body in bodies)

    def _next(self, before: State, step: Step) -> State:
        """Return the state after the step, but for its board."""
        new_totals = counted(before.totals, step.entries)
        added = sum(new_totals.values()) - sum(before.totals.get(name, 0) for name in new_totals)
        definitions = step.definitions or before.definitions
        engine = before.engine
        if not definitions.counts_like(before.definitions):
            engine = Engine(definitions.kpis.values(), definitions.ready(self.calendar))
        return replace(
            before,
            position=before.position + 1,
            recorded_at=max(self._clock.now(), before.recorded_at),
            tick=step.tick or before.tick,
            events_total=before.events_total + added,
            lanes={**before.lanes, **step.lanes},
            totals={**before.totals, **new_totals},
            definitions=definitions,
            engine=engine,
        )

    async def _with_keys(self, changes: Changes) -> dict[CellKey, Cell]:
        """Return the changes of the cells, with what the counts of keys say of them."""
        if not changes.keys:
            return changes.cells
        counts = await store.change_key_counts(self._connection, changes.keys)
        return combine(changes.cells, risen(changes.keys, counts))

    async def _redefine(self, before: Definitions, after: Definitions) -> dict[CellKey, Cell]:
        """Return what changes in the cells of KPIs that are new or count something else, from the whole ledger."""
        kpis = remeasured(before, after)
        if not kpis:
            return {}
        connection, names = self._connection, [kpi.id for kpi in kpis]
        stored, counts = await read_cells(connection, names), await read_key_counts(connection, names)
        cells, keys = await recomputed(connection, kpis, after.ready(self.calendar))
        await store.change_key_counts(connection, key_difference(keys, counts))
        return difference(cells, stored)

    async def _next_board(self, before: State, after: State, rows: Sequence[CellRow]) -> Board:
        now, board = now_at(self.calendar, after.tick), before.board
        if not after.definitions.counts_like(before.definitions) or now.day != board.now.day:
            return await read_board(self._connection, after.definitions, self.calendar, now)
        emptied = board.emptied(rows)
        if emptied:
            kpis = [board.kpis[name] for name in emptied]
            board = board.with_last_days(emptied, await read_last_days(self._connection, kpis, board.period))
        return board.at(now).after(rows)


def _messages(
    before: State, after: State, step: Step, rows: Sequence[CellRow], traces: Sequence[str]
) -> list[Announcement]:
    changeset = Changeset(
        position=after.position,
        recorded_at=after.recorded_at,
        tick=after.tick,
        lanes={str(lane): next_seq for lane, next_seq in step.lanes.items()},
        cells=rows,
        events_total=after.events_total,
        by_type=counted(before.totals, step.entries),
        definitions=None if step.definitions is None else step.definitions.changed_since(before.definitions),
        traces=traces,
    )
    ages = ((entry.at, parse_instant(entry.recorded)) for entry in step.entries if entry.recorded is not None)
    is_old = step.tick is None and step.definitions is None and is_backfill(ages)
    moment = Moment(after.position, after.recorded_at, is_old, is_redefined=step.definitions is not None)
    told = announcements(changeset, moment, before.board, after.board)
    return told if step.tick is None else [*told, *duty_messages(moment, before, step.tick)]
