"""Columns as PostgreSQL array literals: one text for a whole column. Pure.

The driver asks of each element of an array whether it is an array itself, at a microsecond each: for the cells of a
batch that took longer than everything else about them.
"""

from collections.abc import Iterable
from functools import lru_cache


def plain_array(values: Iterable[object]) -> str:
    """Return an array of values whose texts need no quotes: numbers, days, hexadecimal keys."""
    return "{" + ",".join(map(str, values)) + "}"


def text_array(values: Iterable[str]) -> str:
    """Return an array of any texts."""
    return "{" + ",".join(map(_quoted, values)) + "}"


@lru_cache(maxsize=10_000)
def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
