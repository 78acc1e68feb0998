"""What the guides show can be applied as it stands there."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from citygoals.kpi.calendars import Calendars
from citygoals.kpi.measures import compiled
from citygoals.shared.catalogue_names import Names
from citygoals.shared.kpi import KpiDef
from citygoals.shared.measure import MeasureDef
from citygoals.shared.plan import load_catalogue
from citygoals.shared.sample import load_looked_up, load_sample
from contract.sample.reckoned import CITY_CALENDAR

DOCS = Path(__file__).parents[3] / "docs"
GUIDE, REFERENCE = ((DOCS / name).read_text(encoding="utf-8") for name in ("kpi-authoring.md", "measures.md"))
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
