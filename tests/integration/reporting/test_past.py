"""Any past position reads exactly as it was recorded: snapshots, series, rolling periods, plans; over any checkpoints."""

import asyncio
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from citygoals.reporting import runs
from citygoals.reporting.cells import CITY, Slice
from citygoals.reporting.checkpoints import Checkpointer, CheckpointRule
from citygoals.reporting.queries import SQL
from citygoals.reporting.questions import Misread, Unknown
from citygoals.shared.figures import Cell
from hypothesis import given, settings
from hypothesis import strategies as st
from integration.reporting.conftest import CLOCK, Shelf, forget, shelf_over
from unit.reporting.city import CALENDAR, KPIS, PLAN_2, Contribution, ToyCity

LABELS = ("FY2027", "2026-11", "2026-11-20", "all", "last-30d@2026-11-21", "FY2026")
SERIES: tuple[dict[str, Any], ...] = (
    {"grain": "month", "first": "2026-06-01"},
    {"grain": "day", "first": "2026-11-01", "by": "department"},
    {"grain": "week", "first": "2026-10-01", "by": "district"},
    {"grain": "month", "first": "2026-10-01", "by": "channel"},
)


async def everything(shelf: Shelf, position: int | None) -> dict[str, Any]:
    """Ask everything as of a position (None: the present)."""
    as_of = None if position is None else str(position)
    answers: dict[str, Any] = {label: await shelf.model.snapshot(period=label, as_of=as_of) for label in LABELS}
    for kpi in ("MC-01", "SR-09", "IT-05"):
        for number, question in enumerate(SERIES):
            answers[f"{kpi}/{number}"] = await shelf.model.series(kpi, as_of=as_of, last="2026-12-31", **question)
    answers["library"] = await shelf.model.department("library", as_of=as_of)
    answers["trends"] = await shelf.model.trends(as_of=as_of)
    answers["definitions"] = await shelf.model.definitions(as_of=as_of)
    return answers


@pytest.fixture(autouse=True)
def run_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore the length of a run after a test that changes it."""
    monkeypatch.setattr(runs, "RUN_POSITIONS", runs.RUN_POSITIONS)


@settings(max_examples=5)
@given(seed=st.integers(0, 2**32), checkpoints=st.sets(st.integers(1, 24), max_size=4), run=st.sampled_from((3, 7, 64)))
async def test_every_past_position_reads_as_it_was_recorded(
    shelf: Shelf, seed: int, checkpoints: set[int], run: int
) -> None:
    await forget(shelf.pool)
    runs.RUN_POSITIONS = run
    writer = shelf_over(shelf.pool)
    random, city = Random(seed), ToyCity()
    recorded = {}
    for _ in range(24):
        if city.position in (0, 14):
            changeset = city.define(None if city.position == 0 else {"plan": PLAN_2, "kpis": KPIS[::2]})
        else:
            changeset = city.random(random)
        await writer.apply(changeset)
        if city.position in checkpoints:
            assert await writer.checkpointer.write() == city.position
        if city.position % 5 == 0:
            await runs.merge_runs(shelf.pool)
        recorded[city.position] = await everything(writer, None)
        assert recorded[city.position]["FY2027"]["as_of"]["position"] == city.position
    reader = shelf_over(shelf.pool)  # one that has seen nothing of it
    async with writer.moments.at(None) as moment:
        reader.present.jump(moment.mark, moment.definitions, moment.totals)
    for position in random.sample(sorted(recorded), 9):
        assert await everything(reader, position) == recorded[position]
    assert await everything(reader, None) == recorded[city.position]


async def test_present_cells_are_the_sums(shelf: Shelf) -> None:
    random, city = Random(7), ToyCity()
    await shelf.apply(city.define(), *[city.random(random) for _ in range(60)])
    for label in ("FY2027", "2026-11", "2026-11-20", "all"):
        period = CALENDAR.parse(label, city.today)
        for slice_ in (CITY, Slice("department", "library"), Slice("district", "1"), Slice("channel", "web")):
            async with shelf.moments.at(None) as moment:
                found = await moment.tally(slice_, period)
            truth = await city.tallied(slice_, period)
            assert found.reading.cells == truth.reading.cells
            assert found.reading.last_days == truth.reading.last_days
            latest = [one.reading.column("IT-05").last(period.start, period.end) for one in (found, truth)]
            assert latest[0] == latest[1]


async def test_integers_of_any_size_come_back(shelf: Shelf) -> None:
    city = ToyCity()
    huge = 10**40 + 7
    await shelf.apply(city.define(), city.change([Contribution("SR-08", city.today, huge, 0, "library", "2")]))
    await shelf.checkpointer.write()
    await shelf.apply(city.change([Contribution("SR-08", city.today, -huge, 0)]))
    assert await numerator(shelf, "2") == huge
    assert await numerator(shelf, "3") == 0
    past = await shelf.moments.past(2)
    whole = CALENDAR.parse("all", city.today)
    assert (await past.tally(Slice("district", "2"), whole)).reading.cell("SR-08") == Cell(huge, 0, 1)


async def numerator(shelf: Shelf, as_of: str) -> Any:
    answer = await shelf.model.kpi("SR-08", as_of=as_of)
    return answer["numerator"]


async def test_an_instant_names_the_newest_position_recorded_by_then(shelf: Shelf) -> None:
    city = ToyCity()
    changesets = [city.define(), *[city.change() for _ in range(4)]]
    await shelf.apply(*changesets)
    for changeset in changesets:
        text = changeset.recorded_at.isoformat().replace("+00:00", "Z")
        assert (await shelf.model.kpis(as_of=text))["as_of"]["position"] == changeset.position
    assert (await shelf.model.kpis(as_of="2026-11-22"))["as_of"]["position"] == 5
    with pytest.raises(Unknown) as error:
        await shelf.model.kpis(as_of="2026-11-21T11:59:59Z")
    assert error.value.allowed["oldest"]["position"] == 1
    for wrong in ("6", "0"):
        with pytest.raises(Unknown):
            await shelf.model.kpis(as_of=wrong)
    with pytest.raises(Unknown, match="future"):
        await shelf.model.kpis(as_of="2999-01-01T00:00:00Z")
    with pytest.raises(Misread):
        await shelf.model.kpis(as_of="now")


async def test_a_position_answered_by_another_process_is_known_here(shelf: Shelf) -> None:
    """A page's cursor names a position; the next page may be asked of a process that has not followed so far."""
    city, other = ToyCity(), shelf_over(shelf.pool)
    await shelf.apply(city.define())
    async with other.moments.at(None) as moment:
        other.present.jump(moment.mark, moment.definitions, moment.totals)
    news = city.change([Contribution("SR-08", city.today, 5, 0)])
    await shelf.apply(news)
    answer = await shelf.model.kpis()
    for as_of in ("2", news.recorded_at.isoformat()):
        asked = asyncio.create_task(other.model.kpis(as_of=as_of))
        await asyncio.sleep(0.1)
        if other.present.position == 1:
            assert not asked.done(), "what is answered here next must not be older"
            other.present.advance([news])
        assert await asked == answer


async def test_an_instant_names_the_newest_position_whatever_comes_meanwhile(shelf: Shelf) -> None:
    city = ToyCity()
    first, second = city.define(), city.change()
    await shelf.apply(first)
    position = await shelf.moments.position(first.recorded_at.isoformat())
    await shelf.apply(second)
    async with shelf.moments.at(position) as moment:
        assert moment.mark.position == 1, "the second was recorded after that instant"


async def test_a_retention_forgets_up_to_a_checkpoint_and_says_so(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "RUN_POSITIONS", 5)
    random, city = Random(3), ToyCity()
    await shelf.apply(city.define())
    recorded = {}
    for _ in range(24):
        await shelf.apply(city.random(random))
        recorded[city.position] = await shelf.model.snapshot()
        if city.position % 8 == 0:
            await shelf.checkpointer.write()
        await runs.merge_runs(shelf.pool)
    kept = 16
    for statement in (SQL.prune_history, SQL.prune_runs, SQL.prune_checkpoints, SQL.prune_chunks):
        await shelf.pool.execute(statement, kept)
    reader = shelf_over(shelf.pool)
    async with shelf.moments.at(None) as moment:
        reader.present.jump(moment.mark, moment.definitions, moment.totals)
    for position in range(kept, 26):
        assert await reader.model.snapshot(as_of=str(position)) == recorded[position]
    with pytest.raises(Unknown) as error:
        await reader.model.snapshot(as_of=str(kept - 1))
    assert error.value.allowed["oldest"]["position"] == kept
    instant = recorded[kept]["as_of"]["recorded_at"]
    assert (await reader.model.snapshot(as_of=instant))["as_of"]["position"] == kept


async def test_a_checkpoint_writes_only_what_changed(shelf: Shelf) -> None:
    city = ToyCity()
    old, new = city.today.replace(month=3), city.today
    await shelf.apply(city.define(), city.change([Contribution("SR-08", old, 1, 0), Contribution("SR-08", new, 1, 0)]))
    await shelf.checkpointer.write()
    await shelf.apply(city.change([Contribution("SR-08", new, 1, 0)]))
    await shelf.checkpointer.write()
    rows = await shelf.pool.fetch("SELECT days, bucket, count(*) AS written FROM chunk GROUP BY days, bucket")
    written = {(row["days"], row["bucket"]): row["written"] for row in rows}
    assert written[True, new.replace(day=1).toordinal()] == 2
    assert written[True, old.replace(day=1).toordinal()] == 1
    assert (await shelf.model.kpi("SR-08", as_of="2"))["numerator"] == 1


async def test_the_checkpointer_writes_when_enough_changed_and_prunes_past_the_retention(shelf: Shelf) -> None:
    random, city = Random(8), ToyCity()
    rule = CheckpointRule(positions=5, retention=timedelta(hours=1))
    checkpointer = Checkpointer(shelf.pool, shelf.present, CLOCK, rule, lambda: None)
    assert await checkpointer.look() is None, "nothing yet"
    await shelf.apply(city.define(), *[city.random(random) for _ in range(3)])
    assert await checkpointer.look() is None
    await shelf.apply(city.random(random))
    assert await checkpointer.look() == 5
    await shelf.apply(city.random(random), city.random(random))
    checkpointer._pruned_at = None
    assert await checkpointer.look() is None
    recorded = {city.position: await shelf.model.snapshot()}
    rows = await shelf.pool.fetch("SELECT position FROM history ORDER BY position")
    assert [row["position"] for row in rows] == [6, 7], "all of it was recorded a day before the clock's now"
    await shelf.apply(city.random(random))
    assert await shelf.model.snapshot(as_of="7") == recorded[7]
    with pytest.raises(Unknown):
        await shelf.model.snapshot(as_of="4")
