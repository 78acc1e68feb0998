"""Calendar periods of the city: which local day an instant falls on, and which week, month or fiscal year that is."""

from dataclasses import dataclass
from datetime import date, datetime

GRAINS = ("day", "week", "month", "quarter", "half", "fiscal_year", "all")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A half-open run of local days."""

    grain: str
    start: date
    end: date
    label: str


class CityCalendar:
    """The city's zone and fiscal year."""

    def __init__(self, zone: str = "America/Denver", fiscal_month: int = 9) -> None:
        self.zone = zone
        self.fiscal_month = fiscal_month

    def local_day(self, instant: datetime) -> date:
        raise NotImplementedError

    def containing(self, day: date, grain: str) -> Period:
        raise NotImplementedError

    def starts(self, day: date) -> tuple[date, ...]:
        raise NotImplementedError

    def parse(self, label: str, today: date) -> Period:
        raise NotImplementedError

    def periods(self, grain: str, first: date, last: date) -> list[Period]:
        raise NotImplementedError
