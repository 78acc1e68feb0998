"""The sample city in a database: what the synthetic city tells, in any order, comes to the figures that it comes to."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from random import Random
from typing import Any

from citygoals.kpi.applier import Applier
from citygoals.kpi.definition_files import read_catalogue, read_plan
from citygoals.kpi.definitions import CATALOGUE_APPLIED, PLAN_APPLIED
from citygoals.kpi.ticks import strike
from citygoals.local.demo import day_of
from citygoals.local.demo_scene import Story
from citygoals.shared.clock import FixedClock
from citygoals.shared.figures import Figure
from citygoals.shared.nodes import nodes
from citygoals.shared.postgres import Connection, Pool
from citygoals.shared.sample import CATALOGUE_FILES, DEPARTMENT_FILES, PLAN_FILES, load_plans, text_of
from contract.sample import reckoned
from integration.kpi.conftest import Archive, assert_identical
from unit.kpi.samples import CALENDAR, entry

NOON = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)  # of Denver: the now of `reckoned`
FEW = Story(date(2026, 9, 1), per_day=15)
BATCH = 250


def told() -> list[dict[str, Any]]:
    """Some eighty days of a small synthetic city, in no order."""
    days = [period.start for period in CALENDAR.periods("day", FEW.first_day, NOON.date())]
    events = [item.event for day in days for item in day_of(FEW, day) if item.at <= NOON]
    Random(7).shuffle(events)
    return events


async def sample_city(connection: Connection) -> Applier:
    """An applier to which the sample's files have been applied, one after the other."""
    clock = FixedClock(NOON)
    applier = await Applier.begin(connection, CALENDAR, clock, Archive().hand_over)
    await strike(applier, clock)
    for name in (*DEPARTMENT_FILES, *CATALOGUE_FILES):
        await applier.define(CATALOGUE_APPLIED, read_catalogue(text_of(name), name, applier.state.definitions))
    for name in PLAN_FILES:
        await applier.define(PLAN_APPLIED, read_plan(text_of(name), name))
    return applier


def reckoned_rows(figures: Mapping[str, Figure]) -> dict[str, dict[str, Any]]:
    """Return figures as the contract writes them, without the number that kpi gives a formula when it takes it in."""
    return {kpi: {**one.to_dict(), "version": None} for kpi, one in figures.items()}


async def test_the_board_and_the_rebuild_say_what_the_events_come_to(connection: Connection, pool: Pool) -> None:
    applier, events = await sample_city(connection), told()
    entries = [
        entry(
            event["type"].removeprefix("city.").removesuffix(".v1"), event["data"], identity=event["id"], seq=number,
            source=event["source"], at=datetime.fromisoformat(event["time"]),
        )
        for number, event in enumerate(events, start=1)
    ]  # fmt: skip
    for first in range(0, len(entries), BATCH):
        assert await applier.apply(entries[first : first + BATCH]) == []

    expected = reckoned.figures(
        (one["type"].removeprefix("city.").removesuffix(".v1"), datetime.fromisoformat(one["time"]), one["data"])
        for one in events
    )
    board = applier.state.board
    assert all(kpi.version for kpi in board.kpis.values())
    assert reckoned_rows(board.figures) == reckoned_rows(expected)
    assert {one.status for one in expected.values()} >= {"ON_TRACK", "NEAR", "OFF_TRACK"}
    assert not [kpi for kpi, one in expected.items() if one.status == "NO_DATA"]
    assert board.plan == load_plans()[-1]
    assert board.nodes == nodes(load_plans()[-1], expected)
    await assert_identical(pool)
