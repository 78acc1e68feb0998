"""Request and reply: refusals are told apart from absences, gaps are filled page by page."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from citygoals.shared.bus import Bus, missing_entries
from citygoals.shared.errors import Malformed, Unavailable
from citygoals.shared.topology import EVENTS
from nats.aio.client import Client
from patience import PATIENCE_S

LANES = "city.ask.intake.lanes"


async def test_an_answer_comes_back(intake: Bus, kpi: Bus) -> None:
    async def answer(query: dict[str, Any]) -> dict[str, Any]:
        return {"you said": query}

    await intake.serve(LANES, "intake", answer)
    assert await kpi.request(LANES, {"é": [1, None]}) == {"you said": {"é": [1, None]}}


async def test_who_serves_is_heard_at_once(bus_for: Callable[[str], Awaitable[Bus]], kpi: Bus) -> None:
    async def answer(query: dict[str, Any]) -> dict[str, Any]:
        return query

    for number in range(30):
        server = await bus_for("intake")
        await server.serve(LANES, "intake", answer)
        assert await kpi.request(LANES, {"n": number}) == {"n": number}
        await server.close()


async def test_nobody_there_is_unavailable_at_once(kpi: Bus) -> None:
    with pytest.raises(Unavailable):
        async with asyncio.timeout(PATIENCE_S):
            await kpi.request(LANES, {}, timeout_s=10 * PATIENCE_S)


async def test_too_late_is_unavailable(intake: Bus, kpi: Bus) -> None:
    go_on = asyncio.Event()

    async def answer(_: dict[str, Any]) -> dict[str, Any]:
        await go_on.wait()
        return {}

    await intake.serve(LANES, "intake", answer)
    with pytest.raises(Unavailable):
        await kpi.request(LANES, {}, timeout_s=0.1)
    go_on.set()


async def test_a_refusal_is_malformed_and_a_failure_is_unavailable(intake: Bus, kpi: Bus) -> None:
    async def answer(query: dict[str, Any]) -> dict[str, Any]:
        if "limit" not in query:
            raise Malformed("limit is missing")
        raise KeyError("internal detail")

    await intake.serve(LANES, "intake", answer)
    with pytest.raises(Malformed, match="limit is missing"):
        await kpi.request(LANES, {})
    with pytest.raises(Unavailable) as told:
        await kpi.request(LANES, {"limit": 1})
    assert "internal detail" not in str(told.value)


async def test_a_body_that_is_no_object_is_refused(intake: Bus, kpi: Bus) -> None:
    async def answer(_: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError("not called")

    await intake.serve(LANES, "intake", answer)
    for body in (b"[1]", b"{", b"\xff"):
        reply = await kpi.nc.request(LANES, body)
        assert b'"malformed"' in reply.data


async def test_slow_answers_do_not_hold_up_quick_ones(intake: Bus, kpi: Bus) -> None:
    async def answer(query: dict[str, Any]) -> dict[str, Any]:
        if query["slow"]:
            is_asked.set()
            await go_on.wait()
        return query

    is_asked, go_on = asyncio.Event(), asyncio.Event()
    await intake.serve(LANES, "intake", answer)
    slow = asyncio.create_task(kpi.request(LANES, {"slow": True}, timeout_s=PATIENCE_S))
    await is_asked.wait()
    assert await kpi.request(LANES, {"slow": False}, timeout_s=PATIENCE_S) == {"slow": False}
    go_on.set()
    assert await slow == {"slow": True}


async def test_a_reply_address_outside_the_inboxes_gets_no_answer(intake: Bus, kpi: Bus, streams: Client) -> None:
    """Intake may answer anybody, and may publish to EVENTS: nobody may make it do the one by the other."""
    asked = asyncio.Event()

    async def answer(_: dict[str, Any]) -> dict[str, Any]:
        asked.set()
        return {}

    await intake.serve(LANES, "intake", answer)
    await kpi.nc.publish(LANES, b"{}", reply="city.evt.v1.payment.settled")
    await kpi.request(LANES, {})
    assert asked.is_set()
    assert (await streams.jetstream().stream_info(EVENTS)).state.messages == 0


async def test_a_gap_is_filled_by_pages(intake: Bus, kpi: Bus) -> None:
    asked: list[dict[str, Any]] = []

    async def journal(query: dict[str, Any]) -> dict[str, Any]:
        asked.append(query)
        first, limit = query["from"], min(query["limit"], 4)
        return {"entries": [f"entry {n}" for n in range(first, min(first + limit, 12))], "next_seq": 12}

    await intake.serve("city.ask.intake.journal", "intake", journal)
    pages = [page async for page in missing_entries(kpi, 1, 2, 11)]
    assert [body for page in pages for body in page] == [b"entry %d" % n for n in range(2, 11)]
    assert [query["from"] for query in asked] == [2, 6, 10]
    assert asked[-1]["limit"] == 1, "no more than the gap is asked for"
    with pytest.raises(Unavailable, match="no entry 12"):
        _ = [page async for page in missing_entries(kpi, 1, 10, 20)]
