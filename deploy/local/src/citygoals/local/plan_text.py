"""A plan as text: its tree, and what differs between two versions. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

Plan = Mapping[str, Any]


def tree(plan: Plan) -> Iterator[str]:
    """Yield the plan's nodes as an indented tree, each with the KPIs that count directly under it; then its crosswalk."""
    links: dict[str, list[str]] = {}
    for link in plan["links"]:
        links.setdefault(link["node"], []).append(f"{link['kpi']} ({link['weight']})")
    below: dict[str | None, list[Mapping[str, Any]]] = {}
    for node in plan["nodes"]:
        parents = [node["parent"], *(parent["node"] for parent in node["parents"])]
        for parent in parents if any(parents) else [None]:
            if parent is not None or not any(parents):
                below.setdefault(parent, []).append(node)
    yield from _branch(None, below, links, depth=0)
    crosswalk = plan.get("crosswalk") or {}
    for edge in crosswalk.get("edges", ()):
        yield f"{edge['from']} of {crosswalk['plan']} {crosswalk['version']} -> {edge['to']} ({edge['weight']})"


def _branch(
    parent: str | None,
    below: Mapping[str | None, list[Mapping[str, Any]]],
    links: Mapping[str, list[str]],
    *,
    depth: int,
) -> Iterator[str]:
    for node in below.get(parent, []):
        kpis = f"  <- {', '.join(links[node['id']])}" if node["id"] in links else ""
        yield f"{'  ' * depth}{node['id']}  {title(node)}{kpis}"
        yield from _branch(node["id"], below, links, depth=depth + 1)


def title(thing: Mapping[str, Any]) -> str:
    """Return a title, in English where there is one."""
    titles: Mapping[str, str] = thing.get("title") or {}
    return titles.get("en") or next((text for text in titles.values() if text), "")


def differences(before: Plan, after: Plan) -> list[str]:
    """Return what another version of a plan changes, one line each."""
    found = [
        f"{name}: {before.get(name)} -> {after.get(name)}"
        for name in ("id", "version", "effective", "cap", "tolerance")
        if before.get(name) != after.get(name)
    ]
    old, new = ({node["id"]: node for node in plan["nodes"]} for plan in (before, after))
    found += [f"+ node {name}  {title(node)}" for name, node in new.items() if name not in old]
    found += [f"- node {name}  {title(node)}" for name, node in old.items() if name not in new]
    for name in old.keys() & new.keys():
        changed = [field for field in new[name] if old[name].get(field) != new[name][field]]
        found += [f"~ node {name}: {field} {old[name].get(field)} -> {new[name][field]}" for field in sorted(changed)]
    old_tags, new_tags = ({tag["id"] for tag in plan.get("tags", ())} for plan in (before, after))
    found += [f"{'+' if name in new_tags else '-'} tag {name}" for name in sorted(old_tags ^ new_tags)]
    found += _weight_differences("link", *(_links(plan) for plan in (before, after)))
    return found + _weight_differences("crosswalk", *(_crosswalk(plan) for plan in (before, after)))


Weights = dict[tuple[str, str], str]


def _links(plan: Plan) -> Weights:
    return {(link["kpi"], link["node"]): link["weight"] for link in plan["links"]}


def _crosswalk(plan: Plan) -> Weights:
    crosswalk = plan.get("crosswalk") or {}
    return {(edge["from"], edge["to"]): edge["weight"] for edge in crosswalk.get("edges", ())}


def _weight_differences(what: str, old: Weights, new: Weights) -> list[str]:
    found = []
    for first, second in sorted(old.keys() | new.keys()):
        was, now = old.get((first, second)), new.get((first, second))
        if was is None:
            found.append(f"+ {what} {first} -> {second} (weight {now})")
        elif now is None:
            found.append(f"- {what} {first} -> {second} (weight {was})")
        elif was != now:
            found.append(f"~ {what} {first} -> {second}: weight {was} -> {now}")
    return found
