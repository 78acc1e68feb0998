"""The applier: one transaction for each batch, in which a position and all that follows from it come to be.

It is the only writer of its city. Its tenure has an epoch, which every commit checks. Whatever goes wrong inside a
commit ends the tenure, and the next one reads everything from the database again: nothing in memory outlives a doubt.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from typing import Any

from citygoals.kpi import store
from citygoals.kpi.announcements import Announcement
from citygoals.kpi.board import Board, now_at
from citygoals.kpi.changes import Engine, by_fact
from citygoals.kpi.contributions import CellKey
from citygoals.kpi.definitions import CATALOGUE_APPLIED, Definitions
from citygoals.kpi.deltas import Changes, combine, risen
from citygoals.kpi.entries import OWN_LANE, Entry, EntryReader
from citygoals.kpi.lanes import FIRST_SEQ, Gap, Hole, sift
from citygoals.kpi.merging import Wish
from citygoals.kpi.own_entries import RESTATED, TICKED, own_body
from citygoals.kpi.standing import read_board, read_last_days, read_state
from citygoals.kpi.state import State, counted
from citygoals.kpi.steps import Step, messages_of
from citygoals.kpi.switching import AT_ONCE, redefinition, restatement, switched
from citygoals.shared.changeset import CellRow
from citygoals.shared.clock import Clock
from citygoals.shared.figures import Cell
from citygoals.shared.model import Model
from citygoals.shared.period import CityCalendar
from citygoals.shared.postgres import Connection
from citygoals.shared.records import RECORD_CHANGED, dump
from citygoals.shared.telemetry import APPLY, hop_span

HandOver = Callable[[int, Sequence[Announcement], Sequence[str]], None]
"""Told of each position after its commit: its number, its messages, and the traces that go on with them."""


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

    async def switch_on(self, draft: int, counts: str, wish: Wish) -> int | None:
        """Apply the catalogue of a draft, whose cells become the active ones; return the position, if it says anything.

        What the draft has not taken in yet is taken in here, in the stream's own time, so it should be little.

        Raises:
            Overtaken: by what holds now, something else would have to be counted.
            Clashing: others changed the same since the draft was asked for.
        """
        async with self._turn:
            data = wish.settled_onto(self.state.definitions)
            return await self._define(CATALOGUE_APPLIED, data, draft=draft, counts=counts)

    async def restate(self, draft: int, counts: str, data: Mapping[str, Any]) -> int:
        """Put a rebuild's cells in the place of the active ones, as an entry says, and return the position.

        Raises:
            Overtaken: other things are counted now.
        """
        async with self._turn:
            switch = restatement(self.state.definitions, draft, counts)
            entry = self._own_entry(RESTATED, data, self._clock.now())
            step = Step(lanes={OWN_LANE: entry.seq + 1}, entries=[entry], switch=switch)
            await self._commit(step)
            return self.state.position

    async def record(self, part: str, decide: Callable[[Definitions, datetime], Sequence[Model]]) -> int | None:
        """Change records of a part as `decide` says, from what holds and the clock's now; return the position, if any.

        Nothing else happens in between; what `decide` raises changes nothing.
        """
        async with self._turn:
            changed = decide(self.state.definitions, self._clock.now())
            return await self._define(RECORD_CHANGED[part], {part: [dump(record) for record in changed]})

    async def _define(
        self, event_type: str, data: Mapping[str, Any], *, draft: int = AT_ONCE, counts: str | None = None
    ) -> int | None:
        state, now = self.state, max(self._clock.now(), self.state.recorded_at)
        definitions = state.definitions.after(event_type, data, state.position + 1, now)
        if definitions.changed_since(state.definitions) is None:
            return None
        switch = redefinition(state.definitions, definitions, draft, counts)
        entry = self._own_entry(event_type, data, now)
        step = Step(lanes={OWN_LANE: entry.seq + 1}, entries=[entry], definitions=definitions, switch=switch, at=now)
        await self._commit(step)
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
        if step.switch is None:
            rows = await store.change_cells(connection, await self._with_keys(changes))
        else:
            rows = await switched(connection, step.switch, self.calendar, before.position)
        del changes  # megabytes, of years of history, beside the rows and the messages
        after = replace(after, board=await self._next_board(before, after, step, rows))
        messages = messages_of(before, after, step, rows, traces)
        await store.commit_position(connection, _commit_of(before, after, step, messages, traces))
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
        if step.switch is not None or definitions.counts_otherwise(before.definitions):
            engine = Engine(definitions.kpis.values(), definitions.ready(self.calendar))
        return replace(
            before,
            position=before.position + 1,
            recorded_at=step.at or max(self._clock.now(), before.recorded_at),
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

    async def _next_board(self, before: State, after: State, step: Step, rows: Sequence[CellRow]) -> Board:
        now, board = now_at(self.calendar, after.tick), before.board
        is_another = step.switch is not None or after.definitions.shows_otherwise(before.definitions)
        if is_another or now.day != board.now.day:
            return await read_board(self._connection, after.definitions, self.calendar, now)
        if after.definitions.commits_otherwise(before.definitions):
            board = board.committed_to(after.definitions.committed)
        emptied = board.emptied(rows)
        if emptied:
            kpis = [board.kpis[name] for name in emptied]
            board = board.with_last_days(emptied, await read_last_days(self._connection, kpis, board.period))
        return board.at(now).after(rows)


def _commit_of(
    before: State, after: State, step: Step, messages: Sequence[Announcement], traces: Sequence[str]
) -> store.Commit:
    return store.Commit(
        position=after.position,
        recorded_at=after.recorded_at,
        tick=after.tick,
        events_total=after.events_total,
        lanes=step.lanes,
        totals=counted(before.totals, step.entries),
        messages=messages,
        traces=traces,
    )
