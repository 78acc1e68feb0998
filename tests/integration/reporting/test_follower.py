"""Restatements follow from history, whoever reads it and when: over checkpoints, restarts, and past the retention."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from citygoals.reporting.checkpoints import Checkpointer, CheckpointRule
from citygoals.reporting.follower import Followed, Follower
from citygoals.reporting.moments import Reader
from citygoals.reporting.queries import SQL
from citygoals.reporting.questions import Unknown
from citygoals.reporting.report_causes import read_row
from citygoals.reporting.restatements import numbers, parts
from citygoals.shared.changeset import Changeset
from citygoals.shared.clock import FixedClock
from citygoals.shared.publication import Publication
from hypothesis import given, settings
from hypothesis import strategies as st
from integration.reporting.conftest import CLOCK, Shelf, forget, shelf_over
from unit.reporting.city import KPIS, Contribution, ToyCity

ALL = ["MC-01", "FIN-02", "LI-03", "SR-08", "SR-09", "X-99", "IT-05"]


def follower_of(shelf: Shelf) -> Follower:
    reader: Reader = shelf.moments._reader
    return Follower(reader, shelf.moments)


def publication(identity: str, position: int, period: str = "2026-11") -> Publication:
    return Publication.model_validate(
        {
            "id": identity, "title": identity, "period": period, "position": position, "is_preliminary": True,
            "published_by": "somebody", "key": "staff", "published_at": CLOCK.now().isoformat(),
        }
    )  # fmt: skip


def published(city: ToyCity, *publications: Publication) -> Changeset:
    return city.define({"publications": [one.model_dump(mode="json") for one in publications]})


async def restatements(shelf: Shelf, report: str, until: int) -> list[dict[str, Any]]:
    found = await shelf.pool.fetch(SQL.read_restatements, report, ALL, until, 0, "", 10_000)
    return [read_row(dict(row)) for row in found]


async def again(shelf: Shelf) -> Shelf:
    """A process that has seen nothing of it."""
    fresh = shelf_over(shelf.pool)
    async with shelf.moments.at(None) as moment:
        fresh.present.jump(moment.mark, moment.definitions, moment.totals)
    return fresh


def random_step(city: ToyCity, random: Random) -> Changeset:
    if random.random() < 0.15:
        kpis = [one if random.random() < 0.5 else {**one, "target": {"value": "0.7"}} for one in KPIS]
        return city.define({"kpis": kpis[:: random.choice((1, 1, 2))]})
    return city.random(random)


@settings(max_examples=6)
@given(
    seed=st.integers(0, 2**32), checkpoints=st.sets(st.integers(2, 28), max_size=4), stops=st.sets(st.integers(8, 28))
)
async def test_a_published_figure_and_all_its_restatements_are_the_figure_of_now(
    shelf: Shelf, seed: int, checkpoints: set[int], stops: set[int]
) -> None:
    await forget(shelf.pool)
    shelf = shelf_over(shelf.pool)
    follower, random, city = follower_of(shelf), Random(seed), ToyCity()
    await shelf.apply(city.define())
    first, second = publication("month", 6), publication("year", 3, "FY2027")
    snapshots = {}
    for position in range(2, 29):
        await shelf.apply(published(city, first, second) if position == 7 else random_step(city, random))
        if position in checkpoints:
            await shelf.checkpointer.write()
        if position in stops:  # a process may stop anywhere between two looks
            for one in follower.publications():
                await follower.reach(one, position)
            shelf = await again(shelf)
            follower = follower_of(shelf)
        for label in ("2026-11", "FY2027"):
            snapshots[label, position] = (await shelf.model.snapshot(period=label))["kpis"]
    for one in (first, second):
        await follower.reach(one, 28)
        shown = {at: {row["id"]: row for row in rows} for (label, at), rows in snapshots.items() if label == one.period}
        pinned = (await follower.pinned(one)).kpis
        assert {name: row for name, row in pinned.items() if name != "X-99"} == shown[one.position]
        rows = [row for row in await restatements(shelf, one.id, 28) if row["kpi"] != "X-99"]
        assert all(row["after"] == numbers(shown[row["position"]].get(row["kpi"])) for row in rows)
        sums = await shelf.pool.fetch(SQL.sum_restatements, one.id, 28)
        for name, row in shown[one.position].items():
            assert_leads(row, [found for found in rows if found["kpi"] == name], shown[28].get(name))
            sizes = [(int(found["numerator"]), int(found["denominator"])) for found in sums if found["kpi"] == name]
            assert tuple(map(sum, zip(parts(row), *sizes, strict=True))) == parts(shown[28].get(name))


def assert_leads(published: dict[str, Any], rows: list[dict[str, Any]], now: dict[str, Any] | None) -> None:
    """Each begins where the one before ended, from the published figure to that of now."""
    chain = [numbers(published), *(row["after"] for row in rows)]
    assert [row["before"] for row in rows] == chain[:-1]
    assert chain[-1] == numbers(now)


async def test_of_more_publications_than_fit_into_memory_most_are_not_read_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citygoals.reporting.follower.FOLLOWED_MAX", 4)
    random, city = Random(7), ToyCity()
    await shelf.apply(city.define(), *(city.random(random) for _ in range(5)))
    await shelf.apply(published(city, *(publication(f"month-{number}", number + 1) for number in range(6))))
    follower, resumed = follower_of(shelf), []

    async def counted(self: Follower, one: Publication) -> Followed:
        resumed.append(one.id)
        return await resume(self, one)

    resume = Follower._resume
    monkeypatch.setattr(Follower, "_resume", counted)
    for look in range(4):
        before = len(resumed)
        await shelf.apply(city.random(random))
        for one in follower.publications():
            await follower._look(one)
        assert look == 0 or len(resumed) - before <= 3, "two do not fit, and each takes the place of another"
    kept = [await restatements(shelf, one.id, city.position) for one in follower.publications()]
    await shelf.pool.execute("DELETE FROM report; DELETE FROM restatement")
    monkeypatch.setattr("citygoals.reporting.follower.FOLLOWED_MAX", 16)
    other = follower_of(await again(shelf))
    for one, known in zip(other.publications(), kept, strict=True):
        await other._look(one)
        assert await restatements(shelf, one.id, city.position) == known
        assert await other.pinned(one) == await follower.pinned(one)


async def test_everything_made_anew_is_the_same(shelf: Shelf) -> None:
    random, city = Random(4), ToyCity()
    changesets = [city.define(), *(city.random(random) for _ in range(10)), published(city, publication("month", 5))]
    changesets += [random_step(city, random) for _ in range(20)]
    await shelf.apply(*changesets)
    follower = follower_of(shelf)
    await follower.reach(follower.publications()[0], 32)
    before = await restatements(shelf, "month", 32), await follower.pinned(follower.publications()[0])
    assert before[0]
    await forget(shelf.pool)
    fresh = shelf_over(shelf.pool)
    await fresh.apply(*changesets)
    other = follower_of(fresh)
    await other.reach(other.publications()[0], 32)
    assert (await restatements(fresh, "month", 32), await other.pinned(other.publications()[0])) == before


async def test_integers_of_any_size_are_told_exactly(shelf: Shelf) -> None:
    city, huge = ToyCity(), 10**40 + 7
    await shelf.apply(city.define(), published(city, publication("month", 1)))
    await shelf.apply(city.change([Contribution("SR-08", city.today, huge, 0)]))
    follower = follower_of(shelf)
    await follower.reach(follower.publications()[0], 3)
    (row,) = await restatements(shelf, "month", 3)
    assert row["after"]["numerator"] == huge
    (found,) = await shelf.pool.fetch(SQL.sum_restatements, "month", 3)
    assert int(found["numerator"]) == huge


async def test_what_was_published_outlives_the_retention(shelf: Shelf) -> None:
    random, city = Random(5), ToyCity()
    clock = FixedClock(city.recorded_at + timedelta(days=30))
    await shelf.apply(city.define(), *(city.random(random) for _ in range(5)), published(city, publication("month", 4)))
    follower = follower_of(shelf)
    rule = CheckpointRule(positions=3, retention=timedelta(days=1))
    checkpointer = Checkpointer(shelf.pool, shelf.present, clock, rule, follower.needed)
    city.recorded_at += timedelta(days=31)
    await shelf.apply(*(city.random(random) for _ in range(4)))
    await checkpointer.write()
    city.recorded_at += timedelta(days=31)
    clock.advance(timedelta(days=31))
    await shelf.apply(*(city.random(random) for _ in range(4)))
    assert follower.needed() == 4
    await checkpointer.look()
    assert (await shelf.model.kpis(as_of="4"))["as_of"]["position"] == 4, (
        "it was not followed yet, so nothing is forgotten"
    )
    snapshot = await shelf.model.snapshot(period="2026-11", as_of="4")
    await follower.reach(follower.publications()[0], 15)
    again_ = Checkpointer(shelf.pool, shelf.present, clock, rule, follower.needed)
    await shelf.apply(city.random(random))
    await again_.look()
    fresh = await again(shelf)
    with pytest.raises(Unknown) as error:
        await fresh.model.kpis(as_of="4")
    assert error.value.allowed["oldest"]["position"] > 4
    other = follower_of(fresh)
    await other.reach(other.publications()[0], 16)
    pinned = await other.pinned(other.publications()[0])
    assert [row for row in pinned.kpis.values() if row["id"] != "X-99"] == snapshot["kpis"]
    late = publication("too-late", 4)
    await fresh.apply(published(city, late))
    with pytest.raises(Unknown):
        await other.pinned(late)
    await other._look(late)
    assert other.needed() == 16, "what is lost holds nothing back"
