"""Merging: what a draft defines, onto what others changed since it was asked for. Pure.

Somebody who holds a formula back for weeks does not mean to bring back the title and the target of the day on which it
was written. So of each thing that a draft defines, what it changes is its own, and what only others changed stays. The
formula is what a draft is about: that of the draft holds. Where both changed something else, nobody can say who is right.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from citygoals.kpi.definition_files import names_in
from citygoals.kpi.definitions import CATALOGUE_PARTS, Definitions
from citygoals.shared.catalogue_names import name_problems
from citygoals.shared.errors import Conflict

FORMULA = frozenset({"measure", "department", "scope", "also_by"})
_SAID_BY_THE_ENGINE = frozenset({"version"})
_SHOWN_MAX = 3
REMEDY = "correct the file and apply it anew, and give this draft up"

Item = Mapping[str, Any]


class Clash(NamedTuple):
    """A field that the draft changes and that somebody else has changed otherwise."""

    part: str
    id: str
    field: str
    asked: Any
    now: Any


class Clashing(Conflict):
    """Others changed the same since the draft was asked for, or took away what it names: a person must say what is meant."""


class Merged(NamedTuple):
    """What is to be applied, and what cannot be."""

    data: dict[str, Any]
    clashes: tuple[Clash, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a draft is to define; `base` is what held when others no longer had to wait for it, None while they do."""

    data: Mapping[str, Any]
    base: Definitions | None = None

    def onto(self, known: Definitions) -> Merged:
        """Return what there is to be applied to what holds. Where both changed something, it is as the draft has it."""
        if self.base is None:
            return Merged(dict(self.data), ())
        data, clashes = dict(self.data), list[Clash]()
        for part in CATALOGUE_PARTS:
            items = self.data.get(part) or ()
            before, now = _dumps(self.base, part, items), _dumps(known, part, items)
            merges = [_merged(part, item, before.get(item["id"]), now.get(item["id"])) for item in items]
            data[part] = [item for item, _ in merges if item is not None]
            clashes += [clash for _, found in merges for clash in found]
        return Merged(data, tuple(clashes))

    def settled_onto(self, known: Definitions) -> dict[str, Any]:
        """Return what there is to be applied to what holds. Raises Clashing."""
        merged = self.onto(known)
        if merged.clashes:
            raise Clashing(_told(merged.clashes))
        missing = [problem.reason for problem in name_problems(merged.data, names_in(known))]
        if missing:
            raise Clashing(f"somebody took away what this names: {'; '.join(missing[:_SHOWN_MAX])}; {REMEDY}")
        return merged.data


def _told(clashes: tuple[Clash, ...]) -> str:
    """Return in a sentence what clashes, and what to do."""
    named = [f"{clash.field} of {clash.id}" for clash in clashes[:_SHOWN_MAX]]
    more = f" and {len(clashes) - _SHOWN_MAX} more" if len(clashes) > _SHOWN_MAX else ""
    return f"somebody else changed {', '.join(named)}{more} since this was asked for; {REMEDY}"


def _dumps(definitions: Definitions, part: str, items: Iterable[Item]) -> dict[str, Item]:
    """Return those of the things that are defined, as an entry has them."""
    defined = getattr(definitions, part)
    return {item["id"]: defined[item["id"]].model_dump(mode="json") for item in items if item["id"] in defined}


def _merged(part: str, asked: Item, before: Item | None, now: Item | None) -> tuple[Item | None, list[Clash]]:
    """Return one thing as it is to be, None for not at all, and what clashes."""
    if now is not None:
        return _merged_fields(part, asked, before, now)
    if before is None or asked.get("retired"):
        return asked, []
    if all(asked[field] == before.get(field) for field in asked.keys() - _SAID_BY_THE_ENGINE):
        return None, []
    return asked, [Clash(part, asked["id"], "retired", asked=False, now=True)]


def _merged_fields(part: str, asked: Item, before: Item | None, now: Item) -> tuple[Item, list[Clash]]:
    item, clashes = dict(asked), list[Clash]()
    for field in sorted(asked.keys() - _SAID_BY_THE_ENGINE):
        wanted, holds = asked[field], now.get(field)
        if wanted == holds:
            continue
        if before is not None and wanted == before.get(field):
            item[field] = holds
        elif field not in FORMULA and (before is None or holds != before.get(field)):
            clashes.append(Clash(part, asked["id"], field, asked=wanted, now=holds))
    return item, clashes
