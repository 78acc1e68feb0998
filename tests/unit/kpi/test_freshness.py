"""How fresh a number is: by when something happened that it counts, not by when things are due."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from citygoals.kpi.board import Board, board
from citygoals.kpi.changes import Engine
from citygoals.kpi.definitions import Definitions, remeasured
from citygoals.kpi.entries import Entry
from citygoals.shared.cells import Cell, kpi_of
from citygoals.shared.changeset import CellRow
from citygoals.shared.kpi import CatalogueDef, KpiDef
from citygoals.shared.parts import dated_series
from citygoals.shared.period import GRAINS
from citygoals.shared.reading import Almanac, Now, Reading
from unit.kpi.samples import CALENDAR, CALENDARS, START, entry, kpi

DEADLINE = {
    "start": "city.service_request.opened.v1",
    "ends": ["city.service_request.closed.v1"],
    "within": {"duration": "P10D"},
}
TODAY = START.date() + timedelta(days=20)
YEAR = CALENDAR.containing(TODAY, "fiscal_year")


def due(measure: str, **more: Any) -> KpiDef:
    return kpi("DUE", {"kind": measure, "deadline": DEADLINE}, target={"value": "0.5"}, **more)


def request(number: int, *, opened: int, closed: int | None = None, into: datetime = START) -> list[Entry]:
    """A request opened, and closed, so many days after the start."""
    data = {"service_request_id": f"r-{number}", "department": "zoo", "district": number % 2 + 1}
    told = [entry("service_request.opened", data, at=into + timedelta(days=opened), identity=f"o-{number}")]
    if closed is not None:
        told.append(entry("service_request.closed", data, at=into + timedelta(days=closed), identity=f"c-{number}"))
    return told


def shown(definition: KpiDef, entries: Iterable[Entry], today: date = TODAY) -> Board:
    """The board of the day after these entries came in, position by position."""
    definitions = Definitions().with_catalogue(CatalogueDef(kpis=(definition,)))
    now = board(definitions, YEAR, Almanac(CALENDAR, Now(today, 23)), Reading(), {})
    changed = Engine([definition], CALENDARS).changes(list(entries), {}).cells
    rows = [
        CellRow(series, GRAINS[grain], start, "city", "", *cell)
        for (series, grain, start, dimension, _), cell in changed.items()
        if dimension == 0
    ]
    assert not now.emptied(rows)
    return now.after(rows)


@pytest.mark.parametrize("measure", ["on_time", "overdue", "evenness"])
@pytest.mark.parametrize(("opened", "status"), [(18, "fresh"), (12, "STALE")])
def test_a_deadline_is_as_fresh_as_the_last_thing_that_happened(measure: str, opened: int, status: str) -> None:
    """Two requests came due long ago; the one that came in last is due in the future, either way."""
    entries = [*request(1, opened=4), *request(2, opened=5), *request(3, opened=opened)]
    one = shown(due(measure, freshness="P3D"), entries).figures["DUE"]
    assert one.denominator
    assert (one.status == "STALE") is (status == "STALE")


def test_what_was_done_in_time_is_something_that_happened() -> None:
    late = request(1, opened=4)
    assert shown(due("overdue", freshness="P3D"), late).figures["DUE"].status == "STALE"
    in_time = request(2, opened=12, closed=19)
    assert shown(due("overdue", freshness="P3D"), [*late, *in_time]).figures["DUE"].status != "STALE"


def test_days_are_kept_only_where_somebody_asks() -> None:
    entries = request(1, opened=1, closed=2)
    for definition, kept in ((due("on_time"), set()), (due("on_time", freshness="P3D"), {"DUE/.seen"})):
        cells = Engine([definition], CALENDARS).changes(entries, {}).cells
        names = {key[0] for key in cells}
        assert {name for name in names if name.endswith(".seen")} == kept
        assert dated_series(definition) == (next(iter(kept)) if kept else None)
        seen = {key[2]: cell for key, cell in cells.items() if key[0] in kept and key[3] == 0}
        expected = {CALENDAR.local_day(one.at): Cell(1, 0, 2) for one in entries}
        assert seen == (expected if kept else {})
        assert {kpi_of(name) for name in names} == {"DUE"}


def test_asking_how_fresh_a_deadline_is_is_counted_anew() -> None:
    before = Definitions().with_catalogue(CatalogueDef(kpis=(due("on_time"),)))
    after = before.with_catalogue(CatalogueDef(kpis=(due("on_time", freshness="P3D"),)))
    assert [one.id for one in remeasured(before, after)] == ["DUE"]
    longer = after.with_catalogue(CatalogueDef(kpis=(due("on_time", freshness="P30D"),)))
    assert remeasured(after, longer) == []
