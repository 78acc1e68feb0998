"""What a catalogue file names must exist: every name that does not is told, with its line."""

import pytest
from citygoals.shared.catalogue_names import Names
from citygoals.shared.plan import InvalidFile, load_catalogue

FILE = """kpis:
  - id: A-01
    title: {en: On time}
    unit: "%"
    measure:
      kind: on_time
      deadline:
        start: city.permit.submitted.v1
        ends: [city.permit.decided.v1]
        within: {business_days: 3}
        calendar: office
  - id: A-02
    title: {en: Hours}
    unit: hours
    measure:
      kind: percentile
      event: city.permit.decided.v1
      since: city.permit.submitted.v1
      quantile: "0.9"
      clock: office
      per: 3600
  - id: A-03
    title: {en: Per head}
    unit: "1"
    measure:
      kind: ratio
      numerator: {event: city.permit.submitted.v1}
      over: {reference: population}
      scale: 1000
  - id: A-04
    title: {en: Both}
    unit: "1"
    measure:
      kind: index
      parts: [{kpi: A-01}, {kpi: OLD-01}]
"""
TABLES = """calendars:
  - id: office
    title: {en: Office}
    hours: {monday: ["08:00-17:00"]}
references:
  - id: population
    title: {en: People}
    source: a census
    rows: [{from: 2020-04-01, value: 678815}]
"""


def lines(text: str, known: Names | None) -> dict[int, str]:
    with pytest.raises(InvalidFile) as caught:
        load_catalogue(text, "kpis.yaml", known=known)
    return {error["line"]: error["reason"] for error in caught.value.errors}


def test_every_name_of_what_there_is_not_is_told_with_its_line() -> None:
    assert lines(FILE, Names()) == {
        11: "no calendar `office` in the catalogue",
        20: "no calendar `office` in the catalogue",
        28: "no reference `population` in the catalogue",
        35: "no KPI `OLD-01` in the catalogue",
    }


def test_names_are_found_in_the_file_and_in_what_is_known() -> None:
    names = Names(calendars=["office"], references=["population"], kpis=["OLD-01"])
    assert len(load_catalogue(FILE, "kpis.yaml", known=names).kpis) == 4
    found = load_catalogue(FILE + TABLES, "kpis.yaml", known=Names(kpis=["OLD-01"]))
    assert (found.calendars[0].id, found.references[0].value_at(found.references[0].rows[0].from_)) == (
        "office",
        678815,
    )
    assert load_catalogue(FILE, "kpis.yaml").kpis, "where nothing is known, nothing is held to be missing"


def test_an_index_is_made_neither_of_what_is_derived_nor_of_what_is_retired() -> None:
    known = Names(["office"], ["population"], ["OLD-01"], ["OLD-01"])
    assert lines(FILE, known) == {35: "`OLD-01` is made of other KPIs itself: name those"}
    retired = FILE.replace("  - id: A-01\n", "  - id: A-01\n    retired: true\n")
    assert lines(retired, known._replace(derived=[])) == {36: "no KPI `A-01` in the catalogue"}


def test_what_is_given_twice_is_told() -> None:
    twice = TABLES.replace(
        "references:", TABLES.split("references:", maxsplit=1)[0].removeprefix("calendars:\n") + "references:"
    )
    assert lines(twice, None) == {5: "`office` is given 2 times"}
