"""Cells computed anew while entries come: the same as a rebuild, wherever the cut between the ledger and the stream is."""

from collections.abc import Iterable, Iterator

from citygoals.kpi.changes import Engine, by_fact
from citygoals.kpi.contributions import CellKey
from citygoals.kpi.deltas import combine
from citygoals.kpi.entries import Entry
from citygoals.shared.figures import Cell
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.kpi.samples import CALENDARS, KPIS, deliveries, ledgers
from unit.kpi.test_changes import rebuilt

MANY = settings(max_examples=150)


def pages(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """Whole facts, in the order of their keys, some at a time."""
    facts = sorted(by_fact(entries).items())
    for first in range(0, len(facts), size):
        yield [entry for _, members in facts[first : first + size] for entry in members]


def slices(positions: list[list[Entry]], size: int) -> Iterator[list[Entry]]:
    """What some positions brought."""
    for first in range(0, len(positions), size):
        yield [entry for position in positions[first : first + size] for entry in position]


def once(positions: list[list[Entry]]) -> list[list[Entry]]:
    """The positions as the ledger has them: what comes twice is dropped."""
    seen: set[bytes] = set()
    kept = []
    for position in positions:
        kept.append([entry for entry in by_key(position) if entry.key not in seen])
        seen |= {entry.key for entry in position}
    return kept


def by_key(entries: Iterable[Entry]) -> list[Entry]:
    return list({entry.key: entry for entry in entries}.values())


@MANY
@given(st.data(), st.integers(1, 5))
def test_a_draft_cut_anywhere_and_followed_is_a_rebuild(data: st.DataObject, size: int) -> None:
    entries = data.draw(ledgers())
    positions = once(data.draw(deliveries(entries)))
    cut = data.draw(st.integers(0, len(positions)))
    engine, cells = Engine(KPIS, CALENDARS), dict[CellKey, Cell]()
    known = [entry for position in positions[:cut] for entry in position]
    for page in pages(known, size):
        cells = combine(cells, engine.changes(page, {}).cells)
    for new in slices(positions[cut:], size):
        facts = {entry.fact for entry in new if engine.reads(entry)}
        prior = by_fact(entry for entry in known if entry.fact in facts)
        cells = combine(cells, engine.changes(new, prior).cells)
        known += new
    assert cells == rebuilt(entries)
