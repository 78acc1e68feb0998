"""Which target a figure is held against: that of the commitment in force in the whole of its fiscal year, else its own."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from citygoals.shared import commitment as promise
from citygoals.shared.commitment import Commitment, CommittedTarget
from citygoals.shared.committed import as_committed, committed_kpis
from citygoals.shared.figures import Cell, Figure, figure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.moves import Act
from citygoals.shared.period import CityCalendar
from citygoals.shared.reading import Almanac, Now, Reading
from pydantic import ValidationError

CALENDAR = CityCalendar("America/Denver", 9)
TODAY = date(2026, 11, 21)
SETTLED = {"event": "city.payment.settled.v1"}
RATIO = {"kind": "ratio", "numerator": SETTLED, "denominator": SETTLED}
COUNT = {"kind": "count", **SETTLED}
ANN = Act(at=datetime(2026, 9, 1, tzinfo=UTC), by="Ann", key="k")


def kpi(measure: dict[str, Any], **fields: Any) -> KpiDef:
    return KpiDef.model_validate(
        {"id": "K-1", "title": {"en": "K"}, "unit": "1", "measure": measure, "department": "fire", **fields}
    )


ONLINE = kpi(RATIO, target={"value": "0.65", "basis": "fiscal_year"}, sample=True)


def committed(
    *moves: Any, year: str = "FY2027", sample: bool = False, department: str = "fire", **aim: Any
) -> Commitment:
    record = promise.proposed(department, year, (CommittedTarget(kpi="K-1", **aim),), ANN, sample=sample)
    for to in moves:
        record = promise.moved(record, to, ANN)
    return record


SIGNED = ("reviewed", "signed")


def shown(definition: KpiDef, period: str, *commitments: Commitment, cell: Cell | None = None) -> Figure:
    kpis = committed_kpis({definition.id: definition}, commitments)
    reading = Reading({"K-1": {"": cell or Cell(70, 100, 100)}})
    return figure(
        definition, reading, period=CALENDAR.parse(period, TODAY), almanac=Almanac(CALENDAR, Now(TODAY), {}, kpis)
    )


@pytest.mark.parametrize("moves", [(), ("reviewed",)])
def test_what_is_not_signed_holds_nothing(moves: tuple[str, ...]) -> None:
    row = shown(ONLINE, "FY2027", committed(*moves, value="0.80")).to_dict()
    assert (row["target"]["value"], row["committed"], row["sample"]) == ("0.65", None, True)


@pytest.mark.parametrize("moves", [SIGNED, (*SIGNED, "locked")])
def test_a_signed_target_holds_and_the_catalogues_is_told_beside_it(moves: tuple[str, ...]) -> None:
    figure_ = shown(ONLINE, "FY2027", committed(*moves, value="0.80", tolerance="0.2"))
    row = figure_.to_dict()
    assert (figure_.attainment, figure_.status) == ((7, 8), "NEAR")
    assert row["target"] == {
        "value": "0.80", "polarity": "up", "tolerance": "0.2", "low": None, "high": None, "basis": "fiscal_year",
    }  # fmt: skip
    assert row["committed"]["commitment"] == "fire-fy2027"
    assert row["committed"]["catalogue_target"]["value"] == "0.65"
    assert row["sample"] is False, "somebody's word, no sample any more"


def test_a_sample_commitment_stays_a_sample() -> None:
    assert shown(kpi(RATIO), "FY2027", committed(*SIGNED, value="1", sample=True)).to_dict()["sample"] is True


@pytest.mark.parametrize(
    ("period", "value"),
    [
        ("FY2027", "0.80"), ("FY2027-Q1", "0.80"), ("2026-09", "0.80"), ("2026-11-21", "0.80"), ("2027-08-31", "0.80"),
        ("FY2026", "0.65"), ("2026-08", "0.65"), ("2026-08-31", "0.65"), ("FY2028", "0.90"), ("all", "0.65"),
        ("2026-W36", "0.65"), ("2026-W37", "0.80"), ("last-30d@2026-09-15", "0.65"), ("last-30d@2026-09-30", "0.80"),
    ],
)  # fmt: skip
def test_a_commitment_says_nothing_of_what_reaches_out_of_its_year(period: str, value: str) -> None:
    both = committed(*SIGNED, value="0.80"), committed(*SIGNED, value="0.90", year="FY2028")
    target = shown(ONLINE, period, *both).held.target
    assert target is not None
    assert target.value == value


def test_what_grows_is_held_against_the_kind_of_period_of_its_own_target() -> None:
    monthly = kpi(COUNT, target={"value": "100", "basis": "month"})
    promised = committed(*SIGNED, value="50")
    cell = Cell(70, 1, 70)
    assert shown(monthly, "2026-11", promised, cell=cell).status == "ON_TRACK"
    assert shown(monthly, "FY2027", promised, cell=cell).to_dict()["target"] is None
    without = shown(kpi(COUNT), "FY2027", promised, cell=cell)
    assert (without.status, without.to_dict()["target"]["basis"]) == ("ON_TRACK", "fiscal_year")
    assert without.to_dict()["committed"]["catalogue_target"] is None
    phased = kpi(COUNT, target={"value": "1000", "basis": "fiscal_year", "phase": "linear"})
    assert shown(phased, "FY2027-Q1", committed(*SIGNED, value="365"), cell=cell).attainment == (35, 41)


def test_a_target_that_fits_no_more_holds_nothing() -> None:
    promised = committed(*SIGNED, value="0.80")
    band = kpi(RATIO, polarity="band", target={"low": "0.1", "high": "0.5"})
    assert shown(band, "FY2027", promised).held is band
    moved_away = kpi(RATIO, target={"value": "0.65"}).model_copy(update={"department": "police"})
    assert shown(moved_away, "FY2027", promised).held is moved_away
    assert committed_kpis({}, [promised]) == {}


@pytest.mark.parametrize(
    ("definition", "aim"),
    [
        (kpi(RATIO), {"low": "0.1", "high": "0.2"}), (kpi(RATIO), {"value": "0"}), (kpi(RATIO), {}),
        (kpi(RATIO, polarity="band"), {"value": "0.5"}), (kpi(RATIO, polarity="band"), {"low": "0.5", "high": "0.2"}),
        (kpi(RATIO, target={"value": "2", "baseline": "1"}), {"value": "1"}),
    ],
)  # fmt: skip
def test_what_a_kpi_cannot_have_is_refused(definition: KpiDef, aim: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        as_committed(definition, CommittedTarget(kpi="K-1", **aim))
