"""What the KPIs of a catalogue file name: calendars, reference tables and other KPIs, which must exist. Pure.

The checks read the raw data of a file, as those of `plan_structure` do.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from citygoals.shared.definition_file import Path, Problem
from citygoals.shared.reasons import did_you_mean

DERIVED = frozenset({"index", "zero_typing"})
"""The kinds of measures that are made of other KPIs' figures."""

_WHERE_NAMED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("calendar", ("deadline", "calendar")),
    ("calendar", ("clock",)),
    ("reference", ("over", "reference")),
)
"""What is named where in a measure."""


class Names(NamedTuple):
    """Ids that are defined already; `derived` are those of the KPIs that are made of other KPIs' figures.

    `indexes` says of each index which KPIs it is made of.
    """

    calendars: Collection[str] = ()
    references: Collection[str] = ()
    kpis: Collection[str] = ()
    derived: Collection[str] = ()
    indexes: Mapping[str, Collection[str]] = MappingProxyType({})


def name_problems(data: Mapping[str, Any], known: Names | None) -> Iterator[Problem]:
    """Yield what is given twice, and names of what there is not; without `known`, nothing is held to be missing."""
    for group in ("calendars", "references"):
        yield from _twice(data, group)
    if known is None:
        return
    names = {
        "calendar": {*known.calendars, *_ids(data, "calendars")},
        "reference": {*known.references, *_ids(data, "references")},
    }
    kpis = _kpis_after(data, known)
    for path, kpi in _entries(data, "kpis"):
        measure = kpi.get("measure")
        if isinstance(measure, dict):
            yield from _missing(measure, (*path, "measure"), names)
            yield from _part_problems(measure, (*path, "measure"), kpis)
    yield from _needed_problems(data, known.indexes, kpis)


def _missing(measure: dict[str, Any], path: Path, names: Mapping[str, Collection[str]]) -> Iterator[Problem]:
    for kind, steps in _WHERE_NAMED:
        named: Any = measure
        for step in steps:
            named = named.get(step) if isinstance(named, dict) else None
        if isinstance(named, str) and named not in names[kind]:
            yield Problem((*path, *steps), f"no {kind} `{named}` in the catalogue{did_you_mean(named, names[kind])}")


def _part_problems(measure: dict[str, Any], path: Path, kpis: Mapping[str, bool]) -> Iterator[Problem]:
    """An index is made of KPIs that there are, and that are not made of others themselves."""
    parts = measure.get("parts")
    for index, part in enumerate(parts if isinstance(parts, list) else ()):
        named = part.get("kpi") if isinstance(part, dict) else None
        where = (*path, "parts", index, "kpi")
        if isinstance(named, str) and named not in kpis:
            yield Problem(where, f"no KPI `{named}` in the catalogue")
        elif isinstance(named, str) and kpis[named]:
            yield Problem(where, f"`{named}` is made of other KPIs itself: name those")


def _needed_problems(
    data: Mapping[str, Any], indexes: Mapping[str, Collection[str]], kpis: Mapping[str, bool]
) -> Iterator[Problem]:
    """What an index is made of, and the file says nothing of the index, stays what an index can be made of."""
    own = set(_ids(data, "kpis"))
    for path, kpi in _entries(data, "kpis"):
        name = kpi.get("id")
        if not isinstance(name, str) or kpis.get(name) is False:
            continue
        for index in sorted(index for index, parts in indexes.items() if name in parts and index not in own):
            place = "retired" if name not in kpis else "measure"
            yield Problem(
                (*path, place),
                f"the index `{index}` is made of this KPI: take it out there, in the same file or before",
            )


def _kpis_after(data: Mapping[str, Any], known: Names) -> dict[str, bool]:
    """Return the KPIs that there are once the file is applied, and whether each is made of others."""
    kpis = {name: name in known.derived for name in known.kpis}
    for _, kpi in _entries(data, "kpis"):
        name, measure = kpi.get("id"), kpi.get("measure")
        if not isinstance(name, str):
            continue
        if kpi.get("retired") is True:
            kpis.pop(name, None)
        else:
            kpis[name] = isinstance(measure, dict) and measure.get("kind") in DERIVED
    return kpis


def _twice(data: Mapping[str, Any], group: str) -> Iterator[Problem]:
    counts = Counter(_ids(data, group))
    seen: set[str] = set()
    for path, entry in _entries(data, group):
        name = entry.get("id")
        if isinstance(name, str) and name in seen:
            yield Problem((*path, "id"), f"`{name}` is given {counts[name]} times")
        seen.add(str(name))


def _ids(data: Mapping[str, Any], group: str) -> list[str]:
    return [entry["id"] for _, entry in _entries(data, group) if isinstance(entry.get("id"), str)]


def _entries(data: Mapping[str, Any], group: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    entries = data.get(group)
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield (group, index), entry
