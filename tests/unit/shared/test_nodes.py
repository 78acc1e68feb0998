"""Roll-ups: anyone can recompute a node from the answer, and nothing but the weights and figures matters."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter
from random import Random
from typing import Any

from citygoals.shared.figures import Cell, Figure, figure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.nodes import Node, nodes
from citygoals.shared.period import CityCalendar
from citygoals.shared.plan import PlanDef
from citygoals.shared.reading import Almanac, Now, Reading
from hypothesis import given, settings
from hypothesis import strategies as st

TODAY = date(2026, 11, 21)
PERIOD = CityCalendar().parse("FY2027", TODAY)
SETTLED = {"event": "city.payment.settled.v1"}


def attaining(kpi: str, numerator: int | None, denominator: int = 1, *, target: str | None = "1") -> Figure:
    """A figure of a KPI with target 1, so that its value is its attainment."""
    definition = KpiDef.model_validate(
        {
            "id": kpi, "title": {"en": kpi}, "unit": "1", "target": target and {"value": target},
            "measure": {"kind": "ratio", "numerator": SETTLED, "denominator": SETTLED},
        }
    )  # fmt: skip
    cells = {} if numerator is None else {kpi: {"": Cell(numerator, denominator, 1)}}
    reading = Reading(cells, last_days={kpi: TODAY})
    return figure(definition, reading, period=PERIOD, almanac=Almanac(CityCalendar(), Now(TODAY)))


def plan(
    tree: Mapping[str, str | list[dict[str, str]] | None], links: list[tuple[str, str, str]], **more: Any
) -> PlanDef:
    """A plan of `node: parent` (or a list of parents with weights) and `(kpi, node, weight)`."""
    made = []
    for name, parent in tree.items():
        edges = {"parents": parent} if isinstance(parent, list) else {"parent": parent}
        made.append({"id": name, "kind": "goal", "title": {"en": name}, **edges})
    return PlanDef.model_validate(
        {
            "id": "p", "version": "1", "effective": {"from": "2026-09-01"}, "nodes": made,
            "links": [{"kpi": kpi, "node": node, "weight": weight} for kpi, node, weight in links], **more,
        }
    )  # fmt: skip


def rolled(definition: PlanDef, *figures: Figure) -> dict[str, Node]:
    return nodes(definition, {part.kpi.id: part for part in figures})


def summary(node: Node) -> tuple[str | None, tuple[int, int], str]:
    return node.attainment, (node.coverage_numerator, node.branch.weight), node.status


def test_the_worked_example_rolls_up() -> None:
    objective = plan(
        {"objective": None}, [("MC-01", "objective", "2"), ("B", "objective", "1"), ("C", "objective", "1")]
    )
    second, third = attaining("B", 93, 100), attaining("C", None)
    online = [
        attaining("MC-01", numerator, denominator, target="0.65")
        for numerator, denominator in ((4159, 6399), (4160, 6400))
    ]

    before, after = (rolled(objective, first, second, third)["objective"] for first in online)

    assert summary(before) == ("0.976610568158", (3, 4), "NEAR")
    assert summary(after) == ("0.976666666667", (3, 4), "NEAR")
    assert Fraction(24372391, 24956100).limit_denominator(10**12) == Fraction(24372391, 24956100)
    assert abs(Fraction(24372391, 24956100) - Fraction(before.attainment or 0)) <= Fraction(1, 2 * 10**12)


def test_a_node_is_the_promised_json() -> None:
    definition = plan({"city": None, "goal": "city"}, [("A", "goal", "1.50"), ("B", "goal", "0.5")])

    city, goal = (node.to_dict() for node in rolled(definition, attaining("A", 1, 2)).values())

    assert city == {
        "id": "city", "kind": "goal", "title": "city", "parents": [], "links": [],
        "children": [{"node": "goal", "weight": "1"}],
        "attainment": "0.500000000000", "coverage": {"numerator": 1, "denominator": 1}, "status": "OFF_TRACK",
        "worst": {"node": "goal", "attainment": "0.500000000000"},
        "unmeasured": 0, "labels": {"en": "city", "es": "city"}, "number": None, "verified": True, "sample": False,
        "tags": [],
    }  # fmt: skip
    assert goal["parents"] == ["city"]
    assert goal["links"] == [{"kpi": "A", "weight": "1.50"}, {"kpi": "B", "weight": "0.5"}]
    assert goal["coverage"] == {"numerator": 15, "denominator": 20}
    assert goal["worst"] == {"kpi": "A", "attainment": "0.500000000000"}


def test_each_attainment_is_capped_before_it_is_averaged() -> None:
    definition = plan({"goal": None}, [("A", "goal", "1"), ("B", "goal", "1")], cap="1.25")

    assert summary(rolled(definition, attaining("A", 50), attaining("B", 1, 4))["goal"])[0] == "0.750000000000"


def test_below_half_of_the_weight_there_is_no_attainment() -> None:
    definition = plan({"goal": None}, [("A", "goal", "1"), ("B", "goal", "1"), ("C", "goal", "0.01")])

    assert summary(rolled(definition, attaining("A", 1))["goal"]) == (None, (100, 201), "NO_DATA")
    half = plan({"goal": None}, [("A", "goal", "1"), ("B", "goal", "1")])
    assert summary(rolled(half, attaining("A", 1))["goal"]) == ("1.000000000000", (1, 2), "ON_TRACK")


def test_what_is_baselining_or_missing_lowers_the_coverage() -> None:
    definition = plan({"goal": None}, [("A", "goal", "2"), ("B", "goal", "1"), ("NEVER-HEARD-OF", "goal", "1")])

    assert summary(rolled(definition, attaining("A", 1), attaining("B", 5, target=None))["goal"]) == (
        "1.000000000000", (2, 4), "ON_TRACK",
    )  # fmt: skip


def test_a_mean_does_not_hide_the_worst() -> None:
    definition = plan(
        {"city": None, "a": "city", "b": "city"},
        [("GOOD", "a", "1"), ("BAD", "a", "0.001"), ("FAIR", "b", "1"), ("BETTER", "city", "1"), ("NONE", "b", "1")],
    )

    found = rolled(
        definition,
        attaining("GOOD", 5),
        attaining("BAD", 1, 3),
        attaining("FAIR", 4, 5),
        attaining("BETTER", 9, 10),
        attaining("NONE", None),
    )

    worst = {name: node.to_dict()["worst"] for name, node in found.items()}
    assert worst == {
        "city": {"node": "b", "attainment": "0.800000000000"},
        "a": {"kpi": "BAD", "attainment": "0.333333333333"},
        "b": {"kpi": "FAIR", "attainment": "0.800000000000"},
    }


def test_the_worst_is_known_where_too_little_is_known_for_a_mean() -> None:
    definition = plan({"goal": None}, [("A", "goal", "1"), ("B", "goal", "2")])

    assert rolled(definition)["goal"].worst is None
    node = rolled(definition, attaining("A", -3, 7))["goal"]
    assert (node.attainment, node.to_dict()["worst"]) == (None, {"kpi": "A", "attainment": "-0.428571428571"})


def test_the_first_of_two_equally_bad_parts_is_shown_and_links_come_before_children() -> None:
    definition = plan({"city": None, "a": "city"}, [("A", "city", "1"), ("B", "city", "1"), ("C", "a", "1")])

    worst = rolled(definition, attaining("A", 2, 3), attaining("B", 4, 6), attaining("C", 2, 3))["city"].worst

    assert worst is not None  # the child publishes 0.666666666667, which is a little more than two thirds
    assert (worst.kind, worst.id) == ("kpi", "A")


def test_a_child_without_any_kpi_is_not_counted() -> None:
    definition = plan(
        {"city": None, "a": "city", "b": "city", "c": "city", "c-1": "c", "c-2": "c"},
        [("A", "a", "1"), ("B", "b", "1")],
    )

    found = rolled(definition, attaining("A", 1))

    assert list(found) == ["city", "a", "b", "c", "c-1", "c-2"]
    assert summary(found["city"]) == ("1.000000000000", (1, 2), "ON_TRACK")
    assert found["city"].branch.unmeasured == 1
    assert summary(found["b"]) == (None, (0, 1), "NO_DATA")
    assert summary(found["c"]) == (None, (0, 0), "NO_DATA")
    assert found["c"].branch.unmeasured == 2


def test_parents_average_what_their_children_publish() -> None:
    definition = plan(
        {"city": None, "a": "city", "b": "city", "c": "city"}, [("A", "a", "1"), ("B", "b", "1"), ("C", "c", "1")]
    )

    tiny = 6, 10**13
    found = rolled(definition, attaining("A", *tiny), attaining("B", *tiny), attaining("C", 0))

    assert found["a"].attainment == "0.000000000001"
    # From the exact fractions it would be 0.000000000000, and no reader of the answer could tell why.
    assert found["city"].attainment == "0.000000000001"


def test_a_node_may_have_several_parents_each_with_its_own_weight() -> None:
    definition = plan(
        {"x": None, "y": None, "both": [{"node": "x", "weight": "3"}, {"node": "y", "weight": "1"}], "only": "x"},
        [("A", "both", "1"), ("B", "only", "1")],
    )

    found = rolled(definition, attaining("A", 1), attaining("B", 0))

    assert found["x"].attainment == "0.750000000000"
    assert found["y"].attainment == "1.000000000000"
    assert found["both"].to_dict()["parents"] == ["x", "y"]


def test_the_status_compares_the_published_decimal() -> None:
    definition = plan({"goal": None}, [("A", "goal", "1")], tolerance="0.05")
    just_below = 10**15

    def status(numerator: int) -> str:
        return rolled(definition, attaining("A", numerator, just_below))["goal"].status

    assert status(just_below - 1) == "ON_TRACK"  # 0.999999999999999 is published as 1.000000000000
    assert status(just_below - 10**4) == "NEAR"
    assert status(just_below * 95 // 100) == "NEAR"
    assert status(just_below * 95 // 100 - 10**4) == "OFF_TRACK"


NAMES = [f"n{index}" for index in range(8)]
WEIGHTS = st.sampled_from(["1", "2", "0.5", "1.25", "0.001"])


@st.composite
def plans(draw: st.DrawFn) -> tuple[PlanDef, list[Figure]]:
    """A graph of nodes with several parents, KPIs linked anywhere, and a figure for most of them."""
    tree: dict[str, Any] = {}
    for index, name in enumerate(NAMES):
        above = draw(st.lists(st.sampled_from(NAMES[:index]), unique=True, max_size=2)) if index else []
        tree[name] = [{"node": parent, "weight": draw(WEIGHTS)} for parent in above]
    kpis = [f"K-{index}" for index in range(5)]
    pairs = draw(st.sets(st.tuples(st.sampled_from(kpis), st.sampled_from(NAMES)), max_size=10))
    links = [(kpi, node, draw(WEIGHTS)) for kpi, node in sorted(pairs)]
    values = st.none() | st.integers(-50, 300)
    figures = [attaining(kpi, draw(values), draw(st.integers(1, 200))) for kpi in kpis[: draw(st.integers(0, 5))]]
    return plan(tree, links, cap=draw(st.sampled_from(["1.25", "1", "0.333333333333"]))), figures


def _parts(node: dict[str, Any], figures: Mapping[str, Any], by_id: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """A node's links and children, each with what it attains."""
    links = [(link["kpi"], figures.get(link["kpi"])) for link in node["links"]]
    return links + [(child["node"], by_id[child["node"]]["attainment"]) for child in node["children"]]


def recompute(answer: list[dict[str, Any]], figures: Mapping[str, Any], cap: Fraction) -> dict[str, dict[str, Any]]:
    """Work every node out again from the JSON of an answer alone, as a reader of the contract would."""
    by_id = {node["id"]: node for node in answer}

    def is_measured(name: str) -> bool:
        node = by_id[name]
        return bool(node["links"]) or any(is_measured(child["node"]) for child in node["children"])

    found = {}
    for name, node in by_id.items():
        parts = [(Fraction(link["weight"]), figures.get(link["kpi"])) for link in node["links"]]
        measured = [child for child in node["children"] if is_measured(child["node"])]
        parts += [(Fraction(child["weight"]), by_id[child["node"]]["attainment"]) for child in measured]
        given_ = [(weight, min(Fraction(value), cap)) for weight, value in parts if value is not None]
        weight, whole = sum(w for w, _ in given_), sum(w for w, _ in parts)
        attainment = None
        if weight and 2 * weight >= whole:
            mean = sum(w * value for w, value in given_) / weight
            attainment = f"{Decimal(round(mean * 10**12)).scaleb(-12):.12f}"
        unmeasured = len(node["children"]) - len(measured)
        shown = [(Fraction(value), part) for part, value in _parts(node, figures, by_id) if value is not None]
        worst = min(shown, key=itemgetter(0))[1] if shown else None
        found[name] = {"attainment": attainment, "coverage": (weight, whole), "unmeasured": unmeasured, "worst": worst}
    return found


@settings(max_examples=60)
@given(plans())
def test_every_node_can_be_recomputed_from_the_answer(drawn: tuple[PlanDef, list[Figure]]) -> None:
    definition, figures = drawn
    answer = [node.to_dict() for node in rolled(definition, *figures).values()]
    published = [part.to_dict() for part in figures]
    attained = {
        part["id"]: part["attainment"] and Fraction(part["attainment"]["numerator"], part["attainment"]["denominator"])
        for part in published
    }

    expected = recompute(answer, attained, Fraction(definition.cap))

    for node in answer:
        hoped, coverage = expected[node["id"]], node["coverage"]
        assert node["attainment"] == hoped["attainment"]
        assert node["unmeasured"] == hoped["unmeasured"]
        assert (node["worst"] and (node["worst"].get("kpi") or node["worst"]["node"])) == hoped["worst"]
        weight, whole = hoped["coverage"]
        assert coverage["numerator"] * whole == coverage["denominator"] * weight
        if all(Fraction(part["weight"]).denominator == 1 for part in (*node["links"], *node["children"])):
            assert (coverage["numerator"], coverage["denominator"]) == (weight, whole)
        status = "NO_DATA"
        if node["attainment"] is not None:
            value = Fraction(node["attainment"])
            status = "ON_TRACK" if value >= 1 else "NEAR" if value >= Fraction("0.95") else "OFF_TRACK"
        assert node["status"] == status


@settings(max_examples=40)
@given(plans(), st.randoms(use_true_random=False))
def test_the_order_of_nodes_and_links_does_not_matter(drawn: tuple[PlanDef, list[Figure]], random: Random) -> None:
    definition, figures = drawn
    dumped = definition.model_dump(mode="json")
    for name in ("nodes", "links"):
        random.shuffle(dumped[name])
    shuffled = list(figures)
    random.shuffle(shuffled)

    def results(found: dict[str, Node]) -> dict[str, Any]:
        return {name: summary(node) for name, node in found.items()}

    assert results(rolled(PlanDef.model_validate(dumped), *shuffled)) == results(rolled(definition, *figures))
