import re
from decimal import Decimal
from typing import Any

import pytest
from citygoals.reporting.i18n import Words
from citygoals.reporting.page_kinds import definition_rows, measure_rows
from citygoals.reporting.page_reports import in_points
from citygoals.reporting.page_words import sentence, term_text, whole_days
from unit.reporting_pages.scenes import KPIS, a_city

EN, ES = Words("en", "America/Denver"), Words("es", "America/Denver")


@pytest.mark.parametrize("t", [EN, ES], ids=lambda t: t.lang)
def test_every_sample_kpi_is_explained_in_words(t: Words) -> None:
    for kpi in KPIS:
        rows = definition_rows(kpi.model_dump(mode="json"), t)
        assert all(name.strip() and str(text).strip() for name, text in rows), kpi.id
        assert len({name for name, _ in rows}) == len(rows), "each thing is said once"


def said(kpi: str, t: Words = EN) -> dict[str, str]:
    definition = next(one for one in KPIS if one.id == kpi)
    return {name: str(text) for name, text in definition_rows(definition.model_dump(mode="json"), t)}


def test_a_deadline_says_what_is_due_and_when() -> None:
    rows = said("SM-01")
    assert rows["Numerator"] == "those that ended by the time they were due, with “service request closed”"
    assert rows["Denominator"].startswith("one for each “service request opened” event that came due in the period")
    assert rows["Due"] == "3 business days after it began, by the calendar “city-offices”"
    assert rows["The clock stands"].startswith("from “")
    assert said("SR-01")["Due"].startswith("when its field “due at” says, else 10 business days after it began")
    assert said("SR-07")["What is counted"].startswith("the widest gap between the shares of two districts")


def test_every_kind_says_what_it_divides_by_what() -> None:
    assert said("FIN-01")["Compared with"] == "as many days of the fiscal year before"
    assert "times 10,000" in said("ES-01")["Numerator"]
    assert "90% of these do not exceed" in said("SR-02")["What is counted"]
    assert said("FIN-03")["Denominator"].endswith(
        "number in the table “receipts-budget”, for the days that have passed"
    )
    assert said("IT-01", ES)["Numerador"].startswith("los minutos de los días concluidos")
    assert said("TAX-01")["Target over time"] == "grows along a curve over the months of the fiscal year"


def test_a_share_says_both_sides_and_its_condition_as_code() -> None:
    rows = dict(definition_rows(next(kpi for kpi in KPIS if kpi.id == "MC-01").model_dump(mode="json"), EN))
    assert rows["Numerator"] == (
        "one for each “payment settled” event, where <code>data.channel in [&#39;web&#39;, &#39;app&#39;]</code>"
    )
    assert rows["Denominator"] == "one for each “payment settled” event"
    assert rows["Tolerance"] == "up to 5.0% short of the target is “near”"


@pytest.mark.parametrize(
    ("term", "written"),
    [
        ({"event": "city.session.held.v1", "value": "data.attendees"}, "the total of attendees over “program session held” events"),
        (
            {"event": "city.service_request.closed.v1", "since": "city.service_request.opened.v1"},
            "the seconds from “service request opened” to “service request closed”",
        ),
        ({"event": "city.animal.outcome.v1"}, "one for each “animal outcome” event"),
        (
            {"event": "city.service_request.closed.v1", "take": "every", "reopened_within": "P30D"},
            "one for each “service request closed” event, reopened within 30 days, also those taken back later",
        ),
    ],
)  # fmt: skip
def test_terms_are_sentences(term: dict[str, Any], written: str) -> None:
    assert term_text(term, EN) == written


def test_a_condition_cannot_bring_markup_into_the_page() -> None:
    assert "<script>" not in term_text({"event": "city.x.y.v1", "where": "data.a == '<script>'"}, EN)


def test_several_terms_are_added_and_taken_away() -> None:
    terms: list[dict[str, Any]] = [
        {"event": "city.payment.settled.v1"},
        {"event": "city.payment.voided.v1", "sign": -1},
    ]
    assert sentence(terms, EN) == "one for each “payment settled” event, minus one for each “payment voided” event"


@pytest.mark.parametrize(("duration", "days"), [("P7D", 7), ("P2W", 14)])
def test_durations_are_days(duration: str, days: int) -> None:
    assert whole_days(duration) == days


def test_fields_are_named_in_the_readers_language() -> None:
    term = {"event": "city.session.held.v1", "value": "data.capacity"}
    assert term_text(term, ES) == "la suma de lugares ofrecidos en los eventos “sesión de programa realizada”"
    assert "tree height" in term_text({**term, "value": "data.tree_height"}, EN)


def test_a_rating_says_its_two_shares_with_their_conditions_as_code() -> None:
    measure = {
        "kind": "importance_satisfaction", "event": "city.survey.response.v1", "where": "data.service == '<b>'",
        "important": "data.top_choice", "rated": "data.satisfaction != null", "satisfied": "data.satisfaction >= 4",
    }  # fmt: skip
    asked = "one for each “survey answered” event, where <code>data.service == &#39;&lt;b&gt;&#39;</code>"
    rows = {name: str(text) for name, text in measure_rows(measure, EN)}
    assert rows["What is counted"].startswith("importance")
    assert rows["Importance"] == f"of these, the share where <code>data.top_choice</code>: {asked}"
    rated = f"{asked}, where <code>data.satisfaction != null</code>"
    assert rows["Satisfaction"] == f"of these, the share where <code>data.satisfaction &gt;= 4</code>: {rated}"
    assert [name for name, _ in measure_rows(measure, ES)] == ["Qué se cuenta", "Importancia", "Satisfacción"]


@pytest.mark.parametrize(
    ("difference", "shown"),
    [("0.001130455791", "+0.1"), ("-0.25", "\N{MINUS SIGN}25.0"), ("0.000312345678", "+0.03"), ("-0.000000000001", "\N{MINUS SIGN}0.0000000001")],
)  # fmt: skip
def test_a_node_differs_by_points_that_a_person_can_read(difference: str, shown: str) -> None:
    assert in_points(Decimal(difference), EN) == shown


@pytest.mark.parametrize(
    ("kpi", "t", "words"),
    [
        ("SM-01", EN, "by the calendar “Offices of the city”"),
        ("SM-01", ES, "según el calendario “Oficinas de la ciudad”"),
        ("FIN-03", EN, "in the table “Budget of receipts (US cents a fiscal year)”"),
        ("SR-02", EN, "in open time of the calendar “"),
    ],
)
def test_a_page_calls_calendars_and_tables_by_their_titles(kpi: str, t: Words, words: str) -> None:
    scene = a_city().scene
    rows = measure_rows(scene.titled(scene.kpi_defs[kpi]["measure"], t), t)
    assert words in " ".join(str(text) for _, text in rows)
    assert not re.search("city-offices|receipts-budget", str(rows))


def test_one_decimal_is_one() -> None:
    rounding = {kpi.decimals: said(kpi.id)["Rounding"] for kpi in KPIS}
    assert rounding[1].startswith("one decimal, ")
    assert rounding[2].startswith("2 decimals, ")
    assert said("FIN-01", ES)["Redondeo"].startswith("un decimal, ")
