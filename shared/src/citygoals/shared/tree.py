"""The plan's graph, prepared for rolling up: children before parents, weights as integers."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from citygoals.shared.attainment import Ratio
from citygoals.shared.plan import LinkDef, NodeDef, ParentDef, PlanDef

PLACES = 12
"""How many decimals of a node's attainment are published; a plan's cap and tolerance have no more."""

UNIT = 10**PLACES

TREES_MAX = 8
"""How many plans are kept prepared."""

# By identity, since hashing a whole plan costs more than a roll-up. The plan is kept so that its id stays its own.
_trees: dict[int, tuple[PlanDef, "Tree"]] = {}


@dataclass(frozen=True, slots=True)
class Branch:
    """One node with what hangs directly below it.

    `children` are all its children with their weights here; `weighted_children` those with a KPI somewhere below.
    The integer weights of a node share one factor, the smallest that makes all of them whole; `weight` is their sum.
    """

    id: str
    definition: NodeDef
    links: tuple[LinkDef, ...]
    children: tuple[ParentDef, ...]
    weighted_links: tuple[tuple[str, int], ...]
    weighted_children: tuple[tuple[str, int], ...]
    weight: int
    unmeasured: int

    @property
    def is_measured(self) -> bool:
        """Whether there is a KPI here or anywhere below."""
        return bool(self.weighted_links or self.weighted_children)


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """The branches of a plan, in its order; those `measured` once more, every child before its parents.

    `near_scaled` is the least attainment that is NEAR, in units of 10**-12. Trees are compared by identity.
    """

    branches: tuple[Branch, ...]
    measured: tuple[Branch, ...]
    cap: Ratio
    near_scaled: int


def tree_of(plan: PlanDef) -> Tree:
    """Return the plan's tree. The last few plans are remembered: preparing one takes longer than rolling it up."""
    known = _trees.get(id(plan))
    if known is None or known[0] is not plan:
        while len(_trees) >= TREES_MAX:
            _trees.pop(next(iter(_trees)), None)
        known = _trees[id(plan)] = (plan, _tree(plan))
    return known[1]


def _tree(plan: PlanDef) -> Tree:
    links: dict[str, list[LinkDef]] = {node.id: [] for node in plan.nodes}
    children: dict[str, list[ParentDef]] = {node.id: [] for node in plan.nodes}
    for link in plan.links:
        links[link.node].append(link)
    for node in plan.nodes:
        for edge in node.edges:
            children[edge.node].append(ParentDef(node=node.id, weight=edge.weight))
    branches: dict[str, Branch] = {}
    for node in _leaves_first(plan):
        branches[node.id] = _branch(node, links[node.id], children[node.id], branches)
    cap, near = Fraction(plan.cap), (1 - Fraction(plan.tolerance)) * UNIT
    assert near.denominator == 1
    return Tree(
        branches=tuple(branches[node.id] for node in plan.nodes),
        measured=tuple(branch for branch in branches.values() if branch.is_measured),
        cap=Ratio(cap.numerator, cap.denominator),
        near_scaled=near.numerator,
    )


def _branch(node: NodeDef, links: list[LinkDef], children: list[ParentDef], done: dict[str, Branch]) -> Branch:
    measured = [child for child in children if done[child.node].is_measured]
    scale = _scale([*(link.weight for link in links), *(child.weight for child in measured)])
    weighted_links = tuple((link.kpi, int(Fraction(link.weight) * scale)) for link in links)
    weighted_children = tuple((child.node, int(Fraction(child.weight) * scale)) for child in measured)
    return Branch(
        id=node.id,
        definition=node,
        links=tuple(links),
        children=tuple(children),
        weighted_links=weighted_links,
        weighted_children=weighted_children,
        weight=sum(weight for _, weight in (*weighted_links, *weighted_children)),
        unmeasured=len(children) - len(measured),
    )


def _scale(weights: Iterable[str]) -> int:
    """Return the smallest power of ten that makes every weight whole."""
    whole, scale = lcm(*(Fraction(weight).denominator for weight in weights)), 1
    while scale % whole:
        scale *= 10
    return scale


def _leaves_first(plan: PlanDef) -> list[NodeDef]:
    """Return the nodes with every child before its parents. The plan has no circles: its model refuses them."""
    waiting = {node.id: 0 for node in plan.nodes}
    by_id = {node.id: node for node in plan.nodes}
    for node in plan.nodes:
        for edge in node.edges:
            waiting[edge.node] += 1
    ready = [node.id for node in plan.nodes if not waiting[node.id]]
    order = []
    while ready:
        node = by_id[ready.pop()]
        order.append(node)
        for edge in node.edges:
            waiting[edge.node] -= 1
            if not waiting[edge.node]:
                ready.append(edge.node)
    assert len(order) == len(plan.nodes)
    return order
