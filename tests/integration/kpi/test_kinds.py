"""Every kind of measure through the database: stored as rebuilt, explained by its entries, and moved by time alone."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import asyncpg
import msgspec
import pytest
from citygoals.kpi.applier import Applier
from citygoals.kpi.board import now_at
from citygoals.kpi.definitions import CATALOGUE_APPLIED, PLAN_APPLIED
from citygoals.kpi.entries import Entry
from citygoals.kpi.lineage import Lineage
from citygoals.kpi.standing import read_board
from citygoals.kpi.ticks import strike
from citygoals.shared.cells import Cell
from citygoals.shared.clock import FixedClock
from citygoals.shared.figures import figure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import Period
from citygoals.shared.postgres import Pool
from citygoals.shared.reading import Almanac
from integration.kpi.conftest import Archive, assert_identical, read_cells, read_key_counts
from integration.kpi.test_lineage import pages
from unit.kpi.kinds import KPIS, OFFICE, PEOPLE, START, busy
from unit.kpi.samples import CALENDAR, READER, entry, kpi
from unit.kpi.test_kinds import reading_of, rebuilt


def catalogue(kpis: Iterable[KpiDef] = KPIS, *, calendars: Iterable[Any] = (OFFICE,)) -> dict[str, Any]:
    parts = {"kpis": kpis, "calendars": calendars, "references": [PEOPLE]}
    return {part: [one.model_dump(mode="json") for one in items] for part, items in parts.items()}


@pytest.fixture
async def applier(connection: Any, clock: FixedClock, archive: Archive) -> Applier:
    """An applier at position 2: its first tick, and a catalogue with every kind of measure."""
    clock.instant = START + timedelta(days=390)
    begun = await Applier.begin(connection, CALENDAR, clock, archive.hand_over)
    await strike(begun, clock)
    await begun.define(CATALOGUE_APPLIED, catalogue())
    return begun


@pytest.fixture
def entries() -> list[Entry]:
    return busy(Random(7), 25)


def batches(entries: list[Entry], chance: Random) -> list[list[Entry]]:
    """The entries in any order, in batches, some of them twice; numbered as they come."""
    shuffled = chance.sample(entries, len(entries))
    cuts = sorted(chance.sample(range(len(entries)), 6))
    return [shuffled[first:last] for first, last in zip([0, *cuts], [*cuts, len(entries)], strict=True)]


async def apply_shuffled(applier: Applier, entries: list[Entry]) -> None:
    number = 0
    for batch in batches(entries, Random(1)):
        numbered = []
        for one in batch:
            number += 1
            event = msgspec.json.decode(one.body) | {"sequence": f"{number:020d}"}
            numbered.append(READER.read(msgspec.json.encode(event)))
        await applier.apply(numbered)


async def test_any_order_gives_the_cells_and_keys_of_a_rebuild(
    applier: Applier, entries: list[Entry], pool: Pool
) -> None:
    await apply_shuffled(applier, entries)
    expected = rebuilt(entries)
    async with pool.acquire() as connection:
        assert await read_cells(connection, [one.id for one in KPIS]) == expected.cells
        assert await read_key_counts(connection, ["KEYS"]) == expected.keys
    assert expected.keys
    await assert_identical(pool)


async def test_the_board_of_a_tenure_is_that_of_the_next_one(
    applier: Applier, entries: list[Entry], pool: Pool, clock: FixedClock
) -> None:
    """Step by step, over ticks and a midnight, as read from the database."""
    await apply_shuffled(applier, entries)
    for hours in (0, 3, 9, 14):
        clock.advance(timedelta(hours=hours))
        await strike(applier, clock)
        state = applier.state
        async with pool.acquire() as connection:
            now = now_at(CALENDAR, state.tick)
            fresh = await read_board(connection, state.definitions, CALENDAR, now)
        assert fresh.now == state.board.now
        assert fresh.last_days == state.board.last_days
        assert {n: f.to_dict() for n, f in fresh.figures.items()} == {
            n: f.to_dict() for n, f in state.board.figures.items()
        }
        assert sum(one.numerator is not None for one in fresh.figures.values()) > 10


async def test_a_rebuild_finds_a_key_that_was_tampered_with(
    applier: Applier, entries: list[Entry], pool: Pool, database: Any
) -> None:
    await apply_shuffled(applier, entries)
    admin = await asyncpg.connect(database.dsn())
    await admin.execute("UPDATE kpi.key_count SET items = items + 1 WHERE grain = 6 AND dimension = 0")
    await admin.close()
    with pytest.raises(AssertionError, match="key"):
        await assert_identical(pool)


async def test_a_kpi_that_comes_late_or_counts_something_else_has_its_past_at_once(
    applier: Applier, entries: list[Entry], pool: Pool
) -> None:
    await apply_shuffled(applier, entries)
    count = KPIS[-3].measure.model_dump(mode="json")
    changed = [
        KpiDef.model_validate({**one.model_dump(mode="json"), "measure": count})
        for one in KPIS
        if one.id in ("P90", "KEYS")
    ]
    await applier.define(CATALOGUE_APPLIED, catalogue(changed))
    async with pool.acquire() as connection:
        assert {series for series, *_ in await read_cells(connection, ["P90", "KEYS"])} == {"P90", "KEYS"}
        assert await read_key_counts(connection, ["KEYS"]) == {}
    await assert_identical(pool)
    await applier.define(CATALOGUE_APPLIED, catalogue())
    await assert_identical(pool)
    async with pool.acquire() as connection:
        assert await read_key_counts(connection, ["KEYS"]) == rebuilt(entries).keys


async def test_a_changed_calendar_moves_what_is_due_by_it_in_that_position(
    applier: Applier, entries: list[Entry], pool: Pool, archive: Archive
) -> None:
    await apply_shuffled(applier, entries)
    seven = OFFICE.model_copy(update={"hours": OFFICE.hours.model_copy(update={"saturday": ("08:00-12:00",)})})
    await applier.define(CATALOGUE_APPLIED, catalogue(calendars=[seven]))
    changeset = archive.changeset(applier.state.position)
    assert {cell.kpi.partition("/")[0] for cell in changeset.cells} == {"TIMELY", "LATE", "EVEN", "CLOCK"}
    assert set(changeset.definitions or {}) == {"calendars", "kpis"}
    anew = {one["id"] for one in (changeset.definitions or {})["kpis"] if one["version"] == changeset.position}
    assert anew == {"TIMELY", "LATE", "EVEN", "CLOCK"}
    await assert_identical(pool)


async def test_a_retired_kpi_leaves_and_comes_back(
    applier: Applier, entries: list[Entry], pool: Pool, archive: Archive
) -> None:
    retired = KpiDef.model_validate({**KPIS[0].model_dump(mode="json"), "retired": True})
    await applier.define(CATALOGUE_APPLIED, catalogue([retired]))
    assert KPIS[0].id not in {one["id"] for one in (archive.changeset(3).definitions or {})["kpis"]}
    await apply_shuffled(applier, entries)
    assert KPIS[0].id not in applier.state.board.figures
    await assert_identical(pool)
    await applier.define(CATALOGUE_APPLIED, catalogue())
    assert KPIS[0].id in applier.state.board.figures
    await assert_identical(pool)


@pytest.mark.parametrize(
    "whose", [("city", ""), ("department", "zoo"), ("district", "1"), ("channel", "web")], ids=lambda whose: whose[0]
)
async def test_the_lineage_of_a_figure_adds_up_to_it(
    applier: Applier, entries: list[Entry], pool: Pool, clock: FixedClock, whose: tuple[str, str]
) -> None:
    await apply_shuffled(applier, entries)
    lineage, chance = Lineage(pool, CALENDAR), Random(3)
    almanac = Almanac(CALENDAR, now_at(CALENDAR, applier.state.tick), {"people": PEOPLE})
    cells = rebuilt(entries).cells
    explained: set[str] = set()
    for one in KPIS * 6:
        day = almanac.now.day - timedelta(days=chance.choice([0, 0, 20, 150, 300]))
        period = CALENDAR.containing(day, chance.choice(["month", "fiscal_year"]))
        query = {"kpi": one.id, "grain": period.grain, "start": period.start.isoformat()}
        query |= dict(zip(("dimension", "member"), whose, strict=True))
        items = await pages(lineage, query, chance.choice([2, 50]))
        if one.is_derived:
            assert items == []
            continue
        found = figure(one, reading_of(cells, period, *whose), period=period, almanac=almanac)
        assert_adds_up(one, items, (found.numerator, found.denominator, found.events), period)
        explained |= {one.id} if items else set()
    nowhere = set() if whose[0] == "city" else {"SITES", "QUICK"}  # such facts are of no department and no district
    assert explained >= {kpi.id for kpi in KPIS if not kpi.is_derived} - {"LATEST", "BETTER", "MORE", "HEADS"} - nowhere


def assert_adds_up(one: KpiDef, items: list[dict[str, Any]], found: tuple[int | None, ...], period: Period) -> None:
    numerator, denominator, events = found
    sums = [sum(int(item[name]) for item in items) for name in ("numerator", "denominator")]
    kind = one.measure.kind
    if numerator is None:
        return
    if events is not None:
        assert len(items) == events, (one.id, period)
    if kind in {"on_time", "availability", "latest", "mean"} or one.id == "QUICK":
        assert sums == [numerator, denominator], (one.id, period)
    elif kind in {"stock", "overdue", "count"}:
        assert (sums[0], denominator) == (numerator, 1), (one.id, period)
    elif kind == "turnover":
        assert sums[1] == denominator


async def test_an_entry_names_every_kpi_that_it_counts_in_and_what_is_made_of_them(
    applier: Applier, pool: Pool
) -> None:
    opened = {"service_request_id": "r", "department": "zoo", "district": 1}
    await applier.apply([entry("service_request.opened", opened, at=START, identity="o", seq=1)])
    found = await Lineage(pool, CALENDAR).entry({"source": "/systems/demo", "id": "o"})
    assert found["kpis"] == ["EVEN", "INDEX", "LATE", "OPEN", "TIMELY"]


PLAN = {
    "id": "p", "version": "1", "effective": {"from": "2020-01-01"},
    "nodes": [{"id": "city", "kind": "city", "title": {"en": "City"}}],
    "links": [{"kpi": "LATE", "node": "city"}],
}  # fmt: skip


async def test_time_alone_lets_a_deadline_pass_and_says_so_in_that_position(
    connection: Any, clock: FixedClock, archive: Archive
) -> None:
    """Opened on a Tuesday at 10:00: due on Thursday at 17:00. Nothing happens, and nobody does anything."""
    clock.instant = datetime(2026, 3, 3, 17, tzinfo=UTC)
    applier = await Applier.begin(connection, CALENDAR, clock, archive.hand_over)
    await strike(applier, clock)
    late, timely = (one.model_dump(mode="json") for one in KPIS if one.id in ("TIMELY", "LATE"))
    targeted = [
        kpi("TIMELY", late["measure"], target={"value": "0.9"}),
        kpi(
            "LATE",
            timely["measure"],
            target={"value": "0.5"},
            polarity="down",
            zero_attainment="1",
            absence_means="zero",
        ),
    ]
    await applier.define(CATALOGUE_APPLIED, catalogue(targeted))
    await applier.define(PLAN_APPLIED, {"plan": PLAN})
    opened = {"service_request_id": "r", "department": "zoo", "district": 1}
    await applier.apply([entry("service_request.opened", opened, at=clock.now(), identity="o", seq=1)])
    quiet, told = applier.state.position, {}
    for _ in range(60):
        clock.advance(timedelta(hours=1))
        await strike(applier, clock)
        crossed = {(one["id"], one["before"], one["after"]) for one in archive.crossings(applier.state.position)}
        if crossed:
            told[applier.state.tick.isoformat()] = crossed
    assert applier.state.position == quiet + 60
    assert told == {
        "2026-03-06T00:00:00+00:00": {
            ("TIMELY", "NO_DATA", "OFF_TRACK"), ("LATE", "ON_TRACK", "OFF_TRACK"), ("city", "ON_TRACK", "OFF_TRACK"),
        },
    }  # fmt: skip
    assert all(not archive.changeset(position).cells for position in range(quiet + 1, applier.state.position + 1))


async def test_a_measurement_is_the_citys_whoever_records_it(applier: Applier, pool: Pool) -> None:
    def measured(number: int, value: int, namespace: str, hour: int) -> Entry:
        data = {"measure_id": "m-1", "period": "2026-03", "value": value}
        at = START + timedelta(hours=hour)
        return entry("measurement.recorded", data, identity=f"m-{number}", seq=number, namespace=namespace, at=at)

    await applier.apply([measured(1, 5, "north", 9)])
    await applier.apply([measured(2, 7, "south", 8)])
    async with pool.acquire() as connection:
        cells = await read_cells(connection, ["LATEST"])
    assert cells == {("LATEST", 0, date(2026, 3, 31), 0, ""): Cell(5, 1, 2)}
    await assert_identical(pool)
