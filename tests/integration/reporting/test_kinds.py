"""Every kind of measure, from the database: the present is what the cells say, and the past is what was shown then."""

from random import Random
from typing import Any

import pytest
from citygoals.reporting.cells import CITY, Slice
from citygoals.reporting.sheet import Sheet
from integration.reporting.conftest import Shelf, shelf_over
from unit.kpi.kinds import PEOPLE
from unit.reporting.city import CALENDAR, definitions_of
from unit.reporting.kinds_city import DEFINITIONS, KindsCity

LABELS = ("FY2026", "2026-09", "2026-W37", "all", "last-90d", "last-7d@2026-09-06", "2026-09-08")
HELD = definitions_of(DEFINITIONS)


async def everything(shelf: Shelf, as_of: str | None = None) -> dict[str, Any]:
    answers: dict[str, Any] = {label: await shelf.model.snapshot(period=label, as_of=as_of) for label in LABELS}
    for by in (None, "department", "district", "channel"):
        for kpi in ("TIMELY", "LATE", "OPEN", "P90", "SITES", "MORE", "HEADS", "TYPING", "INDEX"):
            question: dict[str, Any] = {"grain": "month", "first": "2026-07", "last": "2026-09", "by": by}
            answers[f"{kpi} by {by}"] = await shelf.model.series(kpi, as_of=as_of, **question)
    answers["zoo"] = await shelf.model.department("zoo", as_of=as_of)
    answers["definition"] = await shelf.model.kpi("TIMELY", as_of=as_of)
    return answers


@pytest.mark.parametrize("checkpoint", [4, None])
async def test_every_kind_reads_as_the_cells_say_and_the_past_as_it_was_shown(
    shelf: Shelf, checkpoint: int | None
) -> None:
    random, city = Random(9), KindsCity()
    await shelf.apply(city.define())
    recorded = {}
    for changeset in city.live(random, 40, size=50):
        await shelf.apply(changeset)
        if city.position == checkpoint:
            await shelf.checkpointer.write()
        if city.position in (3, 6):
            grown = {**PEOPLE.model_dump(mode="json"), "note": f"as of {city.position}"}
            grown["rows"] = [{**row, "value": row["value"] * city.position} for row in grown["rows"]]
            await shelf.apply(city.define({"references": [grown]}))
        recorded[city.position] = await everything(shelf)
    assert {row["denominator"] for row in heads(recorded)} == {1200, 3 * 1200, 6 * 1200}
    reader = shelf_over(shelf.pool)
    async with reader.moments.at(None) as moment:
        reader.present.jump(moment.mark, moment.definitions, moment.totals)
    for position, shown in recorded.items():
        assert await everything(reader, str(position)) == shown


def heads(recorded: dict[int, Any]) -> list[Any]:
    return [one for shown in recorded.values() for one in shown["all"]["kpis"] if one["id"] == "HEADS"]


async def test_the_database_gives_what_the_figures_need(shelf: Shelf) -> None:
    city = KindsCity()
    await shelf.apply(city.define(), *city.live(Random(4), 60, size=100))
    for label in LABELS:
        period = CALENDAR.parse(label, city.today)
        for slice_ in (CITY, Slice("department", "zoo"), Slice("district", "1"), Slice("channel", "web")):
            async with shelf.moments.at(None) as moment:
                found = Sheet(await moment.tally(slice_, period), moment.definitions, moment.almanac)
            truth = Sheet(await city.tallied(slice_, period, HELD), HELD, city.almanac(HELD))
            assert found.rows == truth.rows
