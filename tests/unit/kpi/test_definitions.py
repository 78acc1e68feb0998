"""Definitions: the last word wins, what is not named stays, and only a changed measure is counted anew."""

from datetime import date
from typing import Any

import pytest
from citygoals.kpi.definition_files import read_catalogue, read_departments, read_plan
from citygoals.kpi.definitions import (
    CATALOGUE_APPLIED,
    PLAN_APPLIED,
    TOLD_MAX_BYTES,
    Definitions,
    missing_kpis,
    remeasured,
    told_bytes,
)
from citygoals.kpi.own_entries import hour_of, own_body
from citygoals.shared.business_def import BusinessCalendarDef, ClosedDayDef
from citygoals.shared.changeset import Changeset, encode_changeset
from citygoals.shared.kpi import CatalogueDef, KpiDef
from citygoals.shared.literals import plain_array, text_array
from citygoals.shared.plan import InvalidFile, PlanDef
from citygoals.shared.sample import CATALOGUE_FILES, DEPARTMENT_FILES, text_of
from unit.kpi.samples import CALENDAR, READER, START, kpi

COUNT = {"kind": "count", "event": "city.payment.settled.v1"}


def plan(version: str, first: str, end: str | None = None) -> PlanDef:
    nodes = [{"id": "city", "kind": "city", "title": {"en": "City"}}]
    effective = {"from": first, "to": end}
    return PlanDef.model_validate({"id": "p", "version": version, "effective": effective, "nodes": nodes})


def with_kpis(*kpis: KpiDef) -> Definitions:
    return Definitions().with_catalogue(CatalogueDef(kpis=kpis))


def test_a_catalogue_adds_and_replaces() -> None:
    before = with_kpis(kpi("B", COUNT), kpi("A", COUNT))
    after = before.with_catalogue(CatalogueDef(kpis=(kpi("B", COUNT, decimals=0),)))
    assert list(after.kpis) == ["A", "B"]
    assert after.kpis["B"].decimals == 0


def test_the_plan_applied_last_among_those_in_effect_is_in_force() -> None:
    old, new, next_year = plan("1", "2020-01-01"), plan("2", "2020-01-01"), plan("3", "2027-09-01")
    definitions = Definitions().with_plan(new, 1).with_plan(old, 2).with_plan(next_year, 3)
    assert definitions.in_force(date(2026, 9, 1)) == old
    assert definitions.in_force(date(2027, 9, 1)) == next_year
    assert definitions.with_plan(new, 4).in_force(date(2026, 9, 1)) == new
    assert definitions.in_force(date(2019, 1, 1)) == next_year, "none is in effect: the last word"
    assert Definitions().in_force(date(2026, 9, 1)) is None
    assert plan("4", "2020-01-01", "2026-09-01").effective.to == date(2026, 9, 1)


def test_what_changed_is_told_whole_and_what_did_not_is_not_told() -> None:
    before = with_kpis(kpi("A", COUNT), kpi("B", COUNT))
    after = before.with_catalogue(CatalogueDef(kpis=(kpi("B", COUNT, decimals=0),)))
    changed = after.changed_since(before)
    assert changed is not None
    assert {name: len(values) for name, values in changed.items()} == {"kpis": 2}
    assert after.changed_since(after) is None
    assert before.with_catalogue(CatalogueDef(kpis=(kpi("A", COUNT),))).changed_since(before) is None


@pytest.mark.parametrize(
    ("change", "again"),
    [({}, False), ({"decimals": 0}, False), ({"target": {"value": "5"}}, False), ({"department": "zoo"}, True),
     ({"scope": "city"}, True), ({"measure": {**COUNT, "where": "data.x"}}, True)],
)  # fmt: skip
def test_only_a_changed_measure_is_counted_anew(change: dict[str, Any], *, again: bool) -> None:
    before = with_kpis(kpi("A", COUNT))
    after = with_kpis(kpi("A", **{"measure": COUNT, **change}))
    assert [one.id for one in remeasured(before, after)] == (["A"] if again else [])
    assert [one.id for one in remeasured(Definitions(), after)] == ["A"]


def test_what_is_told_is_measured_before_it_is_applied() -> None:
    few, many = (
        {"kpis": [kpi(f"A-{number:03d}", COUNT).model_dump(mode="json") for number in range(count)]}
        for count in (2, 2000)
    )
    before = Definitions().after(CATALOGUE_APPLIED, few, 1)
    assert told_bytes(Definitions(), CATALOGUE_APPLIED, few) < TOLD_MAX_BYTES
    assert told_bytes(before, CATALOGUE_APPLIED, many) > TOLD_MAX_BYTES
    changed = before.after(CATALOGUE_APPLIED, many, 2).changed_since(before)
    with pytest.raises(ValueError, match="a part holds at most"):
        encode_changeset(Changeset(position=2, recorded_at=START, tick=START, definitions=changed))


def test_entries_of_lane_0_tell_the_definitions_again() -> None:
    definitions = Definitions()
    files = [*((read_catalogue, name) for name in (*DEPARTMENT_FILES, *CATALOGUE_FILES)), (read_plan, "plan.yaml")]
    for number, (read, name) in enumerate(files, 1):
        event_type = PLAN_APPLIED if read is read_plan else CATALOGUE_APPLIED
        data = read_plan(text_of(name), name) if read is read_plan else read_catalogue(text_of(name), name, definitions)
        entry = READER.read(own_body(event_type, data, seq=number, at=START, recorded_at=START))
        assert (entry.lane, entry.seq, entry.fact) == (0, number, entry.key)
        definitions = definitions.after(entry.type, entry.data, number)
    assert definitions.after("city.kpi.ticked.v1", {}, 9) == definitions
    assert [one.position for one in definitions.plans] == [len(files)]
    assert missing_kpis(definitions.plans[0].plan, definitions) == []
    assert missing_kpis(definitions.plans[0].plan, Definitions()) != []


def test_a_kpi_that_an_index_of_the_catalogue_is_made_of_cannot_become_one() -> None:
    index = kpi("IX", {"kind": "index", "parts": [{"kpi": "A-01"}]})
    known = Definitions().with_catalogue(CatalogueDef(kpis=(kpi("A-01", COUNT), index)))
    text = """kpis:
  - {id: A-01, title: {en: A}, unit: "1", measure: {kind: zero_typing}}
"""
    with pytest.raises(InvalidFile, match=r"kpis\.yaml:2: /kpis/0/measure: the index `IX` is made of this KPI"):
        read_catalogue(text, "kpis.yaml", known)


def test_a_bad_condition_is_named_by_its_line() -> None:
    text = """kpis:
  - id: A-01
    title: {en: A}
    unit: "1"
    measure: {kind: count, event: city.payment.settled.v1, where: "data.x == 1"}
  - id: A-02
    title: {en: B}
    unit: "%"
    measure:
      kind: ratio
      numerator:
        - {event: city.payment.settled.v1, where: "data.x"}
        - event: city.payment.refunded.v1
          where: "datum.x"
      denominator: {event: city.payment.settled.v1, where: "data.x =="}
  - id: A-03
    title: {en: C}
    unit: "1"
    measure:
      kind: importance_satisfaction
      event: city.survey.response.v1
      important: "data.top_choice"
      rated: "data.satisfaction != nil"
      satisfied: "data.satisfaction =>= 4"
"""
    with pytest.raises(InvalidFile) as caught:
        read_catalogue(text, "kpis.yaml", Definitions())
    assert [(error["line"], error["pointer"]) for error in caught.value.errors] == [
        (14, "/kpis/1/measure/numerator/1/where"),
        (15, "/kpis/1/measure/denominator/where"),
        (23, "/kpis/2/measure/rated"),
        (24, "/kpis/2/measure/satisfied"),
    ]


def test_departments_alone_hold_nothing_else() -> None:
    with pytest.raises(InvalidFile) as caught:
        read_departments(f"departments: []\n{text_of('calendars.yaml')}", "mine.yaml", Definitions())
    (error,) = caught.value.errors
    assert (error["pointer"], error["line"] > 1) == ("/calendars", True)


HOURS = {"monday": ["08:00-17:00"]}
OFFICE = BusinessCalendarDef.model_validate({"id": "office", "title": {"en": "Office"}, "hours": HOURS})
DEADLINE = {"start": "city.permit.submitted.v1", "ends": ["city.permit.decided.v1"], "calendar": "office"}


def test_a_calendar_that_changes_moves_what_is_counted_by_it() -> None:
    permits = kpi("A", {"kind": "on_time", "deadline": {**DEADLINE, "within": {"business_days": 3}}})
    hours = kpi("B", {
        "kind": "percentile", "event": "city.permit.decided.v1", "since": "city.permit.submitted.v1",
        "quantile": "0.9", "clock": "office",
    })  # fmt: skip
    before = Definitions().with_catalogue(CatalogueDef(kpis=(permits, hours, kpi("C", COUNT)), calendars=(OFFICE,)))
    closed = OFFICE.model_copy(update={"closed": (ClosedDayDef(date=date(2026, 9, 7)),)})
    after = before.with_catalogue(CatalogueDef(calendars=(closed,)))
    assert [one.id for one in remeasured(before, after)] == ["A", "B"]
    assert set(after.changed_since(before) or {}) == {"calendars"}
    assert remeasured(after, after) == []


def test_a_retired_kpi_leaves_the_catalogue_and_may_come_back() -> None:
    before = with_kpis(kpi("A", COUNT), kpi("B", COUNT))
    after = before.with_catalogue(CatalogueDef(kpis=(kpi("B", COUNT, retired=True),)))
    assert list(after.kpis) == ["A"]
    assert [one["id"] for one in (after.changed_since(before) or {})["kpis"]] == ["A"]
    assert [one.id for one in remeasured(after, after.with_catalogue(CatalogueDef(kpis=(kpi("B", COUNT),))))] == ["B"]


def test_the_hour_is_the_citys() -> None:
    assert hour_of(START.replace(minute=59, second=3), CALENDAR) == START
    odd = type(CALENDAR)("Asia/Kathmandu", 9)  # 5:45 ahead
    assert hour_of(START, odd) == START.replace(hour=17, minute=15)


def test_array_literals() -> None:
    assert plain_array([1, -2, date(2026, 9, 1)]) == "{1,-2,2026-09-01}"
    assert text_array(["a", 'b"c\\', "d,e}", ""]) == '{"a","b\\"c\\\\","d,e}",""}'
