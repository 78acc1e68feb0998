"""Down to the events and back up: what lineage lists adds up to the cell, as of any position."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, TypeVar

import msgspec
import pytest
from citygoals.kpi.applier import Applier
from citygoals.kpi.contributions import DIMENSIONS
from citygoals.kpi.entries import Entry
from citygoals.kpi.lineage import Lineage
from citygoals.kpi.store import cell_row
from citygoals.shared.errors import Malformed
from citygoals.shared.period import GRAINS
from citygoals.shared.postgres import Pool
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from integration.kpi.conftest import Archive
from unit.kpi.samples import CALENDAR, READER, START, entry, ledgers

T = TypeVar("T")

DRAWN = settings(max_examples=15, phases=[Phase.generate])


@pytest.fixture
def lineage(pool: Pool) -> Lineage:
    return Lineage(pool, CALENDAR)


async def pages(lineage: Lineage, query: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = await lineage.items({**query, "limit": limit, "cursor": cursor})
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items


class Ledger:
    """Examples add up in one ledger."""

    def __init__(self) -> None:
        self.seq = 0

    def renumber(self, entries: list[Entry]) -> list[Entry]:
        renumbered = []
        for one in entries:
            self.seq += 1
            event = msgspec.json.decode(one.body)
            event |= {"sequence": f"{self.seq:020d}", "id": f"e-{self.seq}"}
            renumbered.append(READER.read(msgspec.json.encode(event)))
        return renumbered


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def some(chance: random.Random, items: Sequence[T], most: int) -> list[T]:
    """A choice that depends on the ledger so far, so Hypothesis cannot draw it."""
    return chance.sample(items, min(most, len(items)))


@DRAWN
@given(entries=ledgers(), seed=st.integers(0, 2**32))
async def test_the_items_of_a_cell_add_up_to_it(
    entries: list[Entry], seed: int, applier: Applier, lineage: Lineage, pool: Pool, ledger: Ledger
) -> None:
    await applier.apply(ledger.renumber(entries))
    chance = random.Random(seed)
    rows = await pool.fetch("SELECT * FROM cell WHERE events > 0 ORDER BY kpi, grain, start, dimension, member")
    for cell in map(cell_row, some(chance, rows, 12)):
        query = {name: getattr(cell, name) for name in ("kpi", "grain", "dimension", "member")}
        items = await pages(lineage, query | {"start": cell.start.isoformat()}, chance.choice([1, 3, 1000]))
        sums = [sum(int(item[name]) for item in items) for name in ("numerator", "denominator")]
        assert (*sums, len(items)) == (cell.numerator, cell.denominator, cell.events), cell
        assert max(Counter((item["source"], item["id"]) for item in items).values()) == 1


@DRAWN
@given(entries=ledgers(), seed=st.integers(0, 2**32))
async def test_as_of_a_position_it_adds_up_to_the_cell_of_then(
    entries: list[Entry], seed: int, applier: Applier, lineage: Lineage, ledger: Ledger, archive: Archive
) -> None:
    await applier.apply(ledger.renumber(entries))
    chance = random.Random(seed)
    position = chance.choice(sorted(archive.messages))
    for cell in some(chance, archive.changeset(position).cells, 8):
        query = {"kpi": cell.kpi, "grain": cell.grain, "dimension": cell.dimension, "member": cell.member}
        items = await pages(lineage, query | {"start": cell.start.isoformat(), "position": position}, 1000)
        sums = [sum(int(item[name]) for item in items) for name in ("numerator", "denominator")]
        assert (*sums, len(items)) == cell[5:], (position, cell)


def session(number: int, attendees: int) -> Entry:
    data = {"session_id": f"s-{number}", "department": "library", "attendees": attendees, "capacity": 10}
    return entry("session.held", data, identity=f"e-{number}", seq=number, at=START + timedelta(minutes=number % 7))


async def test_pages_hold_what_they_promise(applier: Applier, lineage: Lineage) -> None:
    await applier.apply([session(number, 3) for number in range(1, 251)])
    query = {"kpi": "PARKS", "grain": "day", "start": "2026-08-28"}
    page = await lineage.items({**query, "limit": 100})
    assert len(page["items"]) == 100
    first = page["items"][0]
    assert (first["numerator"], first["denominator"], first["thing"], first["department"]) == (3, 10, "s-7", "library")
    assert first["position"] == 3
    everything = await pages(lineage, query, 100)
    assert len({item["id"] for item in everything}) == 250
    assert [item["time"] for item in everything] == sorted(item["time"] for item in everything)
    assert await pages(lineage, query | {"start": "2026-08-29"}, 100) == []
    assert await lineage.items({**query, "kpi": "NOPE"}) == {"items": [], "next": None}


async def test_the_lineage_of_a_latest_value_is_the_measurements_behind_its_last_day(
    applier: Applier, lineage: Lineage
) -> None:
    def measured(number: int, period: str, value: int) -> Entry:
        data = {"measure_id": "m-1", "period": period, "value": value}
        return entry(
            "measurement.recorded", data, identity=f"e-{number}", seq=number, at=START + timedelta(days=number)
        )

    await applier.apply([measured(1, "2026-08", 60), measured(2, "2026-08", 61), measured(3, "2026-07", 50)])
    items = await pages(lineage, {"kpi": "LATEST", "grain": "fiscal_year", "start": "2025-09-01"}, 100)
    assert {item["id"]: (item["numerator"], item["denominator"]) for item in items} == {
        "e-1": (0, 0), "e-2": (61, 1), "e-3": (0, 0),
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [{"grain": "decade"}, {"start": "soon"}, {"grain": "rolling"}, {"grain": "rolling", "end": "2026-08-28"}, {"dimension": "city", "member": "x"}, {"dimension": "moon"},
     {"cursor": "%%"}, {"limit": "many"}],
)  # fmt: skip
async def test_a_wrong_question_is_refused(applier: Applier, lineage: Lineage, wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        await lineage.items({"kpi": "ONLINE", "grain": "day", "start": "2026-08-28", **wrong})


async def test_an_entry_names_the_kpis_that_it_counts_in(applier: Applier, lineage: Lineage) -> None:
    paid = {"payment_id": "p", "department": "municipal-court", "channel": "web", "amount_minor": 5}
    await applier.apply([entry("payment.settled", paid, identity="paid", seq=1)])
    await applier.apply([entry("payment.voided", {"payment_id": "p"}, identity="void", seq=2, at=START)])
    found = await lineage.entry({"source": "/systems/demo", "id": "void"})
    assert found | {"recorded_at": 0} == {
        "found": True, "position": 4, "previous": 3, "lane": 1, "seq": 2, "type": "city.payment.voided.v1",
        "recorded_at": 0, "kpis": ["COURT", "NET", "ONLINE", "VOIDED"],
    }  # fmt: skip
    assert await lineage.entry({"source": "/systems/demo", "id": "nope"}) == {"found": False}
    with pytest.raises(Malformed):
        await lineage.entry({"id": "void"})


def test_grains_and_dimensions_are_those_of_the_changeset() -> None:
    assert GRAINS[0] == "day"
    assert DIMENSIONS == ("city", "department", "district", "channel")
    assert CALENDAR.containing(date(2026, 8, 28), "all").start == date.min
