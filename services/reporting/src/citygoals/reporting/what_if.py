"""What if: targets, links, weights or the whole plan changed in thought. Pure: the same functions, over other definitions."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Annotated, Any, NamedTuple

from pydantic import Field, ValidationError

from citygoals.reporting.answers import departments_of, plan_row, totals_row
from citygoals.reporting.definitions import Definitions
from citygoals.reporting.questions import Misread, Unknown
from citygoals.reporting.sheet import Row
from citygoals.reporting.view import View, known_kpi
from citygoals.shared.committed import CommittedKpis
from citygoals.shared.kpi import KpiDef, Target
from citygoals.shared.model import DecimalText, KebabId, KpiId, Model, PositiveDecimalText
from citygoals.shared.plan import LinkDef, NodeDef, PlanDef

CHANGES_MAX = 2000


class LinkThought(Model):
    """A link of a KPI to a node with a weight, as it would be; `weight` null: there would be none."""

    kpi: KpiId
    node: KebabId
    weight: PositiveDecimalText | None = "1"


class WhatIf(Model):
    """What would be otherwise. Everything that is not mentioned stays as it is.

    `targets` are whole targets by KPI, or only the number aimed at; null: it would have none, of its own or committed.
    `plan` is a whole plan to look through instead of the one in force, on top of which come `weights` (of nodes under
    their parents) and `links`.
    """

    period: str | None = None
    targets: Annotated[dict[KpiId, DecimalText | Target | None], Field(default_factory=dict, max_length=CHANGES_MAX)]
    weights: Annotated[dict[KebabId, PositiveDecimalText], Field(default_factory=dict, max_length=CHANGES_MAX)]
    links: Annotated[tuple[LinkThought, ...], Field(max_length=CHANGES_MAX)] = ()
    plan: PlanDef | None = None


def imagined(view: View, seen: Definitions, plan: PlanDef, thought: WhatIf) -> dict[str, Any]:
    """Return the answer: what is seen of the view, as it would be. Raises Unknown, Misread."""
    targets = with_targets(view, seen, thought.targets)
    kpis = {**view.definitions.kpis, **targets.kpis}
    sheet = view.sheet.imagined(replace(view.definitions, kpis=kpis), targets.committed)
    before = {name: view.rows[name] for name in seen.kpis}
    after = {name: sheet.rows[name] for name in seen.kpis}
    otherwise = with_plan(plan, thought, kpis.keys() - seen.kpis.keys())
    nodes = sheet.nodes(otherwise)
    return {
        "plan": plan_row(otherwise),
        "kpis": list(after.values()),
        "nodes": list(nodes.values()),
        "departments": departments_of(seen, after),
        "totals": totals_row(view.totals),
        "changes": {"kpis": differing(before, after), "nodes": differing(view.nodes(plan), nodes)},
    }


class Targets(NamedTuple):
    """KPIs with the targets that they would have, and all KPIs as they would be committed."""

    kpis: dict[str, KpiDef]
    committed: CommittedKpis


def with_targets(view: View, seen: Definitions, targets: Mapping[str, Any]) -> Targets:
    """Return the KPIs that would have other targets. Raises Unknown, Misread.

    What a commitment holds in the view's period would be amended: what the catalogue says would not matter there.
    """
    kpis, committed = {}, dict(view.sheet.almanac.committed)
    for name, target in targets.items():
        own, held = known_kpi(seen, name), view.sheet.almanac.committed_in(name, view.period)
        if held is None:
            kpis[name] = _retargeted(own, target)
            continue
        amended = () if target is None else (replace(held, kpi=_retargeted(held.kpi, target)),)
        committed[name] = (*(one for one in committed[name] if one is not held), *amended)
    return Targets(kpis, committed)


def _retargeted(kpi: KpiDef, target: str | Target | None) -> KpiDef:
    dump = kpi.model_dump(mode="json")
    if isinstance(target, str):
        dump["target"] = {**(dump["target"] or {}), "value": target}
    else:
        dump["target"] = None if target is None else target.model_dump(mode="json")
    try:
        return KpiDef.model_validate(dump)
    except ValidationError as error:
        said = "; ".join(str(one["msg"]) for one in error.errors())
        raise Misread(f"the target of {kpi.id} cannot be: {said}") from error


def with_plan(plan: PlanDef, thought: WhatIf, hidden: Collection[str]) -> PlanDef:
    """Return the plan as it would be, without links of KPIs that whoever asks may not see. Raises Unknown."""
    base = plan if thought.plan is None else thought.plan
    nodes = {node.id: node for node in base.nodes}
    for name in (*thought.weights, *(link.node for link in thought.links)):
        if name not in nodes:
            raise Unknown(f"plan {base.version} has no node {name[:80]!r}", allowed=list(nodes))
    links = {(link.kpi, link.node): link for link in base.links}
    for one in thought.links:
        links.pop((one.kpi, one.node), None)
        if one.weight is not None:
            links[one.kpi, one.node] = LinkDef(kpi=one.kpi, node=one.node, weight=one.weight)
    seen = tuple(link for link in links.values() if link.kpi not in hidden)
    weighed = tuple(_weighed(node, thought.weights.get(node.id)) for node in base.nodes)
    return base.model_copy(update={"nodes": weighed, "links": seen})


def _weighed(node: NodeDef, weight: str | None) -> NodeDef:
    return node if weight is None else node.model_copy(update={"weight": weight})


def differing(before: Mapping[str, Row], after: Mapping[str, Row]) -> list[Row]:
    """Return [{"id", "before", "after"}] of what would not be as it is; null is what is not there."""
    names = [*after, *(name for name in before if name not in after)]
    return [
        {"id": name, "before": before.get(name), "after": after.get(name)}
        for name in names
        if before.get(name) != after.get(name)
    ]
