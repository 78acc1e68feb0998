"""The plan as a page shows it: nodes with their roll-ups, and the arithmetic of each, open to recomputation. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import Any

from citygoals.reporting.i18n import Words
from citygoals.reporting.page_cards import Title, title

Answer = Mapping[str, Any]
PUBLISHED_PLACES = 12


@dataclass(frozen=True, slots=True)
class Branch:
    """A node of the plan with what is below it; `figures` are the KPIs linked here: (weight, figure's id)."""

    id: str
    kind: str
    number: str
    title: Title
    status: str
    percent: str
    meter: Decimal | None
    coverage: str
    unmeasured: int
    badges: tuple[str, ...]
    children: tuple["Branch", ...]
    links: tuple[str, ...]
    measurable: bool
    announce: str


@dataclass(frozen=True, slots=True)
class Term:
    """One line of a roll-up: a child or a KPI, its weight, its attainment, and what it adds to the sum."""

    id: str
    href: str
    kind: str
    title: Title
    status: str
    weight: str
    attainment: str
    capped: str
    product: str
    measured: bool


@dataclass(frozen=True, slots=True)
class Sum:
    """A roll-up written out: the terms, the sums of the measured ones, and the attainment they give (None: too few)."""

    terms: tuple[Term, ...]
    products: str
    weights: str
    result: str | None
    covered: str
    coverable: str


def leaf(node: Answer, t: Words, *, children: tuple[Branch, ...] = ()) -> Branch:
    """Write out one node."""
    name, reached, number = title(node, t), node["attainment"], node.get("number") or ""
    coverage = node["coverage"]
    return Branch(
        id=node["id"], kind=kind(node["kind"], t), number="" if name.text.startswith(number) else number, title=name,
        status=node["status"], percent=t.reached(reached), meter=None if reached is None else Decimal(reached),
        coverage=t("value.covered", numerator=weight(coverage["numerator"]), denominator=weight(coverage["denominator"]))
        if measurable(node) else t("board.no_kpi_here"),
        unmeasured=node.get("unmeasured", 0), badges=badges(node, t), children=children,
        links=tuple(link["kpi"] for link in node["links"]),
        measurable=measurable(node),
        announce=f"{name.text}: {t.reached(reached)}, {t('status.' + node['status'])}",
    )  # fmt: skip


def badges(node: Answer, t: Words) -> tuple[str, ...]:
    """Return what a reader must know about the wording of a node."""
    if node.get("sample", False):
        return (t("value.sample"),)  # nobody would look for its wording in the plan
    return () if node.get("verified", True) else (t("value.unverified"),)


def kind(name: str, t: Words) -> str:
    """Name a kind of node; a city's own kind is shown as its plan wrote it."""
    return t(f"kind.{name}") if t.has(f"kind.{name}") else name.replace("_", " ").capitalize()


def weight(text: str | int) -> str:
    """Write a weight without trailing zeros."""
    return f"{Decimal(text).normalize():f}"


def arithmetic(node: Answer, nodes: Mapping[str, Answer], figures: Mapping[str, Answer], cap: str, t: Words) -> Sum:
    """Write out a node's roll-up from the published numbers alone, as anyone outside could."""
    limit = Fraction(cap)
    below = [(child["weight"], nodes[child["node"]], "node") for child in node["children"]]
    parts = [(heavy, part, sort) for heavy, part, sort in below if measurable(part)]
    parts += [(link["weight"], figures[link["kpi"]], "kpi") for link in node["links"] if link["kpi"] in figures]
    terms, products, weights = [], Fraction(0), Fraction(0)
    for heavy, part, sort in parts:
        reached = exact(part)
        capped = None if reached is None else min(reached, limit)
        if capped is not None:
            products, weights = products + Fraction(heavy) * capped, weights + Fraction(heavy)
        terms.append(_term(part, sort, heavy, capped, t))
    coverage = node["coverage"]
    return Sum(
        terms=tuple(terms), products=published(products), weights=weight(published(weights)), result=node["attainment"],
        covered=weight(coverage["numerator"]), coverable=weight(coverage["denominator"]),
    )  # fmt: skip


def measurable(node: Answer) -> bool:
    """Say whether there is a KPI anywhere below the node: one without counts neither for nor against its parent."""
    return Decimal(node["coverage"]["denominator"]) != 0


def exact(part: Answer) -> Fraction | None:
    """Return an attainment as the contract publishes it: a KPI's fraction, a node's decimal."""
    reached = part["attainment"]
    if reached is None:
        return None
    if isinstance(reached, str):
        return Fraction(reached)
    return Fraction(int(reached["numerator"]), int(reached["denominator"]))


def published(value: Fraction) -> str:
    """Write a fraction with twelve places, half-even, as attainments are published."""
    with localcontext() as context:
        context.prec = 60
        scaled = Decimal(value.numerator * 10**PUBLISHED_PLACES) / Decimal(value.denominator)
        return f"{scaled.to_integral_value(ROUND_HALF_EVEN).scaleb(-PUBLISHED_PLACES):f}"


def _term(part: Answer, sort: str, heavy: str, capped: Fraction | None, t: Words) -> Term:
    reached = exact(part)
    dash = t("value.none")
    return Term(
        id=part["id"], href=f"/plan/{part['id']}" if sort == "node" else f"/kpis/{part['id']}",
        kind=t("kind.kpi") if sort == "kpi" else kind(part["kind"], t), title=title(part, t), status=part["status"],
        weight=weight(heavy), attainment=dash if reached is None else _written(part, t),
        capped=dash if capped is None else published(capped),
        product=dash if capped is None else published(Fraction(heavy) * capped), measured=capped is not None,
    )  # fmt: skip


def _written(part: Answer, t: Words) -> str:
    reached = part["attainment"]
    if isinstance(reached, str):
        return reached
    return t("value.over", numerator=int(reached["numerator"]), denominator=int(reached["denominator"]))
