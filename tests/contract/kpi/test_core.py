"""The pure core: exact integers only, and every known event type speaks about some thing."""

import ast
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from citygoals.kpi.definition_files import read_catalogue
from citygoals.kpi.definitions import Definitions
from citygoals.kpi.facts import KIND_OF, KINDS
from citygoals.kpi.flow_measures import MEASUREMENT
from citygoals.shared.catalogue import EVENT_TYPES, schema_of
from citygoals.shared.measure import MeasureDef
from citygoals.shared.topology import SERVES

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "services/kpi/src/citygoals/kpi"
SHARED = ROOT / "shared/src/citygoals/shared"
CORE, MATHEMATICS = "the pure core does no I/O", "the mathematics of KPIs does no I/O and asks no clock"
FRACTIONS = ("attainment", "control", "derived")
"""Where what is divided is a Fraction, which stays exact."""

# The sample's own types, each event a fact of its own, and Wi-Fi sessions, of which nothing else is ever said.
ALONE = ("wifi.session", "permit.", "animal.", "unit.", "case.", "route.", "load.", "position.", "client.")


def modules(contract: str, source: Path) -> list[Path]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (found,) = [one for one in contracts if one["name"] == contract]
    return [source / f"{name.rpartition('.')[2]}.py" for name in found["source_modules"]]


def pure_modules() -> list[Path]:
    return modules(CORE, SOURCE)


def says_pure(path: Path) -> bool:
    return "pure" in (ast.get_docstring(ast.parse(path.read_text())) or "").lower()


def test_every_module_that_says_it_is_pure_is_held_to_it() -> None:
    assert sorted(pure_modules()) == sorted(path for path in SOURCE.glob("*.py") if says_pure(path))


@pytest.mark.parametrize("path", [*pure_modules(), *modules(MATHEMATICS, SHARED)], ids=lambda path: path.stem)
def test_no_float_and_no_division(path: Path) -> None:
    """A float has lost what it could not hold; `//` and Fraction lose nothing."""
    found = [
        f"{path.name}:{node.lineno}"
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div) and path.stem not in FRACTIONS)
        or (isinstance(node, ast.Attribute) and node.attr in ("total_seconds", "timestamp"))
    ]
    assert found == []


def test_every_event_type_of_the_catalogue_speaks_about_a_thing_or_stands_alone() -> None:
    alone = [name for name in EVENT_TYPES if name not in KIND_OF]
    assert [name for name in alone if not name.removeprefix("city.").startswith(ALONE)] == []
    assert [name for name in KIND_OF if name not in EVENT_TYPES] == []


def test_what_names_a_thing_is_required_of_every_event_about_it() -> None:
    optional = [
        (event_type, field)
        for kind in KINDS
        for event_type in kind.types
        for field in kind.identity
        if field not in schema_of(event_type)["required"]
    ]
    assert optional == []


def test_measurements_are_what_latest_measures_count() -> None:
    assert KIND_OF[MEASUREMENT].fold == "measurement"


def test_every_question_that_the_broker_lets_through_is_answered() -> None:
    answers = (SOURCE / "answers.py").read_text()
    (allowed,) = SERVES["kpi"]
    assert answers.count(f'"{allowed.removesuffix(">")}') == 5


def test_the_examples_of_the_documentation_are_a_catalogue_with_every_kind() -> None:
    text = (ROOT / "docs/measures.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    data = read_catalogue(text, "docs/measures.md", Definitions())
    arms = get_args(get_args(MeasureDef)[0])
    kinds = {get_args(arm.model_fields["kind"].annotation)[0] for arm in arms}
    assert {kpi["measure"]["kind"] for kpi in data["kpis"]} == kinds
