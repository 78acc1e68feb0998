"""What is due, as the API answers it: one duty in every state."""

from typing import Any


def a_duty(name: str, state: str, **values: Any) -> dict[str, Any]:
    """The court's report of the half; `values` override."""
    return {
        "id": f"{name}:municipal-court:FY2027-H1",
        "duty": name,
        "kind": "report",
        "title": {"en": "Half-year report", "es": "Informe semestral"},
        "department": "municipal-court",
        "period": "FY2027-H1",
        "meeting": None,
        "meeting_at": None,
        "due": "2027-03-26T23:00:00.000000Z",
        "due_day": "2027-03-26",
        "state": state,
        "late": False,
        "sample": True,
        "done": None,
    } | values


def done(how: str, day: str) -> dict[str, str]:
    return {"at": f"{day}T18:00:00.000000Z", "how": how}


ITEMS = [
    a_duty(
        "meeting-memo", "overdue", kind="memo", period=None, meeting="spring", meeting_at="2027-03-15T15:00:00.000000Z"
    ),
    a_duty("report", "due_soon"),
    a_duty(
        "targets", "upcoming", kind="commit", period="FY2028", due="2027-09-01T06:00:00.000000Z", due_day="2027-08-31"
    ),
    a_duty("earlier", "done", done=done("narratives", "2027-01-20")),
    a_duty("late", "done", late=True, done=done("statement", "2027-02-20")),
]
ANSWER: dict[str, Any] = {
    "items": ITEMS,
    "next": None,
    "states": {"overdue": 1, "due_soon": 1, "upcoming": 1, "done": 2},
    "as_of": {"position": 7, "recorded_at": "2027-03-20T12:00:00.000000Z"},
    "city_date": "2027-03-20",
}
