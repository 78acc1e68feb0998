from datetime import date
from decimal import Decimal
from string import Formatter

import pytest
from citygoals.reporting.i18n import LANGUAGES, Words, catalogue, negotiate

EN, ES = (Words(lang, "America/Denver") for lang in LANGUAGES)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_texts_with_the_same_placeholders() -> None:
    english, spanish = catalogue("en"), catalogue("es")
    assert english.keys() == spanish.keys()
    for key, text in english.items():
        assert placeholders(text) == placeholders(spanish[key]), key
    assert all(text.strip() or key.startswith("units.") for texts in (english, spanish) for key, text in texts.items())


def test_a_text_is_translated_and_not_copied() -> None:
    english, spanish = catalogue("en"), catalogue("es")
    same = {key for key, text in english.items() if text == spanish[key]}
    # Names, symbols and words that both languages spell alike; nothing else may be equal.
    assert same <= {
        "site.name", "site.title", "period.range", "period.plan", "board.plan_version", "value.none", "value.over", "value.seconds_over",
        "node.recomputed", "words.weighed", "channel.web",
        *(key for key in english if key.startswith("units.")),
    }  # fmt: skip


def test_a_missing_text_is_an_error_and_never_an_english_word() -> None:
    with pytest.raises(KeyError):
        ES("site.no_such_text")


@pytest.mark.parametrize(
    ("chosen", "accepted", "expected"),
    [
        ("es", "en", "es"),
        (None, "es-MX,es;q=0.9,en;q=0.8", "es"),
        (None, "fr,en;q=0.3,es;q=0.7", "es"),
        (None, "en-US,en;q=0.9,es;q=0.8", "en"),
        (None, "de, fr;q=0.5", "en"),
        (None, "es;q=0, en;q=0.1", "en"),
        (None, "", "en"),
        ("de", "es", "es"),
        (None, "es;q=x, ;;,, *", "en"),
    ],
)
def test_the_language_is_the_chosen_one_then_the_best_accepted_one(
    chosen: str | None, accepted: str, expected: str
) -> None:
    assert negotiate(chosen, accepted) == expected


def test_numbers_are_written_as_in_the_united_states_in_both_languages() -> None:
    for t in (EN, ES):
        assert t.number(1234567) == "1,234,567"
        assert t.amount("65.00", "%") == "65.00%"
        assert t.amount("-1234.50", "USD") == "-$1,234.50"
        assert t.percent(Decimal("0.99992")) == "100.0%"
        assert t.number("0.125", 2) == "0.12"  # half to even


def test_a_missing_value_is_not_a_zero() -> None:
    assert EN.amount(None, "%") == EN("value.none")
    assert EN.percent(None) == EN("value.none")


@pytest.mark.parametrize(
    ("seconds", "english", "spanish"),
    [
        ("47.3", "47.3 s", "47.3 s"),
        ("119.9", "119.9 s", "119.9 s"),
        ("750", "12.5 min", "12.5 min"),
        ("86400", "24.0 hours", "24.0 horas"),
        ("432000", "5.0 days", "5.0 días"),
    ],
)
def test_long_times_are_written_in_the_unit_a_person_would_use(seconds: str, english: str, spanish: str) -> None:
    assert (EN.amount(seconds, "s"), ES.amount(seconds, "s")) == (english, spanish)


def test_days_months_and_instants_follow_each_language() -> None:
    assert EN.day(date(2026, 9, 5)) == "Sep 5, 2026"
    assert ES.day(date(2026, 9, 5)) == "5 sept 2026"
    assert EN.month(date(2026, 11, 1)) == "November 2026"
    assert ES.month(date(2026, 11, 1)) == "noviembre de 2026"
    assert EN.instant("2026-11-21T23:05:09Z") == "Nov 21, 2026, 4:05 PM MST"
    assert ES.instant("2026-07-01T06:00:00Z") == "1 jul 2026, 12:00 a.m. MDT"


@pytest.mark.parametrize(
    ("label", "english", "spanish"),
    [
        ("FY2027", "Fiscal year 2027", "Año fiscal 2027"),
        ("FY2027-Q1", "Fiscal year 2027, quarter 1", "Año fiscal 2027, trimestre 1"),
        ("FY2027-H2", "Fiscal year 2027, half 2", "Año fiscal 2027, semestre 2"),
        ("2026-11", "November 2026", "noviembre de 2026"),
        ("2026-W07", "Week 7 of 2026", "Semana 7 de 2026"),
        ("2026-11-21", "Nov 21, 2026", "21 nov 2026"),
        ("last-30d@2026-11-21", "30 days up to Nov 21, 2026", "30 días hasta el 21 nov 2026"),
        ("all", "All time", "Todo el tiempo"),
    ],
)
def test_periods_are_written_in_words(label: str, english: str, spanish: str) -> None:
    assert (EN.period(label), ES.period(label)) == (english, spanish)


def test_one_thing_has_its_own_form() -> None:
    assert EN("value.events", count=1) == "One event"
    assert EN("value.events", count=1200) == "1,200 events"
    assert ES("value.events", count=1) == "Un evento"


@pytest.mark.parametrize(
    ("value", "written"),
    [("0", "0"), ("64.96", "65"), ("3.14", "3.1"), ("950", "950"), ("12345", "12.3k"), ("2500000", "2.5M")],
)
def test_numbers_above_columns_are_short(value: str, written: str) -> None:
    assert EN.compact(Decimal(value)) == written


@pytest.mark.parametrize(
    ("attainment", "written"),
    [
        ("1", "100.0%"),
        ("0.99992", "99.99%"),
        ("0.999999", "99.9999%"),
        ("1.0004", "100.04%"),
        ("0.9899", "99.0%"),
        ("0.999999999999", "almost 100%"),
        (None, "\N{EN DASH}"),
    ],
)
def test_a_target_missed_by_a_hair_is_never_shown_as_met(attainment: str | None, written: str) -> None:
    assert EN.reached(attainment) == written
