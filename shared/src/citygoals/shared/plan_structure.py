"""What must hold between the parts of a plan or a catalogue: ids that exist, are said once, and make no circle.

The checks read the raw data of a file, with fields missing or wrong, so that they and the models' own findings can be
reported together.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction
from typing import Any

from citygoals.shared.conditions import condition_problems
from citygoals.shared.definition_file import Path, Problem
from citygoals.shared.reasons import did_you_mean

_WEIGHT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,12})?\Z")


def plan_problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong between the nodes, links, tags and crosswalk of a plan."""
    nodes, tags = list(_entries(data, "nodes")), list(_entries(data, "tags"))
    ids = {node["id"] for _, node in nodes if _is_text(node.get("id"))}
    yield from _twice(tags, "id")
    yield from _tag_problems(nodes, {tag.get("id") for _, tag in tags})
    yield from _crosswalk_problems(data.get("crosswalk"), ids)
    yield from _twice(nodes, "id")
    yield from _parent_problems(nodes, ids)
    yield from _cycles(nodes)
    yield from _link_problems(list(_entries(data, "links")), ids)
    yield from _effective_problems(data.get("effective"))


def catalogue_problems(data: Mapping[str, Any], departments: Collection[str] = ()) -> Iterator[Problem]:
    """Yield what is wrong between the KPIs and departments of a catalogue; `departments` are the ones known already."""
    kpis, own = list(_entries(data, "kpis")), list(_entries(data, "departments"))
    yield from _twice(kpis, "id")
    yield from _twice(own, "id")
    known = {*departments, *(str(department["id"]) for _, department in own if _is_text(department.get("id")))}
    for path, kpi in kpis:
        name = kpi.get("department")
        if known and isinstance(name, str) and name not in known:
            yield Problem((*path, "department"), f"no department `{name}` in the catalogue{did_you_mean(name, known)}")
        yield from condition_problems(kpi.get("measure"), (*path, "measure"))


def _entries(data: Mapping[str, Any], name: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    entries = data.get(name)
    for index, entry in enumerate(entries if isinstance(entries, (list, tuple)) else ()):
        if isinstance(entry, dict):
            yield (name, index), entry


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _twice(entries: list[tuple[Path, dict[str, Any]]], field: str) -> Iterator[Problem]:
    counts = Counter(entry[field] for _, entry in entries if _is_text(entry.get(field)))
    seen: set[str] = set()
    for path, entry in entries:
        name = entry.get(field)
        if isinstance(name, str) and counts[name] > 1:
            if name in seen:
                yield Problem((*path, field), f"`{name}` is given {counts[name]} times")
            seen.add(name)


def _edges(path: Path, node: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    if _is_text(node.get("parent")):
        yield (*path, "parent"), node["parent"]
    parents = node.get("parents")
    for index, entry in enumerate(parents if isinstance(parents, (list, tuple)) else ()):
        if isinstance(entry, dict) and _is_text(entry.get("node")):
            yield (*path, "parents", index, "node"), entry["node"]


def _parent_problems(nodes: list[tuple[Path, dict[str, Any]]], ids: Collection[str]) -> Iterator[Problem]:
    for path, node in nodes:
        seen: set[str] = set()
        for where, parent in _edges(path, node):
            if parent not in ids:
                yield Problem(where, f"no node `{parent}` in the plan{did_you_mean(parent, ids)}")
            elif parent in seen:
                yield Problem(where, f"`{parent}` is a parent already: give one weight")
            seen.add(parent)


def _cycles(nodes: list[tuple[Path, dict[str, Any]]]) -> Iterator[Problem]:
    """Yield one problem for each circle of parents, told along the circle itself."""
    parents = {
        node["id"]: {parent: where for where, parent in _edges(path, node)}
        for path, node in nodes
        if _is_text(node.get("id"))
    }
    _take_away_roots(parents)
    while parents:  # what is left has only parents that are left: following them must come round
        trail, name = [], next(iter(parents))
        while name not in trail:
            trail.append(name)
            name = next(parent for parent in parents[name] if parent in parents)
        circle = [*trail[trail.index(name) :], name]
        yield Problem(parents[circle[0]][circle[1]], "a circle of parents: " + " -> ".join(circle))
        for member in trail:
            del parents[member]
        _take_away_roots(parents)


def _take_away_roots(parents: dict[str, dict[str, Path]]) -> None:
    while roots := [name for name, above in parents.items() if not any(parent in parents for parent in above)]:
        for name in roots:
            del parents[name]


def _link_problems(links: list[tuple[Path, dict[str, Any]]], ids: Collection[str]) -> Iterator[Problem]:
    seen: set[tuple[Any, Any]] = set()
    for path, link in links:
        pair = (link.get("kpi"), link.get("node"))
        if not all(map(_is_text, pair)):
            continue
        if pair[1] not in ids:
            yield Problem((*path, "node"), f"no node `{pair[1]}` in the plan{did_you_mean(str(pair[1]), ids)}")
        if pair in seen:
            yield Problem(path, f"`{pair[0]}` is linked to `{pair[1]}` already: give one weight")
        seen.add(pair)


def _tag_problems(nodes: list[tuple[Path, dict[str, Any]]], known: Collection[Any]) -> Iterator[Problem]:
    for path, node in nodes if known else ():
        tags = node.get("tags")
        for index, tag in enumerate(tags if isinstance(tags, (list, tuple)) else ()):
            if _is_text(tag) and tag not in known:
                yield Problem((*path, "tags", index), f"no tag `{tag}` in the plan{did_you_mean(tag, known)}")


def _crosswalk_problems(crosswalk: Any, ids: Collection[str]) -> Iterator[Problem]:
    """Yield edges that lead nowhere or are given twice, and nodes of which too much or too little goes on."""
    if not isinstance(crosswalk, dict):
        return
    totals: dict[str, Fraction] = {}
    places: dict[str, Path] = {}
    seen: set[tuple[str, str]] = set()
    for (_, index), edge in _entries(crosswalk, "edges"):
        path: Path = ("crosswalk", "edges", index)
        source, target = edge.get("from", edge.get("from_")), edge.get("to")
        if not isinstance(source, str) or not isinstance(target, str):
            continue
        if target not in ids:
            yield Problem((*path, "to"), f"no node `{target}` in the plan{did_you_mean(target, ids)}")
        if (source, target) in seen:
            yield Problem(path, f"`{source}` goes to `{target}` already: give one weight")
        seen.add((source, target))
        places.setdefault(source, path)
        totals[source] = totals.get(source, Fraction()) + _weight(edge.get("weight", "1"))
    for source, total in totals.items():
        if total != 1:
            yield Problem(places[source], f"the weights of `{source}` add up to 1, not {total}")


def _weight(value: Any) -> Fraction:
    """Return a weight; what is none is said by its model, and here it counts as nothing."""
    return Fraction(str(value)) if _WEIGHT.match(str(value)) else Fraction()


def _effective_problems(effective: Any) -> Iterator[Problem]:
    if isinstance(effective, dict):
        first, end = effective.get("from", effective.get("from_")), effective.get("to")
        if first is not None and end is not None and str(end) <= str(first):
            yield Problem(("effective", "to"), f"`to` ({end}) is the first day after the plan: later than `from`")
