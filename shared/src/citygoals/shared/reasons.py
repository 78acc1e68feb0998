"""What is wrong with a file, in the words of those who write it: analysts, who know neither YAML's grammar nor pydantic. Pure."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from citygoals.shared.model import PATTERNS

_YAML_SAYS: tuple[tuple[str, str], ...] = (
    (r"character '\\t'", "a tab: indent with spaces"),
    (r"found character '(.)'", r"a text that begins with \1 stands in quotes"),
    (
        r"mapping values are not allowed|got ':'",
        "a text with `: ` in it stands in quotes; if it is none, the line above is not closed, or this one is indented too far",
    ),
    (r"expected ',' or '[\]}]'", "a comma or a closing bracket is missing, here or in a line above"),
    (
        r"found '<scalar>'",
        "something stands behind a text in quotes: quotes inside a text in quotes are of the other sort",
    ),
    (
        r"expected <block end>",
        "this line begins further right or left than the lines it belongs to: fields of one thing stand exactly below each other",
    ),
    (r"could not find expected ':'", "a line above has no `: ` (a colon and a space)"),
    (r"unexpected end of stream", "a quote is never closed"),
)
"""What the reader of YAML says, and what that means for the line that it names; the first that fits."""

_SAID = {
    "tuple_type": "expected a list, like [one, two]",
    "union_tag_not_found": "`kind` is missing",
    "string_type": "expected a text",
}
_NOT_FIELDS = frozenset({"model_type", "model_attributes_type", "dict_type"})


def of_yaml(problem: str) -> str:
    """Return what the reader of YAML could not read, in plain words where it is one of the usual slips."""
    for pattern, words in _YAML_SAYS:
        if match := re.search(pattern, problem.replace("\t", "\\t")):
            return f"not YAML: {match.expand(words)}"
    return f"not YAML: {problem}"


def of_finding(finding: Any, path: tuple[str | int, ...], schema: dict[str, Any]) -> str:
    """Return what pydantic found at the path, in plain words; `schema` is the model's JSON Schema."""
    name, kind = str(finding["loc"][-1]), finding["type"]
    if kind == "extra_forbidden":
        return f"unknown field `{name}`{did_you_mean(name, _fields_at(path[:-1], schema))}"
    if kind == "missing":
        return f"`{name}` is missing"
    if kind in _NOT_FIELDS:
        fields = _fields_at(path, schema)
        return f"expected fields, like {{{fields[0]}: ...}}" if fields else "expected fields, like {name: value}"
    if kind == "union_tag_invalid":
        allowed = str(finding["ctx"]["expected_tags"])
        hint = did_you_mean(str(finding["ctx"]["tag"]), re.findall(r"\w+", allowed))
        return f"`kind` is one of {allowed}{hint}"
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(finding["ctx"]["pattern"], str(finding["msg"]))
    return _SAID.get(kind) or _without_types(str(finding["msg"]))


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return a question that names what was probably meant, to be put behind a reason; empty where nothing is near."""
    low = name.lower()
    near = [one for one in sorted(known) if len(low) > 2 and one.lower().startswith(low)]
    near = near or difflib.get_close_matches(name, known, n=1)
    return f": did you mean `{near[0]}`?" if near else ""


def _without_types(message: str) -> str:
    """Take away what speaks of Python: `Input`, `Tuple`, and validation."""
    plain = re.sub(r"^(?:Value error, |(?:Input|String|Tuple|List) (?=should))", "", message)
    return re.sub(r" after validation, not \d+$", "", plain)


def _fields_at(path: tuple[str | int, ...], schema: dict[str, Any]) -> list[str]:
    """Return the fields that the schema knows at the path, in any branch of its unions; those that must be there first."""
    here = list(_branches(schema, schema))
    for step in path:
        inner = [part["properties"].get(step) if isinstance(step, str) else part.get("items") for part in here]
        here = [branch for part in inner if part for branch in _branches(part, schema)]
    required = [name for part in here for name in part.get("required", ())]
    return list(dict.fromkeys((*required, *(name for part in here for name in part["properties"]))))


def _branches(part: Mapping[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in part:
        yield from _branches(schema["$defs"][part["$ref"].rpartition("/")[2]], schema)
    for union in ("anyOf", "oneOf"):
        for branch in part.get(union, ()):
            yield from _branches(branch, schema)
    if "properties" in part or "items" in part:
        yield {"properties": {}, **part}
