"""The sample city is whole: it says what is verified, its KPIs can be fed, and its links lead somewhere."""

import re
from collections import Counter
from datetime import date

import jsonschema_rs
import pytest
from citygoals.shared.catalogue import schema_of
from citygoals.shared.figures import Cell, figure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.nodes import nodes
from citygoals.shared.period import CityCalendar
from citygoals.shared.plan import kpi_schema, load_catalogue, plan_schema
from citygoals.shared.sample import load_sample, text_of

PLAN, KPIS, DEPARTMENTS = load_sample()
BY_ID = {kpi.id: kpi for kpi in KPIS}
TODAY = date(2026, 11, 21)

# The promised ids.
DEPARTMENT_IDS = """
    animal-services aviation capital-improvement city-attorney city-clerk city-manager community-human-development
    economic-development environmental-services fire human-resources information-technology international-bridges library
    municipal-court museums-cultural-affairs office-of-the-comptroller parks-recreation planning-inspections police
    public-health purchasing streets-maintenance sun-metro tax-office zoo unassigned
""".split()  # noqa: SIM905  # as the promise writes them
KPI_IDS = "FIN-02 FIN-04 MC-01 CCC-01 CCC-03 SR-04 SR-08 SR-09 SR-10 PR-01 PR-02 IT-02 COM-01".split()  # noqa: SIM905


def test_the_departments_are_the_promised_ones() -> None:
    assert [department.id for department in DEPARTMENTS] == DEPARTMENT_IDS
    assert sum(department.verified for department in DEPARTMENTS) == 19
    blocks = {node.id for node in PLAN.nodes if node.kind == "vision_block"}
    assert {department.vision_block for department in DEPARTMENTS} == {*blocks, None}


def test_the_kpis_are_the_promised_ones() -> None:
    assert [kpi.id for kpi in KPIS] == KPI_IDS
    assert {kpi.department for kpi in KPIS} - {None} <= set(DEPARTMENT_IDS)


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

    assert sorted(link.kpi for link in PLAN.links) == sorted(KPI_IDS)
    assert {kinds[link.node] for link in PLAN.links} == {"strategy"}


@pytest.mark.parametrize("kpi", KPIS, ids=KPI_IDS)
def test_every_measure_reads_fields_that_its_events_have(kpi: KpiDef) -> None:
    terms = (*kpi.measure.numerators, *kpi.measure.denominators)

    assert terms
    for term in terms:
        fields = schema_of(term.event)["properties"]
        if term.path:
            assert fields[term.path[0]]["type"] == "integer"
        for name in re.findall(r"data\.([a-z_]+)", term.where or ""):
            assert name in schema_of(term.event)["required"]
        if term.since is not None:
            assert schema_of(term.since)["required"]


def test_the_files_are_valid_by_the_published_schemas() -> None:
    plan, kpis = (jsonschema_rs.validator_for(schema) for schema in (plan_schema(), kpi_schema()))

    assert plan.is_valid(PLAN.model_dump(mode="json"))
    assert kpis.is_valid(load_catalogue(text_of("kpis.yaml"), "kpis.yaml").model_dump(mode="json", exclude_none=True))
    assert kpis.is_valid({"departments": [department.model_dump(mode="json") for department in DEPARTMENTS]})


def test_one_court_payment_reaches_the_top_by_several_paths() -> None:
    period = CityCalendar().parse("FY2027", TODAY)
    cells = {"MC-01": Cell(65, 100, 100), "FIN-02": Cell(65, 100, 100), "FIN-04": Cell(0, 100, 100)}

    figures = {
        kpi.id: figure(kpi, cells.get(kpi.id), period=period, today=TODAY, last_day=TODAY if kpi.id in cells else None)
        for kpi in KPIS
    }
    rolled = nodes(PLAN, figures)

    assert [figures[name].status for name in cells] == ["ON_TRACK"] * 3
    moved = {name: node.attainment for name, node in rolled.items() if node.attainment is not None}
    assert moved == {
        "strategy-2-6": "1.000000000000",
        "strategy-5-2": "1.000000000000",
        "strategy-6-6": "1.250000000000",
        "goal-2": "1.000000000000",
        "goal-6": "1.250000000000",
        "safe-and-beautiful-neighborhoods": "1.000000000000",
        "high-performing-government": "1.250000000000",
        "city": "1.125000000000",
    }


def test_an_empty_city_has_no_data_and_no_requests() -> None:
    period = CityCalendar().parse("FY2027", TODAY)
    figures = {kpi.id: figure(kpi, None, period=period, today=TODAY, last_day=None) for kpi in KPIS}
    counted = {"SR-08", "SR-09"}  # a month without requests has none of them: that is no lack of data

    assert {part.status for name, part in figures.items() if name not in counted} == {"NO_DATA"}
    assert {(figures[name].numerator, figures[name].status) for name in counted} == {(0, "BASELINING")}
    assert {node.status for node in nodes(PLAN, figures).values()} == {"NO_DATA"}


def test_each_reader_gets_lists_of_its_own() -> None:
    load_sample()[1].clear()

    assert len(load_sample()[1]) == len(KPI_IDS)
