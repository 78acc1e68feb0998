"""What publishers and operators build on: codes, members, documents. A change here is a change of the contract."""

from typing import get_args

import jsonschema_rs
from citygoals.intake import bus_side, gate, openapi
from citygoals.intake.receipt import Receipt
from citygoals.intake.routes_quarantine import Refusal
from citygoals.intake.settings import IntakeSettings
from citygoals.shared import asyncapi, topology

CODES = {"schema", "identity", "conflict", "future", "card_number", "too_large"}


def test_codes() -> None:
    assert set(get_args(gate.Code)) == CODES
    rejected = openapi.RECEIPT["properties"]["rejected"]["items"]
    assert set(rejected["properties"]["code"]["enum"]) == CODES
    assert set(gate._PRECEDENCE) == CODES - {"conflict"}, "a conflict is for the journal to find"


def test_the_receipt_is_as_documented() -> None:
    receipt = Receipt(accepted=1, duplicates=2)
    errors = [{"pointer": "/data/amount_minor", "detail": "is required"}]
    receipt.reject(3, gate.Refused("x", None, None, "schema", errors, None))
    validator = jsonschema_rs.validator_for(openapi.RECEIPT)
    assert validator.is_valid({"accepted": 1, "duplicates": 2, "rejected": receipt.rejected})
    assert receipt.to_json() == (
        b'{"accepted":1,"duplicates":2,"rejected":[{"index":3,"id":"x","code":"schema",'
        b'"errors":[{"pointer":"/data/amount_minor","detail":"is required"}]}]}'
    )


def test_a_refusal_shows_no_content() -> None:
    assert set(Refusal.model_fields) == {
        *("id", "recorded_at", "last_seen_at", "seen", "system", "door", "source", "event_id", "type", "code"),
        *("errors", "replayable", "replayed_at"),
    }


def test_defaults_of_the_contract() -> None:
    fields = IntakeSettings.model_fields
    assert fields["batch_events_max"].default == 1000
    assert fields["body_bytes_max"].default == 1 << 20
    assert fields["future_max_s"].default == 300


def test_the_bus_side_is_within_intakes_rights() -> None:
    document = asyncapi.document("intake", "", bus_side.OPERATIONS)
    rights = topology.permissions("intake")
    streams = {spec.name: spec for spec in topology.STREAMS}
    durables = {spec.durable for spec in topology.CONSUMERS if spec.user == "intake"}
    assert {item.durable for item in bus_side.OPERATIONS if item.durable} == durables
    for item in bus_side.OPERATIONS:
        if item.action == "send":
            assert item.subject in rights.publish, item.name
        elif item.stream is None:
            assert any(_covers(allowed, item.subject) for allowed in rights.subscribe), item.name
        if item.stream is not None:
            assert any(_covers(subject, item.subject) for subject in streams[item.stream].subjects), item.name
    assert document["asyncapi"] == "3.0.0"


def _covers(allowed: str, subject: str) -> bool:
    wide, narrow = allowed.split("."), subject.split(".")
    for place, token in enumerate(wide):
        if token == ">":
            return len(narrow) > place
        if place >= len(narrow) or token not in ("*", narrow[place]):
            return False
    return len(wide) == len(narrow)
