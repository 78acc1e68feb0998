"""A file of duties: what is wrong in it is named with its line, and nothing else is."""

from pathlib import Path

import jsonschema_rs
import pytest
from citygoals.shared.catalogue_names import Names
from citygoals.shared.definition_file import DefinitionFile
from citygoals.shared.plan import InvalidFile, kpi_schema, load_catalogue
from citygoals.shared.sample import load_duties, text_of
from unit.shared.a_city_with_duties import DUTIES, OFFICES

WRONG = """\
duties:
  - id: report
    kind: report
    title: {en: Report}
    departments: [court, nowhere]
    grain: half
    due: {business_days: 5, days: 2}
    calendar: office
    from: 2026-09-01
  - id: report
    kind: commit
    title: {en: Commit}
    from: 1999-12-31
    notices: {days_before: [7, 30], at: "8:00"}
  - id: meet
    kind: meeting
    title: {en: Meet}
    from: 2026-09-01
    memo_before: 48H
    meetings:
      - {id: a, at: "2026-12-09T10:00-07:00", departments: [nowhere]}
      - {id: b, at: "2026-02-30T10:00", departments: []}
  - {id: empty, kind: meeting, title: {en: Nothing}, from: 2026-09-01}
  - {id: uncounted, kind: report, title: {en: R}, grain: half, due: {business_days: 2}, from: 2026-09-01}
  - {id: leap, kind: report, title: {en: R}, grain: week, due: {on: 02-29}, form: 2026-09-01}
  - {id: what, kind: party, title: {en: P}, from: 2026-09-01}
"""


def errors(text: str) -> list[tuple[int, str, str]]:
    known = Names(calendars=["offices"])
    with pytest.raises(InvalidFile) as caught:
        load_catalogue(text, "duties.yaml", departments=["court"], known=known)
    assert {error["file"] for error in caught.value.errors} == {"duties.yaml"}
    return [(error["line"], error["pointer"], error["reason"]) for error in caught.value.errors]


def test_every_mistake_is_named_with_its_line() -> None:
    found = errors(WRONG)
    assert [(line, pointer) for line, pointer, _ in found] == [
        (5, "/duties/0/departments/1"),
        (7, "/duties/0/due"),
        (8, "/duties/0/calendar"),
        (10, "/duties/1/id"),
        (13, "/duties/1/from"),
        (14, "/duties/1/notices/at"),
        (14, "/duties/1/notices/days_before"),
        (19, "/duties/2/memo_before"),
        (21, "/duties/2/meetings/0/at"),
        (21, "/duties/2/meetings/0/departments/0"),
        (22, "/duties/2/meetings/1/at"),
        (22, "/duties/2/meetings/1/departments"),
        (23, "/duties/3"),
        (24, "/duties/4"),
        (25, "/duties/5/due/on"),
        (25, "/duties/5/form"),
        (25, "/duties/5/from"),
        (25, "/duties/5/grain"),
        (26, "/duties/6"),
    ]
    reasons = "\n".join(reason for _, _, reason in found)
    assert "no department `nowhere` in the catalogue" in reasons
    assert "no calendar `office` in the catalogue" in reasons
    assert "did you mean `from`?" in reasons
    assert "exactly one of `business_days`, `days`, `on` and `duration`" in reasons


def test_what_is_right_is_taken_and_the_json_schema_takes_it_too() -> None:
    text = OFFICES + DUTIES
    assert len(load_catalogue(text, "city.yaml", known=Names()).duties) == 4
    schema = jsonschema_rs.validator_for(kpi_schema())
    assert list(schema.iter_errors(DefinitionFile(text, "city.yaml").data)) == []
    assert list(schema.iter_errors(DefinitionFile(WRONG, "duties.yaml").data)) != []


def test_the_example_of_the_documentation_is_right() -> None:
    text = (Path(__file__).parents[3] / "docs/duties.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    read = load_catalogue(text, "docs/duties.md", departments=["police"], known=Names(calendars=["city-offices"]))
    assert [duty.kind for duty in read.duties] == ["report", "commit", "meeting"]


def test_the_sample_says_that_it_is_one() -> None:
    assert {duty.kind for duty in load_duties()} == {"report", "commit", "meeting"}
    assert all(duty.sample and duty.title.es for duty in load_duties())
    assert "A sample" in text_of("duties.yaml")
