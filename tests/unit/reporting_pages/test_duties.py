"""Duties on pages: what is open first, done ones last, instants in the city's time, both languages."""

import pytest
from citygoals.reporting.i18n import words
from citygoals.reporting.page_duties import DONE_SHOWN, PRESSING_SHOWN, of_department, pressing, until
from unit.reporting_pages.due import ANSWER, a_duty, done
from unit.reporting_pages.scenes import a_city

ZONE = "America/Denver"
SCENE = a_city().scene
EN, ES = words("en", ZONE), words("es", ZONE)


def test_a_department_shows_what_is_open_and_then_what_was_done_last() -> None:
    rows = of_department(ANSWER, SCENE, EN, ZONE)["duties"]
    assert [(row.state, row.about, row.due) for row in rows] == [
        ("Overdue", "Mar 15, 2027, 9:00 AM MDT", "Mar 26, 2027, 5:00 PM MDT"),
        ("Due soon", "Fiscal year 2027, half 1", "Mar 26, 2027, 5:00 PM MDT"),
        ("Upcoming", "Fiscal year 2028", "End of Aug 31, 2027"),
        ("Done late", "Fiscal year 2027, half 1", "Mar 26, 2027, 5:00 PM MDT"),
        ("Done", "Fiscal year 2027, half 1", "Mar 26, 2027, 5:00 PM MDT"),
    ]
    assert [row.note for row in rows][3:] == ["said to be done Feb 20, 2027", "explained by Jan 20, 2027"]
    assert rows[0].department.text == "Municipal Court"
    assert {row.badges for row in rows} == {("Sample",)}


def test_it_is_said_how_many_are_not_shown() -> None:
    many = [a_duty(f"d{number}", "done", done=done("statement", "2027-01-20")) for number in range(DONE_SHOWN + 3)]
    shown = of_department({**ANSWER, "items": many}, SCENE, EN, ZONE)
    assert (len(shown["duties"]), shown["duties_hidden"]) == (DONE_SHOWN, 3)
    late = [a_duty(f"d{number}", "overdue") for number in range(PRESSING_SHOWN + 2)]
    pressed = pressing({**ANSWER, "items": late}, SCENE, EN, ZONE)
    assert (len(pressed["duties"]), pressed["duties_hidden"]) == (PRESSING_SHOWN, 2)


def test_the_overview_counts_every_state_and_shows_what_presses() -> None:
    shown = pressing(ANSWER, SCENE, ES, ZONE)
    assert [(state, count) for state, _, count in shown["duty_counts"]] == [
        ("overdue", 1), ("due_soon", 1), ("upcoming", 1), ("done", 2),
    ]  # fmt: skip
    assert [(row.kind, row.state) for row in shown["duties"]] == [
        ("Memorando antes de la reunión", "Vencido"),
        ("Informe", "Vence pronto"),
    ]


@pytest.mark.parametrize(
    ("due", "day", "written"),
    [
        ("2027-09-01T06:00:00.000000Z", "2027-08-31", "Fin del 31 ago 2027"),
        ("2027-03-13T15:00:00.000000Z", "2027-03-13", "13 mar 2027, 8:00 a.m. MST"),
    ],
)
def test_midnight_is_the_end_of_the_day_before(due: str, day: str, written: str) -> None:
    assert until(due, day, ES, ZONE) == written
