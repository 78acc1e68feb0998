"""What was published from a ledger that an earlier release kept stays as it was; the renewal is one restatement of it."""

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from brokers import wait_until
from integration.kpi.test_renewal import the_rules_of_the_first_release
from integration.publications.conftest import IN_AUGUST, City
from integration.publications.test_publications import REPORT, assert_adds_up, figure, integers
from unit.kpi.samples import body

_numbers = itertools.count(1)


async def measured(city: City, namespace: str, value: int) -> int:
    """Let a system record its value of the one measurement."""
    number, before = next(_numbers), city.position
    data = {"measure_id": "m-1", "period": "2026-08", "value": value}
    at = IN_AUGUST + timedelta(minutes=number)
    told = body("measurement.recorded", data, at=at, identity=f"m-{number}", namespace=namespace)
    await city.intake.publish([city.intake.admit(told)])
    await wait_until(lambda: city.position > before)
    return city.position


async def renewed(city: City, database: Any) -> int:
    """Let the next release find the database of the first one; return the position of its renewal."""
    before = city.position
    city.kpi.stop.set()
    await wait_until(lambda: not city.kpi.leadership.is_leader)
    admin = await asyncpg.connect(database.dsn())
    await admin.execute("UPDATE kpi.applier SET rules = 1")
    await admin.close()
    city.kpi.stop.clear()
    city.kpi.task = asyncio.create_task(city.kpi.leadership.run(city.kpi.stop))
    await city.kpi.until_leading()
    return before + 1


@pytest.mark.parametrize("pinned", ["before", "between"])
async def test_a_report_of_before_the_renewal_never_moves_and_lists_it_as_one_restatement(
    city: City, database: Any, pinned: str
) -> None:
    with the_rules_of_the_first_release():
        first = await measured(city, "north", 5)
        await measured(city, "south", 7)
        if pinned == "before":
            await city.publish()
        late = await measured(city, "east", 11)
    if pinned == "between":
        await city.publish(position=first + 1)
    told = await city.read(REPORT)
    seen = {at: (await city.read("/v1/snapshot", as_of=at, period="FY2026"))["kpis"] for at in (first, late)}
    position = await renewed(city, database)

    after = await city.read(REPORT)
    assert [one["published"] for one in after["kpis"]] == [one["published"] for one in told["kpis"]]
    for at, kpis in seen.items():
        assert (await city.read("/v1/snapshot", as_of=at, period="FY2026"))["kpis"] == kpis, (
            "the past is as it was shown"
        )
    *_, last = restatements = await city.restatements(kpi="LATEST", key="analyst")
    assert (last["position"], last["cause"], last["redefined"]) == (position, "redefined", ["rules"])
    assert (last["events"]["count"], integers(last["before"]) != integers(last["after"])) == (0, True)
    assert [one["position"] for one in restatements] == [late, position]
    assert figure(after, "LATEST")["now"]["value"] == "11.00"
    await assert_adds_up(city)
    await measured(city, "west", 12)
    assert figure(await city.read(REPORT), "LATEST")["now"]["value"] == "12.00"
    await assert_adds_up(city)
