"""Nodes: how the figures under a node of the plan roll up. Pure, exact, recomputable by anyone from the answer.

A node's attainment is the weighted mean of the attainments of its links (exact fractions) and of its children (the 12
places that they publish), each capped, rounded half-even to 12 places. What has no attainment lowers the coverage; a
child with no KPI anywhere below it is not counted at all. A stale figure still has its attainment and counts; one that
is baselining has none and lowers the coverage.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from citygoals.shared.attainment import NEAR, NO_DATA, OFF_TRACK, ON_TRACK, Ratio
from citygoals.shared.exact import decimal_text, half_even, quotient_text
from citygoals.shared.figures import Figure
from citygoals.shared.plan import NodeDef, PlanDef
from citygoals.shared.tree import PLACES, TREES_MAX, UNIT, Branch, Tree, tree_of


class Part(NamedTuple):
    """A direct link or child of a node, and what it attains."""

    kind: Literal["kpi", "node"]
    id: str
    attainment: Ratio

    def is_above(self, attainment: Ratio) -> bool:
        """Whether the other one attains less."""
        return self.attainment[0] * attainment[1] > attainment[0] * self.attainment[1]

    def to_dict(self) -> dict[str, str]:
        """Return it as an answer shows it, its attainment uncapped with 12 places."""
        return {self.kind: self.id, "attainment": quotient_text(*self.attainment, PLACES)}


class Node(NamedTuple):
    """One node of the plan in one period.

    `scaled` is its attainment in units of 10**-12, None where less than half of the weight has one. The coverage is
    unreduced: plain sums of the weights, made integers. A mean can hide what is going badly: the `worst` is the part that
    attains least, of those that attain anything, and the first of several.
    """

    branch: Branch
    scaled: int | None
    coverage_numerator: int
    status: str
    worst: Part | None = None

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
            "worst": None if self.worst is None else self.worst.to_dict(),
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
    numerator, denominator, linked, worst = _links(branch, figures, tree.cap)
    children, weight, lowest = _children(branch, rolled)
    covered = linked + weight
    if lowest is not None and (worst is None or worst.is_above(lowest.attainment)):
        worst = lowest
    if not covered or 2 * covered < branch.weight:
        return Node(branch, None, covered, NO_DATA, worst)
    scaled = half_even(numerator * UNIT + children * denominator, denominator * covered)
    return Node(branch, scaled, covered, _status(scaled, tree), worst)


def _links(branch: Branch, figures: Mapping[str, Figure], cap: Ratio) -> tuple[int, int, int, Part | None]:
    """Return the weighted sum of the links' capped attainments as a fraction, their weight, and the worst of them."""
    numerator, denominator, covered = 0, 1, 0
    worst: Part | None = None
    for kpi, weight in branch.weighted_links:
        attainment = figures[kpi].attainment if kpi in figures else None
        if attainment is not None:
            if worst is None or worst.is_above(attainment):
                worst = Part("kpi", kpi, attainment)
            above, below = attainment
            if above * cap[1] > cap[0] * below:
                above, below = cap
            numerator = numerator * below + weight * above * denominator
            denominator *= below
            covered += weight
    return numerator, denominator, covered, worst


def _children(branch: Branch, rolled: Mapping[str, Node]) -> tuple[int, int, Part | None]:
    """Return the weighted sum of what the children publish, their weight, and the worst of them.

    What they publish is a mean of capped attainments, so it is within the cap already.
    """
    total, covered, lowest, worst = 0, 0, 0, ""
    for child, weight in branch.weighted_children:
        scaled = rolled[child].scaled
        if scaled is not None:
            if not worst or scaled < lowest:
                lowest, worst = scaled, child
            total += weight * scaled
            covered += weight
    return total, covered, Part("node", worst, Ratio(lowest, UNIT)) if worst else None


def _status(scaled: int, tree: Tree) -> str:
    """Compare the decimal that is published, so that a reader of the answer comes to the same status."""
    if scaled >= UNIT:
        return ON_TRACK
    return NEAR if scaled >= tree.near_scaled else OFF_TRACK
