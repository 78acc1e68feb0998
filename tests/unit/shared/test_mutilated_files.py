"""Files with something wrong in any place: each is read, or refused with file, line and reason; nothing else happens."""

import json
from copy import deepcopy
from typing import Any

import orjson
import pytest
from citygoals.shared.catalogue_names import Names
from citygoals.shared.definition_file import DefinitionFile
from citygoals.shared.model import Model
from citygoals.shared.plan import InvalidFile, load_catalogue, load_plan
from citygoals.shared.sample import CATALOGUE_FILES, PLAN_FILES, load_looked_up, load_sample, text_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CALENDARS, REFERENCES = load_looked_up()
_, KPIS, DEPARTMENTS = load_sample()
KNOWN = Names([one.id for one in CALENDARS], [one.id for one in REFERENCES], [one.id for one in KPIS])
HOMES = [one.id for one in DEPARTMENTS]

WRONG: tuple[Any, ...] = (None, True, 0, -1, 10**30, "", " ", "0", "-1", "NaN", "1e400", "x" * 100_000, "\x00", "\ud83d", [], [[]], [None], {}, {"": ""},
         {"kind": "nothing"}, {"kind": []}, "2026-13-45", "P", "PT-1H", "25:00-26:00", "data.", "data.x ==", "((((", "9" * 400)  # fmt: skip

FILES: dict[str, Any] = {name: DefinitionFile(text_of(name), name).data for name in (*CATALOGUE_FILES, *PLAN_FILES)}


def steps(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for step, one in inner for found in steps(one, (*path, step)))]


PLACES = {name: steps(data)[1:] for name, data in FILES.items()}


def mutilated(data: Any, path: tuple[Any, ...], how: str, value: Any) -> Any:
    changed = deepcopy(data)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    if how == "put":
        holder[path[-1]] = value
    elif how == "take" and isinstance(holder, dict):
        del holder[path[-1]]
    elif isinstance(holder, dict):
        holder[f"{path[-1]}x"] = holder.pop(path[-1])
    else:
        holder.append(deepcopy(holder[path[-1]]))
    return changed


def read(name: str, text: str) -> None:
    """Read the file as the service does; what comes of it can be sent on, or is an InvalidFile that says everything."""
    try:
        if name in PLAN_FILES:
            found: Model = load_plan(text, name)
        else:
            found = load_catalogue(text, name, departments=HOMES, known=KNOWN)
    except InvalidFile as error:
        refused = error.errors
    else:
        orjson.dumps(found.model_dump(mode="json"))
        return
    lines = text.count("\n") + 1
    assert refused
    for one in refused:
        assert one["file"] == name
        assert 1 <= one["line"] <= lines
        assert one["reason"]
        assert len(one["reason"]) < 2_000, one["reason"][:200]
        orjson.dumps(one)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_file_with_something_wrong_is_refused_by_line(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FILES)))
    path = data.draw(st.sampled_from(PLACES[name]))
    how = data.draw(st.sampled_from(["put", "put", "put", "take", "rename"]))
    broken = mutilated(FILES[name], path, how, data.draw(st.sampled_from(WRONG)))
    read(name, json.dumps(broken, indent=1))


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_file_with_characters_lost_or_doubled_is_refused_by_line(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FILES)))
    text = text_of(name)
    at = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 30))
    put = data.draw(
        st.sampled_from(
            [
                "",
                "\t",
                ":",
                "- ",
                "{",
                "]",
                "&a ",
                "*a",
                "!!python/object:x ",
                "\n",
                "\x07",
                "%",
                "'",
                '"',
                "? ",
                "<<: ",
            ]
        )
    )
    read(name, text[:at] + put + text[at + length :])


def test_a_character_that_no_database_holds_is_refused() -> None:
    """Reporting keeps definitions as JSON in PostgreSQL: at U+0000 it would stop, and never go on."""
    for place in (("title", "en"), ("measure", "where"), ("description", "es")):
        broken = deepcopy(next(one for one in FILES["kpis.yaml"]["kpis"] if one["measure"]["kind"] == "count"))
        broken[place[0]][place[1]] = "data.x == 'a\x00'"
        with pytest.raises(InvalidFile) as refused:
            load_catalogue(json.dumps({"kpis": [broken]}), "kpis.yaml")
        assert "a text cannot hold the character U+0000" in {one["reason"] for one in refused.value.errors}


@pytest.mark.parametrize("text", ["", "[]", "1", "null", "kpis", "kpis: 1", "kpis: [1]", "kpis: {a: b}", "kpis: [{}]",
                                  "calendars: [{id: a}]", "references: [{id: a, rows: [{}]}]", "{", "\x00", "a: &x [*x]",
                                  "kpis: [{measure: {kind: index, parts: [1]}}]", "? [a]\n: b", "nodes: [[]]\nlinks: {}"])  # fmt: skip
def test_what_is_no_file_of_ours_says_why(text: str) -> None:
    for name in (CATALOGUE_FILES[0], PLAN_FILES[0]):
        read(name, text)


@pytest.mark.parametrize("name", ["x" * 100_000, "\\ud800"])
def test_a_name_of_any_length_and_half_a_character_are_said(name: str) -> None:
    text = f"""
id: p
version: "1"
effective: {{from: 2023-09-01}}
cap: "1.25"
tolerance: "0.05"
nodes:
  - {{id: city, kind: city, title: {{en: City}}}}
links:
  - {{kpi: MC-01, node: "{name}", weight: "1"}}
"""
    with pytest.raises(InvalidFile) as refused:
        load_plan(text, "plan.yaml")
    assert {error["line"] for error in refused.value.errors} == {10}
    assert all(len(orjson.dumps(error)) < 2_000 for error in refused.value.errors)
