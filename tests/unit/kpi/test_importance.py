"""Importance and satisfaction: the worked vectors, from answers to a survey to ratings, ranks and what they call for.

The survey is made up. Its counts are chosen so that the ratings are the vectors.
"""

from fractions import Fraction

import pytest
from citygoals.kpi.changes import Engine
from citygoals.kpi.contributions import CellKey
from citygoals.kpi.entries import Entry
from citygoals.shared.cells import Cell
from citygoals.shared.figures import Figure, figure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.reading import Almanac, Now, Reading
from unit.kpi.samples import CALENDAR, CALENDARS, START, entry, kpi

SURVEYED = {  # answers, of them the ones that name it among their first; rated, of them 4 or 5
    "infrastructure-maintenance": (1000, 452, 100, 38),
    "business-development-and-retention": (100, 25, 100, 55),
    "public-health": (100, 30, 60, 48),
}
"""Made up: the ranking is to be that of the city's own survey, the counts are nobody's."""

EXPECTED = {
    "infrastructure-maintenance": (Fraction("0.28024"), "0.28024", "OFF_TRACK"),
    "business-development-and-retention": (Fraction("0.1125"), "0.11250", "NEAR"),
    "public-health": (Fraction("0.06"), "0.06000", "ON_TRACK"),
}
MONTH = CALENDAR.containing(CALENDAR.local_day(START), "month")
ALMANAC = Almanac(CALENDAR, Now(MONTH.last))


def rating(service: str) -> KpiDef:
    """The rating of one service: near the target is to be emphasized more, off track definitely so."""
    measure = {
        "kind": "importance_satisfaction", "event": "city.survey.response.v1", "where": f"data.service == '{service}'",
        "important": "data.top_choice", "rated": "data.satisfaction != null", "satisfied": "data.satisfaction >= 4",
    }  # fmt: skip
    more = {"target": {"value": "0.10"}, "polarity": "down", "tolerance": "0.5", "zero_attainment": "1", "decimals": 5}
    return kpi(service.upper(), measure, **more)


def answers(service: str, first: int = 0) -> list[Entry]:
    """Everybody who was asked; who did not rate said that they do not know, or nothing."""
    total, top, rated, satisfied = SURVEYED[service]
    said = []
    for number in range(total):
        data = {"survey_id": "made-up", "service": service, "respondent_ref": f"{number}", "top_choice": number < top}
        grade = 4 + number % 2 if number < satisfied else 1 + number % 3
        if number < rated or number % 2:
            data["satisfaction"] = grade if number < rated else None
        said.append(entry("survey.response", data, identity=f"{service}-{number}", seq=first + number + 1))
    return said


def read(cells: dict[CellKey, Cell]) -> Reading:
    reading = Reading()
    for (series, grain, start, dimension, _), cell in cells.items():
        if (grain, start, dimension) == (2, MONTH.start, 0):
            reading.put_cell(series, cell)
    return reading


def figures(entries: list[Entry]) -> dict[str, Figure]:
    kpis = {service: rating(service) for service in SURVEYED}
    reading = read(Engine(tuple(kpis.values()), CALENDARS).changes(entries, {}).cells)
    return {service: figure(one, reading, period=MONTH, almanac=ALMANAC) for service, one in kpis.items()}


@pytest.fixture(scope="module")
def found() -> dict[str, Figure]:
    return figures([one for place, service in enumerate(SURVEYED) for one in answers(service, 1000 * place)])


@pytest.mark.parametrize("service", SURVEYED)
def test_answers_give_the_rating_and_what_it_calls_for(found: dict[str, Figure], service: str) -> None:
    one = found[service]
    assert one.numerator is not None
    assert one.denominator
    assert (Fraction(one.numerator, one.denominator), one.value, one.status) == EXPECTED[service]
    assert one.events == SURVEYED[service][0]


def test_the_ratings_rank_the_services(found: dict[str, Figure]) -> None:
    ranked = sorted(found, key=lambda name: Fraction(found[name].numerator or 0, found[name].denominator or 1))
    assert ranked[::-1] == ["infrastructure-maintenance", "business-development-and-retention", "public-health"]


def test_without_a_rating_there_is_importance_and_no_figure() -> None:
    unknown = [one for one in answers("public-health") if one.data.get("satisfaction") is None]
    assert len(unknown) == 40
    assert figures(unknown)["public-health"].status == "NO_DATA"


def test_who_answers_again_is_counted_once() -> None:
    data = {"survey_id": "s", "service": "public-health", "respondent_ref": "1", "top_choice": True}
    said = [
        entry("survey.response", data | {"satisfaction": grade}, identity=f"{grade}", seq=grade) for grade in (1, 5)
    ]
    one = figures(said)["public-health"]
    assert (one.numerator, one.denominator, one.events) == (0, 1, 2)
