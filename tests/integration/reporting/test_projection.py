"""Whatever the bus does to parts and positions, the read model is the sum of the true ones: once, whole, in order."""

import asyncio
from random import Random
from typing import Any

import pytest
from brokers import wait_until
from citygoals.reporting.addresses import Addresses
from citygoals.reporting.app import Reporting
from citygoals.reporting.cells import CITY
from citygoals.reporting.store import Store
from citygoals.reporting.tally import Tally
from citygoals.shared import changeset as changesets
from citygoals.shared.cells import NO_CELL
from citygoals.shared.changeset import Changeset
from citygoals.shared.errors import Unavailable
from citygoals.shared.postgres import Pool
from citygoals.shared.topology import QUARANTINE
from integration.reporting.conftest import Kpi, Service, Shelf, running, shelf_over
from unit.reporting.city import CALENDAR, Contribution, ToyCity


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut changesets of a few cells into several parts (the definitions still fit into one)."""
    monkeypatch.setattr(changesets, "PART_MAX_BYTES", 17 * 1024)


def big(city: ToyCity, random: Random, *, count: int = 400) -> Changeset:
    """A changeset of several parts."""
    days = [city.today.replace(day=1 + number % 20, month=1 + number % 11) for number in range(count)]
    return city.change([Contribution("SR-08", day, random.randint(1, 9), 0, "library", str(day.day)) for day in days])


def same(tally: Tally, truth: Tally) -> bool:
    """Whether two tallies hold the same cells, zeros aside."""
    shown = (
        {
            kpi: {part: cell for part, cell in cells.items() if cell != NO_CELL}
            for kpi, cells in one.reading.cells.items()
        }
        for one in (tally, truth)
    )
    return next(shown) == next(shown)


async def agree(shelf: Shelf, city: ToyCity) -> None:
    """Hold that the database says what the city knows, position and all."""
    async with shelf.moments.at(None) as moment:
        assert moment.mark == city.mark
        assert moment.totals.events == city.events
        assert moment.totals.by_type == city.by_type
        for label in ("FY2027", "all", "2026-11-20", "FY2026"):
            period = CALENDAR.parse(label, city.today)
            assert same(await moment.tally(CITY, period), await city.tallied(CITY, period))
    remembered = await shelf.pool.fetch("SELECT position FROM history ORDER BY position")
    assert [row["position"] for row in remembered] == list(range(1, city.position + 1))


async def looking(pool: Pool) -> Shelf:
    """Another look at the same database."""
    shelf = shelf_over(pool)
    async with shelf.moments._reader.queries.present() as moment:
        shelf.present.jump(moment.mark, moment.definitions, moment.totals)
    return shelf


async def compared(parts: Reporting, kpi: Kpi) -> None:
    """Wait until the first comparison with kpi is over; the next one is half a minute away."""
    await wait_until(lambda: bool(kpi.asked))
    await parts.projection.catch_up()


async def test_positions_of_several_parts_arrive_whole(service: Service, pool: Pool) -> None:
    random, city = Random(1), ToyCity()
    await service.kpi.publish(city.define())
    for _ in range(5):
        changeset = big(city, random)
        assert len(changesets.encode_changeset(changeset)) > 2
        await service.kpi.publish(changeset, city.random(random))
    await service.at(city.position)
    await agree(await looking(pool), city)


@pytest.mark.parametrize("seed", range(3))
async def test_duplicated_missing_and_reordered_parts(service: Service, pool: Pool, seed: int) -> None:
    random, city = Random(seed), ToyCity()
    service.kpi.record(city.define())
    for number in range(40):
        service.kpi.record(big(city, random) if number % 10 == 3 else city.random(random))
    parts = [part for bodies in service.kpi.known.values() for part in bodies]
    sent = [part for part in parts if random.random() > 0.3] + random.choices(parts, k=20)
    random.shuffle(sent)
    await service.kpi.send(*sent, parts[-1])
    await service.at(city.position)
    await agree(await looking(pool), city)


async def test_a_lost_last_position_is_found_by_comparing(service: Service, pool: Pool) -> None:
    city = ToyCity()
    await service.kpi.publish(city.define(), city.change())
    await service.at(2)
    service.kpi.record(city.change([Contribution("SR-08", city.today, 5, 0)]))
    await service.parts.projection.catch_up()
    await agree(await looking(pool), city)


async def test_an_incomplete_last_position_is_asked_for(service: Service, pool: Pool) -> None:
    random, city = Random(1), ToyCity()
    await service.kpi.publish(city.define())
    await compared(service.parts, service.kpi)
    bodies = service.kpi.record(big(city, random))
    await service.kpi.send(*bodies[1:])
    await wait_until(lambda: service.parts.projection._assembler.is_waiting)
    await service.parts.projection.catch_up()
    assert (2, 1) in [(question["from"], question["part"]) for question in service.kpi.asked]
    await agree(await looking(pool), city)


async def test_a_changeset_of_many_parts_is_fetched_page_by_page(service: Service, pool: Pool) -> None:
    random, city = Random(1), ToyCity()
    service.kpi.parts_a_page = 1
    for changeset in (city.define(), big(city, random), city.random(random)):
        service.kpi.record(changeset)
    await service.parts.projection.catch_up()
    await agree(await looking(pool), city)


async def test_starting_from_nothing_asks_for_everything(settings: Any, pool: Pool, bus_for: Any, kpi: Kpi) -> None:
    random, city = Random(5), ToyCity()
    kpi.record(city.define())
    for _ in range(300):
        kpi.record(city.random(random))
    async with running(settings, pool, await bus_for("reporting")) as (parts, _):
        await wait_until(lambda: parts.present.position == city.position)
    await agree(await looking(pool), city)


async def test_a_restart_in_the_middle_of_a_position(settings: Any, pool: Pool, bus_for: Any, kpi: Kpi) -> None:
    random, city = Random(5), ToyCity()
    await kpi.publish(city.define(), city.random(random))
    async with running(settings, pool, await bus_for("reporting")) as (parts, _):
        await compared(parts, kpi)
        assert parts.present.position == 2
        first, *others = kpi.record(big(city, random))
        await kpi.send(first)
        await wait_until(lambda: parts.projection._assembler.is_waiting)
    await kpi.send(*others)
    await kpi.publish(city.random(random))
    async with running(settings, pool, await bus_for("reporting")) as (parts, _):
        await wait_until(lambda: parts.present.position == city.position)
    await agree(await looking(pool), city)


async def test_a_part_that_cannot_be_read_is_buried_and_asked_for(service: Service, pool: Pool, streams: Any) -> None:
    city = ToyCity()
    await service.kpi.publish(city.define())
    service.kpi.record(city.change([Contribution("SR-08", city.today, 5, 0)]))
    await service.kpi.bus.publish("KPI", changesets.SUBJECT, b'{"type": "nonsense"}', msg_id="broken")
    await service.kpi.publish(city.change())
    await service.at(3)
    await agree(await looking(pool), city)
    buried = await streams.jetstream().get_last_msg(QUARANTINE, "city.quarantine.reporting")
    assert b"not a part of a changeset" in buried.data


async def test_while_kpi_is_away_positions_wait_behind_the_gap(
    settings: Any, pool: Pool, bus_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citygoals.reporting.projection.ASK_TIMEOUT_S", 0.2)
    kpi, city = Kpi(await bus_for("kpi")), ToyCity()
    await kpi.publish(city.define(), city.change())
    kpi.record(city.change([Contribution("SR-08", city.today, 5, 0)]))
    await kpi.publish(city.change())
    async with running(settings, pool, await bus_for("reporting")) as (parts, _):
        await wait_until(lambda: parts.projection._failures > 1)
        assert parts.present.position == 2
        assert (await parts.model.kpi("SR-08"))["numerator"] is None, "readers go on with what is known"
        await kpi.serve()
        await wait_until(lambda: parts.present.position == 4)
    await agree(await looking(pool), city)


class Unlucky(Store):
    """A store whose database goes away before or after some commits, so that nobody knows which."""

    def unlucky_with(self, random: Random) -> "Unlucky":
        self._random = random
        return self

    async def apply(self, changesets: Any) -> Any:
        fate = self._random.random()
        if fate < 0.2:
            raise Unavailable("before the commit")
        applied = await super().apply(changesets)
        if fate < 0.4:
            raise Unavailable("after the commit")
        return applied


@pytest.mark.parametrize("seed", range(3))
async def test_commits_of_unknown_outcome(service: Service, pool: Pool, seed: int) -> None:
    projection, random, city = service.parts.projection, Random(seed), ToyCity()
    projection._store = Unlucky(pool, projection._store._addresses).unlucky_with(Random(seed))
    await service.kpi.publish(city.define())
    for _ in range(40):
        await service.kpi.publish(city.random(random))
        await asyncio.sleep(0.005)
    await service.at(city.position)
    await agree(await looking(pool), city)
    fresh = (await looking(pool)).model
    assert await service.parts.model.snapshot() == await fresh.snapshot()


async def test_two_projections_on_one_database(
    settings: Any, pool: Pool, bus_for: Any, kpi: Kpi, pool_for: Any
) -> None:
    random, city = Random(9), ToyCity()
    async with (
        running(settings, pool, await bus_for("reporting")) as (one, _),
        running(settings, await pool_for("reporting"), await bus_for("reporting")) as (two, _),
    ):
        await kpi.publish(city.define())
        for _ in range(60):
            await kpi.publish(city.random(random))
        await wait_until(lambda: max(one.present.position, two.present.position) == city.position)
        await one.projection.catch_up()
        await two.projection.catch_up()
        assert one.present.position == two.present.position == city.position
        assert await one.model.snapshot() == await two.model.snapshot()
    await agree(await looking(pool), city)


async def test_many_that_begin_at_once_apply_the_first_position_once(pool: Pool) -> None:
    first = ToyCity().define()
    beginning = [Store(pool, Addresses()) for _ in range(6)]
    done = await asyncio.gather(*(store.apply([first]) for store in beginning))
    assert sorted(len(applied.changesets) for applied in done) == [0, 0, 0, 0, 0, 1]


async def test_postgres_restarts(service: Service, pool: Pool, database: Any) -> None:
    """Every connection is cut again and again while positions arrive: none is lost, none is applied twice."""
    import asyncpg  # noqa: PLC0415

    random, city = Random(4), ToyCity()
    await service.kpi.publish(city.define())
    admin = await asyncpg.connect(database.server.admin_dsn)
    try:
        for number in range(60):
            await service.kpi.publish(city.random(random))
            if number % 12 == 5:
                await admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database.name
                )
    finally:
        await admin.close()
    await service.at(city.position)
    await agree(await looking(pool), city)
