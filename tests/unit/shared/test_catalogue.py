"""The table of event types, and what is said about data that does not fit it."""

from typing import Any

import jsonschema_rs
import pytest
from citygoals.shared.catalogue import ERRORS_MAX, EVENT_TYPES, Validator, schema_error, schema_of
from citygoals.shared.event_fields import CHANNELS, CLOSE_REASONS, INFRASTRUCTURE_KINDS, PROJECT_KINDS
from citygoals.shared.events import event_subject

VALIDATOR = Validator(departments=frozenset({"municipal-court", "fire"}))

# The promise to publishers: domain.fact -> required data fields.
REQUIRED = {
    "payment.settled": "payment_id department service_code channel amount_minor currency",
    "payment.refunded": "payment_id reversal_id amount_minor currency",
    "payment.charged_back": "payment_id reversal_id amount_minor currency",
    "payment.voided": "payment_id",
    "service_request.opened": "service_request_id service_code department channel",
    **dict.fromkeys(
        [f"service_request.{fact}" for fact in ("acknowledged", "reopened", "paused", "resumed")], "service_request_id"
    ),
    "service_request.assigned": "service_request_id department",
    "service_request.closed": "service_request_id reason",
    "service_request.merged": "service_request_id into",
    "service_request.confirmed": "service_request_id resolved",
    "call.answered": "call_id queue department wait_s",
    "call.abandoned": "call_id queue department wait_s",
    "session.held": "session_id program_id department attendees capacity",
    "social.snapshot": "account platform impressions interactions",
    "wifi.session": "site_id minutes",
    "wifi.site_status": "site_id up",
    "project_request.submitted": "request_id kind department",
    "project_request.aligned": "request_id nodes",
    "project_request.declined": "request_id reason",
    **dict.fromkeys(
        [f"project_request.{fact}" for fact in ("interviewed", "validated", "planned", "delivered")], "request_id"
    ),
    "infrastructure_request.submitted": "request_id kind department",
    **dict.fromkeys(
        [f"infrastructure_request.{fact}" for fact in ("assessed", "approved", "declined", "completed")], "request_id"
    ),
    "records_request.received": "request_id record_type channel",
    **dict.fromkeys(
        [
            f"records_request.{fact}"
            for fact in (
                "clarification_requested", "clarified", "estimated", "deposit_received", "ruling_requested", "released",
                "denied", "no_records", "withdrawn",
            )
        ],
        "request_id",
    ),
    "feedback.received": "feedback_id topic channel",
    "spending.posted": "voucher_id department vendor amount_minor currency category",
    "spending.reversed": "voucher_id department vendor amount_minor currency category",
    "survey.response": "survey_id respondent_ref service",
    "measurement.recorded": "measure_id period",
}  # fmt: skip

VALUES: dict[str, Any] = {
    "department": "fire", "channel": "web", "amount_minor": 100, "currency": "USD", "reason": "resolved", "wait_s": 12,
    "resolved": True, "attendees": 3, "capacity": 5, "impressions": 10, "interactions": 1, "minutes": 30, "up": False,
    "nodes": ["goal-6"], "period": "2026-11", "value": 5,
}  # fmt: skip
KINDS = {"project_request": "software", "infrastructure_request": "cabling"}


def data_of(fact: str) -> dict[str, Any]:
    data = {name: VALUES.get(name, f"{name}-1") for name in REQUIRED[fact].split()}
    if "kind" in data:
        data["kind"] = KINDS[fact.partition(".")[0]]
    return data | ({"value": 5} if fact == "measurement.recorded" else {})


def errors(fact: str, data: Any) -> dict[str, str]:
    return {error["pointer"]: error["detail"] for error in VALIDATOR.errors(f"city.{fact}.v1", data)}


def test_the_table_is_the_promised_one() -> None:
    promised = {f"city.{fact}.v1": set(fields.split()) for fact, fields in REQUIRED.items()}

    shipped = {name: set(kind.required) for name, kind in EVENT_TYPES.items() if not kind.is_city_type}

    assert shipped == promised


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_type_has_a_subject_and_a_valid_schema(event_type: str) -> None:
    schema = schema_of(event_type)

    assert event_subject(event_type).startswith("city.evt.v1.")
    assert jsonschema_rs.meta.is_valid(schema)
    assert schema_error(schema) is None
    assert schema["description"].endswith(".")
    assert not set(EVENT_TYPES[event_type].required) & set(EVENT_TYPES[event_type].optional)


@pytest.mark.parametrize("fact", REQUIRED)
def test_required_data_is_enough_and_unknown_data_is_kept(fact: str) -> None:
    assert errors(fact, data_of(fact)) == {}
    assert errors(fact, data_of(fact) | {"unknown": {"a": [1, None]}}) == {}


@pytest.mark.parametrize("fact", REQUIRED)
def test_every_missing_field_is_named_at_its_own_place(fact: str) -> None:
    missing = {f"/data/{name}": "is required" for name in REQUIRED[fact].split()}

    told = errors(fact, {})

    assert {pointer: told.get(pointer) for pointer in missing} == missing
    for name in REQUIRED[fact].split():
        data = data_of(fact)
        del data[name]
        assert errors(fact, data) == {f"/data/{name}": "is required"}


def test_all_errors_are_told_at_once_without_the_values() -> None:
    wrong = {
        "payment_id": "", "department": "secret-place", "channel": "4111111111111111", "amount_minor": 0,
        "currency": "usd", "district": 9, "method": 5,
    }  # fmt: skip

    told = errors("payment.settled", wrong)

    assert set(told) == {
        "/data/payment_id", "/data/department", "/data/service_code", "/data/channel", "/data/amount_minor",
        "/data/currency", "/data/district", "/data/method",
    }  # fmt: skip
    assert told["/data/department"] == "is not a department of the catalogue"
    assert told["/data/channel"] == f"must be one of {', '.join(CHANNELS)}"
    assert told["/data/currency"].startswith("must be one of AED, AFN, ")
    assert len(told["/data/currency"]) < 250
    for value in ("secret-place", "4111111111111111", "usd"):
        assert value not in repr(told)


@pytest.mark.parametrize(
    ("fact", "field", "good", "bad"),
    [
        ("payment.settled", "amount_minor", [1, 10**15, 100.0], [0, -1, 10**15 + 1, 1.5, "100", True, None]),
        ("payment.settled", "currency", ["USD", "MXN"], ["usd", "US", "USDX", "USD\n", "ZZZ", "XXX", 1, None]),
        ("payment.settled", "department", ["fire", "unassigned"], ["police", "", "Fire", None]),
        ("payment.settled", "channel", list(CHANNELS), ["fax", "", None]),
        ("payment.settled", "district", [1, 8], [0, 9, "3", 1.5, None]),
        ("service_request.closed", "reason", list(CLOSE_REASONS), ["done", "", None]),
        ("service_request.opened", "due_at", ["2026-11-21T10:03:05-07:00"], ["2026-11-21", "2026-11-21T10:03:05", 5]),
        ("service_request.opened", "lat", [31.76, -90, 90], [90.1, "31"]),
        ("service_request.confirmed", "resolved", [True, False], [1, "yes", None]),
        ("call.answered", "wait_s", [0, 10**12, 5.0], [-1, 5.5, "5", 10**12 + 1]),
        ("project_request.submitted", "kind", list(PROJECT_KINDS), ["hardware"]),
        ("infrastructure_request.submitted", "kind", list(INFRASTRUCTURE_KINDS), ["software"]),
        ("project_request.aligned", "nodes", [["goal-6"]], [[], [""], "goal-6", [5]]),
        ("feedback.received", "rating", [1, 5], [0, 6, 2.5]),
        ("survey.response", "satisfaction", [1, 5, None], [0, 6, "5"]),
        ("survey.response", "top_choice", [True], ["yes"]),
        ("measurement.recorded", "value", [5, -5, 98.7, "98.70"], ["much", None, True, 10**13]),
        (
            "measurement.recorded",
            "period",
            ["2026-11-21", "2026-W47", "2026-11", "FY2027-Q1", "FY2027-H2", "FY2027"],
            ["2026-13", "2026-02-30", "all", "last-30d@2026-11-21", "", 2026],
        ),
    ],
)
def test_fields_take_what_they_should(fact: str, field: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert errors(fact, data_of(fact) | {field: value}) == {}, value
    for value in bad:
        assert set(errors(fact, data_of(fact) | {field: value})) <= {f"/data/{field}", f"/data/{field}/0"}, value
        assert errors(fact, data_of(fact) | {field: value}) != {}, value


def test_a_measurement_has_a_value_or_two_integers() -> None:
    bare = {"measure_id": "m", "period": "2026-11"}

    assert errors("measurement.recorded", bare) == {"/data/value": "is required"}
    assert errors("measurement.recorded", bare | {"numerator": 1}) == {"/data/denominator": "is required"}
    assert errors("measurement.recorded", bare | {"denominator": 1}) == {"/data/numerator": "is required"}
    assert errors("measurement.recorded", bare | {"numerator": 1, "denominator": 2}) == {}


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_data_is_an_object(data: Any) -> None:
    assert errors("payment.settled", data) == {"/data": "must be a JSON object"}


def test_an_unknown_type_is_told_as_such() -> None:
    assert VALIDATOR.errors("city.payment.dreamt.v1", {}) == [
        {"pointer": "/type", "detail": "is not a known event type"}
    ]
    assert not VALIDATOR.knows("city.payment.dreamt.v1")
    assert VALIDATOR.knows("city.payment.settled.v1")


def test_without_a_catalogue_any_department_in_kebab_case_passes() -> None:
    anywhere = Validator()
    data = data_of("payment.settled")

    assert anywhere.errors("city.payment.settled.v1", data | {"department": "lunar-affairs"}) == []
    assert len(anywhere.errors("city.payment.settled.v1", data | {"department": "Lunar affairs\n"})) == 1


def test_a_city_adds_its_own_types() -> None:
    own = Validator(
        {
            "city.tree.planted.v1": {
                "type": "object",
                "properties": {
                    "species/~": {"enum": ["oak", 5]},
                    "department": {"format": "department"},
                    "height": {"type": "array", "items": {"type": "integer"}},
                },
                "required": ["species/~"],
                "additionalProperties": False,
            }
        },
        departments=frozenset({"fire"}),
    )

    assert own.errors("city.tree.planted.v1", {"species/~": "oak", "department": "fire"}) == []
    wrong = {"species/~": "elm", "department": "x", "extra": 1, "height": [1, "2"]}
    told = {error["pointer"]: error["detail"] for error in own.errors("city.tree.planted.v1", wrong)}
    assert told == {
        "/data/department": "is not a department of the catalogue",
        "/data/height/1": 'is not of type "integer"',
        "/data/species~1~0": "must be one of oak, 5",
        "/data/extra": "is not taken by this type",
    }
    many = own.errors("city.tree.planted.v1", {"species/~": "oak", "height": ["x"] * 5000})
    assert len(many) == ERRORS_MAX


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ([], "JSON object"),
        (True, "JSON object"),
        ({"type": "nope"}, "nope"),
        ({"properties": 5}, "5 is not of type"),
        ({"pattern": "(?=a)"}, "regex"),
        ({"$ref": "http://169.254.169.254/latest"}, "Retrieval is disabled"),
        ({"$ref": "file:///etc/passwd"}, "Retrieval is disabled"),
        ({"$ref": "#/nowhere"}, "does not exist"),
        ({"$schema": "urn:nobody"}, "urn:nobody"),
    ],
)
def test_a_schema_that_is_none_is_refused_with_the_reason(schema: Any, reason: str) -> None:
    assert reason in str(schema_error(schema))


def test_a_pattern_cannot_hang_the_door() -> None:
    own = Validator({"city.a.b.v1": {"properties": {"x": {"pattern": "^(a+)+$"}}}})

    assert len(own.errors("city.a.b.v1", {"x": "a" * 5000 + "!"})) == 1
