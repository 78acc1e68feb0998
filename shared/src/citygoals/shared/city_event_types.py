"""Event types of the sample city: examples of what a city adds for itself, ready for the KPIs that need them."""

from collections.abc import Mapping

from citygoals.shared.event_fields import (
    ANIMAL_OUTCOMES,
    CHANNEL,
    CODE,
    COUNT,
    DEPARTMENT,
    DISTRICT,
    FLAG,
    ID,
    INSTANT,
    MONEY,
    EventTypeDef,
    Field,
)


def _city(description: str, required: Mapping[str, Field], optional: Mapping[str, Field] | None = None) -> EventTypeDef:
    return EventTypeDef(description, required, optional or {}, is_city_type=True)


CITY_EVENT_TYPES = {
    "city.permit.submitted.v1": _city(
        "Somebody asked for a permit.",
        {"permit_id": ID, "permit_type": CODE, "channel": CHANNEL},
        {"district": DISTRICT, "due_at": INSTANT},
    ),
    "city.permit.decided.v1": _city(
        "The city decided on a permit.", {"permit_id": ID, "decision": {"enum": ["issued", "denied", "withdrawn"]}}
    ),
    "city.animal.outcome.v1": _city(
        "An animal left the shelter.", {"animal_id": ID, "outcome": {"enum": list(ANIMAL_OUTCOMES)}}
    ),
    "city.unit.dispatched.v1": _city("A unit was sent.", {"incident_id": ID, "unit_id": ID}, {"district": DISTRICT}),
    "city.unit.arrived.v1": _city("A unit arrived.", {"incident_id": ID, "unit_id": ID}, {"district": DISTRICT}),
    "city.case.filed.v1": _city("A case came to the court.", {"case_id": ID, "case_type": CODE}),
    "city.case.disposed.v1": _city("The court is done with a case.", {"case_id": ID}),
    "city.route.completed.v1": _city("A collection route was driven.", {"route_id": ID, "stops": COUNT}),
    "city.load.inspected.v1": _city(
        "A load of recycling was looked at.", {"load_id": ID, "kilograms": COUNT, "contaminated_kilograms": COUNT}
    ),
    "city.levy.certified.v1": _city(
        "The property tax levy of a year is known; a later word on the same levy corrects it.",
        {"levy_id": ID, **MONEY},
        {"department": DEPARTMENT},
    ),
    "city.position.filled.v1": _city("Somebody was hired.", {"position_id": ID, "department": DEPARTMENT}),
    "city.position.separated.v1": _city("Somebody left.", {"position_id": ID, "department": DEPARTMENT}),
    "city.client.exited.v1": _city("Somebody left a shelter program.", {"client_ref": ID, "to_stable_housing": FLAG}),
}
