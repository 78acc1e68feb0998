"""Builders: a crossing, a closing and a duty as they come from the bus."""

from datetime import UTC, datetime, timedelta
from typing import Any

from citygoals.notify.subscriptions import Subscription
from citygoals.shared.events import Event
from citygoals.shared.instants import format_instant

NOON = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)


def a_crossing(**data: Any) -> Event:
    """MC-01 went from NEAR to ON_TRACK; `data` overrides."""
    values = {
        "position": 12,
        "kind": "kpi",
        "id": "MC-01",
        "title": {"en": "Cases disposed", "es": "Casos resueltos"},
        "department": "municipal-court",
        "period": "FY2027",
        "before": "NEAR",
        "after": "ON_TRACK",
        "value": "65.00",
        "unit": "%",
        "attainment": "0.99",
        "backfill": False,
        "redefined": False,
    } | data
    return Event(
        id=f"{values['position']}:{values['kind']}:{values['id']}:fiscal_year",
        source="/city-goals/kpi",
        type="city.kpi.crossed.v1",
        time=format_instant(NOON),
        subject=str(values["id"]),
        data=values,
    )


def a_closing(
    request: str = "SR-1",
    *,
    reason: str = "resolved",
    age: timedelta = timedelta(0),
    event_id: str | None = None,
    **data: Any,
) -> Event:
    """A request closed `age` before it was admitted."""
    return Event(
        id=event_id or f"{request}:closed",
        source="/systems/crm/open311",
        type="city.service_request.closed.v1",
        time=format_instant(NOON - age),
        recordedtime=format_instant(NOON),
        subject=request,
        lane=1,
        sequence="00000000000000000001",
        data={"service_request_id": request, "reason": reason, "note_sent": True} | data,
    )


def a_duty(**data: Any) -> Event:
    """The court's report of the half is due in a week; `data` overrides."""
    values = {
        "position": 12,
        "id": "report:municipal-court:FY2027-H1",
        "duty": "report",
        "kind": "report",
        "title": {"en": "Half-year report", "es": "Informe semestral"},
        "department": "municipal-court",
        "department_title": {"en": "Municipal Court", "es": "Tribunal Municipal"},
        "period": "FY2027-H1",
        "meeting": None,
        "meeting_at": None,
        "due": "2027-03-26T23:00:00.000000Z",
        "state": "due_soon",
        "stage": "before",
        "days_before": 7,
        "days_left": 7,
        "backfill": False,
    } | data
    return Event(
        id=f"duty:{values['id']}:{values['due']}:{values['days_before']}",
        source="/city-goals/kpi",
        type="city.kpi.duty.v1",
        time=format_instant(NOON),
        subject=str(values["id"]),
        data=values,
    )


def a_subscription(**values: Any) -> Subscription:
    """Somebody who wants to know of every crossing; `values` overrides."""
    return Subscription(**({"id": "anybody", "to": "anybody@example.org", "on": "crossing"} | values))
