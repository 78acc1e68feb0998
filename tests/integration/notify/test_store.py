"""The store's promises, on a real PostgreSQL."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from citygoals.notify.delivery import State
from citygoals.notify.store import Failure, Page
from citygoals.shared.postgres import Pool, load_sql
from integration.notify.conftest import LEASE, Office
from unit.notify.happenings import NOON, a_closing, a_crossing, a_subscription

GIVEN_UP = Failure(state=State.FAILED_PERMANENT, costs_attempt=True, due_at=NOON, reason="550", finished_at=NOON)


async def test_telling_twice_writes_one_notice(notify: Office) -> None:
    desk = notify.desk(a_subscription(), a_subscription(id="b", to="b@example.org", language="es"))
    assert [await desk.tell(a_crossing()) for _ in range(3)] == [2, 0, 0]


async def test_telling_many_times_at_once_writes_one_notice(notify: Office) -> None:
    desk = notify.desk()
    assert sum(await asyncio.gather(*(desk.tell(a_crossing()) for _ in range(20)))) == 1


async def test_another_position_is_another_event(notify: Office) -> None:
    desk = notify.desk()
    assert [await desk.tell(a_crossing(position=position)) for position in (1, 2)] == [1, 1]


async def test_changed_subscriptions_tell_only_the_new_recipient_on_redelivery(notify: Office) -> None:
    assert await notify.desk(a_subscription()).tell(a_crossing()) == 1
    both = notify.desk(a_subscription(), a_subscription(id="b", to="b@example.org"))
    assert await both.tell(a_crossing()) == 1


async def test_a_long_list_of_recipients_is_written_whole(notify: Office) -> None:
    many = [a_subscription(id=f"s{index}", to=f"p{index}@example.org") for index in range(2_500)]
    assert await notify.desk(*many).tell(a_crossing()) == 2_500


async def test_backfill_writes_no_notice(notify: Office) -> None:
    desk = notify.desk(a_subscription(), a_subscription(id="c", on="closing"))
    assert await desk.tell(a_crossing(backfill=True)) == 0
    assert await desk.tell(a_closing(age=timedelta(days=2))) == 0
    assert await notify.states() == {}


async def test_a_claimed_notice_is_nobody_elses_until_the_claim_lapses(notify: Office) -> None:
    await notify.desk().tell(a_crossing())
    claims = await asyncio.gather(*(notify.store.claim(5, now=NOON, lease=LEASE) for _ in range(5)))
    assert sorted(len(claim) for claim in claims) == [0, 0, 0, 0, 1]
    assert await notify.store.claim(5, now=NOON + LEASE - timedelta(seconds=1), lease=LEASE) == []
    assert len(await notify.store.claim(5, now=NOON + LEASE, lease=LEASE)) == 1


async def test_an_overtaken_sender_cannot_fail_a_notice(notify: Office) -> None:
    await notify.desk().tell(a_crossing())
    (old,) = await notify.store.claim(1, now=NOON, lease=LEASE)
    (new,) = await notify.store.claim(1, now=NOON + LEASE, lease=LEASE)
    assert not await notify.store.mark_failed(old, GIVEN_UP)
    assert await notify.store.mark_failed(new, GIVEN_UP)


async def test_what_is_finished_stays_finished(notify: Office, pool: Pool) -> None:
    await notify.desk().tell(a_crossing())
    (claim,) = await notify.store.claim(1, now=NOON, lease=LEASE)
    assert await notify.store.mark_sent(claim.parcel.id, now=NOON)
    assert not await notify.store.mark_failed(claim, GIVEN_UP)
    assert not await notify.store.mark_sent(claim.parcel.id, now=NOON)
    assert await notify.store.claim(1, now=NOON + timedelta(days=1), lease=LEASE) == []
    for state in ("created", "sending", "failed-temporary", "failed-permanent"):
        with pytest.raises(asyncpg.CheckViolationError, match="cannot become"):
            await pool.execute("UPDATE notice SET state = $1", state)


async def test_a_finished_failure_never_becomes_sent(notify: Office, pool: Pool) -> None:
    await notify.desk().tell(a_crossing())
    (claim,) = await notify.store.claim(1, now=NOON, lease=LEASE)
    assert await notify.store.mark_failed(claim, GIVEN_UP)
    assert not await notify.store.mark_sent(claim.parcel.id, now=NOON)
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("UPDATE notice SET state = 'sent'")


async def test_pages_follow_each_other_without_loss_or_repetition(notify: Office) -> None:
    many = [a_subscription(id=f"s{index}", to=f"p{index}@example.org") for index in range(25)]
    await notify.desk(*many).tell(a_crossing())
    seen, after = [], None
    while rows := await notify.store.notices(Page(limit=10, after=after)):
        seen += [row["recipient"] for row in rows]
        after = (rows[-1]["created_at"], rows[-1]["id"])
    assert sorted(seen) == sorted(person.to for person in many)


async def test_every_statement_is_valid(pool: Pool) -> None:
    statements = load_sql("citygoals.notify")
    async with pool.acquire() as connection:
        for name in statements.names():
            await connection.prepare(getattr(statements, name))
