"""What becomes of a draft that breaks off, that is held while others change the same, or that says nothing new."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest
from brokers import wait_until
from citygoals.kpi import attempts, folders
from citygoals.kpi.drafting import Drafting
from citygoals.shared.kpi import KpiDef
from citygoals.shared.postgres import Pool
from citygoals.shared.sample import text_of
from integration.kpi.conftest import Intake, Running, assert_identical, stored_cells
from integration.kpi.dying import die
from integration.kpi.test_drafts import (
    Client,
    ask,
    assert_never_mixed,
    counting,
    file_of,
    mixed,
    until,
    until_counted,
    whole,
)
from unit.kpi.samples import KPIS
from unit.kpi.samples import kpi as a_kpi

__all__ = ["ask"]

COURT = next(one.measure.model_dump(mode="json") for one in KPIS if one.id == "COURT")
WEB, PHONE = ({(0, ""): (n, 0, n), (1, "municipal-court"): (n, 0, n)} for n in (200, 100))


@pytest.fixture(autouse=True)
async def counted(ask: Client, intake: Intake, pool: Pool) -> None:
    """Three hundred payments, two hundred of them by the web: that is what the KPI counts."""
    await intake.publish(mixed(intake, 1, 300))
    await until_counted(pool, 300)
    assert (await ask("POST", "/v1/kpis", content=file_of(counting("web"))))["applied"] is True


@pytest.fixture
def workers_die(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """From now on a draft is folded by other processes, and each of them is killed at once."""
    monkeypatch.setattr("citygoals.kpi.drafting.PAGE_ENTRIES", 10)
    monkeypatch.setattr("citygoals.kpi.drafting.PAGES_HERE", 1)
    monkeypatch.setattr(folders, "_begin", die)
    monkeypatch.setattr(attempts, "retry_delay_s", lambda _: 0.01)
    monkeypatch.setattr(attempts, "ATTEMPTS_MAX", 2)
    return monkeypatch


async def asked(ask: Client, *kpis: KpiDef, held: bool = False) -> str:
    """Ask for a draft and return where to look after it."""
    wish = "activate=false&wait=20" if held else "wait=0"
    return str((await ask("POST", f"/v1/kpis?{wish}", 202, content=file_of(*kpis)))["location"])


async def test_a_draft_whose_workers_die_is_given_up_told_of_and_tried_again(
    ask: Client, pool: Pool, intake: Intake, workers_die: pytest.MonkeyPatch
) -> None:
    draft = await asked(ask, counting("phone"))
    told = await until(ask, draft, "failed")
    assert told["error"].startswith("given up after 2 attempts: a process that folded has died")
    assert told["attempts"] == 2
    assert await stored_cells(pool, "CHANGING") == WEB, "the old formula holds"
    assert await pool.fetchval("SELECT count(*) FROM draft_cell") == 0
    workers_die.undo()
    assert (await ask("POST", f"{draft}/retry"))["applied"] is True
    assert await stored_cells(pool, "CHANGING") == PHONE
    told = await ask("GET", draft)
    assert (told["state"], told["attempts"], told["error"]) == ("applied", 0, None)
    await ask("POST", f"{draft}/retry", 409)
    await ask("DELETE", draft, 409)
    await assert_identical(pool)


@pytest.mark.usefixtures("workers_die")
async def test_a_draft_that_failed_is_given_up_and_the_next_one_has_its_turn(ask: Client, pool: Pool) -> None:
    draft = await asked(ask, counting("phone"))
    later = await asked(ask, counting("web", decimals=0))  # it waits behind the first, and nothing is to be computed
    failed = await until(ask, draft, "failed")
    assert (await until(ask, later, "applied"))["position"]
    gone = await ask("DELETE", draft)
    assert (gone["state"], gone["error"]) == ("discarded", failed["error"])
    await ask("POST", f"{draft}/retry", 409)
    assert (await ask("GET", "/v1/kpis/CHANGING"))["decimals"] == 0


async def test_a_draft_at_which_kpi_itself_dies_is_given_up(ask: Client, kpi: Running, pool: Pool, clock: Any) -> None:
    kpi.stop.set()
    await wait_until(lambda: not kpi.leadership.is_leader)
    insert = (
        "INSERT INTO draft (kind, data, activate, attempts, attempted_by)"
        " VALUES ('catalogue', $1, true, $2, gen_random_uuid()) RETURNING id"
    )
    data = orjson.dumps(whole(counting("phone")))
    hopeless, shaken = [await pool.fetchval(insert, data, attempts.ATTEMPTS_MAX - n) for n in (1, 2)]
    clock.advance(timedelta(seconds=1))
    kpi.stop.clear()
    kpi.task = asyncio.create_task(kpi.leadership.run(kpi.stop))
    await kpi.until_leading()
    told = await until(ask, f"/v1/drafts/{hopeless}", "failed")
    assert "kpi died while it worked on this" in told["error"]
    assert (await until(ask, f"/v1/drafts/{shaken}", "applied"))["error"] is None
    assert await pool.fetchval("SELECT count(*) FROM draft WHERE attempted_by IS NOT NULL") == 0


async def test_a_held_formula_leaves_the_title_and_the_target_that_others_gave_meanwhile(
    ask: Client, pool: Pool
) -> None:
    held = await asked(ask, counting("phone", decimals=0), held=True)
    newer = {"title": {"en": "Newer"}, "target": {"value": "250"}}
    assert (await ask("POST", "/v1/kpis", content=file_of(counting("web", **newer))))["applied"] is True
    assert (await ask("GET", held))["clashes"] == []
    assert (await ask("POST", f"{held}/activate"))["applied"] is True
    after = await ask("GET", "/v1/kpis/CHANGING")
    assert "'phone'" in after["measure"]["where"]
    assert (after["title"]["en"], after["target"]["value"], after["decimals"]) == ("Newer", "250", 0)
    assert await stored_cells(pool, "CHANGING") == PHONE
    await assert_identical(pool)


async def test_what_a_held_draft_and_others_changed_otherwise_is_refused_by_name(ask: Client, pool: Pool) -> None:
    held = await asked(ask, counting("phone", target={"value": "100"}), held=True)
    await ask("POST", "/v1/kpis", content=file_of(counting("web", target={"value": "250"})))
    refused = await ask("POST", f"{held}/activate", 409)
    assert "target of CHANGING" in refused["detail"]
    (clash,) = refused["clashes"]
    assert (clash["part"], clash["id"], clash["field"]) == ("kpis", "CHANGING", "target")
    assert (clash["asked"]["value"], clash["now"]["value"]) == ("100", "250")
    looked = await ask("GET", held)
    assert (looked["state"], looked["clashes"]) == ("ready", [clash])
    assert await stored_cells(pool, "CHANGING") == WEB
    again = await asked(
        ask, counting("phone", target={"value": "100"}), held=True
    )  # by whoever has seen the other target
    assert (await ask("POST", f"{again}/activate"))["applied"] is True
    assert (await ask("DELETE", held))["state"] == "discarded"


async def test_a_kpi_that_was_retired_meanwhile_is_not_brought_back_by_surprise(ask: Client, pool: Pool) -> None:
    held = await asked(ask, counting("phone"), held=True)
    assert (await ask("POST", "/v1/kpis", content=file_of(counting("web", retired=True))))["applied"] is True
    assert [(one["id"], one["field"]) for one in (await ask("GET", held))["clashes"]] == [("CHANGING", "retired")]
    await ask("POST", f"{held}/activate", 409)
    await ask("GET", "/v1/kpis/CHANGING", 404)
    await assert_identical(pool)


@pytest.mark.usefixtures("workers_die")
async def test_a_draft_that_failed_and_is_tried_again_brings_nothing_old_back(
    ask: Client, workers_die: pytest.MonkeyPatch
) -> None:
    draft = await asked(ask, counting("phone"))
    await until(ask, draft, "failed")
    workers_die.undo()
    await ask("POST", "/v1/kpis", content=file_of(counting("web", title={"en": "Newer"})))
    assert (await ask("POST", f"{draft}/retry"))["applied"] is True
    after = await ask("GET", "/v1/kpis/CHANGING")
    assert ("'phone'" in after["measure"]["where"], after["title"]["en"]) == (True, "Newer")


async def test_what_is_so_already_makes_neither_a_position_nor_a_draft(ask: Client, kpi: Running, pool: Pool) -> None:
    plan = text_of("plan.yaml").encode()
    assert (await ask("POST", "/v1/plan", content=plan))["applied"] is True
    position, drafts = kpi.leadership.applier.state.position, await pool.fetchval("SELECT count(*) FROM draft")
    for _ in range(2):
        again = await ask("POST", "/v1/plan", content=plan)
        assert (again["applied"], again["position"]) == (False, position)
    for query in ("", "?activate=false"):
        again = await ask("POST", f"/v1/kpis{query}", content=file_of(counting("web")))
        assert (again["applied"], again["position"]) == (False, position)
    assert kpi.leadership.applier.state.position == position
    assert await pool.fetchval("SELECT count(*) FROM draft") == drafts
    corrected = plan.replace(b'tolerance: "0.05"', b'tolerance: "0.06"')
    assert corrected != plan
    assert (await ask("POST", "/v1/plan", content=corrected))["applied"] is True
    assert (await ask("POST", "/v1/plan", content=plan))["applied"] is True, (
        "the version as it was before is another word"
    )


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Drafts have computed and go no further until this is set."""
    opened, compute = asyncio.Event(), Drafting.compute

    async def computed_and_waiting(drafting: Drafting) -> None:
        await compute(drafting)
        await opened.wait()

    monkeypatch.setattr(Drafting, "compute", computed_and_waiting)
    return opened


async def test_whatever_is_decided_while_a_draft_computes_holds_in_its_order(
    ask: Client, intake: Intake, pool: Pool, kpi: Running, gate: asyncio.Event
) -> None:
    other = counting("web").model_copy(update={"id": "OTHER"})
    index = a_kpi("INDEX", {"kind": "index", "parts": [{"kpi": "ONLINE", "weight": "1"}]})
    first = await asked(ask, counting("phone"))
    plan = await ask("POST", "/v1/plan", content=text_of("plan.yaml").encode())
    quick = await ask("POST", "/v1/kpis", content=file_of(index, a_kpi("COURT", COURT, retired=True)))
    assert plan["applied"] is quick["applied"] is True, "nobody waits for what does not concern him"
    retitled = await asked(ask, counting("web", title={"en": "Newer"}))
    elsewhere = await asked(ask, other)
    retired = await asked(ask, counting("web", retired=True))
    last = await asked(ask, counting("phone", title={"en": "Last"}))
    await intake.publish(mixed(intake, 301, 600))
    await until_counted(pool, 600)
    assert (await stored_cells(pool, "CHANGING"))[0, ""] == (400, 0, 400), "the old formula counts on"
    gate.set()
    ends = [await until(ask, draft, "applied") for draft in (first, retitled, elsewhere, retired, last)]
    positions = [end["position"] for end in ends]
    assert [plan["position"], quick["position"], *positions] == sorted(
        [plan["position"], quick["position"], *positions]
    )
    versions = (await ask("GET", "/v1/kpis/CHANGING/versions"))["items"]
    assert [(one["version"], one["until"]) for one in versions[:3]] == [
        (positions[4], None), (positions[1], positions[3]), (positions[0], positions[1]),
    ]  # fmt: skip
    after = await ask("GET", "/v1/kpis/CHANGING")
    assert ("'phone'" in after["measure"]["where"], after["title"]["en"]) == (True, "Last")
    assert (await stored_cells(pool, "CHANGING"))[0, ""] == (200, 0, 200)
    assert (await stored_cells(pool, "OTHER"))[0, ""] == (400, 0, 400)
    await assert_identical(pool)
    await assert_never_mixed(pool)


async def test_a_draft_is_not_applied_that_names_what_was_retired_while_it_computed(
    ask: Client, pool: Pool, gate: asyncio.Event
) -> None:
    index = a_kpi("INDEX", {"kind": "index", "parts": [{"kpi": "COURT", "weight": "1"}]})
    draft = await asked(ask, counting("phone"), index)
    assert (await ask("POST", "/v1/kpis", content=file_of(a_kpi("COURT", COURT, retired=True))))["applied"] is True
    gate.set()
    told = await until(ask, draft, "failed")
    assert told["error"].startswith("somebody took away what this names: no KPI `COURT` in the catalogue")
    await ask("POST", f"{draft}/retry", 409)
    assert await stored_cells(pool, "CHANGING") == WEB
    assert (await ask("POST", "/v1/kpis", content=file_of(a_kpi("COURT", COURT))))["applied"] is True
    assert (await ask("POST", f"{draft}/retry"))["applied"] is True
    assert await stored_cells(pool, "CHANGING") == PHONE
    await assert_identical(pool)
