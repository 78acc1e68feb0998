"""The event types that ship with City Goals, as data: what each must carry, what it may carry, what it says.

Fields that are not named here are kept as they are.
"""

from collections.abc import Mapping

from citygoals.shared.city_event_types import CITY_EVENT_TYPES
from citygoals.shared.event_fields import (
    CHANNEL,
    CLOSE_REASONS,
    CODE,
    COUNT,
    DECIMAL,
    DEPARTMENT,
    DISTRICT,
    FLAG,
    ID,
    INFRASTRUCTURE_KINDS,
    INSTANT,
    MONEY,
    NODES,
    PERIOD,
    PROJECT_KINDS,
    RATING,
    REASON,
    TEXT,
    WHOLE,
    EventTypeDef,
    Field,
)

__all__ = ["EVENT_TYPES", "EventTypeDef"]


def _facts(domain: str, key: str, facts: Mapping[str, str], optional: Mapping[str, Field]) -> dict[str, EventTypeDef]:
    """Return types that carry nothing but the id of their thing."""
    return {
        f"city.{domain}.{fact}.v1": EventTypeDef(description, {key: ID}, optional)
        for fact, description in facts.items()
    }


_PAYMENTS = {
    "city.payment.settled.v1": EventTypeDef(
        "A payment reached the city.",
        {"payment_id": ID, "department": DEPARTMENT, "service_code": CODE, "channel": CHANNEL, **MONEY},
        {"method": CODE, "district": DISTRICT},
    ),
    "city.payment.refunded.v1": EventTypeDef(
        "Money went back to the payer; it counts at its own time.",
        {"payment_id": ID, "reversal_id": ID, **MONEY},
        REASON,
    ),
    "city.payment.charged_back.v1": EventTypeDef(
        "The payer's bank took money back; it counts at its own time.",
        {"payment_id": ID, "reversal_id": ID, **MONEY},
        REASON,
    ),
    "city.payment.voided.v1": EventTypeDef(
        "The payment never was: it is removed at its original time.", {"payment_id": ID}, REASON
    ),
    "city.spending.posted.v1": EventTypeDef(
        "The city paid a vendor.",
        {"voucher_id": ID, "department": DEPARTMENT, "vendor": CODE, **MONEY, "category": CODE},
        {"fund": CODE},
    ),
    "city.spending.reversed.v1": EventTypeDef(
        "A voucher was taken back.",
        {"voucher_id": ID, "department": DEPARTMENT, "vendor": CODE, **MONEY, "category": CODE},
        {"fund": CODE},
    ),
}

_SERVICE_REQUESTS = {
    "city.service_request.opened.v1": EventTypeDef(
        "Somebody asked the city for something.",
        {"service_request_id": ID, "service_code": CODE, "department": DEPARTMENT, "channel": CHANNEL},
        {
            "district": DISTRICT,
            "due_at": INSTANT,
            "lat": {"type": "number", "minimum": -90, "maximum": 90},
            "long": {"type": "number", "minimum": -180, "maximum": 180},
        },
    ),
    **_facts(
        "service_request",
        "service_request_id",
        {
            "acknowledged": "Somebody has looked at it.",
            "reopened": "Its closing was taken back.",
            "paused": "Its clock stands still.",
            "resumed": "Its clock goes on.",
        },
        REASON,
    ),
    "city.service_request.assigned.v1": EventTypeDef(
        "It went to a department.", {"service_request_id": ID, "department": DEPARTMENT}
    ),
    "city.service_request.closed.v1": EventTypeDef(
        "The city is done with it.",
        {"service_request_id": ID, "reason": {"enum": list(CLOSE_REASONS)}},
        {"note_sent": FLAG},
    ),
    "city.service_request.merged.v1": EventTypeDef(
        "It is the same as another; only this one is closed.", {"service_request_id": ID, "into": ID}
    ),
    "city.service_request.confirmed.v1": EventTypeDef(
        "The resident said whether it is resolved.", {"service_request_id": ID, "resolved": FLAG}
    ),
}

_CALL = {"call_id": ID, "queue": CODE, "department": DEPARTMENT, "wait_s": COUNT}

_SERVICES = {
    "city.call.answered.v1": EventTypeDef("A caller was answered.", _CALL, {"resolved_at_first_contact": FLAG}),
    "city.call.abandoned.v1": EventTypeDef("A caller gave up.", _CALL, {"resolved_at_first_contact": FLAG}),
    "city.session.held.v1": EventTypeDef(
        "A program's session took place.",
        {"session_id": ID, "program_id": ID, "department": DEPARTMENT, "attendees": COUNT, "capacity": COUNT},
        {"district": DISTRICT},
    ),
    "city.social.snapshot.v1": EventTypeDef(
        "The counters of a social account; the difference to the snapshot before counts.",
        {"account": ID, "platform": CODE, "impressions": COUNT, "interactions": COUNT},
    ),
    "city.wifi.session.v1": EventTypeDef(
        "Somebody used the city's Wi-Fi.", {"site_id": ID, "minutes": COUNT}, {"district": DISTRICT}
    ),
    "city.wifi.site_status.v1": EventTypeDef(
        "A Wi-Fi site went up or down.", {"site_id": ID, "up": FLAG}, {"district": DISTRICT}
    ),
    "city.feedback.received.v1": EventTypeDef(
        "Somebody told the city something.",
        {"feedback_id": ID, "topic": CODE, "channel": CHANNEL},
        {"department": DEPARTMENT, "rating": RATING, "district": DISTRICT},
    ),
    "city.survey.response.v1": EventTypeDef(
        "One answer to a survey, about one service.",
        {"survey_id": ID, "respondent_ref": ID, "service": CODE},
        {"top_choice": FLAG, "satisfaction": {"type": ["integer", "null"], "minimum": 1, "maximum": 5}},
    ),
    "city.measurement.recorded.v1": EventTypeDef(
        "A value for a period, where no system publishes the events behind it.",
        {"measure_id": ID, "period": PERIOD},
        {"value": DECIMAL, "numerator": WHOLE, "denominator": COUNT, "note": TEXT, "method": TEXT},
        {
            "if": {"anyOf": [{"required": ["numerator"]}, {"required": ["denominator"]}]},
            "then": {"required": ["numerator", "denominator"]},
            "else": {"required": ["value"]},
        },
    ),
}

_REQUESTS = {
    "city.project_request.submitted.v1": EventTypeDef(
        "A department asked for a software project.",
        {"request_id": ID, "kind": {"enum": list(PROJECT_KINDS)}, "department": DEPARTMENT},
        {"score": WHOLE},
    ),
    "city.project_request.aligned.v1": EventTypeDef(
        "It was tied to nodes of the plan.", {"request_id": ID, "nodes": NODES}, {"score": WHOLE}
    ),
    "city.project_request.declined.v1": EventTypeDef(
        "It will not be done.", {"request_id": ID, "reason": {**TEXT, "minLength": 1}}, {"score": WHOLE}
    ),
    **_facts(
        "project_request",
        "request_id",
        {
            "interviewed": "IT has spoken with those who asked.",
            "validated": "It is worth doing.",
            "planned": "It has its place in the work plan.",
            "delivered": "It is in use.",
        },
        {"score": WHOLE, **REASON},
    ),
    "city.infrastructure_request.submitted.v1": EventTypeDef(
        "A department asked for hardware, network or cabling.",
        {"request_id": ID, "kind": {"enum": list(INFRASTRUCTURE_KINDS)}, "department": DEPARTMENT},
    ),
    **_facts(
        "infrastructure_request",
        "request_id",
        {
            "assessed": "IT knows what it takes.",
            "approved": "It will be done.",
            "declined": "It will not be done.",
            "completed": "It is done.",
        },
        REASON,
    ),
    "city.records_request.received.v1": EventTypeDef(
        "Somebody asked for public records.", {"request_id": ID, "record_type": CODE, "channel": CHANNEL}
    ),
    **_facts(
        "records_request",
        "request_id",
        {
            "clarification_requested": "The city asked what is meant.",
            "clarified": "The requestor answered.",
            "estimated": "The city said what it costs.",
            "deposit_received": "The requestor paid the deposit.",
            "ruling_requested": "The attorney general was asked.",
            "released": "The records were given.",
            "denied": "The records were not given.",
            "no_records": "There are none.",
            "withdrawn": "The requestor took it back.",
        },
        REASON,
    ),
}

EVENT_TYPES: Mapping[str, EventTypeDef] = {
    **_PAYMENTS,
    **_SERVICE_REQUESTS,
    **_SERVICES,
    **_REQUESTS,
    **CITY_EVENT_TYPES,
}
"""Every type that ships, by name. Those marked `is_city_type` are examples of what a city adds for itself."""
