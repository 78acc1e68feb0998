"""Open311 (GeoReport v2) records as service-request events. Pure: a record in, one or two CloudEvents out.

Only what stays the same when a city sends the same request again goes into an event, so that a second reading of the
same thing is the same event: no status notes, no address, no coordinates (they drift in the last digits).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from citygoals.local.unusable import Unusable

OPENED = "city.service_request.opened.v1"
CLOSED = "city.service_request.closed.v1"
UNASSIGNED = "unassigned"
UNKNOWN = "unknown"
COLUMNS = ("service_request_id", "requested_datetime")
CHANNELS = frozenset(("web", "app", "phone", "counter", "mail", "email", "sms", "social", "kiosk", "bus"))

# How a city says why it closed a request, as the beginning of its reason or of its status notes.
# `Case Closed` alone is how an ordinary case ends; what is not listed here is not known, and says so.
_REASONS = (
    (re.compile(r"(case )?(is )?(a )?duplicate"), "duplicate"),
    (re.compile(r"(case )?(is )?invalid"), "invalid"),
    (re.compile(r"(case )?(was )?refer(red)?\b|roa: refer"), "referred"),
    (re.compile(r"(case )?(was )?noted|novio\b|no violation|(case )?no action"), "no_action"),
    (re.compile(r"(case )?(was )?(resolved|fixed|completed)|case closed"), "resolved"),
)
_PREAMBLE = re.compile(r"^case closed[.:]\s+(?=\S)")
_NO_REASON = "no_action"


@dataclass(frozen=True, slots=True)
class Departments:
    """Which department a service code belongs to. `label` says whose opinion that is."""

    label: str
    by_code: Mapping[str, str]


def events_of(record: Mapping[str, Any], *, system: str, departments: Departments) -> list[dict[str, Any]]:
    """Return the events of one request as it was last seen: opened, and closed where it is closed.

    Raises Unusable where the record has no id, or no instant at which the request was opened.
    """
    request = _text(record, "service_request_id")
    if not request:
        raise Unusable("no service_request_id")
    opened_at = _instant(record, "requested_datetime")
    code = _text(record, "service_code")
    opened = {
        "service_code": code or UNKNOWN,
        "department": departments.by_code.get(code, UNASSIGNED),
        "channel": _channel(record),
    }
    events = [_event(system, OPENED, request, opened_at, opened)]
    if _text(record, "status").lower() == "closed":
        # Some systems cut the seconds of the closing, which puts it before the opening of the same minute.
        closed_at = max(opened_at, _instant(record, "updated_datetime"))
        events.append(_event(system, CLOSED, request, closed_at, {"reason": reason_of(record)}))
    return events


def reason_of(record: Mapping[str, Any]) -> str:
    """Return why a request was closed, in the contract's words; an empty or unknown reason is `no_action`."""
    said = (_text(record, "close_reason") or _text(record, "status_notes")).lower()
    said = _PREAMBLE.sub("", said)
    return next((reason for pattern, reason in _REASONS if pattern.match(said)), _NO_REASON)


def _event(system: str, kind: str, request: str, at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    instant = _written(at)
    return {
        "specversion": "1.0",
        "type": kind,
        "source": f"/systems/{system}/open311",
        "id": f"{request}:{kind.split('.')[2]}:{instant}",
        "subject": request,
        "time": instant,
        "datacontenttype": "application/json",
        "data": {"service_request_id": request, **data},
    }


def _written(at: datetime) -> str:
    """Write an instant in UTC: a system that changes its offset in summer still means the same instant."""
    text = at.replace(tzinfo=None).isoformat(timespec="microseconds" if at.microsecond else "seconds")
    return text.rstrip("0") + "Z" if at.microsecond else text + "Z"


def _instant(record: Mapping[str, Any], name: str) -> datetime:
    text = _text(record, name)
    if not text:
        raise Unusable(f"no {name}")
    try:
        at = datetime.fromisoformat(text)
        in_utc = at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unusable(f"{name} is not a date and time: {text[:40]!r}") from None
    if at.tzinfo is None:
        raise Unusable(f"{name} has no offset from UTC: {text[:40]!r}")
    return in_utc


def _channel(record: Mapping[str, Any]) -> str:
    said = _text(record, "channel").lower()
    return said if said in CHANNELS else UNKNOWN


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    return "" if value is None else str(value).strip()
