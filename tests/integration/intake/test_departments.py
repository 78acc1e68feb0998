"""Departments that events name are those of the catalogue, which a real kpi keeps and is asked for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest
from brokers import SCHEMAS, wait_until
from citygoals.intake.app import Intake, running
from citygoals.intake.settings import IntakeSettings
from citygoals.kpi.answers import answer
from citygoals.kpi.applier import Applier
from citygoals.kpi.definitions import CATALOGUE_APPLIED
from citygoals.kpi.ticks import strike
from citygoals.shared.bus import Bus
from citygoals.shared.clock import FixedClock
from citygoals.shared.period import CityCalendar
from citygoals.shared.postgres import Pool
from integration.intake.conftest import Client
from unit.intake.samples import payment

CALENDAR = CityCalendar("America/Denver", 9)
NO_DEPARTMENT = {"pointer": "/data/department", "detail": "is not a department of the catalogue"}


@pytest.fixture
def schemas() -> tuple[str, ...]:
    return SCHEMAS


@pytest.fixture
async def applier(
    pool_for: Callable[..., Awaitable[Pool]], bus_for: Callable[[str], Awaitable[Bus]]
) -> AsyncIterator[Applier]:
    """A kpi that has the definitions of nobody yet, and answers questions about them."""
    pool = await pool_for("kpi")
    clock = FixedClock(datetime(2026, 11, 21, 17, 0, tzinfo=UTC))
    async with pool.acquire() as connection:
        begun = await Applier.begin(connection, CALENDAR, clock, lambda *_: None)
        await strike(begun, clock)
        await answer(await bus_for("kpi"), pool, CALENDAR)
        yield begun


async def define(applier: Applier, *departments: str) -> None:
    items = [{"id": name, "title": {"en": name, "es": name}} for name in departments]
    await applier.define(CATALOGUE_APPLIED, {"kpis": [], "departments": items})


async def test_while_the_catalogue_names_none_any_will_do(applier: Applier, publisher: Client) -> None:
    assert (await publisher.post(payment("p1", department="anything"))).status_code == 202
    assert (await publisher.post(payment("p2", department="Not An Id"))).status_code == 422


async def test_then_it_must_be_one_of_them(applier: Applier, publisher: Client) -> None:
    await define(applier, "fire", "library")
    await wait_until(lambda: _refuses(publisher, "p0"))
    for name, status in (("fire", 202), ("library", 202), ("unassigned", 202), ("police", 422), ("", 422)):
        answered = await publisher.post(payment(f"p-{name}", department=name))
        assert answered.status_code == status, (name, answered.text)
    assert answered.json()["errors"] == [NO_DEPARTMENT]


async def test_a_new_department_may_be_named_at_once(applier: Applier, publisher: Client) -> None:
    await define(applier, "fire")
    await wait_until(lambda: _refuses(publisher, "p0"))
    for number in range(5):
        await define(applier, f"bureau-{number}")
        receipt = await publisher.batch(
            [payment(f"new-{number}", department=f"bureau-{number}"), payment(f"no-{number}", department="police")]
        )
        assert (receipt["accepted"], len(receipt["rejected"])) == (1, 1)
    dry = await publisher.post(payment("dry", department="police"), query="?dry_run=true")
    assert dry.json()["errors"] == [NO_DEPARTMENT]


async def test_they_are_known_from_the_start(
    applier: Applier, settings: IntakeSettings, bus_for: Callable[[str], Awaitable[Bus]]
) -> None:
    await define(applier, "fire")
    async with running(settings) as intake:
        assert intake.admission.types._known_departments == {"fire"}


async def test_while_kpi_is_away_the_door_stays_open(intake: Intake, publisher: Client) -> None:
    assert (await publisher.post(payment("p1", department="anything"))).status_code == 202


async def _refuses(publisher: Client, identity: str) -> bool:
    answered = await publisher.post(payment(identity, department="police"), query="?dry_run=true")
    return answered.status_code == 422
