"""The sample city at a position, from cells: the very answers that the read model gives, made by its own pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from citygoals.reporting.answers import departments_of, plan_row, stamp, totals_row
from citygoals.reporting.cells import BusyDays, Mark, Needs, Totals
from citygoals.reporting.controlled import control_row
from citygoals.reporting.definitions import AppliedPlan, Definitions
from citygoals.reporting.page_scene import Scene
from citygoals.reporting.sheet import Sheet, figure_row
from citygoals.reporting.tally import Tally
from citygoals.shared.figures import Cell
from citygoals.shared.period import CityCalendar
from citygoals.shared.reading import Almanac, Now, Reading
from citygoals.shared.sample import load_sample

CALENDAR = CityCalendar()
TODAY = date(2026, 11, 21)
POSITION = 48213
PLAN, KPIS, DEPARTMENTS = load_sample()
DEFINITIONS = Definitions(
    1, {kpi.id: kpi for kpi in KPIS}, {one.id: one for one in DEPARTMENTS}, (AppliedPlan(1, PLAN),)
)
ALMANAC = Almanac(CALENDAR, Now(TODAY, 16), DEFINITIONS.references)

NUMBERS = {
    "MC-01": Cell(4159, 6399, 6399),  # one payment short of its target
    "FIN-02": Cell(85359, 122399, 122399),
    "FIN-04": Cell(2000, 122399, 124399),
    "CCC-01": Cell(4_257_817, 72_966, 72_966),
    "SR-10": Cell(7_944_550_500, 41_603, 83_206),
    "SR-08": Cell(21_121, 1, 21_121),
}


@dataclass(frozen=True)
class City:
    """A snapshot with its definitions, as plain answers."""

    snapshot: dict[str, Any]
    definitions: dict[str, Any]
    months: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def scene(self) -> Scene:
        return Scene.of(self.snapshot, self.definitions)


def a_city(numbers: Mapping[str, Cell] = NUMBERS, *, position: int = POSITION) -> City:
    """Return the sample city in its fiscal year with those cells."""
    period = CALENDAR.containing(TODAY, "fiscal_year")
    busy = {kpi: BusyDays([TODAY]) for kpi in numbers}
    needs = Needs(DEFINITIONS.kpis, period, ALMANAC)
    sheet = Sheet(Tally(needs, Reading({kpi: {"": cell} for kpi, cell in numbers.items()}), busy), DEFINITIONS, ALMANAC)
    now = datetime(2026, 11, 21, 23, 5, 9, tzinfo=UTC)
    head = {"as_of": stamp(Mark(position, now, now)), "city_date": TODAY.isoformat(), "period": period.label}
    snapshot = {
        **head,
        "plan": plan_row(PLAN),
        "kpis": list(sheet.rows.values()),
        "nodes": list(sheet.nodes(PLAN).values()),
        "departments": departments_of(DEFINITIONS, sheet.rows),
        "totals": totals_row(Totals(1_284_551, {"city.payment.settled.v1": 122_399})),
    }
    definitions = {
        **head,
        "plan": PLAN.model_dump(mode="json"),
        "kpis": [kpi.model_dump(mode="json") for kpi in KPIS],
        "departments": [one.model_dump(mode="json") for one in DEPARTMENTS],
    }
    return City(snapshot, definitions, {kpi: a_year(kpi, [cell] * 3) for kpi, cell in numbers.items()})


def a_year(kpi: str, cells: Sequence[Cell | None]) -> list[dict[str, Any]]:
    """Return the KPI's figures of the months up to now that have those cells."""
    months = CALENDAR.periods("month", date(2025, 12, 1), TODAY)[-len(cells) :]
    definition = DEFINITIONS.kpis[kpi]
    return [
        figure_row(
            definition,
            Reading({} if cell is None else {kpi: {"": cell}}, last_days={kpi: min(TODAY, month.last)}),
            period=month,
            almanac=ALMANAC,
        )[1]
        for month, cell in zip(months, cells, strict=True)
    ]


def a_control(kpi: str, months: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what control limits say of those months."""
    periods = [CALENDAR.parse(month["period"], TODAY) for month in months]
    return control_row(DEFINITIONS.kpis[kpi], periods, months, TODAY)
