"""What is due in the city, as plain dicts, each answer from one position: duties follow from definitions, records and tick."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from citygoals.reporting.answers import stamp
from citygoals.reporting.moments import Moments
from citygoals.reporting.queries import Moment
from citygoals.reporting.questions import Unknown
from citygoals.reporting.readmodel import Answer
from citygoals.shared.duties import STATES, Duty, State, duties, duty_row
from citygoals.shared.period import CityCalendar

KNOWN_MAX = 8


class Duties:
    """Answers about duties. Who said that something is done, and on what grounds, is told to analysts only."""

    def __init__(self, moments: Moments, calendar: CityCalendar, *, analyst: bool = False) -> None:
        self._moments = moments
        self._calendar = calendar
        self._analyst = analyst
        self._known: dict[tuple[int, datetime], Sequence[Duty]] = {}

    async def duties(
        self, *, state: State | None = None, department: str | None = None, as_of: str | None = None
    ) -> Answer:
        """{"items": [duty...], "next": null, "states": {state: n}, "as_of", "city_date"}, by due instant.

        A duty is what shared's `duty_row` says; "states" counts those of the department in every state. Raises Unknown
        for a department that is none, and what `Moments.position` raises.
        """
        async with self._moments.at(await self._moments.position(as_of)) as moment:
            if department is not None and department not in moment.definitions.departments:
                known = list(moment.definitions.departments)
                raise Unknown(f"no such department: {department[:80]!r}", allowed=known)
            found = self._every(moment)
        now, today = moment.mark.tick, self._calendar.local_day(moment.mark.tick)
        rows = [self._row(duty, now) for duty in found if department in (None, duty.department)]
        counts = Counter(row["state"] for row in rows)
        return {
            "items": [row for row in rows if state in (None, row["state"])],
            "next": None,
            "states": {name: counts[name] for name in STATES},
            "as_of": stamp(moment.mark),
            "city_date": today.isoformat(),
        }

    def _every(self, moment: Moment) -> Sequence[Duty]:
        key = moment.definitions.position, moment.mark.tick
        if key not in self._known:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[key] = duties(moment.definitions, self._calendar, moment.mark.tick)
        return self._known[key]

    def _row(self, duty: Duty, now: datetime) -> dict[str, Any]:
        row = duty_row(duty, now, self._calendar.local_day(now))
        if row["done"] is not None and not self._analyst:
            row["done"] = {name: row["done"][name] for name in ("at", "how")}
        return row
