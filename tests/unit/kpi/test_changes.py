"""The master property: any batching, order and duplication gives the cells of a rebuild, and both those of a plain count."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from citygoals.kpi.changes import Engine, by_fact
from citygoals.kpi.contributions import DIMENSIONS, CellKey, KeyPlace, contribution
from citygoals.kpi.deltas import Changes, Deltas, combine, combine_keys, risen
from citygoals.kpi.entries import Entry
from citygoals.kpi.folds import fold
from citygoals.kpi.measures import Measures
from citygoals.shared.figures import Cell
from citygoals.shared.period import GRAINS
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.kpi import oracle
from unit.kpi.samples import CALENDAR, CALENDARS, KPIS, START, deliveries, ledgers

MANY = settings(max_examples=150)


def rebuilt(entries: Iterable[Entry]) -> dict[CellKey, Cell]:
    """All cells from whole facts, by the definition of a contribution."""
    measures = Measures(KPIS, CALENDARS)
    facts = (fold(members, CALENDAR) for members in by_fact(entries).values())
    return combine(*(contribution(fact, measures, CALENDAR) for fact in facts))


class Ledger:
    """What the applier keeps, without the database: the entries by fact and the cells."""

    def __init__(self) -> None:
        self.engine = Engine(KPIS, CALENDARS)
        self.facts: dict[bytes, dict[bytes, Entry]] = {}
        self.cells: dict[CellKey, Cell] = {}

    def apply(self, batch: list[Entry]) -> dict[CellKey, Cell]:
        prior = {entry.fact: list(self.facts[entry.fact].values()) for entry in batch if entry.fact in self.facts}
        changed = self.engine.changes(batch, prior).cells
        self.cells = combine(self.cells, changed)
        for entry in batch:
            self.facts.setdefault(entry.fact, {})[entry.key] = entry
        return changed


def named(cells: dict[CellKey, Cell]) -> dict[Any, Cell]:
    return {(k, GRAINS[g], start, DIMENSIONS[d], member): cell for (k, g, start, d, member), cell in cells.items()}


@MANY
@given(st.data())
def test_any_delivery_gives_the_cells_of_a_rebuild(data: st.DataObject) -> None:
    entries = data.draw(ledgers())
    ledger = Ledger()
    for batch in data.draw(deliveries(entries)):
        ledger.apply(batch)
    assert ledger.cells == rebuilt(entries)


@MANY
@given(ledgers())
def test_a_rebuild_gives_the_cells_of_a_plain_count(entries: list[Entry]) -> None:
    assert named(rebuilt(entries)) == oracle.cells([entry.body for entry in entries], CALENDAR)


@MANY
@given(ledgers())
def test_a_redelivery_changes_nothing(entries: list[Entry]) -> None:
    ledger = Ledger()
    ledger.apply(entries)
    assert ledger.apply(entries) == {}


@MANY
@given(ledgers())
def test_what_is_added_and_taken_back_leaves_nothing(entries: list[Entry]) -> None:
    deltas = Deltas(Measures(KPIS, CALENDARS), CALENDAR)
    facts = [fold(members, CALENDAR) for members in by_fact(entries).values()]
    for fact in facts:
        deltas.add(fact, 1)
    for fact in reversed(facts):
        deltas.add(fact, -1)
    assert deltas.take() == ({}, {})


@MANY
@given(ledgers(), ledgers(), ledgers())
def test_changes_combine_in_any_order(a: list[Entry], b: list[Entry], c: list[Entry]) -> None:
    one, two, three = rebuilt(a), rebuilt(b), rebuilt(c)
    assert combine(one, two) == combine(two, one)
    assert combine(combine(one, two), three) == combine(one, combine(two, three)) == combine(one, two, three)
    assert combine(one, {}) == one


@settings(max_examples=40)
@given(ledgers())
def test_few_shapes_remembered_give_the_same(entries: list[Entry]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("citygoals.kpi.shapes.AMOUNTS_REMEMBERED", 1)
        patch.setattr("citygoals.kpi.changes.STEP_FACTS", 1)
        engine = Engine(KPIS, CALENDARS)
        assert engine.changes(entries, {}).cells == rebuilt(entries)
        assert engine.changes(entries[:1], {}).cells == rebuilt(entries[:1])


@MANY
@given(ledgers())
def test_each_entry_alone_gives_the_same_by_shape_and_by_fold(entries: list[Entry]) -> None:
    """Shapes are a short cut for single entries; they must not cut corners."""
    engine = Engine(KPIS, CALENDARS)
    for entry in entries:
        assert engine.changes([entry], {}).cells == rebuilt([entry])


def test_parts_of_changes_come_to_the_whole() -> None:
    cells = {("A", 0, START.date(), 0, str(number)): Cell(number, 1, 1) for number in range(7)}
    keys = {("B", 0, START.date(), 0, "", bytes([number])): number + 1 for number in range(5)}
    parts = list(Changes(cells, keys).parts(3))
    assert max(len(part.cells) + len(part.keys) for part in parts) == 3
    assert combine(*(part.cells for part in parts)) == cells
    assert combine_keys(*(part.keys for part in parts)) == keys
    assert list(Changes({}, {}).parts(3)) == []


def test_a_key_is_there_while_anything_has_it() -> None:
    cell = ("K", 0, date(2026, 8, 28), 0, "")
    one, other = (*cell, b"one"), (*cell, b"other")
    cases: tuple[tuple[dict[KeyPlace, int], dict[KeyPlace, int], int], ...] = (
        ({one: 2}, {one: 2}, 1), ({one: 1}, {one: 3}, 0), ({one: -1}, {one: 1}, 0), ({one: -2}, {one: 0}, -1),
        ({one: 1, other: 1}, {one: 1, other: 1}, 2), ({one: 1, other: -1}, {one: 1, other: 0}, 0),
    )  # fmt: skip
    for changed, after, expected in cases:
        assert risen(changed, after) == ({cell: Cell(expected, 0, 0)} if expected else {})
