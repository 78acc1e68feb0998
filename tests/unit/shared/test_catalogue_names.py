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


def reasons(text: str, known: Names) -> list[str]:
    try:
        load_catalogue(text, "kpis.yaml", known=known)
    except InvalidFile as error:
        return [one["reason"] for one in error.errors]
    return []


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


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("retired: true\n    measure: {kind: count, event: city.a.b.v1}", 5),
        ("measure: {kind: zero_typing}", 5),
        ("measure: {kind: count, event: city.a.b.v1}", None),
    ],
)
def test_what_an_index_elsewhere_is_made_of_stays_so(change: str, line: int | None) -> None:
    text = f"""kpis:
  - id: A-01
    title: {{en: A}}
    unit: "1"
    {change}
"""
    known = Names(kpis=["A-01", "IX-1"], derived=["IX-1"], indexes={"IX-1": ["A-01"]})
    without_it = """  - id: IX-1
    title: {en: Index}
    unit: "1"
    retired: true
    measure: {kind: index, parts: [{kpi: A-01}]}
"""
    reason = "the index `IX-1` is made of this KPI: take it out there, in the same file or before"

    if line is None:
        load_catalogue(text, "kpis.yaml", known=known)
    else:
        assert lines(text, known) == {line: reason}
    assert reason not in reasons(text + without_it, known)
