"""A ledger that an earlier release kept gives, once renewed, what a rebuild gives, and goes on as if it had always been new."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from citygoals.kpi import draft_store, renewal
from citygoals.kpi.applier import Applier
from citygoals.kpi.definitions import CATALOGUE_APPLIED
from citygoals.kpi.entries import EntryReader
from citygoals.kpi.facts import KINDS, RULES
from citygoals.kpi.rebuild import Rebuild, verify
from citygoals.kpi.renewal import renew
from citygoals.kpi.ticks import strike
from citygoals.shared.changeset import assemble, decode_changeset
from citygoals.shared.clock import FixedClock
from citygoals.shared.postgres import Connection, Pool
from integration.kpi.conftest import Archive, assert_identical, catalogue, stored_cells
from unit.kpi.samples import CALENDAR, START, body, kpi

YOUNG = {"permit", "incident", "position", "levy"}
"""Kinds of facts that the first release did not know."""

CATALOGUE = [
    kpi("LATEST", {"kind": "latest", "measure_id": "m-1"}),
    kpi("DECIDED", {"kind": "count", "event": "city.permit.decided.v1"}),
    kpi("PAID", {"kind": "count", "event": "city.payment.settled.v1"}),
]


@contextmanager
def the_rules_of_the_first_release() -> Iterator[None]:
    known = {
        event_type: replace(kind, is_the_citys=False)
        for kind in KINDS
        if kind.name not in YOUNG
        for event_type in kind.types
    }
    with pytest.MonkeyPatch.context() as patch:
        for module in ("entries", "folds", "measures", "shapes"):
            patch.setattr(f"citygoals.kpi.{module}.KIND_OF", known)
        yield


def measured(number: int, value: int, namespace: str) -> bytes:
    data = {"measure_id": "m-1", "period": "2026-08", "value": value}
    at = START + timedelta(minutes=number)
    return body("measurement.recorded", data, at=at, identity=f"e-{number}", seq=number, namespace=namespace)


def about(number: int, fact: str, **data: Any) -> bytes:
    return body(fact, data, at=START + timedelta(minutes=number), identity=f"e-{number}", seq=number)


OLD = [
    measured(1, 5, "north"),
    measured(2, 7, "south"),
    about(3, "permit.submitted", permit_id="p-1", permit_type="house"),
    about(4, "permit.decided", permit_id="p-1", decision="issued"),
    about(5, "permit.decided", permit_id="p-2", decision="issued"),  # submitted later than decided: it waits
    about(6, "payment.settled", payment_id="x", department="zoo", channel="web"),
]

NEW = [
    measured(7, 9, "east"),
    about(8, "permit.submitted", permit_id="p-2", permit_type="house"),
    about(9, "permit.decided", permit_id="p-1", decision="denied"),
]


async def take(applier: Applier, bodies: list[bytes]) -> None:
    assert await applier.apply([EntryReader(CALENDAR).read(one) for one in bodies]) == []


@pytest.fixture
async def old(pool: Pool, connection: Connection, clock: FixedClock) -> None:
    """A database as the first release left it."""
    with the_rules_of_the_first_release():
        applier = await Applier.begin(connection, CALENDAR, clock, Archive().hand_over)
        await strike(applier, clock)
        await applier.define(CATALOGUE_APPLIED, catalogue(CATALOGUE))
        await take(applier, OLD)
        await assert_identical(pool)
    rebuild = Rebuild(id="before")
    await verify(pool, CALENDAR, rebuild)
    assert rebuild.identical is False  # else there would be nothing to renew


async def places(pool: Pool) -> tuple[int, int]:
    row = await pool.fetchrow("SELECT position, rules FROM applier")
    assert row is not None
    return row["position"], row["rules"]


@pytest.mark.usefixtures("old")
async def test_a_renewed_ledger_gives_what_a_rebuild_gives_and_goes_on(
    pool: Pool, connection: Connection, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "PAGE_ENTRIES", 1)
    before, _ = await places(pool)
    await renew(connection, CALENDAR, clock)
    assert await places(pool) == (before + 1, RULES)
    await assert_identical(pool)
    assert await stored_cells(pool, "DECIDED") == {(0, ""): (1, 0, 2)}
    applier = await Applier.begin(connection, CALENDAR, clock, Archive().hand_over)
    await take(applier, NEW)
    await assert_identical(pool)
    assert await stored_cells(pool, "DECIDED") == {(0, ""): (3, 0, 5)}
    days = await stored_cells(pool, "LATEST", grain=0)
    assert days == {(0, ""): (9, 1, 3)}


@pytest.mark.usefixtures("old")
async def test_readers_are_told_of_what_the_renewal_changed(
    pool: Pool, connection: Connection, clock: FixedClock
) -> None:
    before, _ = await places(pool)
    await renew(connection, CALENDAR, clock)
    rows = await pool.fetch("SELECT subject, body FROM outbox WHERE position = $1 ORDER BY ordinal", before + 1)
    assert {row["subject"].rsplit(".", 1)[1] for row in rows} == {"changeset"}  # nothing crossed: nothing has happened
    told = assemble(decode_changeset(row["body"]) for row in rows)
    assert {row.kpi for row in told.cells} == {"LATEST", "DECIDED"}
    stored = {tuple(row)[:5]: row for row in await pool.fetch("SELECT * FROM cell")}
    assert len(stored) > len(told.cells) > 0


@pytest.mark.usefixtures("old")
async def test_a_renewal_that_broke_off_is_begun_again(pool: Pool, connection: Connection, clock: FixedClock) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draft_store, "switch", _break)
        with pytest.raises(ConnectionResetError):
            await renew(connection, CALENDAR, clock)
    before, rules = await places(pool)
    assert rules == 1
    await renew(connection, CALENDAR, clock)
    assert await places(pool) == (before + 1, RULES)
    await assert_identical(pool)


async def _break(*_: Any) -> None:
    raise ConnectionResetError


@pytest.mark.usefixtures("old")
async def test_a_renewed_ledger_is_not_renewed_again(pool: Pool, connection: Connection, clock: FixedClock) -> None:
    await renew(connection, CALENDAR, clock)
    after = await places(pool)
    await renew(connection, CALENDAR, clock)
    await connection.execute("UPDATE applier SET rules = 1")  # nor does it matter if it were
    await renew(connection, CALENDAR, clock)
    assert await places(pool) == after


async def test_an_empty_ledger_has_nothing_to_renew(pool: Pool, connection: Connection, clock: FixedClock) -> None:
    await renew(connection, CALENDAR, clock)
    assert await places(pool) == (0, RULES)


async def test_what_was_answered_twice_was_answered_once(pool: Pool, connection: Connection, clock: FixedClock) -> None:
    """The rules of before 3 took every acknowledgement for a first response."""
    applier = await Applier.begin(connection, CALENDAR, clock, Archive().hand_over)
    await strike(applier, clock)
    answers = kpi("ANSWERS", {"kind": "count", "event": "city.service_request.acknowledged.v1"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("citygoals.kpi.folds._ACKNOWLEDGED", "nothing")
        await applier.define(CATALOGUE_APPLIED, catalogue([answers]))
        facts = ("opened", "acknowledged", "acknowledged")
        await take(
            applier, [about(n, f"service_request.{fact}", service_request_id="s") for n, fact in enumerate(facts, 1)]
        )
    assert await stored_cells(pool, "ANSWERS") == {(0, ""): (2, 0, 3)}
    await connection.execute("UPDATE applier SET rules = 2")
    await renew(connection, CALENDAR, clock)
    assert await stored_cells(pool, "ANSWERS") == {(0, ""): (1, 0, 3)}
    await assert_identical(pool)
