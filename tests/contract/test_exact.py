"""No float in what counts: neither in kpi nor in the mathematics that all services share, nor in the SQL that adds up."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KPI = ROOT / "services/kpi/src/citygoals/kpi"
REPORTING = ROOT / "services/reporting/src/citygoals/reporting"
SHARED = ROOT / "shared/src/citygoals/shared"

ENTRANCES = ("figures", "nodes", "control", "business", "changeset", "plan_structure", "money", "numeric")
"""Where the mathematics begins; whatever these import from shared is part of it."""

SECONDS = {
    ("kpi/rebuild.py", "began"): "how long a rebuild takes is measured, and never counted",
    ("kpi/rebuild.py", "ended"): "as above",
    ("kpi/rebuild.py", "took_ms"): "as above",
    ("kpi/relay.py", "_saved_at"): "when the cursor was saved, on a clock that only waits use",
    ("kpi/waiting.py", "seconds"): "how long to wait",
    ("kpi/api.py", "Wait"): "how long to wait",
    ("kpi/rebuild.py", "entries_per_s"): "how fast a rebuild was is measured, and never counted",
}
"""Floats are seconds to wait or measured, in modules that do wait and in names that say so (`_s`), or in one of these."""

FRACTIONS = {
    ("shared/attainment.py", "made / (self.value - self.baseline)"): "a Fraction less a Fraction",
    ("shared/derived.py", "total / covered"): "two Fractions",
    ("shared/control.py", "Fraction(sum(known)) / len(known)"): "a Fraction",
    ("shared/control.py", "Fraction(sum(ranges)) / len(ranges)"): "a Fraction",
    ("reporting/cityscore.py", "sum(scores, Fraction(0)) / len(scores)"): "a Fraction",
}
"""Every true division there is: of integers it would give a float."""

REFUSED = {
    "model.py": "a JSON number is told from a decimal text, to be refused",
}
"""Modules that name `float` only to keep it out."""

INEXACT = frozenset({
    "float", "complex", "round", "truediv", "itruediv", "total_seconds", "timestamp", "pow", "fsum", "limit_denominator",
    "from_float", "__truediv__", "__rtruediv__", "__itruediv__", "__float__", "__pow__", "__round__",
    "eval", "exec", "__import__", "import_module",
})  # fmt: skip
"""Names of what is or makes a float, and of what could hide one from a reader of the source."""
INEXACT_MODULES = frozenset({"statistics", "decimal", "random", "numpy", "cmath"})
EXACT_MATH = frozenset({"gcd", "lcm", "isqrt", "comb"})
INEXACT_SQL = re.compile(
    r"/|\b(float\d*|real|double precision|avg|stddev\w*|var(iance|_\w+)|percentile_\w+|random|sqrt|cbrt|power|exp|ln|log"
    r"|corr|regr_\w+|covar_\w+|to_number)\b|\d[eE]-?\d|[|]/",
    re.IGNORECASE,
)
FLOAT_TEXT = re.compile(r"%[-+ #0]*[0-9*]*(\.[0-9*]+)?[efgEFG]|\{[^{}]*:[^{}]*[efgEFG%]\}")
FLOAT_SPEC = re.compile(r"[efgEFG%]\Z")
FLOAT_BYTES = re.compile(r"[@=<>!]?[0-9a-zA-Z?]*[def]")


def mathematics() -> list[Path]:
    """The modules of shared that the entrances are made of."""
    found: set[str] = set()
    ahead = list(ENTRANCES)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += [
                str(node.module).split(".")[2]
                for node in ast.walk(ast.parse((SHARED / f"{name}.py").read_text(encoding="utf-8")))
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("citygoals.shared.")
            ]
    return [SHARED / f"{name}.py" for name in sorted(found)]


def pure() -> frozenset[str]:
    """The modules of kpi that do no I/O, and so have nothing to wait for."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (core,) = [one for one in contracts if one["name"] == "the pure core does no I/O"]
    return frozenset(f"kpi/{name.rpartition('.')[2]}.py" for name in core["source_modules"])


PURE = pure()

EXACT = [*sorted(KPI.glob("*.py")), *mathematics(), REPORTING / "cityscore.py", REPORTING / "controlled.py"]


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def inexact(source: str) -> Iterator[tuple[int, str, str]]:
    """Yield (line, name that it is given to, text) of everything that is or makes a float."""
    yield from _inexact(ast.parse(source), "")


def _inexact(node: ast.AST, holder: str) -> Iterator[tuple[int, str, str]]:
    holder = _name(node) or holder
    if _is_inexact(node):
        yield getattr(node, "lineno", 0), holder, ast.unparse(node)
    for child in ast.iter_child_nodes(node):
        yield from _inexact(child, holder)


def _name(node: ast.AST) -> str:
    """The name that a statement or parameter gives to what is in it."""
    if isinstance(node, ast.arg):
        return node.arg
    if isinstance(node, ast.keyword):
        return node.arg or ""
    target = (
        node.targets[0] if isinstance(node, ast.Assign) else node.target if isinstance(node, ast.AnnAssign) else None
    )
    return target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""


def _is_inexact(node: ast.AST) -> bool:
    match node:
        case ast.BinOp() | ast.AugAssign():
            return isinstance(node.op, ast.Div) or _is_root(node) or _is_float_text(node)
        case ast.FormattedValue():  # it would be made a float to be shown
            return node.format_spec is not None and bool(FLOAT_SPEC.search(_said(node.format_spec)))
        case ast.Call():
            return _is_float_call(node)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in INEXACT
        case ast.Import() | ast.ImportFrom():
            return _is_inexact_import(node)
        case _:
            return isinstance(node, ast.Constant) and isinstance(node.value, float | complex)


def _is_inexact_import(node: ast.Import | ast.ImportFrom) -> bool:
    names = {item.name for item in node.names}
    if isinstance(node, ast.Import):
        return any(name.split(".")[0] in INEXACT_MODULES | {"math"} for name in names)
    module = (node.module or "").split(".")[0]
    return module in INEXACT_MODULES or bool(names & INEXACT) or (module == "math" and not names <= EXACT_MATH)


def _said(node: ast.AST) -> str:
    """The fixed text of a string or of a format."""
    return "".join(one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str))


def _is_root(node: ast.BinOp | ast.AugAssign) -> bool:
    """A power below zero of an integer is a float."""
    power = node.right if isinstance(node, ast.BinOp) else node.value
    return isinstance(node.op, ast.Pow) and isinstance(power, ast.UnaryOp) and isinstance(power.op, ast.USub)


def _is_float_text(node: ast.BinOp | ast.AugAssign) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and bool(FLOAT_TEXT.search(_said(node.left)))


def _is_float_call(node: ast.Call) -> bool:
    """A format that shows floats, or bytes that are some."""
    function = node.func
    name = (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )
    given = _said(node.args[0]) if node.args else ""
    if name == "format":
        format_ = function.value if isinstance(function, ast.Attribute) else node.args[-1]
        return bool(FLOAT_TEXT.search(_said(format_)) or FLOAT_SPEC.search(_said(format_)))
    return name in {"Struct", "pack", "unpack", "unpack_from", "calcsize"} and bool(FLOAT_BYTES.match(given))


def is_excused(where: str, holder: str, text: str) -> bool:
    if (where, holder) in SECONDS or (where, text) in FRACTIONS:
        return True
    return (where.startswith("kpi/") and where not in PURE and "/" not in text and holder.lower().endswith("_s")) or (
        where.removeprefix("shared/") in REFUSED and text == "float"
    )


@pytest.mark.parametrize("path", EXACT, ids=named)
def test_there_is_no_float(path: Path) -> None:
    found = [
        f"{named(path)}:{line}: {text}"
        for line, holder, text in inexact(path.read_text(encoding="utf-8"))
        if not is_excused(named(path), holder, text)
    ]
    assert found == []


def test_every_excuse_is_needed() -> None:
    found = {(named(path), *one[1:]) for path in EXACT for one in inexact(path.read_text(encoding="utf-8"))}
    assert FRACTIONS.keys() <= {(where, text) for where, _, text in found}
    assert SECONDS.keys() <= {(where, holder) for where, holder, _ in found}
    assert {f"shared/{name}" for name in REFUSED} <= {where for where, _, text in found if text == "float"}


@pytest.mark.parametrize(
    "source",
    ["x = 1.5", "share = n / d", "n /= d", "x = float(n)", "x: float = n", "def mean(values: list[float]) -> int: ...",
     "from decimal import Decimal", "import math", "from math import sqrt", "from statistics import mean",
     "x = round(n)", "gone = delta.total_seconds()", "x = 2j", "from random import random",
     "x = n ** -1", "x **= -n", "from operator import truediv as over", "x = n.__truediv__(d)", "x = int.__pow__(n, m)",
     "from builtins import float as number", "x = f'{n:.2f}'", "x = f'{n:,.{places}f}'", "x = f'{share:%}'", "x = '%.2f' % n",
     "x = '{:.1f}'.format(n)", "x = format(n, '.2f')", "x = Fraction(n).limit_denominator(9)", "x = eval('1/3')",
     "m = __import__('math')", "x = struct.unpack('>d', data)", "pack = struct.Struct('<qd')", "from math import fsum",
     "x = sum(values, 0.0)"],
)  # fmt: skip
def test_the_lint_sees_every_way_to_a_float(source: str) -> None:
    assert [one for one in inexact(source) if not is_excused("kpi/measures.py", *one[1:])]


@pytest.mark.parametrize("source", ["WAIT_S = 0.5", "def wait(limit_s: float) -> None: ...", "half = n // 2",
                                    "from math import gcd", "x = Fraction(1, 3) * 2", "x = f'{n:03d}'", "x = f'{n:0{places}d}'",
                                    "x = 10 ** places", "x = 'FY%04d' % n", "x = struct.Struct('>hhHH')", "x = n % d"])  # fmt: skip
def test_the_lint_lets_integers_and_seconds_be(source: str) -> None:
    assert [one for one in inexact(source) if not is_excused("kpi/relay.py", *one[1:])] == []


def test_what_does_not_wait_has_no_seconds_to_excuse_a_float() -> None:
    for where in ("kpi/term_values.py", "shared/reckoning.py"):
        assert [one for one in inexact("within_s = 0.5 * n") if not is_excused(where, *one[1:])]


def test_the_mathematics_is_all_there() -> None:
    names = {path.stem for path in mathematics()}
    assert names >= {
        "reckoning",
        "derived",
        "attainment",
        "targets",
        "elapsed",
        "histogram",
        "population",
        "tree",
        "exact",
    }


@pytest.mark.parametrize("folder", [KPI / "sql", KPI / "migrations"], ids=named)
def test_no_statement_divides_or_holds_a_float(folder: Path) -> None:
    for path in sorted(folder.glob("*.sql")):
        code = [line.partition("--")[0] for line in path.read_text(encoding="utf-8").splitlines()]
        lines = [re.sub(r"'[^']*'", "''", line) for line in code]
        assert [line for line in lines if INEXACT_SQL.search(line)] == [], path.name
