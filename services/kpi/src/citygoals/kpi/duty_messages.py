"""What a tick announces of duties: an event for each that has come to another stage since the last tick. Pure.

The tick and these events are one commit. Between two ticks each stage lies once, so nothing is kept about what was
told: after a restart the last tick says where it stopped.
"""

from datetime import datetime, timedelta
from typing import Any

import orjson

from citygoals.kpi.announcements import Announcement, Moment
from citygoals.kpi.definitions import Definitions
from citygoals.kpi.state import State
from citygoals.shared.changeset import SOURCE
from citygoals.shared.duties import Told, duties, told_at
from citygoals.shared.instants import format_instant
from citygoals.shared.period import CityCalendar

DUTY = "city.kpi.duty.v1"
DUTY_SUBJECT = "city.kpi.v1.duty"

OLD_AGE = timedelta(days=30)
"""A stage that a tick comes this much later upon notifies nobody: nobody acts on what was due so long ago."""


def duty_messages(moment: Moment, before: State, tick: datetime) -> list[Announcement]:
    """Return the events of a tick that follows the state `before`."""
    definitions, calendar = before.definitions, before.engine.calendar
    if not definitions.duties:
        return []
    told = told_at(duties(definitions, calendar, tick, since=before.tick), before.tick, tick)
    return [_message(moment, definitions, calendar, one, tick) for one in told]


def _message(
    moment: Moment, definitions: Definitions, calendar: CityCalendar, told: Told, tick: datetime
) -> Announcement:
    duty, stage, today = *told, calendar.local_day(tick)
    # With the due instant: what is put off is due again. Without the position: the same news is the same event.
    identity = f"duty:{duty.id}:{format_instant(duty.due)}:{stage.name}"
    event = {
        "specversion": "1.0",
        "type": DUTY,
        "source": SOURCE,
        "id": identity,
        "time": format_instant(moment.recorded_at),
        "subject": duty.id,
        "datacontenttype": "application/json",
        "data": {
            "position": moment.position,
            "state": duty.state(tick, today),
            "backfill": tick - stage.at > OLD_AGE,
            "days_left": max(0, (duty.due_day - today).days),
            **_of_duty(told, definitions),
        },
    }
    return Announcement(DUTY_SUBJECT, identity, orjson.dumps(event))


def _of_duty(told: Told, definitions: Definitions) -> dict[str, Any]:
    duty, stage = told
    return {
        "id": duty.id,
        "duty": duty.definition.id,
        "kind": duty.kind,
        "title": duty.definition.title.labels(),
        "department": duty.department,
        "department_title": _title_of(definitions, duty.department),
        "period": duty.period,
        "meeting": duty.meeting,
        "meeting_at": None if duty.meeting_at is None else format_instant(duty.meeting_at),
        "due": format_instant(duty.due),
        "stage": "overdue" if stage.days_before is None else "before" if stage.days_before else "today",
        "days_before": stage.days_before,
    }


def _title_of(definitions: Definitions, department: str) -> dict[str, str]:
    known = definitions.departments.get(department)
    return {"en": department, "es": department} if known is None else known.title.labels()
