"""The arithmetic on the page is the one that anybody could do from the published numbers."""

from fractions import Fraction

import pytest
from citygoals.reporting import page_board, page_plan
from citygoals.reporting.i18n import Words
from citygoals.shared.figures import Cell
from hypothesis import given
from hypothesis import strategies as st
from unit.reporting_pages.scenes import KPIS, a_city

DASH = "\N{EN DASH}"
EN = Words("en", "America/Denver")
cells = st.builds(lambda n, d: Cell(n, d, max(n, d)), st.integers(0, 10**9), st.integers(1, 10**9))


@given(numbers=st.dictionaries(st.sampled_from([kpi.id for kpi in KPIS]), cells))
def test_every_sum_on_the_page_gives_the_published_attainment(numbers: dict[str, Cell]) -> None:
    city = a_city(numbers)
    scene, cap = city.scene, city.snapshot["plan"]["cap"]
    for node in city.snapshot["nodes"]:
        total = page_plan.arithmetic(node, scene.nodes, scene.figures, cap, EN)
        exact = [(Fraction(term.weight), part(term.capped)) for term in total.terms if term.measured]
        assert total.result == node["attainment"]
        assert Fraction(total.weights) == sum(weight for weight, _ in exact)
        if total.result is not None:
            mean = sum(weight * capped for weight, capped in exact) / Fraction(total.weights)
            # What is printed is rounded to twelve places, so recomputing from print is right to as many.
            assert abs(mean - Fraction(total.result)) <= Fraction(1, 10**12)


def part(printed: str) -> Fraction:
    return Fraction(printed)


def test_a_part_without_any_kpi_is_no_term() -> None:
    city = a_city()
    nodes = city.scene.nodes
    bare = {name for name, node in nodes.items() if not page_plan.measurable(node)}
    partly = [node for node in nodes.values() if bare & {child["node"] for child in node["children"]}]
    for node in partly:
        total = page_plan.arithmetic(node, nodes, city.scene.figures, "1.25", EN)
        assert not bare & {term.id for term in total.terms}
    assert partly, "the sample has parts that nothing measures yet"


def test_a_capped_term_shows_both_numbers() -> None:
    city = a_city()
    node = city.scene.nodes["strategy-6-5"]
    total = page_plan.arithmetic(node, city.scene.nodes, city.scene.figures, "1.25", EN)
    closing = next(term for term in total.terms if term.id == "SR-10")
    assert closing.attainment == "11,981,664 ÷ 5,296,367"
    assert closing.capped == "1.250000000000"
    assert (closing.weight, closing.product) == ("2", "2.500000000000")
    opened = next(term for term in total.terms if term.id == "SR-08")
    assert (opened.measured, opened.product) == (False, DASH)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Fraction(293, 300), "0.976666666667"),
        (Fraction(1), "1.000000000000"),
        (Fraction(1, 2 * 10**12), "0.000000000000"),  # half to even
        (Fraction(3, 2 * 10**12), "0.000000000002"),
        (Fraction(10**30 + 1, 3), "333333333333333333333333333333.666666666667"),
    ],
)
def test_fractions_are_published_with_twelve_places_half_even(value: Fraction, written: str) -> None:
    assert page_plan.published(value) == written


def test_the_way_to_a_node_starts_at_the_root() -> None:
    assert a_city().scene.path("strategy-2-6") == ["city", "safe-and-beautiful-neighborhoods", "goal-2"]


def test_a_kind_of_a_city_s_own_is_shown_as_its_plan_wrote_it() -> None:
    assert page_plan.kind("strategic_theme", EN) == "Strategic theme"
    assert page_plan.kind("goal", EN) == "Goal"


def test_unverified_text_is_labelled() -> None:
    scene = a_city().scene
    assert scene.leaf("strategy-6-5", EN).badges == ("Unverified text",)
    assert scene.leaf("strategy-2-6", EN).badges == ()


def test_statuses_of_a_department_come_in_the_order_of_the_legend_and_nobody_in_charge_is_no_claim() -> None:
    statuses = {"BASELINING": 1, "ON_TRACK": 2, "NO_DATA": 0}
    item = {"id": "unassigned", "title": {"en": "Not assigned"}, "verified": False, "statuses": statuses}
    one = page_board._department(item, EN)
    assert list(one["statuses"]) == ["ON_TRACK", "BASELINING"]
    assert one["badges"] == ()
    assert page_board._department({**item, "id": "zoo"}, EN)["badges"] == ("Unverified text",)
