"""What docs/architecture.md names is there: functions to click through, modules, questions, spans, tests."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("services/*/src", "shared/src")
    for path in ROOT.glob(f"{folder}/**/*.py")
)
NAMED = sorted(set(re.findall(r"`((?:intake|kpi|notify|reporting|shared)\.[a-z_]+(?:\.[A-Za-z_]+)*)`", TEXT)))
SPANS = ("intake.door", "intake.gate", "intake.journal", "intake.relay",
         "kpi.consume", "kpi.apply", "kpi.relay", "reporting.project")  # fmt: skip
"""Those that tests/e2e/test_trace.py finds at a receiver."""


@pytest.mark.parametrize("name", [one for one in NAMED if one not in SPANS])
def test_what_is_named_exists(name: str) -> None:
    service, module, *members = name.split(".")
    found: object = importlib.import_module(f"citygoals.{service}.{module}")
    for member in members:
        found = getattr(found, member)


def test_the_eight_hops_are_the_spans_in_order() -> None:
    rows = re.findall(r"^\| `([a-z.]+)` \| `([A-Za-z_.]+)` \|", TEXT.partition("to click through")[2], re.MULTILINE)
    assert tuple(span for span, _ in rows) == SPANS
    assert all(f'"{span}"' in SOURCES for span in SPANS)


def test_every_question_between_services_is_listed_and_no_other() -> None:
    assert set(re.findall(r"^\| `(city\.ask\.[a-z.]+)`", TEXT, re.MULTILINE)) == set(
        re.findall(r'"(city\.ask\.\w+\.\w+)"', SOURCES)
    )


def test_what_it_points_at_is_there() -> None:
    paths = [path for path in re.findall(r"`(tests/[a-z_/.]+)`", TEXT) if not (ROOT / path).exists()]
    links = [link for link in re.findall(r"\]\(([a-z0-9_/.-]+)\)", TEXT) if not (ROOT / "docs" / link).exists()]
    assert paths + links == []


def test_the_readme_names_the_same_eight_functions_in_the_files_that_hold_them() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    hops = re.findall(r"^\| \d \|.*\| `([A-Za-z_.]+)` in \[([a-z]+)/([a-z]+)\.py\]\((\S+)\) \|$", readme, re.MULTILINE)
    rows = re.findall(r"^\| `[a-z.]+` \| `([A-Za-z_.]+)` \|", TEXT.partition("to click through")[2], re.MULTILINE)
    assert [f"{service}.{module}.{function}" for function, service, module, _ in hops] == rows
    assert all(link.endswith(f"/{service}/{module}.py") for _, service, module, link in hops)
