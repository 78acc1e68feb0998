"""Conditions of measures: CEL over `data`, compiled once, each answer remembered by the values that it depends on. Pure."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import cel

ANSWERS_REMEMBERED = 50_000

MISSING = object()
"""Stands for the value of a field that `data` lacks."""

_TEXT_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
_TANGLED = ("\\", "//", "'''", '"""')
"""Where one of these is, a quote may not be where a text begins or ends."""
_DATA = re.compile(r"(?<![\w.])data\b(?:\s*\.\s*([A-Za-z_]\w*))?")
_BOUND = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_FUNCTIONS = frozenset(
    [
        "size",
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "int",
        "uint",
        "double",
        "string",
        "bytes",
        "timestamp",
        "duration",
        "type",
        "dyn",
        "getFullYear",
        "getMonth",
        "getDate",
        "getDayOfMonth",
        "getDayOfWeek",
        "getDayOfYear",
        "getHours",
        "getMinutes",
        "getSeconds",
        "getMilliseconds",
    ]
)
_TYPES = frozenset({"int", "uint", "double", "string", "bytes", "bool", "list", "map"})
_UNDECIDED = (KeyError, TypeError, ValueError, RuntimeError, ArithmeticError, LookupError, AttributeError)


class Filter:
    """One condition. `names` are the fields of `data` that its answer depends on; None: it may depend on all of them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._program = cel.compile(text)
        _refuse_unknown(text, self._program)
        self.names = _names(text)
        self._answers: dict[tuple[Any, ...], bool] = {}

    def __call__(self, data: Mapping[str, Any]) -> bool:
        """Say whether the data meets the condition. A field that is missing, or of another type, is a no."""
        if self.names is None:
            return self._ask(data)
        try:
            key = tuple([distinct(data.get(name, MISSING)) for name in self.names])
            answer = self._answers.get(key)
        except TypeError:  # a list or an object, which cannot be a key
            return self._ask(data)
        if answer is None:
            if len(self._answers) >= ANSWERS_REMEMBERED:
                self._answers.clear()
            answer = self._answers[key] = self._ask(data)
        return answer

    def _ask(self, data: Mapping[str, Any]) -> bool:
        """Evaluate over no more than the named fields: one of the others that CEL cannot hold must not say no to all."""
        seen = dict(data) if self.names is None else {name: data[name] for name in self.names if name in data}
        try:
            return self._program.execute({"data": seen}) is True
        except _UNDECIDED:
            return False


def distinct(value: Any) -> Any:
    """Return a key that keeps apart what Python calls equal and CEL does not: True, 1 and 1.0."""
    return value if value.__class__ is str else (value.__class__, value)


def _refuse_unknown(text: str, program: cel.Program) -> None:
    """Raise ValueError for a name that no event could ever give a meaning: such a condition would never be met."""
    bound = set(_BOUND.findall(text))
    variables = set(program.variables()) - {"data"} - _TYPES - bound
    functions = {name for name in program.functions() if name.isidentifier() and not name.startswith("_")} - _FUNCTIONS
    if variables or functions:
        named = ", ".join(sorted(variables | functions))
        raise ValueError(f"a condition reads `data` with the functions of CEL, and knows no {named}")


def _names(text: str) -> tuple[str, ...] | None:
    """Find the fields that the text names; None when `data` is used in any other way than `data.<field>`.

    None as well where escapes, raw texts or comments could hide a field: a field that is missed would let an answer
    depend on which event had asked before.
    """
    if any(mark in text for mark in _TANGLED):
        return None
    found = [match[1] for match in _DATA.finditer(_TEXT_LITERAL.sub("''", text))]
    return None if None in found else tuple(sorted(set(found)))


@lru_cache(maxsize=2000)
def condition(text: str) -> Filter:
    """Return the filter of a condition, the same one for the same text. Raises ValueError for what is no condition."""
    return Filter(text)
