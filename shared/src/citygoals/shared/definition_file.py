"""Plan and catalogue files: YAML read with its line numbers, so that every mistake can be pointed at, all at once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from citygoals.shared.reasons import of_finding, of_yaml

FILE_MAX_CHARS = 2 * 1024 * 1024
VALUES_MAX = 200_000
"""How many values a file may hold once its aliases are written out: a small file can otherwise unfold without end."""

REASON_MAX_CHARS = 1_000
"""A reason repeats what the file says, and a file may say anything."""

Path = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

_TAG = "tag:yaml.org,2002:"


class Problem(NamedTuple):
    """One mistake: the path to the value in the file, and what is wrong with it."""

    path: Path
    reason: str


class InvalidFile(ValueError):  # noqa: N818  # reads as what it is: raise InvalidFile(...)
    """A plan or catalogue file with mistakes; `errors` names every one: file, line, pointer, reason."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("\n".join(f"{e['file']}:{e['line']}: {e['pointer'] or '/'}: {e['reason']}" for e in errors))
        self.errors = errors


def pointer(path: Iterable[str | int]) -> str:
    """Return the JSON Pointer (RFC 6901) of a path; "" is the whole document."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


class DefinitionFile:
    """One parsed file: its `data`, and the line on which each value stands.

    Decimals stay the text that was written (0.65 is "0.65"), dates too: nothing passes through a float.
    Raises InvalidFile for what is no YAML mapping.
    """

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.lines: dict[Path, int] = {(): 1}
        self._problems: list[Problem] = []
        self._values = 0
        root = self._compose(text)
        if not isinstance(root, MappingNode):
            raise self.invalid([Problem((), "expected a mapping, for example `kpis:` and a list below it")])
        self.data: dict[str, Any] = self._value(root, ())
        if self._problems:
            raise self.invalid(self._problems)

    def validate(self, model: type[M], problems: Iterable[Problem] = ()) -> M:
        """Return the data as that model. Raises InvalidFile with the model's findings and the `problems` given."""
        found = list(problems)
        try:
            valid = model.model_validate(self.data)
        except ValidationError as error:
            found += findings(error, self.data, model.model_json_schema(by_alias=True))
        else:
            if not found:
                return valid
        raise self.invalid(found)

    def invalid(self, problems: Iterable[Problem]) -> InvalidFile:
        """Return the error that names all the problems, by line."""
        errors = [
            {
                "file": self.name,
                "line": self._line(problem.path),
                "pointer": _sendable(pointer(problem.path)),
                "reason": _sendable(problem.reason),
            }
            for problem in set(problems)
        ]
        return InvalidFile(sorted(errors, key=lambda error: (error["line"], error["pointer"], error["reason"])))

    def _line(self, path: Path) -> int:
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]

    def _compose(self, text: str) -> Node | None:
        if len(text) > FILE_MAX_CHARS:
            raise self.invalid([Problem((), f"the file has {len(text)} characters; at most {FILE_MAX_CHARS} are read")])
        try:
            root: Node | None = YAML(typ="safe", pure=True).compose(text)
        except YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            self.lines[()] = mark.line + 1 if mark is not None else 1
            reason = getattr(error, "problem", None) or str(error).splitlines()[0]
            raise self.invalid([Problem((), of_yaml(reason))]) from error
        return root

    def _value(self, node: Node, path: Path) -> Any:
        self.lines[path] = node.start_mark.line + 1
        self._values += 1
        if self._values > VALUES_MAX or len(path) > 32:
            raise self.invalid([Problem(path, f"too deep, or more than {VALUES_MAX} values")])
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(str(node.tag), str(node.value), path)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, ScalarNode) else "?"
            if key in {"<<", "?"}:
                self._problems.append(Problem((*path, key), "keys are plain texts; merge keys (<<) are not taken"))
            elif key in mapping:
                self._problems.append(Problem((*path, key), f"`{key}` is given twice"))
            mapping[key] = self._value(value_node, (*path, key))
            self.lines[*path, key] = key_node.start_mark.line + 1
        return mapping

    def _scalar(self, tag: str, text: str, path: Path) -> Any:
        kind = tag.removeprefix(_TAG)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind == "int":
            return int(text) if text.lstrip("+-").isdigit() else text
        if kind not in {"str", "float", "timestamp"}:
            self._problems.append(Problem(path, f"the tag {tag.replace(_TAG, '!!')} is not taken: write a plain value"))
        return text


def findings(error: ValidationError, data: Any, schema: dict[str, Any]) -> Iterator[Problem]:
    """Yield every mistake that a model found in the data, at its path there and in our own words.

    `schema` is the model's JSON Schema. Checks of the whole document are left out.
    """
    found = error.errors(include_url=False)
    places = [finding["loc"] for finding in found]
    for finding in found:
        loc = finding["loc"]
        if not loc:  # whole-document checks are made on the raw data, where they can name a line
            continue
        if finding["type"] == "too_short" and any(one[: len(loc)] == loc != one for one in places):
            continue  # pydantic counts the good ones only: what is wrong with the others is said already
        path = _path(loc, data, finding["type"])
        yield _at_its_field(Problem(path, of_finding(finding, path, schema)), data)


def _at_its_field(problem: Problem, data: Any) -> Problem:
    """Move what a check of several fields says of one of them ("target: ...") to that field."""
    for step in problem.path:
        data = data[step] if _holds(data, step) else None
    field, _, reason = problem.reason.partition(": ")
    return Problem((*problem.path, field), reason) if reason and _holds(data, field) else problem


def _path(loc: tuple[str | int, ...], data: Any, kind: str) -> Path:
    """Return where the finding is in the file. pydantic's locations also name the branch of a union: those go."""
    path: list[str | int] = []
    for index, step in enumerate(loc):
        if _holds(data, step):
            data = data[step]
        elif not (kind == "missing" and index == len(loc) - 1):
            continue
        path.append(step)
    return tuple(path)


def _holds(data: Any, step: str | int) -> bool:
    if isinstance(data, Mapping):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data)


def _sendable(text: str) -> str:
    """Return a text that JSON can carry, at most REASON_MAX_CHARS long: an escape in YAML may write half a character."""
    whole = text.encode("utf-8", "backslashreplace").decode()
    return whole if len(whole) <= REASON_MAX_CHARS else f"{whole[: REASON_MAX_CHARS - 100]} ... {whole[-80:]}"
