import itertools
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from citygoals.notify import letters
from citygoals.notify.letters import TEMPLATES, Writer
from citygoals.notify.news import Task, read_news
from citygoals.notify.wording import LANGUAGES, Language
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import meta
from unit.notify.happenings import a_closing, a_crossing, a_duty

WRITER = Writer(ZoneInfo("America/Denver"), "https://goals.example.org/")
NASTY = "{{ 7*7 }} <script>alert(1)</script>\r\nBcc: everybody@example.org\u202e"


def test_a_crossing_in_english() -> None:
    letter = WRITER.write(read_news(a_crossing()), "en")
    assert letter.subject == "Cases disposed: now on track (FY2027)"
    assert letter.text == (
        "Cases disposed\n"
        "Now: on track\n"
        "Before: near its target\n"
        "\n"
        "Period: fiscal year 2027\n"
        "Figure: 65.00%\n"
        "Attainment: 99.0% of the target\n"
        "Department: municipal-court\n"
        "See it: https://goals.example.org/kpis/MC-01?lang=en\n"
        "\n"
        "This is as of position 12 of the city's ledger (KPI MC-01).\n"
        "You get this because you are on the City Goals subscription list.\n"
    )


def test_a_crossing_in_spanish() -> None:
    letter = WRITER.write(read_news(a_crossing()), "es")
    assert letter.subject == "Casos resueltos: ahora en meta (FY2027)"
    assert "Ahora: en meta\nAntes: cerca de la meta\n\nPeríodo: año fiscal 2027\n" in letter.text
    assert "(indicador MC-01)" in letter.text
    assert "kpis/MC-01?lang=es" in letter.html
    assert '<html lang="es">' in letter.html


def test_a_closing_tells_the_time_of_the_city() -> None:
    letter = WRITER.write(read_news(a_closing("SR-7", reason="duplicate")), "en")
    assert letter.subject == "Request SR-7 was closed"
    assert "closed on Nov 21, 2026, 12:00 PM MST: another request reports the same thing" in letter.text


def test_a_duty_says_what_is_due_for_whom_when_and_what_to_do() -> None:
    letter = WRITER.write(read_news(a_duty()), "en")
    assert letter.subject == "Half-year report, fiscal year 2027, half 1, Municipal Court: due in 7 days"
    assert letter.text == (
        "Half-year report, fiscal year 2027, half 1\n"
        "\n"
        "Department: Municipal Court\n"
        "What: report\n"
        "Due: Mar 26, 2027, 5:00 PM MDT (due in 7 days)\n"
        "\n"
        "Explain each of the department's KPIs for the period and have the texts approved.\n"
        "See it: https://goals.example.org/departments/municipal-court?lang=en\n"
        "\n"
        "This is the duty report:municipal-court:FY2027-H1.\n"
        "You get this because you are on the City Goals subscription list.\n"
    )


def test_a_memo_in_spanish_names_the_meeting() -> None:
    memo = a_duty(
        kind="memo", period=None, meeting="2027-03-15", meeting_at="2027-03-15T15:00:00.000000Z",
        title={"en": "Performance meeting", "es": "Reunión de desempeño"},
        due="2027-03-13T15:00:00.000000Z", stage="overdue", days_before=None, days_left=0,
    )  # fmt: skip
    letter = WRITER.write(read_news(memo), "es")
    assert letter.subject == "Reunión de desempeño, Tribunal Municipal: vencido"
    assert "Reunión: 15 mar 2027, 9:00 a.m. MDT\nVencimiento: 13 mar 2027, 8:00 a.m. MST (vencido)\n" in letter.text
    assert '<html lang="es">' in letter.html
    assert "departments/municipal-court?lang=es" in letter.html


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Due: the end of Aug 31, 2027 (due"), ("es", "Vencimiento: fin del 31 ago 2027 (vence")],
)
def test_midnight_is_the_end_of_the_day_before(language: Language, words: str) -> None:
    assert words in WRITER.write(read_news(a_duty(due="2027-09-01T06:00:00.000000Z")), language).text


@pytest.mark.parametrize(("days_left", "words"), [(4, "due in 4 days"), (1, "due tomorrow"), (0, "due today")])
def test_a_notice_that_comes_late_says_how_many_days_are_left(days_left: int, words: str) -> None:
    assert WRITER.write(read_news(a_duty(days_before=7, days_left=days_left)), "en").subject.endswith(words)


def test_a_figure_without_value_or_target_leaves_no_blank_words() -> None:
    nothing: dict[str, Any] = {"value": None, "unit": None, "attainment": None, "department": None}
    text = Writer(ZoneInfo("UTC")).write(read_news(a_crossing(**nothing)), "en").text
    assert "None" not in text
    assert "\n\n\n" not in text
    assert "See it" not in text


def test_a_target_missed_by_a_hair_is_never_said_to_be_met() -> None:
    text = WRITER.write(read_news(a_crossing(after="NEAR", before="ON_TRACK", attainment="1.0000")), "en").text
    assert "Attainment: almost 100% of the target" in text


@pytest.mark.parametrize(("language", "word"), [("en", "made up"), ("es", "inventaron")])
def test_a_letter_of_a_demonstration_says_so(language: Language, word: str) -> None:
    told = Writer(ZoneInfo("UTC"), synthetic=True)
    for event in (a_crossing(), a_closing(), a_duty()):
        letter, honest = told.write(read_news(event), language), WRITER.write(read_news(event), language)
        assert word in letter.text
        assert word in letter.html
        assert word not in honest.text


def test_english_stands_in_where_there_is_no_spanish_title() -> None:
    assert "Cases disposed" in WRITER.write(read_news(a_crossing(title={"en": "Cases disposed"})), "es").subject


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_title_can_neither_forge_a_header_nor_run_in_a_browser(language: Language) -> None:
    letter = WRITER.write(read_news(a_crossing(title={"en": NASTY, "es": NASTY})), language)
    assert "\n" not in letter.subject
    assert "\u202e" not in letter.subject
    assert "{{ 7*7 }}" in letter.subject  # said as it is, not computed
    assert "<script>" not in letter.html
    assert "&lt;script&gt;" in letter.html


@given(st.text(min_size=1, max_size=1_000), st.sampled_from(LANGUAGES))
def test_any_title_gives_a_one_line_subject(title: str, language: Language) -> None:
    subject = WRITER.write(read_news(a_crossing(title={"en": title})), language).subject
    assert len(subject.splitlines()) <= 1
    assert len(subject) <= letters.SUBJECT_MAX


def test_the_same_news_gives_the_same_letter() -> None:
    assert WRITER.write(read_news(a_crossing()), "es") == WRITER.write(read_news(a_crossing()), "es")


@pytest.mark.parametrize(("template", "kind"), list(itertools.product(TEMPLATES, ("txt", "html"))))
def test_both_languages_say_the_same_things(template: str, kind: str) -> None:
    environment = letters._environment()
    assert environment.loader is not None
    words = [
        meta.find_undeclared_variables(
            environment.parse(environment.loader.get_source(environment, f"{template}.{language}.{kind}")[0])
        )
        for language in LANGUAGES
    ]
    assert words[0] == words[1] != set()


def test_every_status_and_reason_has_words_in_both_languages() -> None:
    assert letters.STATUSES["en"].keys() == letters.STATUSES["es"].keys()
    assert letters.REASONS["en"].keys() == letters.REASONS["es"].keys()
    for words in (letters.TASKS, letters.TO_DO):
        assert words["en"].keys() == words["es"].keys() == set(get_args(Task))
    assert letters.WHEN["en"].keys() == letters.WHEN["es"].keys()
