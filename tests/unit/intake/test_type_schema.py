from typing import Any

import pytest
from citygoals.intake.type_schema import type_errors

TYPE = "city.permit.issued.v1"
SCHEMA = {"type": "object", "required": ["permit_id"], "properties": {"permit_id": {"type": "string"}}}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


def test_a_good_type() -> None:
    assert type_errors(TYPE, SCHEMA) == []
    assert type_errors(TYPE, {"$schema": "http://json-schema.org/draft-07/schema#", **SCHEMA}) == []


@pytest.mark.parametrize(
    "name", ["permit.issued", "city.permit.v1", "city.permit.issued.v2", "city.Permit.issued.v1", "city.kpi.ticked.v1"]
)
def test_names(name: str) -> None:
    assert [error["pointer"] for error in type_errors(name, SCHEMA)] == ["/type"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objec"},
        {"type": "array"},
        {"type": "object", "required": "permit_id"},
        {"type": "object", "properties": {"a": {"pattern": "("}}},
        {"$ref": "http://127.0.0.1:9/elsewhere"},
        {"$ref": "file:///etc/passwd"},
        {"$schema": "http://127.0.0.1:9/elsewhere"},
        {"$ref": "#/$defs/missing"},
        nested(40),
        {"description": "x" * 70_000},
    ],
)
def test_schemas_that_are_none_or_reach_outside(schema: dict[str, Any]) -> None:
    assert [error["pointer"].split("/")[1] for error in type_errors(TYPE, schema)] == ["schema"]


def test_name_and_schema_are_told_together() -> None:
    assert len(type_errors("x", {"type": "objec"})) == 2
