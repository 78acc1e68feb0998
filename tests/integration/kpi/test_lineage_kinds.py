"""The lineage of every kind of measure is what a plain walk over all facts gives, wherever in the ledger it looks first."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from citygoals.kpi import candidates
from citygoals.kpi.applier import Applier
from citygoals.kpi.board import now_at
from citygoals.kpi.changes import by_fact
from citygoals.kpi.contributions import DIMENSIONS, slices
from citygoals.kpi.definitions import CATALOGUE_APPLIED
from citygoals.kpi.entries import Entry
from citygoals.kpi.folds import fold
from citygoals.kpi.lineage import Lineage
from citygoals.kpi.measures import compiled
from citygoals.kpi.ticks import strike
from citygoals.shared.clock import FixedClock
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import Period
from citygoals.shared.postgres import Pool
from citygoals.shared.reading import Now
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from integration.kpi.conftest import Archive
from integration.kpi.test_kinds import catalogue
from integration.kpi.test_lineage import Ledger, pages
from unit.kpi.kinds import CALENDARS, CLOSING, KPIS, START, histories
from unit.kpi.samples import CALENDAR, entry, kpi

DRAWN = settings(
    max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)

MORE = (  # ends that an entry does not prove, a start that is no anchor, a due time that is the anchor's
    kpi("UNSURE", {"kind": "stock", "presence": {
        "enters": [{"event": "city.service_request.opened.v1"}], "leaves": [{"event": "city.service_request.merged.v1"}]}}),
    kpi("AGAIN", {"kind": "overdue", "deadline": {
        "start": "city.service_request.closed.v1", "ends": ["city.service_request.reopened.v1"],
        "within": {"duration": "PT1H"}, "due_field": "due_at"}}),
    kpi("MERGED", {"kind": "overdue", "deadline": {
        "start": "city.service_request.opened.v1", "ends": ["city.service_request.merged.v1"], "within": {"duration": "PT1H"}}}),
    kpi("STATED", {"kind": "on_time", "deadline": {
        "start": "city.permit.submitted.v1", "ends": ["city.permit.decided.v1"], "due_field": "due_at"}}),
)  # fmt: skip
ALL = tuple(one for one in (*KPIS, *MORE) if not one.is_derived and one.measure.kind != "latest")


@pytest.fixture
async def applier(connection: Any, clock: FixedClock, archive: Archive) -> Applier:
    clock.instant = START + timedelta(days=390)
    begun = await Applier.begin(connection, CALENDAR, clock, archive.hand_over)
    await strike(begun, clock)
    await begun.define(CATALOGUE_APPLIED, catalogue([*KPIS, *MORE]))
    return begun


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def everything() -> list[Entry]:
    """What the ledger holds, example by example."""
    return []


def plainly(one: KpiDef, entries: Iterable[Entry], period: Period, now: Now, whose: tuple[str, str]) -> set[Any]:
    """Every entry of each fact that gives the figure something, with what it gives: all facts, one after the other."""
    measure = compiled(one, CALENDARS)
    assert measure is not None
    found: set[Any] = set()
    for members in by_fact(entries).values():
        fact = fold(members, CALENDAR)
        if (DIMENSIONS.index(whose[0]), whose[1]) in slices(fact.department, fact.district, measure.channel_of(fact)):
            given_ = {source.id: [0, 0] for source in fact.sources}
            for behind in measure.behind(fact, period, now):
                given_[behind.entry.id][0] += behind.numerator
                given_[behind.entry.id][1] += behind.denominator
            if any(map(sum, zip(*given_.values(), strict=True))):
                found |= {(name, *parts) for name, parts in given_.items()}
    return found


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # forty entries are long when they are shown
@DRAWN
@given(entries=histories(least=10, most=40), seed=st.integers(0, 2**32))
async def test_nothing_is_missed_and_nothing_comes_twice(
    entries: list[Entry], seed: int, applier: Applier, pool: Pool, ledger: Ledger, everything: list[Entry]
) -> None:
    chance = Random(seed)
    numbered = ledger.renumber(chance.sample(entries, len(entries)))
    everything += numbered
    await applier.apply(numbered)
    lineage, now = Lineage(pool, CALENDAR), now_at(CALENDAR, applier.state.tick)
    for one in ALL:
        day = CALENDAR.local_day(chance.choice(everything).at) + timedelta(days=chance.choice([0, 0, 1, 2, 4, 35]))
        grain = chance.choice(["day", "week", "month", "fiscal_year", "all", "rolling"])
        rolling = Period("rolling", day - timedelta(days=30), day + timedelta(days=1), "")
        period = rolling if grain == "rolling" else CALENDAR.containing(day, grain)
        whose = chance.choice(
            [("city", ""), ("city", ""), ("department", "zoo"), ("district", "1"), ("channel", "web")]
        )
        query = {"kpi": one.id, "grain": period.grain, "start": period.start.isoformat(), "end": period.end.isoformat()}
        query |= dict(zip(("dimension", "member"), whose, strict=True))
        items = await pages(lineage, query, chance.choice([1, 7, 500]))
        said = [(item["id"], int(item["numerator"]), int(item["denominator"])) for item in items]
        assert sorted(said) == sorted(plainly(one, everything, period, now, whose)), (one.id, period, whose)


def asked_for(number: int, at: datetime) -> Iterator[tuple[str, dict[str, Any], datetime]]:
    thing = {"service_request_id": f"r-{number}"}
    yield "opened", thing | {"department": "zoo"}, at
    yield "closed", thing | {"reason": "resolved"}, at + timedelta(hours=2)


async def test_a_figure_of_a_long_ledger_is_explained_at_once(
    connection: Any, clock: FixedClock, archive: Archive, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three years of requests, of which the last is open, one was paused for long, and one of each day is due that day."""
    monkeypatch.setattr(candidates, "READ_AT_ONCE", 20)
    monkeypatch.setattr(candidates, "READ_MAX", 100)
    begun = datetime(2023, 10, 2, 15, tzinfo=UTC)
    clock.instant = begun + timedelta(days=1_000)
    applier = await Applier.begin(connection, CALENDAR, clock, archive.hand_over)
    await strike(applier, clock)
    backlog = {
        "kind": "stock",
        "presence": {
            "enters": [{"event": "city.service_request.opened.v1"}],
            "leaves": [{"event": "city.service_request.closed.v1"}],
        },
    }
    kpis = [kpi("TIMELY", {"kind": "on_time", "deadline": CLOSING | {"within": {"business_days": 10}}}),
            kpi("LATE", {"kind": "overdue", "deadline": CLOSING}), kpi("OPEN", backlog)]  # fmt: skip
    await applier.define(CATALOGUE_APPLIED, catalogue(kpis))
    told = [event for number in range(1_000) for event in asked_for(number, begun + timedelta(days=number))]
    told.pop()
    told += [(fact, {"service_request_id": "r-5"}, begun + timedelta(days=days, hours=1))
             for fact, days in (("paused", 5), ("resumed", 955))]  # fmt: skip
    await applier.apply([
        entry(f"service_request.{fact}", data, at=at, identity=f"e-{number}", seq=number)
        for number, (fact, data, at) in enumerate(told, 1)
    ])  # fmt: skip
    lineage = Lineage(pool, CALENDAR)
    month = {"grain": "month", "start": "2026-05-01", "limit": 100}
    page = await lineage.items({"kpi": "TIMELY", **month})
    # Ten business days after Friday, Saturday and Sunday are the same Friday: 5 of those and 16 other days, in and out;
    # and the four events of the one that was moved into the month, which come last.
    assert len(page["items"]) == 2 * (5 * 3 + 16) + 4
    assert {item["thing"] for item in page["items"][-4:]} == {"r-5"}
    assert page["next"] is None
    year = {"grain": "fiscal_year", "start": "2025-09-01"}
    for name in ("LATE", "OPEN"):
        page = await lineage.items({"kpi": name, **year})
        assert {item["thing"] for item in page["items"]} == ({"r-999"} if name == "OPEN" else set()), name
        assert page["next"] is None
