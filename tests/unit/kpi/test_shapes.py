"""Shapes are a short cut: counting facts that look alike must give what asking each of them gives."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from citygoals.kpi.changes import STEP_FACTS, Engine, by_fact
from citygoals.kpi.contributions import CellKey, KeyPlace
from citygoals.kpi.deltas import Changes, Deltas, combine, combine_keys
from citygoals.kpi.entries import Entry
from citygoals.kpi.facts import KIND_OF
from citygoals.kpi.folds import fold
from citygoals.kpi.measures import Measures
from citygoals.shared.cells import Cell
from citygoals.shared.kpi import KpiDef
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.kpi import kinds, samples
from unit.kpi.samples import CALENDAR, START, deliveries
from unit.kpi.samples import entry as an_entry
from unit.kpi.samples import kpi as a_kpi

MANY = settings(max_examples=100)
COPIES = 4

CATALOGUES: tuple[tuple[Sequence[KpiDef], Any], ...] = (
    (samples.KPIS, samples.CALENDARS),
    (kinds.KPIS, kinds.CALENDARS),
)


def alike(entries: Iterable[Entry]) -> list[Entry]:
    """The same stories of several things each: other amounts, a few seconds later, else the same."""
    found: list[Entry] = []
    for one in entries:
        kind = KIND_OF.get(one.type)
        for copy in range(COPIES):
            data = {name: _varied(name, value, copy) for name, value in one.data.items()}
            data |= {
                name: f"{data[name]}-{copy}"
                for name in (kind.identity if kind is not None else ())
                if name != "measure_id"
            }
            at = one.at + timedelta(seconds=copy)
            name = one.type.removeprefix("city.").removesuffix(".v1")
            number = len(found) + 1
            found.append(an_entry(name, data, at=at, identity=f"c-{number}", seq=number, namespace=one.namespace))
    return found


def _varied(name: str, value: Any, copy: int) -> Any:
    return value + copy if name in {"amount_minor", "attendees", "wait_s"} and value else value


def one_by_one(entries: Iterable[Entry], catalogue: tuple[Sequence[KpiDef], Any]) -> Changes:
    """What each fact by itself gives."""
    deltas = Deltas(Measures(*catalogue), CALENDAR)
    for members in by_fact(entries).values():
        deltas.add(fold(members, CALENDAR), 1)
    return deltas.take()


class Ledger:
    """What the applier keeps, without the database."""

    def __init__(self, catalogue: tuple[Sequence[KpiDef], Any]) -> None:
        self.engine = Engine(*catalogue)
        self.facts: dict[bytes, dict[bytes, Entry]] = {}
        self.cells: dict[CellKey, Cell] = {}
        self.keys: Mapping[KeyPlace, int] = {}

    def apply(self, batch: list[Entry]) -> None:
        prior = {entry.fact: list(self.facts[entry.fact].values()) for entry in batch if entry.fact in self.facts}
        changed = self.engine.changes(batch, prior)
        self.cells, self.keys = combine(self.cells, changed.cells), combine_keys(self.keys, changed.keys)
        for entry in batch:
            self.facts.setdefault(entry.fact, {})[entry.key] = entry


@pytest.mark.parametrize("catalogue", CATALOGUES)
@MANY
@given(data=st.data())
def test_counting_gives_what_asking_each_fact_gives(data: st.DataObject, catalogue: Any) -> None:
    stories = samples.ledgers(most=12) if catalogue is CATALOGUES[0] else kinds.histories(most=12)
    entries = alike(data.draw(stories))
    engine = Engine(*catalogue)
    assert engine.changes(entries, {}) == one_by_one(entries, catalogue)
    assert engine.changes(entries, {}) == one_by_one(entries, catalogue)  # now the shapes are known


@pytest.mark.parametrize("catalogue", CATALOGUES)
@MANY
@given(data=st.data())
def test_shapes_are_taken_back_as_they_were_given(data: st.DataObject, catalogue: Any) -> None:
    stories = samples.ledgers(most=10) if catalogue is CATALOGUES[0] else kinds.histories(most=10)
    entries = alike(data.draw(stories))
    ledger = Ledger(catalogue)
    for batch in data.draw(deliveries(entries)):
        ledger.apply(batch)
    assert (ledger.cells, ledger.keys) == one_by_one(entries, catalogue)


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_few_shapes_remembered_give_the_same(catalogue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = alike(kinds.busy(Random(5), things=15))
    monkeypatch.setattr("citygoals.kpi.shapes.AMOUNTS_REMEMBERED", 40)
    monkeypatch.setattr("citygoals.kpi.shapes.SIGHTS_REMEMBERED", 3)
    monkeypatch.setattr("citygoals.kpi.sights.ANSWERS_REMEMBERED", 2)
    monkeypatch.setattr("citygoals.kpi.changes.STEP_FACTS", 10)
    assert Engine(*catalogue).changes(entries, {}) == one_by_one(entries, catalogue)


def test_facts_that_look_alike_are_counted() -> None:
    """Else all the other tests here would pass without a single shape."""
    engine = Engine(*CATALOGUES[1])
    for _ in engine.take(alike(kinds.busy(Random(5), things=15)), {}):
        pass
    kinds_known = {
        key[0] if isinstance(key[0], str) and key[0].startswith("city.") else key[4] for key in engine._shapes._sums
    }
    assert kinds_known >= {"city.service_request.opened.v1", "city.permit.submitted.v1", "city.payment.settled.v1"}


def test_values_that_cancel_out_do_not_look_like_those_that_do_not() -> None:
    terms = [{"event": "city.spending.posted.v1", "value": "data.amount_minor"},
             {"event": "city.spending.reversed.v1", "value": "data.amount_minor", "sign": -1}]  # fmt: skip
    net = a_kpi("NET", {"kind": "sum", "terms": terms})
    spent = a_kpi("SPENT", {"kind": "sum", "event": "city.spending.posted.v1", "value": "data.amount_minor"})
    catalogue = ([net, spent], samples.CALENDARS)
    entries = [
        an_entry(f"spending.{fact}", {"voucher_id": f"v-{number}", "amount_minor": amount}, identity=f"{fact}-{number}")
        for number, amounts in enumerate([(5, 5), (5, 3), (5, 5), (7, 7), (0, 4), (0, 0), (0, 0), (0, 0)])
        for fact, amount in zip(("posted", "reversed"), amounts, strict=True)
    ]
    assert Engine(*catalogue).changes(entries, {}) == one_by_one(entries, catalogue)


def crowd(chance: Random, things: int = 300) -> list[Entry]:
    """Stories that differ in nothing but the instant within a day."""
    drawn: list[tuple[str, dict[str, Any], timedelta]] = []
    for number in range(things):
        request, incident = {"service_request_id": f"{number}"}, {"incident_id": f"{number}", "unit_id": "u"}
        drawn += [
            ("service_request.opened", request | {"department": "zoo", "district": 1}, timedelta(0)),
            ("service_request.closed", request | {"reason": "resolved"}, timedelta(minutes=chance.randrange(240))),
            ("unit.dispatched", incident, timedelta(0)),
            ("unit.arrived", incident, timedelta(seconds=chance.randrange(480))),
        ]
        if chance.random() < 0.5:
            drawn.append(("service_request.reopened", request, timedelta(days=2, minutes=chance.randrange(240))))
    return [
        an_entry(fact, data, at=START + after, identity=f"e-{number}", seq=number)
        for number, (fact, data, after) in enumerate(drawn, 1)
    ]


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_facts_that_differ_in_their_instants_only_may_not_look_alike(catalogue: Any) -> None:
    entries = crowd(Random(7))
    engine = Engine(*catalogue)
    assert engine.changes(entries, {}) == one_by_one(entries, catalogue)
    assert engine.changes(entries, {}) == one_by_one(entries, catalogue)


def test_shapes_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = [
        an_entry("service_request.opened", {"service_request_id": f"r-{number}"}, at=START + timedelta(days=number // 2), identity=f"e-{number}")
        for number in range(2400)
    ]  # fmt: skip
    whole = Engine(*CATALOGUES[0]).changes(opened, {})
    monkeypatch.setattr("citygoals.kpi.shapes.AMOUNTS_REMEMBERED", 200)
    monkeypatch.setattr("citygoals.kpi.shapes.SIGHTED_ONCE_MAX", 100)
    engine = Engine(*CATALOGUES[0])
    held = [(engine._shapes._amounts, len(engine._shapes._once)) for _ in engine.take(opened, {})]
    assert max(amounts for amounts, _ in held) <= 200 + 20 * STEP_FACTS
    assert max(once for _, once in held) <= 100 + STEP_FACTS
    assert engine.take_changes() == whole
