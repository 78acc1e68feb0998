"""Duties as anybody reads them: states that move with ticks and records alone, as of any past position, in JSON and on pages."""

from datetime import datetime, timedelta
from importlib import resources
from typing import Any

import pytest
from citygoals.shared import narrative
from citygoals.shared.moves import Act
from citygoals.shared.statement import Statement
from integration.reporting.conftest import Service, Shelf
from unit.reporting.city import DEFINITIONS, ToyCity
from unit.shared.a_city_with_duties import at

START = at("2027-03-10T12:00")
MEMO = "review-memo:library:spring"
DUTIES: list[dict[str, Any]] = [
    {
        "id": "report", "kind": "report", "title": {"en": "Half-year report", "es": "Informe semestral"}, "grain": "half",
        "due": {"days": 20}, "from": "2026-09-01", "sample": True,
    },
    {
        "id": "review", "kind": "meeting", "title": {"en": "Review", "es": "Revisión"}, "from": "2026-09-01",
        "memo_before": "PT48H",
        "meetings": [{"id": "spring", "at": "2027-03-15T09:00", "departments": ["library"]}],
    },
]  # fmt: skip


async def publish_a_city(service: Service) -> None:
    """Position 1 defines; 2 is an hour before the memo is due, 3 an hour after, 4 says that it is done."""
    city = ToyCity(recorded_at=START, tick=START)
    changesets = [city.define({**DEFINITIONS, "duties": DUTIES})]
    changesets += [
        city.change(tick_s=int(step / timedelta(seconds=1))) for step in (timedelta(hours=74), timedelta(hours=2))
    ]
    act = Act(at=at("2027-03-13T16:20"), by="Ana", key="staff", reason="mailed")
    done = Statement(id=MEMO, **act.model_dump()).model_dump(mode="json")
    changesets.append(city.define({"statements": [done]}))
    await service.kpi.publish(*changesets)
    await service.at(4)


async def states(service: Service, **query: Any) -> dict[str, str]:
    answer = await service.get("/v1/duties", **query)
    return {item["id"]: item["state"] for item in answer["items"]}


async def test_a_state_is_a_function_of_the_position(service: Service) -> None:
    await publish_a_city(service)
    for position, state in ((1, "due_soon"), (2, "due_soon"), (3, "overdue"), (4, "done")):
        assert (await states(service, as_of=position, department="library"))[MEMO] == state
    now = await service.get("/v1/duties", department="library", state="done")
    (done,) = now["items"]
    assert now["as_of"]["position"] == 4
    assert now["states"] == {"overdue": 0, "due_soon": 1, "upcoming": 1, "done": 1}, (
        "the half's report is due in a week"
    )
    assert (done["due"], done["late"]) == ("2027-03-13T15:00:00.000000Z", True)
    assert done["done"] == {"at": "2027-03-13T16:20:00.000000Z", "how": "statement"}, "who said so is not public"
    whole = await service.get("/v1/duties", department="library", state="done", key="analyst")
    assert (whole["items"][0]["done"]["by"], whole["items"][0]["done"]["reason"]) == ("Ana", "mailed")


def approved(kpi: str, when: datetime) -> dict[str, Any]:
    act = Act(at=when, by="Ana", key="staff")
    said = narrative.drafted(kpi, "FY2027-H1", narrative.NarrativeText(en="More branches."), act)
    for state in ("submitted", "approved"):
        said = narrative.moved(said, state, act)
    return said.model_dump(mode="json")


async def test_a_report_is_judged_by_the_kpis_that_there_were_when_it_was_due(service: Service) -> None:
    report, due = "report:library:FY2027-H1", at("2027-03-21T06:00")
    city = ToyCity(recorded_at=due - timedelta(days=3), tick=due - timedelta(days=3))
    told = [approved(kpi, city.recorded_at) for kpi in ("LI-03", "IT-05")]
    changesets = [city.define({**DEFINITIONS, "duties": DUTIES}), city.define({"narratives": told})]
    city.recorded_at = due + timedelta(hours=1)
    changesets.append(city.change(tick_s=4 * 86400))
    more = {**DEFINITIONS["kpis"][2], "id": "LI-04"}
    changesets.append(city.define({"kpis": [*DEFINITIONS["kpis"], more]}))
    await service.kpi.publish(*changesets)
    await service.at(len(changesets))
    for position, state in ((1, "due_soon"), (2, "done"), (3, "done"), (4, "done")):
        assert (await states(service, as_of=position))[report] == state
    (done,) = [one for one in (await service.get("/v1/duties"))["items"] if one["id"] == report]
    assert (done["late"], done["done"]["how"]) == (False, "narratives")


async def test_a_read_model_of_before_rosters_learns_what_they_were(shelf: Shelf) -> None:
    city = ToyCity()
    hidden = [{**one, "internal": True} for one in DEFINITIONS["kpis"]]
    await shelf.apply(city.define(), city.change(), city.define({"kpis": hidden}), city.define({"kpis": []}))
    await shelf.checkpointer.write()
    await shelf.apply(city.define({"kpis": DEFINITIONS["kpis"][:1]}), city.define({"narratives": []}))
    rows = "SELECT position, roster::text, recorded_at FROM definition ORDER BY position"
    before = await shelf.pool.fetch(rows)
    assert [row["roster"] for row in before[1:]] == ["{}", "{}", '{"municipal-court": ["MC-01"]}', None]
    await shelf.pool.execute("UPDATE definition SET roster = NULL, recorded_at = NULL")
    path = "migrations/0006_rosters.sql"
    text = resources.files("citygoals.reporting").joinpath(path).read_text()
    await shelf.pool.execute(text[text.index("UPDATE") :])
    assert await shelf.pool.fetch(rows) == before
    await shelf.pool.execute("DELETE FROM history WHERE position <= 4")
    await shelf.pool.execute("UPDATE definition SET recorded_at = NULL")
    await shelf.pool.execute(text[text.index("UPDATE") :])
    after = await shelf.pool.fetch(rows)
    assert after[0]["recorded_at"] == before[2]["recorded_at"], "where it is forgotten, the first that is remembered"


async def test_pages_of_the_list_are_of_one_position(service: Service) -> None:
    await publish_a_city(service)
    every = await states(service)
    first = await service.get("/v1/duties", limit=2)
    second = await service.get("/v1/duties", limit=1000, cursor=first["next"])
    assert [item["id"] for item in (*first["items"], *second["items"])] == list(every)
    assert second["next"] is None


async def test_what_cannot_be_answered_is_said(service: Service) -> None:
    await publish_a_city(service)
    assert "library" in (await service.get("/v1/duties", status=404, department="nowhere"))["allowed"]
    await service.get("/v1/duties", status=422, state="soon")
    await service.get("/v1/duties", status=404, as_of=99)


@pytest.mark.parametrize(
    ("path", "lang", "words"),
    [
        ("/departments/library", "en", ("Reports and commitments due", "Done late", "End of Mar 20, 2027", "Sample")),
        ("/departments/library", "es", ("Informes y compromisos por cumplir", "Hecho con retraso", "Fin del 20 mar 2027")),
        ("/departments", "en", ("What is due", "Upcoming")),
        ("/departments?as_of=3", "es", ("Lo que está por cumplirse", "Vencido", "Memorando antes de la reunión")),
    ],
)  # fmt: skip
async def test_pages_show_what_is_due(service: Service, path: str, lang: str, words: tuple[str, ...]) -> None:
    await publish_a_city(service)
    page = await service.http.get(path, headers={"accept-language": lang})
    assert page.status_code == 200, page.text
    for word in words:
        assert word in page.text
