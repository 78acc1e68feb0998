"""No float in what counts: neither in kpi nor in the mathematics that all services share, nor in the SQL that adds up."""

import ast
import re
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
"""Floats are seconds to wait or measured, in names that say so (`_s`), or in one of these."""

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

INEXACT = frozenset({"float", "complex", "round", "truediv", "total_seconds", "timestamp", "pow"})
INEXACT_MODULES = frozenset({"statistics", "decimal", "random", "numpy", "cmath"})
EXACT_MATH = frozenset({"gcd", "lcm", "isqrt", "comb"})
INEXACT_SQL = re.compile(
    r"/|\b(float\d*|real|double precision|avg|stddev\w*|variance|percentile_\w+|random)\b", re.IGNORECASE
)


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
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float | complex)
    if isinstance(node, ast.BinOp | ast.AugAssign):
        return isinstance(node.op, ast.Div)
    if isinstance(node, ast.Name | ast.Attribute):
        return (node.id if isinstance(node, ast.Name) else node.attr) in INEXACT
    if isinstance(node, ast.Import):
        return any(item.name.split(".")[0] in INEXACT_MODULES | {"math"} for item in node.names)
    if isinstance(node, ast.ImportFrom):
        module = (node.module or "").split(".")[0]
        return module in INEXACT_MODULES or (module == "math" and not {item.name for item in node.names} <= EXACT_MATH)
    return False


def is_excused(where: str, holder: str, text: str) -> bool:
    if (where, holder) in SECONDS or (where, text) in FRACTIONS:
        return True
    return ("/" not in text and holder.lower().endswith("_s")) or (
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
     "x = round(n)", "gone = delta.total_seconds()", "x = 2j", "from random import random"],
)  # fmt: skip
def test_the_lint_sees_every_way_to_a_float(source: str) -> None:
    assert [one for one in inexact(source) if not is_excused("kpi/measures.py", *one[1:])]


@pytest.mark.parametrize("source", ["WAIT_S = 0.5", "def wait(limit_s: float) -> None: ...", "half = n // 2",
                                    "from math import gcd", "x = Fraction(1, 3) * 2"])  # fmt: skip
def test_the_lint_lets_integers_and_seconds_be(source: str) -> None:
    assert [one for one in inexact(source) if not is_excused("kpi/measures.py", *one[1:])] == []


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
