"""Whatever goes wrong, a reader gets a page in their language with the right status, and no internals."""

from http import HTTPStatus

import pytest
from citygoals.reporting.page_failures import NotFound, known, trouble
from citygoals.reporting.page_site import Choice, Site
from citygoals.reporting.page_together import together
from citygoals.reporting.questions import Misread, Unknown
from citygoals.shared.errors import Unavailable
from unit.reporting_pages.test_site import request

SITE = Site("America/Denver", synthetic=False)


@pytest.mark.parametrize(
    ("error", "status", "english", "spanish"),
    [
        (NotFound("kpi", "X-1"), 404, "There is no KPI called “X-1”", "No hay indicador con el nombre “X-1”"),
        (NotFound("node", "<b>"), 404, "part of the plan called “&lt;b&gt;”", "parte del plan con el nombre “&lt;b&gt;”"),
        (Unknown("there is no position 9 yet"), 404, "there is no position 9 yet", "No se conoce lo que pide"),
        (Misread("no such period: 'x'"), 400, "no such period: &#39;x&#39;", "No se entiende una parte de la dirección"),
        (Unavailable("no answer"), 503, "not available right now", "no está disponible en este momento"),
        (KeyError("secret"), 500, "Something went wrong on our side", "Algo salió mal de nuestro lado"),
    ],
)  # fmt: skip
def test_every_failure_is_a_friendly_page(error: Exception, status: int, english: str, spanish: str) -> None:
    for lang, words in (("en", english), ("es", spanish)):
        found, key, values = trouble(error)
        context = {"status_code": found, "key": key, "values": values}
        answer = SITE.page(request("/kpis/X-1", f"lang={lang}"), "error.html", context)
        html = bytes(answer.body).decode()
        assert answer.status_code == found == HTTPStatus(status)
        assert words in html
        assert "secret" not in html
        assert "etag" not in answer.headers  # a failure is never kept
        assert Choice.of(request("/", f"lang={lang}")).href("/") in html


def test_a_missing_thing_is_named() -> None:
    known("kpi", "MC-01", [{"id": "FIN-02"}, {"id": "MC-01"}])
    with pytest.raises(NotFound):
        known("kpi", "MC-02", [{"id": "FIN-02"}])


async def test_a_page_is_of_one_position_even_while_the_city_moves_on() -> None:
    clock = iter(range(100, 200))
    asked: list[str | None] = []

    async def ask(as_of: str | None) -> dict[str, dict[str, int]]:
        asked.append(as_of)
        return {"as_of": {"position": next(clock) if as_of is None else int(as_of)}}

    answers = await together([ask, ask, ask], None)
    assert len({answer["as_of"]["position"] for answer in answers}) == 1
    # A past position is asked for only after the present could not be caught three times.
    assert asked[:-3] == [None] * 12
    assert len(set(asked[-3:])) == 1


async def test_a_quiet_city_is_asked_once() -> None:
    asked: list[str | None] = []

    async def ask(as_of: str | None) -> dict[str, dict[str, int]]:
        asked.append(as_of)
        return {"as_of": {"position": 7}}

    await together([ask, ask], None)
    assert asked == [None, None]
