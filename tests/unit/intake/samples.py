"""Events as publishing systems send them."""

from datetime import UTC, datetime
from typing import Any

SYSTEM = "demo"
NOW = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)


def call(identity: str, **change: Any) -> dict[str, Any]:
    """An answered call, as structured CloudEvents JSON; `change` replaces attributes."""
    data = {"call_id": identity, "queue": "311", "department": "city-manager", "wait_s": 5}
    return {
        "specversion": "1.0",
        "id": identity,
        "source": f"/systems/{SYSTEM}/phones",
        "type": "city.call.answered.v1",
        "time": "2026-11-21T09:15:30-07:00",
        "data": data,
    } | change


def payment(identity: str, attributes: dict[str, Any] | None = None, /, **data: Any) -> dict[str, Any]:
    """A settled payment; `data` replaces or adds data fields, `attributes` the others."""
    fields = {
        "payment_id": identity,
        "department": "municipal-court",
        "service_code": "citation",
        "channel": "web",
        "amount_minor": 12_500,
        "currency": "USD",
    }
    event = call(identity, type="city.payment.settled.v1", source=f"/systems/{SYSTEM}/pay", data=fields | data)
    return event | (attributes or {})
