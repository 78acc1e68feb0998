"""What departments must do, as pages show it: tables of what is due, in the reader's language. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from citygoals.reporting.i18n import Words
from citygoals.reporting.page_cards import Answer, Title, title
from citygoals.reporting.page_scene import Scene
from citygoals.shared.duties import STATES

DONE_SHOWN = 6
PRESSING_SHOWN = 20

STYLES: Mapping[str, str] = {
    "overdue": "OFF_TRACK",
    "due_soon": "NEAR",
    "upcoming": "BASELINING",
    "done": "ON_TRACK",
}
"""A state has the colour and the sign of the status that asks for as much attention."""


@dataclass(frozen=True, slots=True)
class DutyRow:
    """One line of a table of duties. `about` is its period or its meeting; `style` the status that it looks like."""

    id: str
    title: Title
    kind: str
    about: str
    department_id: str
    department: Title
    due: str
    state: str
    style: str
    note: str
    badges: tuple[str, ...]


def of_department(answer: Answer, scene: Scene, t: Words, zone: str) -> Mapping[str, Any]:
    """Return what a department's page says of its duties: all that is open by due instant, and what was done last."""
    still_open = [item for item in answer["items"] if item["state"] != "done"]
    done = sorted((item for item in answer["items"] if item["done"]), key=lambda item: item["done"]["at"], reverse=True)
    shown = [*still_open, *done[:DONE_SHOWN]]
    return {"duties": rows(shown, scene, t, zone), "duties_hidden": len(answer["items"]) - len(shown)}


def pressing(answer: Answer, scene: Scene, t: Words, zone: str) -> Mapping[str, Any]:
    """Return what the page of all departments says: how many duties have which state, and the most pressing of them."""
    items = [item for item in answer["items"] if item["state"] in {"overdue", "due_soon"}]
    counts = [(state, STYLES[state], answer["states"][state]) for state in STATES if answer["states"][state]]
    return {
        "duty_counts": counts,
        "duties": rows(items[:PRESSING_SHOWN], scene, t, zone),
        "duties_hidden": max(0, len(items) - PRESSING_SHOWN),
    }


def rows(items: Sequence[Answer], scene: Scene, t: Words, zone: str) -> list[DutyRow]:
    """Write out duties as lines of a table."""
    return [_row(item, scene, t, zone) for item in items]


def _row(item: Answer, scene: Scene, t: Words, zone: str) -> DutyRow:
    state = "done_late" if item["late"] else item["state"]
    done = item["done"]
    return DutyRow(
        id=item["id"],
        title=title(item, t),
        kind=t(f"duty_kind.{item['kind']}"),
        about=t.instant(item["meeting_at"]) if item["period"] is None else t.period(item["period"]),
        department_id=item["department"],
        department=scene.department(item["department"], t),
        due=until(item["due"], item["due_day"], t, zone),
        state=t(f"duty_state.{state}"),
        style="NEAR" if item["late"] else STYLES[item["state"]],
        note="" if done is None else t(f"duty_how.{done['how']}", day=t.day(t.local_day(done["at"]))),
        badges=(t("value.sample"),) if item["sample"] else (),
    )


def until(due: str, due_day: str, t: Words, zone: str) -> str:
    """Write a due instant; what is due at midnight is due by the end of the day before, which nobody mistakes."""
    local = datetime.fromisoformat(due).astimezone(ZoneInfo(zone))
    is_midnight = (local.hour, local.minute, local.second) == (0, 0, 0)
    return t("duties.end_of", day=t.day(date.fromisoformat(due_day))) if is_midnight else t.instant(due)
