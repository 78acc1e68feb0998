"""What the contract's arithmetic gives, written from the contract's text alone: no import of the product."""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import Any

PLACES = Decimal("0.000000000001")
STATUSES = ("ON_TRACK", "NEAR", "OFF_TRACK", "BASELINING", "NO_DATA", "STALE")


def published(value: Fraction) -> str:
    """A fraction as the decimal with twelve places, rounded half-even, that a node shows."""
    scaled = value * 10**12
    whole, rest = divmod(scaled.numerator, scaled.denominator)
    double = 2 * rest
    if double > scaled.denominator or (double == scaled.denominator and whole % 2):
        whole += 1
    with localcontext() as context:
        context.prec = 60
        return format((Decimal(whole) * PLACES).quantize(PLACES, rounding=ROUND_HALF_EVEN), "f")


def roll_up(snapshot: Mapping[str, Any]) -> dict[str, str | None]:
    """Every node's attainment recomputed from the KPIs of the same answer."""
    cap = Fraction(snapshot["plan"]["cap"])
    kpis = {
        kpi["id"]: Fraction(kpi["attainment"]["numerator"], kpi["attainment"]["denominator"])
        for kpi in snapshot["kpis"]
        if kpi["attainment"] is not None
    }
    nodes = {node["id"]: node for node in snapshot["nodes"]}
    measured = _measured(nodes)
    done: dict[str, str | None] = {}
    for identity in _children_first(nodes):
        node = nodes[identity]
        parts = [(Fraction(link["weight"]), kpis.get(link["kpi"])) for link in node["links"]]
        parts += [
            (Fraction(child["weight"]), None if done[child["node"]] is None else Fraction(str(done[child["node"]])))
            for child in node["children"]
            if child["node"] in measured
        ]
        done[identity] = _mean(parts, cap)
    return done


def _mean(parts: Iterable[tuple[Fraction, Fraction | None]], cap: Fraction) -> str | None:
    known = [(weight, min(value, cap)) for weight, value in parts if value is not None]
    total = sum((weight for weight, _ in parts), Fraction(0))
    covered = sum((weight for weight, _ in known), Fraction(0))
    if not covered or covered / total < Fraction(1, 2):
        return None
    return published(sum((weight * value for weight, value in known), Fraction(0)) / covered)


def _measured(nodes: Mapping[str, Any]) -> set[str]:
    """Nodes with a KPI linked somewhere below them."""
    found: set[str] = set()
    for identity in _children_first(nodes):
        node = nodes[identity]
        if node["links"] or any(child["node"] in found for child in node["children"]):
            found.add(identity)
    return found


def _children_first(nodes: Mapping[str, Any]) -> list[str]:
    order: list[str] = []
    seen: set[str] = set()

    def visit(identity: str) -> None:
        if identity not in seen:
            seen.add(identity)
            for child in nodes[identity]["children"]:
                visit(child["node"])
            order.append(identity)

    for identity in nodes:
        visit(identity)
    return order


def mixtures(snapshot: Mapping[str, Any]) -> list[str]:
    """The nodes of an answer that do not follow from the KPIs of the same answer."""
    expected = roll_up(snapshot)
    return [
        f"{node['id']}: {node['attainment']} is not {expected[node['id']]}"
        for node in snapshot["nodes"]
        if node["attainment"] != expected[node["id"]]
    ]
