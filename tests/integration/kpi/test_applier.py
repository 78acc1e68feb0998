"""One transaction, one position: what a batch changes, what it announces, and what must never be committed."""

import json
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from citygoals.kpi.applier import Applier
from citygoals.kpi.definitions import CATALOGUE_APPLIED, PLAN_APPLIED
from citygoals.kpi.entries import Entry
from citygoals.kpi.lanes import Gap, Hole
from citygoals.kpi.store import Fenced, cell_row
from citygoals.kpi.ticks import strike
from citygoals.shared.clock import FixedClock
from citygoals.shared.postgres import Pool
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from integration.kpi.conftest import READER, Archive, assert_identical, catalogue, stored_cells
from unit.kpi import oracle
from unit.kpi.samples import CALENDAR, KPIS, START, deliveries, entry, kpi, ledgers

SETTLED = {"department": "municipal-court", "service_code": "x", "channel": "web", "amount_minor": 100}


def payment(number: int, *, at: datetime = START, **more: Any) -> Entry:
    data = {"payment_id": f"p-{number}", **SETTLED, **more}
    return entry("payment.settled", data, at=at, identity=f"e-{number}", seq=number)


async def test_a_batch_is_one_position_with_everything_that_it_changes(
    applier: Applier, archive: Archive, pool: Pool
) -> None:
    gaps = await applier.apply([payment(2), payment(1, channel="counter", district=4)])
    assert gaps == []
    changeset = archive.changeset(3)
    assert (changeset.position, changeset.lanes, changeset.events_total) == (3, {"1": 3}, 2)
    assert changeset.by_type == {"city.payment.settled.v1": 2}
    cells = {cell[:5]: cell[5:] for cell in changeset.cells}
    assert cells["ONLINE", "day", date(2026, 8, 28), "city", ""] == (1, 2, 2)
    assert cells["ONLINE", "all", date.min, "district", "4"] == (0, 1, 1)
    assert cells["NET", "fiscal_year", date(2025, 9, 1), "department", "municipal-court"] == (200, 0, 2)
    assert await stored_cells(pool, "ONLINE") == {
        (0, ""): (1, 2, 2),
        (1, "municipal-court"): (1, 2, 2),
        (2, "4"): (0, 1, 1),
    }
    await assert_identical(pool)


async def test_a_redelivery_makes_no_position(applier: Applier, archive: Archive) -> None:
    batch = [payment(1), payment(2)]
    await applier.apply(batch)
    assert await applier.apply(batch) == []
    assert await applier.apply([payment(2)]) == []
    assert applier.state.position == 3
    assert sorted(archive.messages) == [1, 2, 3]


async def test_what_follows_a_gap_waits(applier: Applier, pool: Pool) -> None:
    assert await applier.apply([payment(1), payment(4), payment(3)]) == [Gap(1, 2, 3)]
    assert applier.next_seq(1) == 2
    assert await applier.apply([payment(2), payment(3), payment(4)]) == []
    assert applier.next_seq(1) == 5
    await assert_identical(pool)


async def test_a_hole_holds_its_place(applier: Applier, pool: Pool) -> None:
    assert await applier.apply([payment(1), Hole(1, 2, "not JSON"), payment(3)]) == []
    assert applier.next_seq(1) == 4
    assert await pool.fetchval("SELECT reason FROM unreadable WHERE lane = 1 AND seq = 2") == "not JSON"
    assert (await assert_identical(pool)).entries_total == 2


async def test_sums_do_not_overflow(applier: Applier, pool: Pool) -> None:
    huge = 2**62
    await applier.apply([payment(number, amount_minor=huge) for number in range(1, 8)])
    assert (await stored_cells(pool, "NET"))[0, ""][0] == 7 * huge
    await assert_identical(pool)


async def test_the_clock_strikes_once_an_hour(applier: Applier, archive: Archive, clock: FixedClock) -> None:
    assert not await strike(applier, clock)
    clock.advance(timedelta(minutes=59, seconds=59))
    assert not await strike(applier, clock)
    clock.advance(timedelta(hours=3))
    assert await strike(applier, clock)
    assert not await strike(applier, clock)
    assert archive.changeset(3).tick == clock.now().replace(minute=0, second=0)
    assert archive.changeset(3).events_total == 0, "kpi's own entries are not counted"


async def test_the_same_definitions_again_are_no_position(applier: Applier, archive: Archive) -> None:
    assert await applier.define(CATALOGUE_APPLIED, catalogue(KPIS)) is None
    assert await applier.define(CATALOGUE_APPLIED, catalogue(KPIS[:2])) is None
    assert applier.state.position == 2
    definitions = archive.changeset(2).definitions
    assert definitions is not None
    assert set(definitions) == {"kpis"}
    assert [one["id"] for one in definitions["kpis"]] == sorted(one.id for one in KPIS)


async def test_a_new_kpi_has_its_past_at_once(applier: Applier, archive: Archive, pool: Pool) -> None:
    refund = {"payment_id": "p-1", "reversal_id": "r", "amount_minor": 30}
    later = START + timedelta(days=9)
    await applier.apply(
        [payment(1, district=2), payment(2), entry("payment.refunded", refund, at=later, identity="r", seq=3)]
    )
    refunds = kpi("REFUNDS", {"kind": "count", "event": "city.payment.refunded.v1"})
    assert await applier.define(CATALOGUE_APPLIED, catalogue([refunds])) == 4
    cells = {cell[:5]: cell[5:] for cell in archive.changeset(4).cells}
    assert cells["REFUNDS", "month", date(2026, 9, 1), "district", "2"] == (1, 0, 2)
    assert {cell[0] for cell in cells} == {"REFUNDS"}
    await assert_identical(pool)


async def test_a_changed_measure_is_counted_anew(applier: Applier, archive: Archive, pool: Pool) -> None:
    await applier.apply([payment(1), payment(2, channel="phone"), payment(3, department="tax-office")])
    changed = kpi(
        "COURT",
        {"kind": "count", "event": "city.payment.settled.v1", "where": "data.channel == 'phone'"},
        department="municipal-court",
    )
    await applier.define(CATALOGUE_APPLIED, catalogue([changed]))
    assert await stored_cells(pool, "COURT") == {(0, ""): (1, 0, 1), (1, "municipal-court"): (1, 0, 1)}
    zeros = [cell for cell in archive.changeset(4).cells if not any(cell[5:])]
    assert zeros == [], "every slice that had a payment still has one"
    await applier.define(CATALOGUE_APPLIED, catalogue([changed.model_copy(update={"decimals": 0})]))
    assert archive.changeset(5).cells == (), "only the measure makes cells anew"
    await assert_identical(pool)


PLAN = {
    "id": "p", "version": "1", "effective": {"from": "2020-01-01"},
    "nodes": [
        {"id": "city", "kind": "city", "title": {"en": "City"}},
        {"id": "goal", "kind": "goal", "parent": "city", "title": {"en": "Goal"}},
    ],
    "links": [{"kpi": "TARGETED", "node": "goal"}],
}  # fmt: skip


async def test_a_crossing_is_announced_with_its_position(applier: Applier, archive: Archive, clock: FixedClock) -> None:
    targeted = kpi("TARGETED", KPIS[0].measure.model_dump(mode="json"), target={"value": "0.65"}, unit="%")
    await applier.define(CATALOGUE_APPLIED, catalogue([targeted]))
    await applier.define(PLAN_APPLIED, {"plan": PLAN})
    assert archive.crossings(3) == archive.crossings(4) == []

    await applier.apply([payment(1, at=clock.now())])
    crossed = {one["id"]: one for one in archive.crossings(5)}
    assert set(crossed) == {"TARGETED", "goal", "city", "ONLINE", "NET", "COURT"}
    assert crossed["ONLINE"]["after"] == "BASELINING"
    assert crossed["TARGETED"] | {"title": 0} == {
        "position": 5, "kind": "kpi", "id": "TARGETED", "title": 0, "department": None, "period": "FY2027",
        "before": "NO_DATA", "after": "ON_TRACK", "value": "100.00", "unit": "%", "attainment": "1.5385",
        "backfill": False, "redefined": False, "internal": False,
    }  # fmt: skip
    assert crossed["city"]["kind"] == "node"
    await applier.apply([payment(2, at=clock.now(), channel="phone")])
    assert {(one["id"], one["after"]) for one in archive.crossings(6)} == {
        (name, "OFF_TRACK") for name in ("TARGETED", "goal", "city")
    }
    await applier.apply([payment(3, at=START - timedelta(days=400))])
    assert archive.crossings(7) == [], "another fiscal year's"

    easier = kpi("TARGETED", KPIS[0].measure.model_dump(mode="json"), target={"value": "0.20"}, unit="%")
    await applier.define(CATALOGUE_APPLIED, catalogue([easier]))
    moved = {(one["id"], one["after"], one["redefined"]) for one in archive.crossings(8)}
    assert ("TARGETED", "ON_TRACK", True) in moved
    assert all(is_redefined for _, _, is_redefined in moved)


async def test_another_leader_fences_this_one(
    applier: Applier, clock: FixedClock, pool: Pool, pool_for: Callable[..., Awaitable[Pool]]
) -> None:
    other_pool = await pool_for("kpi")
    async with other_pool.acquire() as connection:
        other = await Applier.begin(connection, CALENDAR, clock, Archive().hand_over)
        with pytest.raises(Fenced):
            await applier.apply([payment(1)])
        with pytest.raises(Fenced):
            _ = applier.state
        assert await other.apply([payment(1)]) == []
    assert await pool.fetchval("SELECT count(*) FROM ledger WHERE lane = 1") == 1
    await assert_identical(pool)


async def test_a_failed_commit_leaves_nothing_and_ends_the_tenure(
    applier: Applier, pool: Pool, monkeypatch: Any
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("the disk is on fire")

    with monkeypatch.context() as patch:
        patch.setattr("citygoals.kpi.store.commit_position", broken)
        with pytest.raises(RuntimeError, match="on fire"):
            await applier.apply([payment(1)])
    with pytest.raises(Fenced):
        await applier.apply([payment(1)])
    assert await pool.fetchval("SELECT count(*) FROM ledger WHERE lane = 1") == 0
    assert await stored_cells(pool, "ONLINE") == {}


async def test_what_a_type_does_not_declare_cannot_stop_the_city(applier: Applier, pool: Pool) -> None:
    long = "".join(f"{number:x}" for number in range(4_000))  # more than a row of an index holds
    data = {"payment_id": "long", "department": "tax-office", "channel": "web", "currency": "USD"}
    strange = {**data, "amount_minor": 10**4200, "district": long}
    await applier.apply([entry("payment.settled", strange, identity="long", seq=1)])
    assert await stored_cells(pool, "ONLINE") == {(0, ""): (1, 1, 1), (1, "tax-office"): (1, 1, 1)}
    assert await stored_cells(pool, "NET") == {}
    await assert_identical(pool)


class Journal:
    """Two lanes; each example's entries go into a namespace of their own, so that examples add up."""

    def __init__(self) -> None:
        self.lanes: dict[int, list[Entry]] = {1: [], 2: []}
        self.examples = 0

    def admit(self, entries: list[Entry]) -> list[Entry]:
        self.examples += 1
        admitted = []
        for number, one in enumerate(entries):
            lane = 1 + number % 2
            more = {"lane": lane, "sequence": f"{len(self.lanes[lane]) + 1:020d}", "namespace": f"n{self.examples}"}
            event = json.loads(one.body) | more | {"id": f"{one.id}@{self.examples}"}
            self.lanes[lane].append(READER.read(json.dumps(event).encode()))
            admitted.append(self.lanes[lane][-1])
        return admitted

    async def deliver(self, applier: Applier, batch: list[Entry]) -> None:
        """What the consumer does."""
        while gaps := await applier.apply(batch):
            for lane, first, stop in gaps:
                await applier.apply(self.lanes[lane][first - 1 : stop - 1])


@pytest.fixture
def journal() -> Journal:
    return Journal()


@settings(max_examples=40, phases=[Phase.generate])
@given(data=st.data())
async def test_any_delivery_gives_the_cells_of_a_plain_count(
    data: st.DataObject, applier: Applier, journal: Journal, pool: Pool
) -> None:
    """The master property through the database: lanes, gaps, redeliveries, facts read back, cells, rebuild."""
    entries = data.draw(ledgers())
    batches = data.draw(deliveries(range(len(entries))))  # all is drawn before anything is admitted
    admitted = journal.admit(entries)
    for batch in batches:
        await journal.deliver(applier, [admitted[number] for number in batch])
    bodies = [one.body for lane in journal.lanes.values() for one in lane]
    rows = await pool.fetch("SELECT * FROM cell WHERE events <> 0 OR numerator <> 0 OR denominator <> 0")
    stored = {cell[:5]: cell[5:] for cell in map(cell_row, rows)}
    assert stored == oracle.cells(bodies, CALENDAR)
    assert applier.state.events_total == len(bodies)
    await assert_identical(pool)
