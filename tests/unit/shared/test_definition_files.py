"""Plan and catalogue files: read exactly, or refused with every mistake, its line and its reason."""

from typing import Any

import jsonschema_rs
import pytest
from citygoals.shared.definition_file import FILE_MAX_CHARS
from citygoals.shared.plan import InvalidFile, PlanDef, kpi_schema, load_catalogue, load_plan, plan_schema

# The samples of the promise to operators, to the letter.
PLAN = """\
# plan.yaml
id: el-paso-8-goals
version: 2024-02
effective: {from: 2023-09-01}
cap: "1.25"
tolerance: "0.05"
nodes:
  - {id: city, kind: city, title: {en: City of El Paso, es: Ciudad de El Paso}}
  - {id: high-performing-government, kind: vision_block, parent: city, weight: "1", title: {en: High Performing Government}}
  - {id: goal-6, kind: goal, parent: high-performing-government, weight: "1", title: {en: Set the Standard for Sound Governance and Fiscal Management}}
  - {id: strategy-6-6, kind: strategy, parent: goal-6, weight: "1", title: {en: "..."}, verified: false, tags: [financial-sustainability]}
links:
  - {kpi: FIN-04, node: strategy-6-6, weight: "2"}
"""
KPIS = """\
# kpis.yaml
kpis:
  - id: FIN-02
    title: {en: Share of payments made online, es: Pagos hechos en línea}
    department: null                 # city-wide
    measure:
      kind: ratio
      numerator: {event: city.payment.settled.v1, value: count, where: "data.channel in ['web', 'app']"}
      denominator: {event: city.payment.settled.v1, value: count}
    unit: "%"
    decimals: 2
    polarity: up
    target: {value: "0.65", basis: fiscal_year}
    tolerance: "0.05"
    absence_means: unknown
    freshness: P7D
"""


def mistakes(load: Any, text: str, **more: Any) -> list[tuple[int, str, str]]:
    with pytest.raises(InvalidFile) as caught:
        load(text, "file.yaml", **more)
    assert all(error["file"] == "file.yaml" for error in caught.value.errors)
    return [(error["line"], error["pointer"], error["reason"]) for error in caught.value.errors]


def test_the_promised_plan_is_read() -> None:
    plan = load_plan(PLAN, "plan.yaml")

    assert (plan.id, plan.version, plan.effective.from_.isoformat()) == ("el-paso-8-goals", "2024-02", "2023-09-01")
    assert [node.id for node in plan.nodes] == ["city", "high-performing-government", "goal-6", "strategy-6-6"]
    assert plan.nodes[3].verified is False
    assert plan.nodes[3].tags == ("financial-sustainability",)
    assert (plan.links[0].kpi, plan.links[0].node, plan.links[0].weight) == ("FIN-04", "strategy-6-6", "2")


def test_the_promised_catalogue_is_read() -> None:
    (kpi,) = load_catalogue(KPIS, "kpis.yaml").kpis

    assert kpi.title.labels() == {"en": "Share of payments made online", "es": "Pagos hechos en línea"}
    assert kpi.department is None
    assert kpi.measure.numerators[0].where == "data.channel in ['web', 'app']"
    assert kpi.measure.denominators[0].value == "count"
    assert kpi.freshness_days == 7


def test_definitions_survive_being_sent() -> None:
    plan = load_plan(PLAN, "plan.yaml")
    (kpi,) = load_catalogue(KPIS, "kpis.yaml").kpis

    assert PlanDef.model_validate(plan.model_dump(mode="json")) == plan
    assert type(kpi).model_validate(kpi.model_dump(mode="json")) == kpi
    assert plan.model_dump(mode="json")["effective"] == {"from": "2023-09-01", "to": None}


def test_a_json_file_is_a_yaml_file() -> None:
    assert load_plan(load_plan(PLAN, "plan.yaml").model_dump_json(), "plan.json") == load_plan(PLAN, "plan.yaml")


def test_bare_numbers_keep_what_was_written() -> None:
    plan = load_plan(PLAN.replace('cap: "1.25"', "cap: 1.250").replace("2024-02", "2024"), "plan.yaml")
    (kpi,) = load_catalogue(KPIS.replace('"0.65"', "0.65"), "kpis.yaml").kpis

    assert (plan.cap, plan.version) == ("1.250", "2024")
    assert kpi.target is not None
    assert kpi.target.value == "0.65"


def test_every_mistake_of_a_plan_is_named_at_once() -> None:
    text = """\
id: El Paso
version: 2024-02
effective: {from: 2023-09-01, to: 2020-01-01}
tolerence: "0.05"
nodes:
  - {id: city, kind: city, title: {en: City}}
  - {id: a, kind: goal, parent: b, weight: "0", title: {en: A}}
  - {id: b, kind: goal, parent: c, title: {en: B}}
  - id: c
    kind: goal
    parent: a
    parents:
      - {node: a}
      - {node: lost}
    title: {en: C}
  - {id: d, kind: goal, parent: b, title: {fr: D}}
  - {id: d, kind: goal, parent: d}
links:
  - {kpi: FIN-04, node: strategy-6-6, weight: -1}
  - {kpi: FIN-04, node: a}
  - {kpi: FIN-04, node: a}
"""
    assert mistakes(load_plan, text) == [
        (1, "/id", "expected an id in kebab-case, like municipal-court"),
        (3, "/effective/to", "`to` (2020-01-01) is the first day after the plan: later than `from`"),
        (4, "/tolerence", "unknown field `tolerence`: did you mean `tolerance`?"),
        (7, "/nodes/1/parent", "a circle of parents: a -> b -> c -> a"),
        (7, "/nodes/1/weight", "expected a decimal above zero, not 0"),
        (13, "/nodes/3/parents/0/node", "`a` is a parent already: give one weight"),
        (14, "/nodes/3/parents/1/node", "no node `lost` in the plan"),
        (16, "/nodes/4/title/en", "`en` is missing"),
        (16, "/nodes/4/title/fr", "unknown field `fr`"),
        (17, "/nodes/5/id", "`d` is given 2 times"),
        (17, "/nodes/5/parent", "a circle of parents: d -> d"),
        (17, "/nodes/5/title", "`title` is missing"),
        (19, "/links/0/node", "no node `strategy-6-6` in the plan"),
        (19, "/links/0/weight", "expected a decimal above zero, not -1"),
        (21, "/links/2", "`FIN-04` is linked to `a` already: give one weight"),
    ]


def test_every_mistake_of_a_catalogue_is_named_at_once() -> None:
    text = """\
kpis:
  - id: FIN 02
    title: {en: Online}
    department: lunar-affairs
    measure:
      kind: ratio
      numerator: {event: city.payment.settled.v1, where: "data.channel in ['web'"}
      denominator: [{event: payment.settled, vlaue: count}]
    unit: "%"
    polarity: down
    target: {value: 0.65}
    tolerance: "5"
    freshness: 7 days
  - id: X
    title: {en: x}
    measure: {kind: guess}
    unit: "%"
  - id: X
    title: {en: x}
    measure: {kind: count, event: city.a.b.v1, where: "channel == 'web'"}
    unit: "%"
    polarity: band
    target: {value: 2}
"""
    found = mistakes(load_catalogue, text, departments=["fire"])

    assert [(line, pointer) for line, pointer, _ in found] == [
        (2, "/kpis/0/id"),
        (4, "/kpis/0/department"),
        (7, "/kpis/0/measure/numerator/where"),
        (8, "/kpis/0/measure/denominator/0/event"),
        (8, "/kpis/0/measure/denominator/0/vlaue"),
        (12, "/kpis/0/tolerance"),
        (13, "/kpis/0/freshness"),
        (16, "/kpis/1/measure"),
        (18, "/kpis/2/id"),
        (20, "/kpis/2/measure/where"),
        (23, "/kpis/2/target"),
    ]
    reasons = [reason for _, _, reason in found]
    assert reasons[1] == "no department `lunar-affairs` in the catalogue"
    assert reasons[2].startswith("not a CEL condition: at character 23:")
    assert reasons[4] == "unknown field `vlaue`: did you mean `value`?"
    assert reasons[9] == "a condition reads `data` only, not channel"
    assert reasons[10] == "a band has `low` and `high`"


def test_a_name_bound_inside_a_condition_is_no_stranger() -> None:
    text = KPIS.replace("data.channel in ['web', 'app']", "data.nodes.exists(node, node == 'goal-6')")

    assert load_catalogue(text, "kpis.yaml").kpis


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "expected a mapping"),
        ("- id: x", 1, "expected a mapping"),
        ("id: x\nnodes: [", 2, "not YAML"),
        ("id: x\n\tversion: 1", 2, "not YAML"),
        ("id: x\n---\nid: y", 2, "another document"),
        ("id: \x00", 1, "not YAML"),
        ("id: x\nid: y", 2, "`id` is given twice"),
        ("id: !!python/object x", 1, "the tag !!python/object is not taken"),
        ("a: &a {b: 1}\nc:\n  <<: *a", 3, "merge keys"),
        ("? [1]\n: x", 1, "keys are plain texts"),
        ("a: &a [*a]", 1, "too deep"),
    ],
)
def test_what_is_no_yaml_mapping_is_refused(text: str, line: int, reason: str) -> None:
    ((found_line, _, found),) = mistakes(load_plan, text)

    assert found_line == line
    assert reason in found


def test_a_small_file_cannot_unfold_without_end() -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    for text, reason in ((laughs, "more than 200000 values"), ("#" * (FILE_MAX_CHARS + 1), "characters")):
        ((_, _, found),) = mistakes(load_plan, text)
        assert reason in found


def test_a_plan_needs_a_node() -> None:
    text = "id: x\nversion: 1\neffective: {from: 2023-09-01}\nnodes: []\n"

    assert mistakes(load_plan, text) == [(4, "/nodes", "a plan has at least one node")]


def test_a_plan_made_in_code_is_checked_too() -> None:
    with pytest.raises(ValueError, match="/nodes/0/parent: no node `lost` in the plan"):
        PlanDef.model_validate(
            {
                "id": "x", "version": "1", "effective": {"from": "2023-09-01"},
                "nodes": [{"id": "a", "kind": "goal", "parent": "lost", "title": {"en": "A"}}],
            }
        )  # fmt: skip


def as_json(text: str) -> Any:
    model = load_plan(text, "p") if "nodes:" in text else load_catalogue(text, "k")
    return model.model_dump(mode="json", exclude_none=True)


def test_the_json_schemas_accept_what_is_accepted_and_refuse_what_is_not() -> None:
    plans, kpis = (jsonschema_rs.Draft202012Validator(schema) for schema in (plan_schema(), kpi_schema()))
    plan, catalogue = as_json(PLAN), as_json(KPIS)
    kpi = catalogue["kpis"][0]
    wrong_plans: list[dict[str, Any]] = [
        {"cap": "0"},
        {"cap": 1.25},
        {"tolerance": "1.0"},
        {"extra": 1},
        {"id": "El Paso"},
    ]
    wrong_kpis: list[dict[str, Any]] = [
        {"polarity": "down"}, {"polarity": "band"}, {"target": {"basis": "day"}}, {"decimals": 13}, {"freshness": "PT1H"},
        {"measure": {"kind": "ratio", "numerator": [], "denominator": []}}, {"measure": {"kind": "guess"}},
    ]  # fmt: skip

    assert plans.is_valid(plan)
    assert kpis.is_valid(catalogue)
    assert kpis.is_valid({"kpis": [kpi | {"polarity": "down", "zero_attainment": "1.25"}]})
    assert [change for change in wrong_plans if plans.is_valid(plan | change)] == []
    assert [change for change in wrong_kpis if kpis.is_valid({"kpis": [kpi | change]})] == []
