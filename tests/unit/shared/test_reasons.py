"""Mistakes that people make in a file are said in their words, on their line: the guide's own KPI, spoiled."""

import re
from pathlib import Path

import pytest
from citygoals.shared.catalogue_names import Names
from citygoals.shared.plan import InvalidFile, load_catalogue
from citygoals.shared.sample import load_looked_up, load_sample

GUIDE = (Path(__file__).parents[3] / "docs" / "kpi-authoring.md").read_text(encoding="utf-8")
FILE = re.findall(r"^```yaml\n(# graffiti.yaml\n.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)[0]
CALENDARS, REFERENCES = load_looked_up()
_, KPIS, DEPARTMENTS = load_sample()
KNOWN = Names([one.id for one in CALENDARS], [one.id for one in REFERENCES], [one.id for one in KPIS])


def told(text: str) -> list[str]:
    with pytest.raises(InvalidFile) as caught:
        load_catalogue(text, "graffiti.yaml", departments=[one.id for one in DEPARTMENTS], known=KNOWN)
    return [f"{error['line']} {error['pointer']}: {error['reason']}" for error in caught.value.errors]


def spoiled(was: str, becomes: str) -> tuple[int, str]:
    """Return the line on which the guide's file is changed, and the file."""
    assert FILE.count(was) == 1
    return FILE.partition(was)[0].count("\n") + 1, FILE.replace(was, becomes)


@pytest.mark.parametrize(
    ("was", "becomes", "reason"),
    [
        ("    unit:", "     unit:", "begins further right or left than the lines it belongs to"),
        ("    measure:", "   measure:", "begins further right or left than the lines it belongs to"),
        ("    unit:", "\tunit:", "a tab: indent with spaces"),
        ('"%"', "%", "a text that begins with % stands in quotes"),
        ("{en: Graffiti cleaned on time", "{en: Graffiti: cleaned on time", "a text with `: ` in it stands in quotes"),
        ("unknown", "unknown: no", "a text with `: ` in it stands in quotes"),
        ('"0.85",', '"0.85"', "a comma or a closing bracket is missing"),
        ("\"data.reason == 'duplicate'\"", "'data.reason == 'duplicate''", "quotes inside a text in quotes"),
    ],
)  # fmt: skip
def test_what_is_no_yaml(was: str, becomes: str, reason: str) -> None:
    line, text = spoiled(was, becomes)

    (only,) = told(text)

    assert only.startswith(f"{line} : not YAML: ")
    assert reason in only


@pytest.mark.parametrize(
    ("was", "becomes", "reason"),
    [
        ("data.service_code == 'graffiti'", "data.service_code = 'graffiti'", "two values are compared with =="),
        ("data.service_code == 'graffiti'", "data.a == 'b' and data.c == 'd'", "conditions are joined by && (and), || (or), ! (not)"),
        ("data.service_code == 'graffiti'", "data.a == 'and or not", "a quote is missing"),
        ("data.service_code == 'graffiti'", "data.a == \u2019b\u2019", "quotes are straight ones: ' or \""),
        ("data.service_code == 'graffiti'", "service_code == 'graffiti'", "reads `data` only, not service_code"),
    ],
)  # fmt: skip
def test_a_condition(was: str, becomes: str, reason: str) -> None:
    line, text = spoiled(was, becomes)

    (only,) = told(text)

    assert only.startswith(f"{line} /kpis/0/measure/deadline/where: ")
    assert reason in only
    assert "expecting {" not in only


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('{value: "0.85", basis: fiscal_year}', "{basis: fiscal_year}", "/target: `value` is missing"),
        ("polarity: up", "polarity: band", "/target: a band has `low` and `high`"),
        ("polarity: up", "polarity: higher", "/polarity: should be 'up', 'down' or 'band'"),
        ("polarity: up", "polarity: u", "/polarity: should be 'up', 'down' or 'band'"),
        ("decimals: 1", "decimals: one", "/decimals: should be a valid integer"),
        ("department: streets-maintenance", "department: streets",
         "/department: no department `streets` in the catalogue: did you mean `streets-maintenance`?"),
        ("calendar: city-offices", "calendar: city-office",
         "/measure/deadline/calendar: no calendar `city-office` in the catalogue: did you mean `city-offices`?"),
        ("{en: Graffiti cleaned on time, es: Grafiti limpiado a tiempo}", "Graffiti cleaned on time",
         "/title: expected fields, like {en: ...}"),
        ("{business_days: 5}", "5", "/measure/deadline/within: expected fields, like {business_days: ...}"),
        ("[city.service_request.closed.v1]", "[]", "/measure/deadline/ends: should have at least 1 item"),
        ("[city.service_request.closed.v1]", "[closed]", "/measure/deadline/ends/0: expected an event type, like city.payment.settled.v1"),
    ],
)  # fmt: skip
def test_a_field(was: str, becomes: str, said: str) -> None:
    line, text = spoiled(was, becomes)
    if said.startswith("/target:"):
        line, _ = spoiled("target:", "target:")

    assert told(text) == [f"{line} /kpis/0{said}"]


def test_a_part_of_an_index_that_is_wrong_does_not_make_the_list_empty() -> None:
    text = """\
kpis:
  - id: A-01
    title: {en: A}
    unit: "%"
    measure:
      kind: index
      parts:
        - {kpi: SR-011, weight: 0}
"""
    assert told(text) == [
        "8 /kpis/0/measure/parts/0/kpi: no KPI `SR-011` in the catalogue",
        "8 /kpis/0/measure/parts/0/weight: expected a decimal above zero, not 0",
    ]
