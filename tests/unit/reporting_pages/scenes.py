"""The sample city at a position, from cells: the very answers that the read model gives, made by its own pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from citygoals.reporting.answers import called, departments_of, plan_row, stamp, totals_row
from citygoals.reporting.cells import BusyDays, Mark, Needs, Totals
from citygoals.reporting.commitments import narrative_row
from citygoals.reporting.controlled import control_row
from citygoals.reporting.definitions import AppliedPlan, Definitions
from citygoals.reporting.page_scene import Scene
from citygoals.reporting.report_rows import kpi_rows, node_rows, publication_row, restatement_row
from citygoals.reporting.restatements import numbers
from citygoals.reporting.sheet import Sheet, figure_row
from citygoals.reporting.tally import Tally
from citygoals.shared import commitment, narrative
from citygoals.shared.commitment import Commitment, CommittedTarget
from citygoals.shared.figures import Cell
from citygoals.shared.moves import Act
from citygoals.shared.narrative import NarrativeText
from citygoals.shared.period import CityCalendar
from citygoals.shared.publication import Publication
from citygoals.shared.reading import Almanac, Now, Reading
from citygoals.shared.sample import load_looked_up, load_sample

CALENDAR = CityCalendar()
TODAY = date(2026, 11, 21)
POSITION = 48213
PLAN, KPIS, DEPARTMENTS = load_sample()
CALENDARS, TABLES = load_looked_up()
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
        "calendars": called(CALENDARS),
        "references": called(TABLES),
    }
    return City(snapshot, definitions, {kpi: a_year(kpi, [cell] * 3) for kpi, cell in numbers.items()})


def a_commitment(*moves: Any, is_amended: bool = True) -> Commitment:
    """Return the court's commitment for the fiscal year, locked and amended once: MC-01 is to reach 0.70 instead of 0.80."""
    act = Act(at=datetime(2026, 9, 1, 18, tzinfo=UTC), by="Ann Court", key="k", reason="The portal came <late>")
    targets = CommittedTarget(kpi="MC-01", value="0.80"), CommittedTarget(kpi="MC-02", value="0.5", note="First year")
    record = commitment.proposed("municipal-court", "FY2027", targets, act, sample=True)
    for state in ("reviewed", "signed", "locked") if is_amended else moves:
        record = commitment.moved(record, state, act)
    if not is_amended:
        return record
    return commitment.amended(record, [CommittedTarget(kpi="MC-01", value="0.70")], [], act)


def a_narrative(**text: str) -> dict[str, Any]:
    """Return an approved narrative of MC-01, in English where no text is given."""
    act = Act(at=datetime(2026, 11, 2, 18, tzinfo=UTC), by="Bea Budget", key="k")
    words = NarrativeText.model_validate(text or {"en": "One line <b>.\n\nAnother paragraph."})
    record = narrative.drafted("MC-01", "FY2027", words, act, sample=True)
    return narrative_row(narrative.moved(narrative.moved(record, "submitted", act), "approved", act))


def a_publication(**more: Any) -> Publication:
    """Return a publication of the fiscal year, two days old; somebody has explained what was restated of MC-01."""
    at = datetime(2026, 11, 19, 23, 0, tzinfo=UTC)
    text = {"en": "The bank sent a day late", "es": "El banco envió un día tarde"}
    reason = {"kpi": "MC-01", "reason": text, "by": "City Clerk", "key": "staff", "at": at + timedelta(days=1)}
    head = {
        "id": "fy2027-so-far",
        "title": {"en": "So far", "es": "Hasta ahora"},
        "period": "FY2027",
        "position": 40000,
    }
    return Publication.model_validate(
        {
            **head,
            "is_preliminary": True,
            "published_by": "City Manager",
            "key": "staff",
            "published_at": at,
            "reasons": [reason],
            **more,
        }
    )


def a_report(publication: Publication | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the answers about a publication since which MC-01 has gained a payment and SR-08 another target."""
    one = publication or a_publication()
    before, after = a_city({**NUMBERS, "MC-01": Cell(4158, 6398, 6398)}, position=40000).snapshot, a_city().snapshot
    published, now = ({row["id"]: row for row in snapshot["kpis"]} for snapshot in (before, after))
    changed_at = datetime(2026, 11, 20, 9, tzinfo=UTC)
    last = {"positions": 1, "last": 40100, "last_at": changed_at}
    sums = {
        ("MC-01", "data"): {**last, "numerator": "1", "denominator": "1"},
        ("SR-08", "definition"): {**last, "numerator": "0", "denominator": "0"},
    }
    redefined = {name: ["target", "labels"] if name == "SR-08" else [] for name in published}
    nodes = [{row["id"]: row for row in snapshot["nodes"]} for snapshot in (before, after)]
    head = {"as_of": after["as_of"], "city_date": after["city_date"]}
    report = {
        **publication_row(one), **head, "published": {"as_of": before["as_of"], "city_date": before["city_date"], "plan": before["plan"]},
        "now": {**head, "plan": after["plan"]}, "kpis": kpi_rows(published, now, sums, redefined, is_preliminary=one.is_preliminary),
        "nodes": node_rows(*nodes), "reasons": [], "history": one.history(),
    }  # fmt: skip
    row = {"position": 40100, "kpi": "MC-01", "recorded_at": changed_at, "kind": "data"}
    row |= {"before": numbers(published["MC-01"]), "after": numbers(now["MC-01"])}
    other = {**row, "kpi": "SR-08", "kind": "definition", "before": numbers(published["SR-08"]), "after": None}
    reason = one.reason_of("MC-01", 40100, changed_at)
    items = [
        restatement_row(row, {"causes": {"late": 2}}, (), reason, with_events=False),
        restatement_row(other, {}, ("target",), None, with_events=False),
    ]
    return report, {"items": items, "next": "40100/SR-08", **head, "report": one.id, "kpi": None}


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
