"""Nodes: how the figures under a node of the plan roll up. Pure, exact, recomputable by anyone from the answer.

A node's attainment is the weighted mean of the attainments of its links (exact fractions) and of its children (the 12
places that they publish), each capped, rounded half-even to 12 places. What has no attainment lowers the coverage; a
child with no KPI anywhere below it is not counted at all. A stale figure still has its attainment and counts; one that
is baselining has none and lowers the coverage.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from citygoals.shared.attainment import NEAR, NO_DATA, OFF_TRACK, ON_TRACK
from citygoals.shared.exact import decimal_text, half_even
from citygoals.shared.figures import Figure
from citygoals.shared.plan import NodeDef, PlanDef
from citygoals.shared.tree import PLACES, TREES_MAX, UNIT, Branch, Tree, tree_of


class Node(NamedTuple):
    """One node of the plan in one period.

    `scaled` is its attainment in units of 10**-12, None where less than half of the weight has one. The coverage is
    unreduced: plain sums of the weights, made integers.
    """

    branch: Branch
    scaled: int | None
    coverage_numerator: int
    status: str

    @property
    def definition(self) -> NodeDef:
        """The node as the plan has it."""
        return self.branch.definition

    @property
    def attainment(self) -> str | None:
        """The attainment with 12 places, for example "0.976666666667"."""
        return None if self.scaled is None else decimal_text(self.scaled, PLACES)

    def to_dict(self) -> dict[str, Any]:
        """Return the node as the contract writes it."""
        branch, definition = self.branch, self.definition
        return {
            "id": definition.id,
            "kind": definition.kind,
            "title": definition.title.en,
            "parents": [edge.node for edge in definition.edges],
            "links": [{"kpi": link.kpi, "weight": link.weight} for link in branch.links],
            "children": [{"node": child.node, "weight": child.weight} for child in branch.children],
            "attainment": self.attainment,
            "coverage": {"numerator": self.coverage_numerator, "denominator": branch.weight},
            "status": self.status,
            "unmeasured": branch.unmeasured,
            "labels": definition.title.labels(),
            "number": definition.number,
            "verified": definition.verified,
            "sample": definition.sample,
            "tags": list(definition.tags),
        }


def nodes(plan: PlanDef, figures: Mapping[str, Figure]) -> dict[str, Node]:
    """Return every node of the plan by id, in the plan's order, rolled up over the figures (of one period, by KPI id).

    A KPI that the plan links and that has no figure is a KPI without data.
    """
    tree = tree_of(plan)
    rolled = dict(_blank(tree))  # in the plan's order, which the assignments below keep
    for branch in tree.measured:
        rolled[branch.id] = _roll_up(branch, figures, rolled, tree)
    return rolled


@lru_cache(maxsize=TREES_MAX)
def _blank(tree: Tree) -> dict[str, Node]:
    """Every node as it is without any data; nodes with no KPI below them stay so."""
    return {branch.id: Node(branch, None, 0, NO_DATA) for branch in tree.branches}


def _roll_up(branch: Branch, figures: Mapping[str, Figure], rolled: Mapping[str, Node], tree: Tree) -> Node:
    """Add up exactly: the links over a common denominator, the children in units of 10**-12."""
    numerator, denominator, covered = 0, 1, 0
    cap_numerator, cap_denominator = tree.cap
    for kpi, weight in branch.weighted_links:
        attainment = figures[kpi].attainment if kpi in figures else None
        if attainment is not None:
            above, below = attainment
            if above * cap_denominator > cap_numerator * below:
                above, below = cap_numerator, cap_denominator
            numerator = numerator * below + weight * above * denominator
            denominator *= below
            covered += weight
    children = 0
    for child, weight in branch.weighted_children:
        scaled = rolled[child].scaled
        if scaled is not None:  # a mean of capped attainments, so it is within the cap already
            children += weight * scaled
            covered += weight
    if not covered or 2 * covered < branch.weight:
        return Node(branch, None, covered, NO_DATA)
    scaled = half_even(numerator * UNIT + children * denominator, denominator * covered)
    return Node(branch, scaled, covered, _status(scaled, tree))


def _status(scaled: int, tree: Tree) -> str:
    """Compare the decimal that is published, so that a reader of the answer comes to the same status."""
    if scaled >= UNIT:
        return ON_TRACK
    return NEAR if scaled >= tree.near_scaled else OFF_TRACK
