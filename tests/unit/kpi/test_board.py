"""The board step by step gives what a board made from the same cells gives, and says what crossed."""

from datetime import date, timedelta
from typing import Any

from citygoals.kpi.announcements import Moment, crossing_messages, is_backfill
from citygoals.kpi.board import Board, board, open_period
from citygoals.kpi.definitions import Definitions
from citygoals.shared.changeset import CellRow
from citygoals.shared.figures import Cell
from citygoals.shared.kpi import CatalogueDef
from citygoals.shared.period import GRAINS
from citygoals.shared.plan import PlanDef
from citygoals.shared.reading import Almanac, Now, Reading
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.kpi.samples import CALENDAR, START, kpi

TODAY = date(2026, 9, 4)
PERIOD = open_period(CALENDAR, TODAY)
COUNT = {"kind": "count", "event": "city.payment.settled.v1"}
RATIO = {
    "kind": "ratio",
    "numerator": {"event": "city.payment.settled.v1", "where": "data.x"},
    "denominator": {"event": "city.payment.settled.v1"},
}
KPIS = (
    kpi("RATIO", RATIO, target={"value": "0.5"}, freshness="P3D"),
    kpi("COUNT", COUNT, target={"value": "10", "basis": "fiscal_year"}, absence_means="zero"),
    kpi("LATEST", {"kind": "latest", "measure_id": "m"}, target={"value": "1"}),
)
PLAN = PlanDef.model_validate({
    "id": "p", "version": "1", "effective": {"from": "2020-01-01"},
    "nodes": [
        {"id": "city", "kind": "city", "title": {"en": "City"}},
        {"id": "goal", "kind": "goal", "parent": "city", "title": {"en": "Goal"}},
    ],
    "links": [{"kpi": one.id, "node": "goal"} for one in KPIS],
})  # fmt: skip
DEFINITIONS = Definitions().with_catalogue(CatalogueDef(kpis=KPIS)).with_plan(PLAN, 1)


def almanac(today: date = TODAY) -> Almanac:
    return Almanac(CALENDAR, Now(today))


def empty() -> Board:
    return board(DEFINITIONS, PERIOD, almanac(), Reading(), {})


days = st.integers(-10, 400).map(lambda number: date(2026, 8, 28) + timedelta(days=number))
changes = st.lists(
    st.tuples(st.sampled_from([one.id for one in KPIS]), days, st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)),
    max_size=12,
)


class Cells:
    """The city's cells of days and fiscal years, and the rows of each change, as the database would give them."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str, date], Cell] = {}

    def set_day(self, name: str, day: date, cell: Cell) -> list[CellRow]:
        self.stored[name, "day", day] = cell
        year = CALENDAR.containing(day, "fiscal_year")
        inside = [c for (k, grain, at), c in self.stored.items() if k == name and grain == "day" and at in year]
        total = Cell(*(sum(parts) for parts in zip(*inside, strict=True)))
        self.stored[name, "fiscal_year", year.start] = total
        rows = [("day", day, cell)] + ([] if name == "LATEST" else [("fiscal_year", year.start, total)])
        return [CellRow(name, grain, start, "city", "", *one) for grain, start, one in rows]

    def last_days(self) -> dict[str, date]:
        found: dict[str, date] = {}
        for (name, grain, day), cell in sorted(self.stored.items()):
            if grain == "day" and any(cell) and day <= PERIOD.last:
                found[name] = day
        return found

    def board(self) -> Board:
        reading = Reading()
        for (name, grain, start), cell in self.stored.items():
            if (grain, start) == ("fiscal_year", PERIOD.start):
                reading.put_cell(name, cell)
            if name == "LATEST" and grain == "day" and start in PERIOD:
                reading.put_day(name, start, cell)
        return board(DEFINITIONS, PERIOD, almanac(), reading, self.last_days())


@settings(max_examples=150)
@given(changes)
def test_step_by_step_is_the_same_as_at_once(steps: list[tuple[str, date, int, int, int]]) -> None:
    cells, now = Cells(), empty()
    for name, day, numerator, denominator, events in steps:
        rows = cells.set_day(name, day, Cell(numerator, denominator, events))
        emptied = now.emptied(rows)
        found = {one: last for one, last in cells.last_days().items() if one in emptied}
        now = now.with_last_days(emptied, found).after(rows)
        fresh = cells.board()
        assert {n: f.to_dict() for n, f in now.figures.items()} == {n: f.to_dict() for n, f in fresh.figures.items()}
        assert {n: f.to_dict() for n, f in now.nodes.items()} == {n: f.to_dict() for n, f in fresh.nodes.items()}


def city(name: str, grain: str, start: date, *cell: int) -> CellRow:
    assert grain in GRAINS
    return CellRow(name, grain, start, "city", "", *cell)


def test_what_is_not_the_citys_open_year_changes_nothing() -> None:
    other = [
        CellRow("RATIO", "fiscal_year", PERIOD.start, "department", "zoo", 1, 1, 1),
        city("RATIO", "fiscal_year", date(2025, 9, 1), 1, 1, 1),
        city("RATIO", "month", date(2026, 9, 1), 1, 1, 1),
        city("GONE", "day", TODAY, 1, 1, 1),
    ]
    board = empty()
    assert board.after(other) is board


def test_crossings_say_who_and_from_what_to_what() -> None:
    rows = [city("RATIO", "fiscal_year", PERIOD.start, 1, 2, 2), city("RATIO", "day", TODAY, 1, 2, 2)]
    before = empty()
    after = before.after(rows)
    moment = Moment(7, START, is_backfill=True)
    messages = crossing_messages(moment, before, after)
    assert [message.msg_id for message in messages] == [
        f"7:{subject}:fiscal_year" for subject in ("kpi:RATIO", "node:city", "node:goal")
    ]
    assert all(b'"backfill":true,"redefined":false' in message.body for message in messages)
    redefined = crossing_messages(moment._replace(is_redefined=True), before, after)
    assert all(b'"redefined":true' in message.body for message in redefined)
    assert crossing_messages(moment, after, after) == []


def test_an_internal_kpi_crosses_alone_and_says_that_it_is_internal() -> None:
    """Its weight in a node would give it away, and the node would be another than the one that the public sees."""
    hidden = DEFINITIONS.with_catalogue(CatalogueDef(kpis=(KPIS[0].model_copy(update={"internal": True}),)))
    before = board(hidden, PERIOD, almanac(), Reading(), {})
    after = before.after([city("RATIO", "fiscal_year", PERIOD.start, 1, 2, 2), city("RATIO", "day", TODAY, 1, 2, 2)])
    (message,) = crossing_messages(Moment(7, START, is_backfill=False), before, after)
    assert message.msg_id == "7:kpi:RATIO:fiscal_year"
    assert b'"internal":true' in message.body
    assert [link.kpi for node in after.nodes.values() for link in node.branch.links] == ["COUNT", "LATEST"]


def test_two_periods_are_never_compared() -> None:
    later = board(DEFINITIONS, open_period(CALENDAR, date(2027, 9, 1)), almanac(date(2027, 9, 1)), Reading(), {})
    full = empty().after(
        [city("COUNT", "fiscal_year", PERIOD.start, 50, 0, 50), city("COUNT", "day", TODAY, 50, 0, 50)]
    )
    assert full.figures["COUNT"].status != later.figures["COUNT"].status
    assert later.crossed(full) == ([], [])


def test_backfill_is_what_was_older_than_a_day_to_the_last_event() -> None:
    day = timedelta(days=1)
    old: list[Any] = [(START, START + day + timedelta(seconds=1))]
    assert is_backfill(old)
    assert not is_backfill([(START, START + day)])
    assert not is_backfill([*old, (START, START)])
    assert not is_backfill([])
