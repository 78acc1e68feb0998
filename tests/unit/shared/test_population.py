"""Reference tables by day: the value in force, or nothing where nothing is known."""

from datetime import date, timedelta
from typing import Any

import jsonschema_rs
import pytest
from citygoals.shared.plan import InvalidFile
from citygoals.shared.population import ReferenceDef, ReferencesDef, load_references
from citygoals.shared.sample import text_of
from hypothesis import given
from hypothesis import strategies as st

FILE = """\
references:
  - id: population
    title: {en: Residents}
    source: a census
    rows:
      - {from: 2020-04-01, value: 800}
      - {from: 2010-04-01, value: 700}
      - {from: 2020-04-01, member: 6, value: 90}
      - {from: 2022-01-01, member: 6, value: 0}
"""


def table(rows: list[dict[str, Any]]) -> ReferenceDef:
    return ReferenceDef.model_validate({"id": "x", "title": {"en": "x"}, "source": "x", "rows": rows})


@pytest.mark.parametrize(
    ("day", "member", "value"),
    [
        ("2010-03-31", None, None),
        ("2010-04-01", None, 700),
        ("2020-03-31", None, 700),
        ("2020-04-01", None, 800),
        ("9999-12-31", None, 800),
        ("2020-03-31", "6", None),  # the city's value does not stand in
        ("2021-12-31", "6", 90),
        ("2022-01-01", "6", 0),  # zero is known
        ("2022-01-01", "7", None),
    ],
)
def test_a_value_holds_until_the_next(day: str, member: str | None, value: int | None) -> None:
    (population,) = load_references(FILE, "populations.yaml").references

    assert population.value_at(date.fromisoformat(day), member) == value


def test_a_table_is_read_and_survives_being_sent() -> None:
    (population,) = load_references(FILE, "populations.yaml").references

    assert population.members == ("6",)
    assert population.verified is False
    assert ReferenceDef.model_validate(population.model_dump(mode="json")) == population
    assert table([]).value_at(date.max) is None


@given(
    st.dictionaries(
        st.tuples(st.sampled_from([None, "1", "2"]), st.dates(date(2020, 1, 1), date(2020, 2, 1))),
        st.integers(0, 10**15),
        max_size=12,
    ),
    st.sampled_from([None, "1", "2"]),
    st.dates(date(2019, 12, 25), date(2020, 2, 5)),
)
def test_the_order_of_rows_does_not_matter(
    known: dict[tuple[str | None, date], int], member: str | None, day: date
) -> None:
    found = table([{"from": at, "member": who, "value": value} for (who, at), value in known.items()])
    expected = None
    at = date(2020, 1, 1)
    while at <= day:
        expected = known.get((member, at), expected)
        at += timedelta(1)

    assert found.value_at(day, member) == expected


@pytest.mark.parametrize(
    ("written", "instead", "line", "reason"),
    [
        ("value: 700", "value: -1", 7, "greater than or equal to 0"),
        ("value: 700", "value: 7.5", 7, "integer"),
        ("value: 700", "value: '700'", 7, "integer"),
        ("value: 700", "value: 1000000000000001", 7, "less than or equal"),
        ("from: 2010-04-01", "from: 2010-04-31", 7, "date"),
        ("from: 2010-04-01", "form: 2010-04-01", 7, "did you mean `from`?"),
        ("2022-01-01, member: 6", "2020-04-01, member: '6'", 5, "6 has two values from 2020-04-01"),
        ("2010-04-01, value", "2020-04-01, value", 5, "the city has two values from 2020-04-01"),
        ("    source: a census\n", "", 2, "`source` is missing"),
    ],
)
def test_mistakes_are_named_where_they_are(written: str, instead: str, line: int, reason: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        load_references(FILE.replace(written, instead), "populations.yaml")

    assert [error["line"] for error in caught.value.errors if reason in error["reason"]] == [line]


def test_an_id_names_one_table() -> None:
    with pytest.raises(InvalidFile, match="`population` is given 2 times"):
        load_references(FILE + FILE.removeprefix("references:\n"), "populations.yaml")


def test_the_sample_says_what_is_made_up() -> None:
    file = load_references(text_of("populations.yaml"), "populations.yaml")
    (population,) = file.references
    today = date(2026, 11, 21)

    assert (population.id, population.sample, population.verified) == ("population", True, False)
    assert "sample" in (file.note or "")
    assert [row.member for row in population.rows if row.verified] == [None, None]
    assert population.members == tuple("12345678")
    assert sum(population.value_at(today, member) or 0 for member in population.members) == 678_815
    assert population.value_at(today) == 678_815
    assert jsonschema_rs.is_valid(ReferencesDef.model_json_schema(), file.model_dump(mode="json"))
