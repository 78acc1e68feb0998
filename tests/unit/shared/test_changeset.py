"""Changesets in parts: nothing is lost, nothing is too large, nothing is taken twice."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from citygoals.shared.changeset import PART_MAX_BYTES, CellRow, Changeset, assemble, decode_changeset, encode_changeset
from citygoals.shared.errors import Malformed
from hypothesis import given, settings
from hypothesis import strategies as st

AT = datetime(2026, 11, 21, 17, 3, 5, 123_456, tzinfo=UTC)
INTEGERS = st.integers(-(2**80), 2**80)
CELLS = st.builds(
    CellRow,
    kpi=st.sampled_from(["MC-01", "FIN-02"]),
    grain=st.sampled_from(["day", "all"]),
    start=st.dates(),
    dimension=st.sampled_from(["city", "department"]),
    member=st.text(max_size=5),
    numerator=INTEGERS,
    denominator=INTEGERS,
    events=INTEGERS,
)


def changeset(**fields: Any) -> Changeset:
    return replace(Changeset(position=7, recorded_at=AT, tick=AT), **fields)


def through(whole: Changeset) -> Changeset:
    return assemble(map(decode_changeset, encode_changeset(whole)))


@settings(max_examples=50)
@given(st.lists(CELLS, max_size=20), st.dictionaries(st.sampled_from("123"), st.integers(0, 2**53)))
def test_a_changeset_comes_back_as_it_was(cells: list[CellRow], lanes: dict[str, int]) -> None:
    whole = changeset(cells=tuple(cells), lanes=lanes, events_total=3, by_type={"city.payment.settled.v1": 3})

    assert through(whole) == whole


def test_one_part_is_an_event_of_the_contract() -> None:
    cell = CellRow("MC-01", "fiscal_year", date(2026, 9, 1), "city", "", 4160, 6400, 2**60)
    (body,) = encode_changeset(
        changeset(cells=[cell], lanes={"1": 43}, traces=["00-a-b-01"], events_total=9, by_type={"t": 9})
    )

    assert json.loads(body) == {
        "specversion": "1.0",
        "type": "city.kpi.changeset.v1",
        "source": "/city-goals/kpi",
        "id": "7/1",
        "time": "2026-11-21T17:03:05.123456Z",
        "datacontenttype": "application/json",
        "data": {
            "position": 7,
            "previous": 6,
            "part": 1,
            "parts": 1,
            "recorded_at": "2026-11-21T17:03:05.123456Z",
            "tick": "2026-11-21T17:03:05.123456Z",
            "lanes": {"1": 43},
            "totals": {"events": 9, "by_type": {"t": 9}},
            "traces": ["00-a-b-01"],
            "cells": [["MC-01", "fiscal_year", "2026-09-01", "city", "", 4160, 6400, "1152921504606846976"]],
        },
    }


@pytest.mark.parametrize("definitions", [None, {"plan": {"text": "x" * 400_000}}])
def test_a_large_changeset_is_cut_into_parts_that_fit(definitions: dict[str, Any] | None) -> None:
    cells = tuple(
        CellRow("KPI-1", "fiscal_year", date(2026, 9, 1), "department", f"department-{n}", n, 2**60 + n, n)
        for n in range(20_000)
    )
    whole = changeset(cells=cells, lanes={"1": 2}, definitions=definitions, traces=("t",))

    bodies = encode_changeset(whole)

    assert len(bodies) > 2
    assert max(map(len, bodies)) <= PART_MAX_BYTES
    assert all(b'"lanes"' not in body for body in bodies[1:])
    assert assemble(map(decode_changeset, reversed(bodies))) == whole


def test_definitions_that_fit_into_no_part_are_refused() -> None:
    with pytest.raises(ValueError, match="a part holds at most"):
        encode_changeset(changeset(definitions={"plan": "x" * PART_MAX_BYTES}))


def test_a_missing_double_or_foreign_part_is_noticed() -> None:
    cells = [CellRow("K", "day", date(2026, 9, 1), "city", f"{n}" * 80, n, n, n) for n in range(9_000)]
    first, second, *rest = map(decode_changeset, encode_changeset(changeset(cells=cells)))
    (other,) = map(decode_changeset, encode_changeset(changeset(position=8)))

    for parts in ([], [first, *rest], [first, first, second, *rest], [first, other], [first, second, *rest, other]):
        with pytest.raises(Malformed):
            assemble(parts)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "city.kpi.crossed.v1"},
        {"data": {"part": 2}},
        {"data": {"part": 0}},
        {"data": {"previous": 5}},
        {"data": {"cells": [["K", "day", "today", "city", "", 1, 1, 1]]}},
        {"data": {"cells": [["K"]]}},
    ],
)
def test_what_is_no_part_is_malformed(changes: dict[str, Any]) -> None:
    body = json.loads(encode_changeset(changeset())[0])
    body = {**body, **changes, "data": {**body["data"], **changes.get("data", {})}}

    with pytest.raises(Malformed, match="not a part of a changeset"):
        decode_changeset(json.dumps(body).encode())


def test_words_for_numbers_are_malformed() -> None:
    body = json.loads(encode_changeset(changeset())[0])
    body["data"]["cells"] = [["K", "day", "2026-09-01", "city", "", "many", 1, 1]]

    with pytest.raises(Malformed, match="no integers"):
        assemble([decode_changeset(json.dumps(body).encode())])
