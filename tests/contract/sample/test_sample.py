"""The sample city is whole: it says what is verified, its KPIs can be fed, and its links lead somewhere."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from citygoals.shared.attainment import Ratio
from citygoals.shared.catalogue import EVENT_TYPES, schema_of
from citygoals.shared.kpi import KpiDef
from citygoals.shared.nodes import nodes
from citygoals.shared.plan import kpi_schema, load_catalogue, plan_schema
from citygoals.shared.sample import (
    CATALOGUE_FILES,
    DEPARTMENT_FILES,
    load_looked_up,
    load_plans,
    load_sample,
    text_of,
)
from contract.sample.reckoned import event, figures

PLAN, KPIS, DEPARTMENTS = load_sample()

# The promised ids.
DEPARTMENT_IDS = """
    animal-services aviation capital-improvement city-attorney city-clerk city-manager community-human-development
    economic-development environmental-services fire human-resources information-technology international-bridges library
    municipal-court museums-cultural-affairs office-of-the-comptroller parks-recreation planning-inspections police
    public-health purchasing streets-maintenance sun-metro tax-office zoo unassigned
""".split()  # noqa: SIM905  # as the promise writes them
KPI_IDS = [
    "FIN-01",
    "FIN-02",
    "FIN-03",
    "FIN-04",
    "TAX-01",
    "MC-01",
    "MC-02",
    "CCC-01",
    "CCC-02",
    "CCC-03",
    "CCC-04",
    "SR-01",
    "SR-02",
    "SR-03",
    "SR-04",
    "SR-05",
    "SR-06",
    "SR-07",
    "SR-08",
    "SR-09",
    "SR-10",
    "SM-01",
    "SM-02",
    "ES-01",
    "ES-02",
    "AS-01",
    "PD-01",
    "FD-01",
    "HOM-01",
    "PR-01",
    "PR-02",
    "LIB-01",
    "IT-01",
    "IT-02",
    "IT-03",
    "COM-01",
    "CLK-01",
    "CLK-02",
    "PI-01",
    "HR-01",
    "ZT-01",
]
PHASED = ["TAX-01", "PR-01", "LIB-01", "HR-01"]


def test_the_departments_are_the_promised_ones() -> None:
    assert [department.id for department in DEPARTMENTS] == DEPARTMENT_IDS
    assert sum(department.verified for department in DEPARTMENTS) == 19
    blocks = {node.id for node in PLAN.nodes if node.kind == "vision_block"}
    assert {department.vision_block for department in DEPARTMENTS} == {*blocks, None}


def test_the_kpis_are_the_promised_ones() -> None:
    assert [kpi.id for kpi in KPIS] == KPI_IDS
    assert {kpi.department for kpi in KPIS} - {None} <= set(DEPARTMENT_IDS)


def test_every_kpi_can_be_read_without_its_definition() -> None:
    assert [kpi.id for kpi in KPIS if kpi.description is None or not kpi.description.es] == []
    assert [kpi.id for kpi in KPIS if kpi.target is not None and kpi.target.phase is not None] == PHASED


def test_every_illustrative_target_says_so() -> None:
    assert [kpi.id for kpi in KPIS if (kpi.target is not None) != kpi.sample] == []


def test_everything_is_said_in_both_languages() -> None:
    texts = [node.title for node in PLAN.nodes] + [kpi.title for kpi in KPIS]
    texts += [department.title for department in DEPARTMENTS]

    assert [text.en for text in texts if not text.es] == []
    assert PLAN.translation == "ours"


def test_the_plan_has_the_published_shape() -> None:
    kinds = Counter(node.kind for node in PLAN.nodes)

    assert kinds == {"city": 1, "vision_block": 4, "goal": 8, "strategy": 54, "objective": 30}
    assert (PLAN.id, PLAN.version, PLAN.cap, PLAN.tolerance) == ("el-paso-8-goals", "2024-02", "1.25", "0.05")
    assert [node.id for node in PLAN.nodes if node.parent is None] == ["city"]


def test_what_is_not_verified_is_not_shown_as_official() -> None:
    strategies = [node for node in PLAN.nodes if node.kind == "strategy"]
    objectives = [node for node in PLAN.nodes if node.kind == "objective"]

    assert sum(node.verified for node in strategies) == 31
    assert sum("wording not found" in node.title.en for node in strategies) == 7
    assert sum(node.verified for node in objectives) == 5
    for node in (*strategies, *objectives):
        assert node.verified == bool(node.source and "not found" not in node.source), node.id
        assert node.verified or node.source or node.sample, node.id
    assert all("not official" in node.title.en for node in objectives if not node.verified)
    goals_5_and_6 = [node for node in strategies if node.parent in {"goal-5", "goal-6"}]
    assert not any(node.verified for node in goals_5_and_6)


def test_ids_numbers_and_parents_agree() -> None:
    for node in PLAN.nodes:
        if node.kind == "strategy":
            goal, number = (node.number or "").split(".")
            assert (node.id, node.parent) == (f"strategy-{goal}-{number}", f"goal-{goal}")


def test_every_kpi_counts_under_a_strategy() -> None:
    kinds = {node.id: node.kind for node in PLAN.nodes}

    assert {link.kpi for link in PLAN.links} == set(KPI_IDS)
    assert {kinds[link.node] for link in PLAN.links} == {"strategy", "objective"}
    assert {link.node for link in PLAN.links if kinds[link.node] == "objective"} == {"objective-3", "objective-5"}


@pytest.mark.parametrize("kpi", KPIS, ids=KPI_IDS)
def test_every_measure_reads_fields_that_its_events_have(kpi: KpiDef) -> None:
    """A condition may read what an event need not have only after it has asked whether it does."""
    measure = kpi.measure.model_dump(mode="json")

    assert list(_events(measure)) or kpi.is_derived
    assert set(_events(measure)) <= set(EVENT_TYPES)
    for condition, event_type in _conditions(measure):
        required = EVENT_TYPES[event_type].required
        for name in re.findall(r"data\.([a-z_]+)", condition):
            assert name in required or f"has(data.{name})" in condition


@pytest.mark.parametrize("kpi", KPIS, ids=KPI_IDS)
def test_every_measure_adds_up_integers(kpi: KpiDef) -> None:
    for term in (*kpi.measure.numerators, *kpi.measure.denominators):
        if term.path:
            assert schema_of(term.event)["properties"][term.path[0]]["type"] == "integer"


@pytest.mark.parametrize("kpi", KPIS, ids=KPI_IDS)
def test_whatever_is_looked_up_is_there(kpi: KpiDef) -> None:
    measure = kpi.measure.model_dump(mode="json")
    calendars, references = ({one.id for one in found} for found in load_looked_up())

    assert {value for name, value in _fields(measure) if name in {"calendar", "clock"} and value} <= calendars
    assert {value for name, value in _fields(measure) if name == "reference"} <= references
    for name, value in _fields(measure):
        if name == "due_field" and value:
            assert EVENT_TYPES[measure["deadline"]["start"]].optional[value]["format"] == "instant"


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield name, inner
        yield from _fields(inner)
    for inner in value if isinstance(value, list) else ():
        yield from _fields(inner)


def _events(measure: dict[str, Any]) -> Iterator[str]:
    for name, value in _fields(measure):
        if name in {"event", "since", "start", "pause", "resume"} and value:
            yield value
        elif name == "ends":
            yield from value


def _conditions(value: Any) -> Iterator[tuple[str, str]]:
    """Every condition with the event that it reads; that of a deadline reads its start, or its first end."""
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _conditions(inner)
    if isinstance(value, dict):
        if value.get("where"):
            yield value["where"], value.get("event") or value["start"]
        if value.get("unless"):
            yield value["unless"], value["ends"][0]


def test_the_files_are_valid_by_the_published_schemas() -> None:
    plan, kpis = (jsonschema_rs.validator_for(schema) for schema in (plan_schema(), kpi_schema()))

    for one in load_plans():
        assert plan.is_valid(one.model_dump(mode="json"))
    for name in (*DEPARTMENT_FILES, *CATALOGUE_FILES):
        assert kpis.is_valid(load_catalogue(text_of(name), name).model_dump(mode="json", exclude_none=True))


def test_what_is_made_up_to_be_divided_by_says_so() -> None:
    for table in load_looked_up()[1]:
        assert table.sample
        assert not table.verified


def test_one_court_payment_reaches_the_top_by_several_paths() -> None:
    payment = {"department": "municipal-court", "service_code": "citation", "channel": "web"}
    money = {"amount_minor": 3_000_000_00, "currency": "USD"}
    before = {name: one._replace(attainment=Ratio(1, 2)) for name, one in figures([]).items()}

    found = figures([event("payment.settled", "2026-11-20 12:00", payment_id="p", **payment, **money)])
    touched = {name: one for name, one in found.items() if one.events}

    assert {name: one.status for name, one in touched.items()} == dict.fromkeys(
        ("FIN-02", "FIN-03", "FIN-04", "MC-01"), "ON_TRACK"
    )
    old, new = nodes(PLAN, before), nodes(PLAN, before | touched)
    assert {name for name, node in new.items() if node.attainment != old[name].attainment} == {
        "strategy-2-6", "goal-2", "safe-and-beautiful-neighborhoods",
        "strategy-5-2", "goal-5", "strategy-6-6", "goal-6", "high-performing-government", "city",
    }  # fmt: skip


def test_an_empty_city_has_no_data_but_of_the_catalogue_itself() -> None:
    rolled = nodes(PLAN, figures([]))

    assert {name for name, node in rolled.items() if node.status != "NO_DATA"} == {"strategy-6-4"}


def test_each_reader_gets_lists_of_its_own() -> None:
    load_sample()[1].clear()

    assert len(load_sample()[1]) == len(KPI_IDS)
