"""What must hold whatever happens, through both services: the past, what would be, both ways of lineage, several plans."""

from copy import deepcopy
from datetime import timedelta
from random import Random
from typing import Any

import asyncpg
import pytest
from citygoals.kpi.board import now_at
from citygoals.kpi.own_entries import TICKED
from citygoals.shared.figures import figure
from citygoals.shared.instants import parse_instant
from citygoals.shared.kpi import KpiDef
from citygoals.shared.nodes import nodes
from citygoals.shared.plan import PlanDef
from citygoals.shared.reading import Almanac
from integration.laws.conftest import OTHER_PLAN, Kinds
from unit.kpi.kinds import PEOPLE, START, busy
from unit.kpi.samples import CALENDAR, READER
from unit.kpi.test_kinds import reading_of, rebuilt
from unit.reporting.kinds_city import DEFINITIONS, PLAN

LABELS = ("FY2026", "FY2027", "2026-03", "2026-W12", "all")
AS_IT_IS_RECKONED = frozenset({"last_event", "events_note", "value_note"})


def targeted(**targets: str) -> list[dict[str, Any]]:
    kpis = deepcopy(DEFINITIONS["kpis"])
    for one in kpis:
        if one["id"] in targets:
            one["target"] = {"value": targets[one["id"]]}
    return list(kpis)


async def history(city: Kinds, seed: int, things: int = 25) -> dict[int, tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Let much happen in any order, some of it twice, with time passing and definitions changing in between.

    Return the KPIs and the plan that held at each position of which something is known.
    """
    chance = Random(seed)
    entries = busy(chance, things)
    chance.shuffle(entries)
    kpis, plan, held = list(DEFINITIONS["kpis"]), PLAN, {}
    for number, first in enumerate(range(0, len(entries), 40)):
        if number == 2:
            kpis = targeted(TIMELY="0.9", QUICK="0.1", COUNT="3")
            await city.catalogue_is(kpis=kpis)
        if number == 3:
            plan = OTHER_PLAN
            await city.plan_is(plan)
        if number % 2:
            await city.hours_pass(chance.choice([1, 9, 30]))
        held[city.position] = kpis, plan
        await city.take(entries[first : first + 40])
        held[city.position] = kpis, plan
    return held


async def ledger_at(database: Any, position: int) -> tuple[list[Any], Any]:
    """Return the events of the ledger cut at a position, and the last tick before it."""
    admin = await asyncpg.connect(database.dsn())
    rows = await admin.fetch("SELECT type, lane, body FROM kpi.ledger WHERE position <= $1 ORDER BY random()", position)
    await admin.close()
    entries = [READER.read(row["body"]) for row in rows if row["lane"]]
    ticks = [READER.read(row["body"]).at for row in rows if row["type"] == TICKED]
    return entries, max(ticks)


def said(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in AS_IT_IS_RECKONED}


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_past_position_is_a_rebuild_of_the_ledger_cut_there(city: Kinds, database: Any, seed: int) -> None:
    """From whole facts, by the definition of a contribution: neither batches nor deltas, neither history nor checkpoints."""
    held = await history(city, seed)
    for position, (kpis, plan) in held.items():
        entries, tick = await ledger_at(database, position)
        cells = rebuilt(entries).cells
        almanac = Almanac(CALENDAR, now_at(CALENDAR, tick), {"people": PEOPLE})
        for label in LABELS:
            period = CALENDAR.parse(label, almanac.now.day)
            reading, models = reading_of(cells, period, "city", ""), [KpiDef.model_validate(one) for one in kpis]
            own = {one.id: figure(one, reading, period=period, almanac=almanac) for one in models if not one.is_derived}
            every = own | {
                one.id: figure(one, reading, period=period, almanac=almanac, others=own)
                for one in models
                if one.is_derived
            }
            answer = await city.read("/v1/snapshot", period=label, as_of=position)
            assert answer["as_of"]["position"] == position
            shown = {one["id"]: one for one in answer["kpis"]}
            assert shown.keys() == every.keys()
            for name, one in every.items():
                reckoned = {
                    part: value for part, value in one.to_dict().items() if part != "version"
                }  # kpi numbers those
                differing = {part for part in reckoned if reckoned[part] != shown[name].get(part)}
                assert differing == set(), (position, label, name)
            rolled = nodes(PlanDef.model_validate(plan), every)
            assert {one["id"]: one for one in answer["nodes"]} == {name: one.to_dict() for name, one in rolled.items()}
            assert answer["totals"]["events"] == len(entries)


async def test_what_would_be_is_what_is_after_the_real_change(city: Kinds) -> None:
    await history(city, 3, 12)
    other = next(link["kpi"] for link in PLAN["links"] if link["node"] == "two")
    thought = {
        "period": "FY2026", "targets": {"TIMELY": "0.05", "OPEN": "1", "COUNT": None}, "weights": {"one": "3"},
        "links": [{"kpi": other, "node": "one", "weight": "4"}, {"kpi": "P90", "node": "one", "weight": None}],
        "plan": PLAN | {"cap": "1.05"},
    }  # fmt: skip
    await city.read("/v1/kpis", limit=1)  # which waits until reporting is where kpi is
    imagined = (await city.reading.post("/v1/what-if", json=thought)).json()
    plan = deepcopy(PLAN) | {"version": "9", "cap": "1.05"}
    next(node for node in plan["nodes"] if node["id"] == "one")["weight"] = "3"
    plan["links"] = [link for link in plan["links"] if (link["kpi"], link["node"]) != ("P90", "one")]
    plan["links"] += [{"kpi": other, "node": "one", "weight": "4"}]
    kpis = targeted(TIMELY="0.05", QUICK="0.1", OPEN="1")
    next(one for one in kpis if one["id"] == "COUNT")["target"] = None
    await city.catalogue_is(kpis=kpis)
    await city.plan_is(plan)
    real = await city.read("/v1/snapshot", period="FY2026")
    for part in ("kpis", "nodes", "departments", "totals"):
        assert imagined[part] == real[part], part
    assert imagined["changes"]["kpis"]
    assert imagined["changes"]["nodes"]


async def test_several_plans_say_the_same_of_the_same_events(city: Kinds) -> None:
    await history(city, 4, 12)
    for label in LABELS:
        one, two = [await city.read("/v1/snapshot", period=label, plan=version) for version in ("1", "2")]
        for part in ("kpis", "departments", "totals", "as_of"):
            assert one[part] == two[part], (part, label)
        assert {node["id"] for node in one["nodes"]} != {node["id"] for node in two["nodes"]}
        for answer in (one, two):  # every KPI hangs in each plan once, with the same weight
            linked = sorted(link["kpi"] for node in answer["nodes"] for link in node["links"])
            assert linked == sorted(kpi["id"] for kpi in answer["kpis"])


async def test_a_figure_opens_down_to_its_events_and_they_add_up_to_it(city: Kinds) -> None:
    await history(city, 5)
    explained = set()
    for label in ("FY2026", "2026-09", "all"):
        shown = await city.read("/v1/snapshot", period=label, key="analyst")
        for one in shown["kpis"]:
            path, at = f"/v1/kpis/{one['id']}/events", shown["as_of"]["position"]
            items = await city.pages(path, period=label, limit=7, as_of=at)
            assert len({(item["source"], item["id"]) for item in items}) == len(items)
            if one["numerator"] is not None and one["events"] is not None:
                assert len(items) == one["events"], (one["id"], label)
                explained.add(one["id"])
            if items:
                again = await city.pages(path, period=label, limit=1_000, as_of=at)
                assert again == items, "cursors are stable, whatever the size of a page"
    kinds = {kpi["id"]: kpi["measure"]["kind"] for kpi in DEFINITIONS["kpis"]}
    assert {kinds[name] for name in explained} == set(kinds.values()) - {
        "index", "zero_typing", "availability", "turnover",  # whose events nobody can tell from cells
    }  # fmt: skip


async def test_an_event_tells_every_figure_and_node_that_its_position_moved(city: Kinds) -> None:
    await history(city, 6, 12)
    entries = busy(Random(9), 4)
    for number, one in enumerate(entries[:4] + entries[-2:]):
        renamed = READER.read(one.body.replace(b'"id": "e-', f'"id": "late-{number}-'.encode()))
        position = await city.take([renamed])
        told = await city.read("/v1/effects", key="analyst", source=renamed.source, id=renamed.id)
        assert (told["position"], told["previous"]) == (position, position - 1)
        for label in told["periods"]:
            then, now = [
                await city.read("/v1/snapshot", key="analyst", period=label, as_of=at)
                for at in (position - 1, position)
            ]
            for part in ("kpis", "nodes"):
                before, after = ({row["id"]: row for row in answer[part]} for answer in (then, now))
                moved = {name for name in after if said(before[name]) != said(after[name])}
                items = [item for item in told[part] if item["period"] == label]
                assert {item["id"] for item in items} >= moved - {None}
                assert all((item["before"], item["after"]) == (before[item["id"]], after[item["id"]]) for item in items)
            counted = {item["id"] for item in told["kpis"] if item["of_event"] and item["period"] == label}
            assert await moved_by(city, renamed.id, label) <= counted, "whatever it stands behind is told"


async def moved_by(city: Kinds, identity: str, label: str) -> set[str]:
    """Return the KPIs to whose figure of the period the event gives something."""
    found = set()
    for kpi in DEFINITIONS["kpis"]:
        items = await city.pages(f"/v1/kpis/{kpi['id']}/events", period=label, limit=1_000)
        if any(item["id"] == identity and (item["numerator"] or item["denominator"]) for item in items):
            found.add(kpi["id"])
    return found


def test_the_histories_are_long_enough_to_say_something() -> None:
    days = {one.at.date() for one in busy(Random(1), 25)}
    assert max(days) - min(days) > timedelta(days=300)
    assert min(days) >= START.date()
    assert parse_instant("2026-02-20T14:00:00Z") == START
