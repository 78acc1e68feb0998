"""Calendars: the city's own and its business calendars, ready to count by. Pure."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from citygoals.shared.business import BusinessCalendar
from citygoals.shared.business_def import BusinessCalendarDef, WeekDef
from citygoals.shared.model import Text
from citygoals.shared.period import CityCalendar

_DAY = ("00:00-24:00",)
_ALWAYS = BusinessCalendarDef(
    id="always",
    title=Text(en="Always"),
    hours=WeekDef(monday=_DAY, tuesday=_DAY, wednesday=_DAY, thursday=_DAY, friday=_DAY, saturday=_DAY, sunday=_DAY),
)


@dataclass(frozen=True, slots=True)
class Calendars:
    """The calendars that a catalogue counts by."""

    city: CityCalendar
    _business: Mapping[str, BusinessCalendar] = field(default_factory=dict)
    _made: dict[Hashable, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, city: CityCalendar, definitions: Iterable[BusinessCalendarDef]) -> "Calendars":
        """Make the business calendars ready, in the city's zone."""
        return cls(city, {one.id: BusinessCalendar(one, city.zone) for one in definitions})

    @property
    def definitions(self) -> list[BusinessCalendarDef]:
        """What the business calendars were made of."""
        return [one.definition for one in self._business.values()]

    def business(self, name: str | None) -> BusinessCalendar:
        """Return a business calendar by its id; without one, one that is always open. Raises ValueError."""
        if name is None:
            return BusinessCalendar(_ALWAYS, self.city.zone)
        found = self._business.get(name)
        if found is None:
            raise ValueError(f"no calendar `{name}` in the catalogue")
        return found

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was made for the key, or make it: what several KPIs count by is worked out once for all of them."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]
