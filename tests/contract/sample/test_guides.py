"""What the guides show can be applied as it stands there."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from citygoals.intake.type_schema import type_errors
from citygoals.kpi.calendars import Calendars
from citygoals.kpi.measures import compiled
from citygoals.shared.catalogue import Validator
from citygoals.shared.catalogue_names import Names
from citygoals.shared.kpi import KpiDef
from citygoals.shared.measure import MeasureDef
from citygoals.shared.plan import load_catalogue
from citygoals.shared.sample import load_looked_up, load_sample
from contract.sample.reckoned import CITY_CALENDAR, figures

DOCS = Path(__file__).parents[3] / "docs"
GUIDE, REFERENCE = ((DOCS / name).read_text(encoding="utf-8") for name in ("kpi-authoring.md", "measures.md"))
EVENTS = [json.loads(line) for line in re.findall(r'^\{"specversion.*\}$', GUIDE, re.MULTILINE)]
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_can_be_applied_to_the_sample_city(text: str) -> None:
    _, kpis, departments = load_sample()
    calendars, references = load_looked_up()
    known = Names([one.id for one in calendars], [one.id for one in references], [one.id for one in kpis])

    found = load_catalogue(text, "example.yaml", departments=[one.id for one in departments], known=known)

    for kpi in found.kpis:
        assert kpi.id not in known.kpis
        assert compiled(kpi, Calendars.of(CITY_CALENDAR, calendars)) is not None


def test_every_kind_is_explained_and_no_other() -> None:
    kinds = {get_args(model.model_fields["kind"].annotation)[0]: model for model in get_args(get_args(MeasureDef)[0])}
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (.*?) \|", REFERENCE.partition("## Terms")[0], re.MULTILINE)[1:])

    assert set(rows) == set(kinds)
    for kind, model in kinds.items():
        assert [name for name in model.model_fields if name != "kind" and f"`{name}`" not in rows[kind]] == []


def test_every_field_that_an_author_should_think_of_exists() -> None:
    fields = re.findall(r"^\| `([a-z_.]+)(?:: true)?` \|", GUIDE.partition("## 3.")[2], re.MULTILINE)

    for field in fields:
        model: Any = KpiDef
        for name in field.split("."):
            assert name in model.model_fields
            model = get_args(model.model_fields[name].annotation)[0] if name == "target" else model


def test_the_guides_events_are_valid_and_give_the_figure_that_it_speaks_of() -> None:
    departments = [one.id for one in load_sample()[2]]
    validator = Validator(departments=frozenset(departments))
    assert [validator.errors(event["type"], event["data"]) for event in EVENTS] == [[], [], []]
    assert "two requests, one closed within five business days and one not" in GUIDE.lower()
    told = [
        (one["type"].removeprefix("city.").removesuffix(".v1"), datetime.fromisoformat(one["time"]), one["data"])
        for one in EVENTS
    ]

    (kpi,) = load_catalogue(EXAMPLES[0], "graffiti.yaml", departments=departments).kpis
    figure = figures(told, kpis=[kpi])["SM-03"]

    assert (figure.numerator, figure.denominator, figure.events) == (1, 2, 3)


def test_a_citys_own_event_type_is_taken_as_it_is_shown() -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```", REFERENCE, re.MULTILINE | re.DOTALL)
    shown = json.loads(example)
    assert type_errors(shown["type"], shown["schema"]) == []
