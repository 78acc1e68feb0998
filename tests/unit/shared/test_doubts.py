"""Doubts: what is spelled like nothing that is known is told, and what is known is not."""

from typing import Any

import pytest
from citygoals.shared.doubts import doubts
from citygoals.shared.kpi import KpiDef
from citygoals.shared.sample import load_sample

HELD = "city.session.held.v1"


def of(measure: dict[str, Any], *arrived: str) -> list[str]:
    kpi = KpiDef.model_validate({"id": "K-1", "title": {"en": "K"}, "unit": "1", "measure": measure})
    return doubts([kpi], arrived)


def test_the_sample_gives_no_doubt() -> None:
    assert doubts(load_sample()[1], ()) == []


@pytest.mark.parametrize(
    ("measure", "doubt"),
    [
        ({"kind": "count", "event": "city.sesion.held.v1"},
         "no event of type city.sesion.held.v1 has ever arrived: did you mean `city.session.held.v1`?"),
        ({"kind": "count", "event": HELD, "where": "data.departmnt == 'zoo'"},
         f"{HELD} has no field departmnt that is known here: did you mean `department`?"),
        ({"kind": "sum", "event": HELD, "value": "data.zzz"}, f"{HELD} has no field zzz that is known here"),
        ({"kind": "distinct", "event": HELD, "key": "data.programid"},
         f"{HELD} has no field programid that is known here: did you mean `program_id`?"),
        ({"kind": "importance_satisfaction", "event": "city.survey.response.v1", "important": "data.top_choice",
          "rated": "data.satisfaction != null", "satisfied": "data.satisfactory"},
         "city.survey.response.v1 has no field satisfactory that is known here: did you mean `satisfaction`?"),
        ({"kind": "on_time", "deadline": {
            "start": "city.permit.submitted.v1", "ends": ["city.permit.decided.v1"], "due_field": "due_on"}},
         "city.permit.submitted.v1 has no field due_on that is known here: did you mean `due_at`?"),
        ({"kind": "overdue", "deadline": {
            "start": "city.permit.submitted.v1", "ends": ["city.permit.decidd.v1"], "within": {"duration": "P1D"},
            "unless": "data.x"}},
         "no event of type city.permit.decidd.v1 has ever arrived: did you mean `city.permit.decided.v1`?"),
    ],
)  # fmt: skip
def test_what_is_misspelled_is_doubted_by_name(measure: dict[str, Any], doubt: str) -> None:
    assert of(measure) == [f"K-1: {doubt}"]


def test_what_a_city_has_of_its_own_is_not_doubted_once_it_has_arrived() -> None:
    own = {"kind": "count", "event": "city.bus.arrived.v1", "where": "data.line == '7'"}
    assert len(of(own)) == 1
    assert of(own, "city.bus.arrived.v1") == []


def test_a_later_fact_has_the_fields_of_the_first() -> None:
    closed = {"kind": "count", "event": "city.service_request.closed.v1", "where": "data.service_code == 'x'"}
    assert of(closed) == []


@pytest.mark.parametrize(
    ("unit", "target", "doubt"),
    [("%", {"value": "85"}, "0.85"), ("%", {"low": "40", "high": "60.5"}, "0.4"), ("%", {"value": "1.2"}, None), ("h", {"value": "85"}, None)],
)  # fmt: skip
def test_a_target_that_was_given_in_percent_is_doubted(unit: str, target: dict[str, str], doubt: str | None) -> None:
    kpi = KpiDef.model_validate(
        {"id": "K-1", "title": {"en": "K"}, "unit": unit, "measure": {"kind": "count", "event": HELD}, "target": target,
         "polarity": "band" if "low" in target else "up"}
    )  # fmt: skip
    first = target.get("value") or target["low"]
    expected = f"K-1: a target of {first} is {first}00 %: for {first} % write {doubt}"
    assert doubts([kpi], ()) == ([] if doubt is None else [expected])
