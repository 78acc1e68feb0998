from decimal import Decimal
from typing import Any

import pytest
from citygoals.reporting import page_board, page_cards
from citygoals.reporting.i18n import Words
from citygoals.reporting.page_cards import Months, Title
from citygoals.shared.figures import Cell
from unit.reporting_pages.scenes import a_city, a_year

DASH = "\N{EN DASH}"
EN, ES = Words("en", "America/Denver"), Words("es", "America/Denver")


def figure(kpi: str, **changes: Any) -> dict[str, Any]:
    return {**a_city().scene.figures[kpi], **changes}


def test_a_card_says_value_status_target_and_what_was_divided() -> None:
    city = a_city()
    card = city.scene.card(city.scene.figures["MC-01"], EN)
    assert (card.value, card.status, card.target) == ("64.99%", "NEAR", "at least 65%")
    assert card.ratio == "4,159 of 6,399"
    assert card.attained == "99.99% of target"
    assert card.department == Title("Municipal Court")
    assert card.badges == ("Sample target",)
    assert card.announce == "Court payments made online: 64.99%, Near target"


def test_a_card_in_spanish_has_no_english_word() -> None:
    city = a_city()
    card = city.scene.card(city.scene.figures["MC-01"], ES)
    assert card.title == Title("Pagos a la corte hechos en línea")
    assert (card.target, card.ratio) == ("al menos 65%", "4,159 de 6,399")
    assert card.badges == ("Meta de muestra",)


def test_a_title_without_translation_is_marked_as_english() -> None:
    borrowed = {"title": "Refunds", "labels": {"en": "Refunds", "es": "Refunds"}}
    assert page_cards.title(borrowed, ES) == Title("Refunds", "en")
    assert page_cards.title(borrowed, EN) == Title("Refunds")
    assert page_cards.title({"title": {"en": "Refunds", "es": None}}, ES) == Title("Refunds", "en")


def test_no_data_is_said_and_never_shown_as_zero() -> None:
    city = a_city({})
    card = city.scene.card(city.scene.figures["MC-01"], EN)
    assert (card.value, card.has_value, card.ratio, card.attained) == ("No value yet", False, "", "")


def test_a_mean_shows_its_division_and_a_long_time_its_natural_unit() -> None:
    scene = a_city().scene
    hold, closing = (scene.card(scene.figures[kpi], EN) for kpi in ("CCC-01", "SR-10"))
    assert hold.ratio == "4,257,817 s ÷ 72,966"
    assert (hold.value, hold.unit) == ("58.4", "s")
    assert (closing.value, closing.unit, closing.target) == ("2.2", "days", "at most 5.0 days")


def test_a_band_is_drawn_at_both_its_edges_and_a_years_count_not_over_months() -> None:
    target = {"polarity": "band", "value": "0.80", "low": "0.70", "high": "1.00"}
    reached = {"numerator": 1, "denominator": 1}

    def levels(**month: Any) -> tuple[Decimal, ...]:
        return page_cards.target_levels(Months([{"unit": "%", "target": target, "attainment": reached, **month}]))

    assert levels() == (Decimal(70), Decimal(100))
    assert levels(target={**target, "polarity": "up"}) == (Decimal(80),)
    assert levels(target=None) == levels(attainment=None) == ()


def test_a_target_for_another_kind_of_period_says_for_which() -> None:
    target = {"polarity": "up", "value": "5000", "basis": "fiscal_year"}
    month = {"unit": "requests", "target": target, "value": "410", "attainment": None}
    assert page_cards.target_text(month, EN) == "at least 5,000 requests in a fiscal year"
    assert page_cards.target_text(month, ES) == "al menos 5,000 solicitudes en un año fiscal"


def test_a_chart_of_long_times_has_a_scale_that_a_person_can_read() -> None:
    scene = a_city().scene
    month = Cell(391_000 * 100, 100, 200)
    drawn = str(page_board.chart(scene.figures["SR-10"], scene.months(a_year("SR-10", [month] * 4)), EN))
    assert ">days<" in drawn
    assert ">4.5<" in drawn
    assert "391" not in drawn


def test_a_count_shows_its_events_and_no_fraction() -> None:
    scene = a_city().scene
    opened = scene.card(scene.figures["SR-08"], EN)
    assert (opened.value, opened.unit, opened.ratio) == ("21,121", "requests", "21,121 events")


def test_events_that_are_not_known_are_not_invented() -> None:
    assert page_cards.ratio(figure("SR-08", events=None), EN) == ""
    assert page_cards.row(figure("SR-08", events=None), EN).events == DASH


@pytest.mark.parametrize(
    ("target", "written"),
    [
        ({"polarity": "up", "value": "0.65"}, "at least 65%"),
        ({"polarity": "down", "value": "0.0125"}, "at most 1.25%"),
        ({"polarity": "band", "value": "0.80", "low": "0.70", "high": "1.00"}, "between 70% and 100%"),
        (None, "No target yet"),
    ],
)
def test_targets_are_written_in_the_unit_of_the_value(target: dict[str, str] | None, written: str) -> None:
    assert page_cards.target_text({"unit": "%", "target": target}, EN) == written


def test_only_the_month_under_way_of_a_sum_is_drawn_as_growing() -> None:
    scene = a_city().scene
    count, share = (a_year(kpi, [Cell(10, 20, 20), Cell(5, 9, 9)]) for kpi in ("SR-08", "MC-01"))
    assert scene.months(count).is_growing
    assert not scene.months(share).is_growing
    assert not scene.months(count[:-1]).is_growing
    assert [row.label for row in page_cards.month_rows(scene.months(share), EN)] == [
        "October 2026",
        "November 2026, so far",
    ]


def test_integers_too_large_for_a_json_number_stay_exact() -> None:
    huge = str(2**70)
    assert page_cards.whole(huge, EN) == f"{2**70:,}"


def test_months_before_the_first_value_are_left_out_as_long_as_a_picture_remains() -> None:
    scene, cell = a_city().scene, Cell(1, 2, 2)
    long = a_year("MC-01", [None] * 5 + [cell, None] + [cell] * 3)
    short = a_year("MC-01", [None] * 9 + [cell])
    assert [month["value"] is None for month in scene.months(long).items] == [False, True, False, False, False]
    assert [month["value"] is None for month in scene.months(short).items] == [True, True, True, False]
    assert scene.months([]).items == []
