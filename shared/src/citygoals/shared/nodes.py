"""Nodes: how the figures under a node of the plan roll up. Pure, exact, recomputable by anyone from the answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from citygoals.shared.figures import Figure
from citygoals.shared.plan import NodeDef, PlanDef


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the plan in one period."""

    definition: NodeDef
    attainment: str | None
    coverage_numerator: int
    coverage_denominator: int
    status: str
    unmeasured: int

    def to_dict(self) -> dict[str, Any]:
        """Return the node as the contract writes it."""
        raise NotImplementedError


def nodes(plan: PlanDef, figures: Mapping[str, Figure]) -> dict[str, Node]:
    """Return every node of the plan, rolled up over the figures."""
    raise NotImplementedError
