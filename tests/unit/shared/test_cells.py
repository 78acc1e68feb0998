"""Columns of days: whatever is put in and taken out, any run of days is the plain sum."""

from datetime import date, timedelta

from citygoals.shared.cells import NO_CELL, Cell, Column, kpi_of, part_of, series_of
from hypothesis import given
from hypothesis import strategies as st

FIRST = date(2026, 2, 26)
days = st.integers(0, 12).map(lambda number: FIRST + timedelta(days=number))
cells = st.builds(Cell, st.integers(-2, 2), st.integers(-2, 2), st.integers(-2, 2))


@given(st.lists(st.tuples(days, cells)), days, days, st.integers(0, 30))
def test_a_run_of_days_is_their_plain_sum(puts: list[tuple[date, Cell]], start: date, end: date, asked_at: int) -> None:
    column, known = Column(), {}
    for number, (day, cell) in enumerate(puts):
        column.put(day, cell)
        known[day] = cell
        if number >= asked_at:
            column.total(FIRST, end)  # a question in between changes nothing
    inside = sorted(day for day, cell in known.items() if start <= day < end and any(cell))
    total = [sum(known[day][place] for day in inside) for place in range(3)]
    there = sorted(day for day, cell in known.items() if any(cell))

    assert column.total(start, end) == Cell(*total)
    assert column.last(start, end) == ((inside[-1], known[inside[-1]]) if inside else None)
    assert column.first() == (there[0] if there else None)
    assert column.at(start) == known.get(start, NO_CELL)
    at_once = Column(known)  # in any order, with days of nothing among them
    assert (at_once.first(), at_once.last(start, end)) == (column.first(), column.last(start, end))
    assert at_once.total(start, end) == Cell(*total)


@given(cells, cells)
def test_what_is_added_can_be_taken_away(one: Cell, other: Cell) -> None:
    assert one.plus(other).minus(other) == one
    assert one.plus(other) == other.plus(one)
    assert one.minus(one) == NO_CELL


def test_a_series_is_named_by_its_kpi_and_part() -> None:
    assert (series_of("SR-02"), series_of("SR-02", "b137")) == ("SR-02", "SR-02/b137")
    assert [(kpi_of(name), part_of(name)) for name in ("SR-02", "SR-02/1.h17")] == [("SR-02", ""), ("SR-02", "1.h17")]
