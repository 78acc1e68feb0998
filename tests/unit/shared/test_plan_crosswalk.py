"""Crosswalks and tags of a plan: what another plan's nodes become here, and themes that run across the nodes."""

from typing import Any

import jsonschema_rs
import pytest
from citygoals.shared.plan import InvalidFile, PlanDef, load_plan, plan_schema

PLAN = """\
id: pillars
version: 2026-02
effective: {from: 2026-09-01, to: 2028-09-01}
tags:
  - {id: resilience, title: {en: Resilience}, verified: true}
nodes:
  - {id: city, kind: city, title: {en: City}}
  - {id: safety, kind: pillar, parent: city, title: {en: Safety}, tags: [resilience]}
  - {id: life, kind: pillar, parent: city, title: {en: Life}}
crosswalk:
  plan: goals
  version: 2024-02
  edges:
    - {from: goal-2, to: safety}
    - {from: strategy-8-2, to: safety, weight: "0.3"}
    - {from: strategy-8-2, to: life, weight: "0.7"}
"""


def test_a_crosswalk_is_read_and_survives_being_sent() -> None:
    plan = load_plan(PLAN, "pillars.yaml")

    assert plan.crosswalk is not None
    assert [(edge.from_, edge.to, edge.weight) for edge in plan.crosswalk.edges] == [
        ("goal-2", "safety", "1"),
        ("strategy-8-2", "safety", "0.3"),
        ("strategy-8-2", "life", "0.7"),
    ]
    assert (plan.crosswalk.plan, plan.crosswalk.version, plan.crosswalk.verified) == ("goals", "2024-02", False)
    dumped = plan.model_dump(mode="json")
    assert PlanDef.model_validate(dumped) == plan
    assert jsonschema_rs.is_valid(plan_schema(), dumped)


def test_a_plan_without_either_is_as_before() -> None:
    text = PLAN.partition("crosswalk:")[0].replace(
        "tags:\n  - {id: resilience, title: {en: Resilience}, verified: true}\n", ""
    )

    plan = load_plan(text, "pillars.yaml")

    assert (plan.tags, plan.crosswalk) == ((), None)
    assert plan.nodes[1].tags == ("resilience",), "where no tags are declared, any may be used"


@pytest.mark.parametrize(
    ("written", "instead", "line", "reason"),
    [
        ("to: life, weight", "to: lief, weight", 16, "no node `lief` in the plan"),
        ('weight: "0.7"', 'weight: "0.6"', 15, "the weights of `strategy-8-2` add up to 1, not 9/10"),
        ('weight: "0.7"', 'weight: "1e9"', 16, "expected a decimal string"),
        ("to: life, weight", "to: safety, weight", 16, "`strategy-8-2` goes to `safety` already"),
        ("tags: [resilience]", "tags: [resilence]", 8, "no tag `resilence` in the plan"),
        ("  plan: goals\n", "", 10, "`plan` is missing"),
        ("nodes:", "  - {id: resilience, title: {en: Again}}\nnodes:", 6, "`resilience` is given 2 times"),
    ],
)
def test_mistakes_are_named_where_they_are(written: str, instead: str, line: int, reason: str) -> None:
    assert written in PLAN
    with pytest.raises(InvalidFile) as caught:
        load_plan(PLAN.replace(written, instead, 1), "pillars.yaml")

    assert [error["line"] for error in caught.value.errors if reason in error["reason"]] == [line]


@pytest.mark.parametrize("crosswalk", [[], "x", {"edges": []}, {"plan": "p", "version": "1", "edges": [3]}])
def test_what_is_no_crosswalk_is_refused(crosswalk: Any) -> None:
    plan = load_plan(PLAN, "pillars.yaml").model_dump(mode="json") | {"crosswalk": crosswalk}

    with pytest.raises(ValueError, match="crosswalk"):
        PlanDef.model_validate(plan)
    assert not jsonschema_rs.is_valid(plan_schema(), plan)
