"""One stream, several plans: the sample's plans weigh the same figures, and nothing gets lost between them."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from random import Random

import pytest
from citygoals.kpi.definitions import Definitions
from citygoals.local.plan_text import differences
from citygoals.shared.attainment import NO_DATA, ONE, ratio
from citygoals.shared.nodes import nodes
from citygoals.shared.plan import PlanDef
from citygoals.shared.sample import load_plans, load_sample
from contract.sample.reckoned import figures
from hypothesis import given, settings
from hypothesis import strategies as st

EARLIER, PILLARS, GOALS = load_plans()
KPI_IDS = {kpi.id for kpi in load_sample()[1]}
EMPTY = figures([])


def weights(plan: PlanDef) -> dict[str, Fraction]:
    """What each KPI weighs in all."""
    found: dict[str, Fraction] = defaultdict(Fraction)
    for link in plan.links:
        found[link.kpi] += Fraction(link.weight)
    return dict(found)


def applied(*plans: PlanDef) -> Definitions:
    definitions = Definitions()
    for position, plan in enumerate(plans, start=1):
        definitions = definitions.with_plan(plan, position)
    return definitions


def test_the_plan_of_the_source_documents_is_in_force_beside_the_one_that_replaced_it() -> None:
    plans = applied(*load_plans())

    assert [one.plan for one in plans.plans] == [EARLIER, PILLARS, GOALS]
    assert plans.in_force(date(2026, 11, 21)) is GOALS
    assert plans.in_force(date(2022, 11, 21)) is EARLIER
    assert applied(EARLIER, GOALS, PILLARS).in_force(date(2026, 11, 21)) is PILLARS, "the one applied last"
    assert applied(EARLIER, GOALS, PILLARS).in_force(date(2026, 8, 31)) is GOALS, "before the pillars take effect"


def test_the_pillars_are_the_published_ones_and_the_mapping_is_ours() -> None:
    pillars = [node for node in PILLARS.nodes if node.kind == "pillar"]

    assert [node.title.en for node in pillars] == [
        "Economic Mobility", "Public Safety", "Infrastructure", "Quality of Life", "Good Governance",
    ]  # fmt: skip
    assert all(node.verified and node.source for node in pillars)
    assert PILLARS.crosswalk is not None
    assert not PILLARS.crosswalk.verified
    assert "our mapping" in (PILLARS.note or "")


@pytest.mark.parametrize("plan", [EARLIER, PILLARS, GOALS], ids=["earlier", "pillars", "goals"])
def test_every_plan_weighs_every_kpi_and_each_as_much(plan: PlanDef) -> None:
    found = weights(plan)

    assert set(found) == KPI_IDS
    assert {kpi: weight for kpi, weight in found.items() if weight != 1} == {"SR-10": 2, "FIN-04": 2}
    assert sum(found.values()) == 43


def test_of_each_node_all_goes_on() -> None:
    assert PILLARS.crosswalk is not None
    totals: dict[str, Fraction] = defaultdict(Fraction)
    for edge in PILLARS.crosswalk.edges:
        totals[edge.from_] += Fraction(edge.weight)

    assert (PILLARS.crosswalk.plan, PILLARS.crosswalk.version) == (GOALS.id, GOALS.version)
    assert set(totals) <= {node.id for node in GOALS.nodes}
    assert set(totals.values()) == {1}


def test_the_links_are_those_of_the_eight_goals_carried_over_the_crosswalk() -> None:
    carried: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for link in GOALS.links:
        for pillar, share in goes_to(link.node).items():
            carried[link.kpi, pillar] += Fraction(link.weight) * share

    assert {(link.kpi, link.node): Fraction(link.weight) for link in PILLARS.links} == carried


def goes_to(node: str) -> Mapping[str, Fraction]:
    """Where a node of the eight goals goes: by its own edges, or else where its parent goes."""
    assert PILLARS.crosswalk is not None
    own = {edge.to: Fraction(edge.weight) for edge in PILLARS.crosswalk.edges if edge.from_ == node}
    parent = next(one.parent for one in GOALS.nodes if one.id == node)
    return own or goes_to(parent or "nowhere")


def test_the_amendments_are_two_strategies_and_five_objectives() -> None:
    before, after = (plan.model_dump(mode="json") for plan in (EARLIER, GOALS))
    found = differences(before, after)

    assert sum(line.startswith("+ node objective-") for line in found) == 5
    changed = {line.split()[2].rstrip(":") for line in found if line.startswith("~ node")}
    assert changed == {"strategy-2-7", "strategy-3-4"}
    assert not [line for line in found if line.startswith("- ")]


@settings(max_examples=40)
@given(st.randoms(use_true_random=False))
def test_totals_reconcile_between_the_plans(random: Random) -> None:
    """With all links under one node, every plan comes to the same number: none makes a KPI weigh more than another."""
    found = {kpi: one._replace(attainment=ratio(random.randint(0, 900), 700)) for kpi, one in EMPTY.items()}

    assert len({nodes(under_one_node(plan), found)["all"].attainment for plan in load_plans()}) == 1


def under_one_node(plan: PlanDef) -> PlanDef:
    """The plan without its structure: each KPI with what it weighs in all."""
    return PlanDef.model_validate(
        {
            "id": "flat", "version": "1", "effective": {"from": "2026-09-01"},
            "nodes": [{"id": "all", "kind": "city", "title": {"en": "All"}}],
            "links": [{"kpi": kpi, "node": "all", "weight": str(weight)} for kpi, weight in sorted(weights(plan).items())],
        }
    )  # fmt: skip


@settings(max_examples=40)
@given(st.randoms(use_true_random=False))
def test_every_plan_rolls_up_the_very_same_figures(random: Random) -> None:
    found = {kpi: one._replace(attainment=ratio(random.randint(0, 900), 700)) for kpi, one in EMPTY.items()}

    for plan in load_plans():
        for node in nodes(plan, found).values():
            if node.branch.links and node.worst is not None and node.worst.kind == "kpi":
                linked = [found[link.kpi].attainment or ONE for link in node.branch.links]
                assert Fraction(*node.worst.attainment) == min(Fraction(*attainment) for attainment in linked)


@settings(max_examples=40)
@given(st.sets(st.sampled_from(sorted(KPI_IDS))))
def test_a_city_on_track_everywhere_is_on_track_under_every_plan(known: set[str]) -> None:
    found = {kpi: one._replace(attainment=ONE if kpi in known else None) for kpi, one in EMPTY.items()}

    for plan in load_plans():
        for node in nodes(plan, found).values():
            assert node.status == NO_DATA or node.attainment == "1.000000000000"
