"""Thirteen months of a made-up city as changesets: enough for every chart, table and status of the dashboard."""

import math
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from citygoals.shared import commitment, narrative
from citygoals.shared.changeset import CellRow, Changeset
from citygoals.shared.figures import Cell
from citygoals.shared.kpi import KpiDef
from citygoals.shared.moves import Act
from citygoals.shared.period import GRAINS, CityCalendar
from citygoals.shared.records import dump
from citygoals.shared.sample import load_looked_up, load_sample

NOW = datetime(2026, 11, 21, 23, 5, 9, tzinfo=UTC)
TODAY = date(2026, 11, 21)
DAYS = 400
CALENDAR = CityCalendar()
SAMPLE, KPIS, DEPARTMENTS = load_sample()
EVENT_TYPE = "city.payment.settled.v1"
TOTAL = 1_284_551

# Each KPI's usual day: how much below the line, and the share, mean or amount above it. SR-04 has not begun.
USUAL = {
    "FIN-02": (3100, 0.6574), "FIN-04": (3100, 0.0092), "MC-01": (78, 0.648), "CCC-01": (1420, 54.0), "CCC-03": (1490, 0.062),
    "SR-08": (1, 410.0), "SR-09": (1, 402.0), "SR-10": (402, 391_000.0), "PR-01": (1, 940.0), "PR-02": (1180, 0.797),
    "IT-02": (1, 5200.0), "COM-01": (64_000, 0.0312),
}  # fmt: skip
# Only what is counted here is in the plan, so that MC-01 alone decides what strategy 2.6 and goal 2 say.
PLAN = SAMPLE.model_copy(update={"links": tuple(link for link in SAMPLE.links if link.kpi in {*USUAL, "SR-04"})})
BEFORE, AFTER = Cell(4159, 6399, 6399), Cell(4160, 6400, 6400)  # MC-01 in the fiscal year: one payment short of 65 %


def definitions() -> Changeset:
    """Return position 1: the sample's catalogue, departments and what they look up, and its plan of what is counted here."""
    calendars, references = load_looked_up()
    dumped = {
        "plan": PLAN.model_dump(mode="json"),
        "kpis": [kpi.model_dump(mode="json") for kpi in KPIS],
        "departments": [one.model_dump(mode="json") for one in DEPARTMENTS],
        "calendars": [one.model_dump(mode="json") for one in calendars],
        "references": [one.model_dump(mode="json") for one in references],
    }
    return Changeset(position=1, recorded_at=NOW, tick=NOW, definitions=dumped, events_total=0)


def thirteen_months() -> Changeset:
    """Return position 2: everything that was counted until today."""
    cells = [row for kpi in KPIS if kpi.id in USUAL for row in _cells_of(kpi)]
    total = {"events_total": TOTAL, "by_type": {EVENT_TYPE: TOTAL}}
    return Changeset(position=2, recorded_at=NOW, tick=NOW, cells=cells, **total)  # type: ignore[arg-type]  # two of its fields


def publication() -> Changeset:
    """Return position 3: what was counted until today is published; the court's commitment and what it says are there."""
    report = {
        "id": "fy2027-so-far", "title": {"en": "The fiscal year so far", "es": "El año fiscal hasta ahora"}, "period": "FY2027",
        "position": 2, "is_preliminary": True, "note": {"en": "For the council", "es": "Para el concejo"},
        "published_by": "City Manager", "key": "staff", "published_at": NOW.isoformat(),
    }  # fmt: skip
    records = {"commitments": [dump(_commitment())], "narratives": [dump(_narrative())]}
    return Changeset(position=3, recorded_at=NOW, tick=NOW, definitions={"publications": [report], **records})


def _commitment() -> commitment.Commitment:
    """Return the court's commitment: 70 %, locked, and amended to the 65 % of the catalogue."""
    act = Act(at=NOW, by="Ann Court", key="k", reason="The portal came late")
    targets = [commitment.CommittedTarget(kpi="MC-01", value=value, note="Two channels") for value in ("0.70", "0.65")]
    record = commitment.proposed("municipal-court", "FY2027", (targets[0],), act)
    for state in ("reviewed", "signed", "locked"):
        record = commitment.moved(record, state, act)
    return commitment.amended(record, [targets[1]], [], act)


def _narrative() -> narrative.Narrative:
    act = Act(at=NOW, by="Ann Court", key="k")
    text = narrative.NarrativeText(en="One payment is missing.\n\nIt will come.")
    record = narrative.drafted("MC-01", "FY2027", text, act)
    return narrative.moved(narrative.moved(record, "submitted", act), "approved", act)


def court_payments(position: int, cell: Cell) -> Changeset:
    """Return a position at which only the court's payments of the fiscal year change; AFTER brings them on track."""
    year = CALENDAR.containing(TODAY, "fiscal_year")
    total = TOTAL + position
    return Changeset(
        position=position,
        recorded_at=NOW + timedelta(seconds=position),
        tick=NOW,
        cells=[CellRow("MC-01", "fiscal_year", year.start, "city", "", *cell)],
        events_total=total,
        by_type={EVENT_TYPE: total},
    )


def _cells_of(kpi: KpiDef) -> Iterator[CellRow]:
    days = dict(_days_of(kpi))
    yield from _rows(kpi, days, "city", "")
    if kpi.department is None:
        for member, part in (("municipal-court", 7), ("tax-office", 4), ("parks-recreation", 11)):
            yield from _rows(kpi, _every(days, part), "department", member)
    if kpi.id in {"MC-01", "FIN-02", "SR-08"}:
        for district in range(1, 9):
            yield from _rows(kpi, _every(days, 8 + district), "district", str(district))


def _days_of(kpi: KpiDef) -> Iterator[tuple[date, Cell]]:
    chance = random.Random(kpi.id)
    below, share = USUAL[kpi.id]
    for ago in range(DAYS, -1, -1):
        day = TODAY - timedelta(days=ago)
        drift = 1 + 0.025 * math.sin(ago / 40) - 0.00012 * ago
        weekend = 0.55 if day.weekday() > 4 else 1.0
        bottom = max(1, round(below * weekend * chance.uniform(0.8, 1.2))) if below > 1 else 1
        top = round(bottom * share * drift * chance.uniform(0.97, 1.03) * (weekend if below == 1 else 1))
        yield day, Cell(top, bottom, bottom if below > 1 else top)


def _every(days: dict[date, Cell], part: int) -> dict[date, Cell]:
    return {day: Cell(*(number // part for number in cell)) for day, cell in days.items()}


def _rows(kpi: KpiDef, days: dict[date, Cell], dimension: str, member: str) -> Iterator[CellRow]:
    sums: dict[tuple[str, date], list[int]] = defaultdict(lambda: [0, 0, 0])
    for day, cell in days.items():
        for grain, start in zip(GRAINS, CALENDAR.starts(day), strict=True):
            for place, number in enumerate(cell):
                sums[grain, start][place] += number
    if kpi.id == "MC-01" and dimension == "city":
        year = CALENDAR.containing(TODAY, "fiscal_year").start
        sums["fiscal_year", year] = list(BEFORE)
    for (grain, start), (numerator, denominator, events) in sums.items():
        yield CellRow(kpi.id, grain, start, dimension, member, numerator, denominator, events)
