"""Conditions in a catalogue file, which are CEL: what is wrong with one, told at its place in the file. Pure."""

import re
from collections.abc import Iterator
from typing import Any

from citygoals.shared.definition_file import Path, Problem
from citygoals.shared.terms import CONDITIONS

# The name that a CEL macro binds, as in data.nodes.exists(node, node == "goal-6").
_BOUND = re.compile(r"\.(?:all|exists|exists_one|filter|map)\(\s*([A-Za-z_][A-Za-z0-9_]*)\s*,")

_PLACE = re.compile(r"^.*ERROR: <input>:1:(?=[0-9])")
_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
_SLIPS = (
    (r"[\u2018\u2019\u201c\u201d]", "quotes are straight ones: ' or \""),
    (r"['\"]", "a quote is missing"),
    (r"(?<![=!<>])=(?!=)", "two values are compared with =="),
    (r"\b(?:and|or|not|AND|OR|NOT)\b", "conditions are joined by && (and), || (or), ! (not)"),
)
"""What people write who know other languages, outside of texts in quotes; the first that is there."""


def condition_problems(value: Any, path: Path) -> Iterator[Problem]:
    """Yield the conditions below the value that are no CEL, or that read something other than `data`."""
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from condition_problems(item, (*path, index))
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in CONDITIONS and isinstance(item, str):
                yield from _problems(item, (*path, name))
            else:
                yield from condition_problems(item, (*path, name))


def _problems(text: str, path: Path) -> Iterator[Problem]:
    import cel  # noqa: PLC0415  # a third of a second, and only files with conditions need it

    try:
        others = set(cel.compile(text).variables()) - {"data"} - set(_BOUND.findall(text))
    except ValueError as error:
        said = _PLACE.sub("at character ", str(error).splitlines()[0]).partition(" expecting {")[0]
        yield Problem(path, f"not a CEL condition: {said}{_slip(text)}")
    else:
        if others:
            yield Problem(path, f"a condition reads `data` only, not {', '.join(sorted(others))}")


def _slip(text: str) -> str:
    outside = _LITERAL.sub(" ", text)
    return next((f"; {words}" for pattern, words in _SLIPS if re.search(pattern, outside)), "")
