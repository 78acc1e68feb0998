"""A duty that comes due in a real kpi is one mail of a real notify, through real servers, whatever is repeated."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from brokers import wait_until
from citygoals.kpi.definitions import CATALOGUE_APPLIED
from citygoals.kpi.leader import Leadership
from citygoals.notify.channels import SmtpChannel
from citygoals.notify.explain import explain
from citygoals.notify.handlers import Desk, subscribe_desk
from citygoals.notify.letters import Writer
from citygoals.notify.sender import Sender
from citygoals.notify.store import Store
from citygoals.notify.subscriptions import load_subscriptions
from citygoals.shared.bus import Bus
from citygoals.shared.clock import FixedClock, SystemClock
from citygoals.shared.faststream import make_broker
from citygoals.shared.period import CityCalendar
from citygoals.shared.plan import load_catalogue
from citygoals.shared.postgres import Pool
from citygoals.shared.settings import ServiceSettings
from integration.notify.conftest import smtp_settings
from integration.notify.post_office import PostOffice, post_office
from nats.aio.client import Client
from patience import PATIENCE_S
from unit.shared.a_city_with_duties import DUTIES, OFFICES, at

CALENDAR = CityCalendar("America/Denver", 9)
CITY = load_catalogue(OFFICES + DUTIES, "city.yaml").model_dump(mode="json", exclude={"note"})
SUBSCRIPTIONS = load_subscriptions(
    """\
subscriptions:
  - {id: chief, to: chief@example.org, language: es, on: duty, when: {department: [police]}}
  - {id: chief-again, to: Chief@example.org, on: duty, when: {stage: [today, overdue]}}
  - {id: manager, to: manager@example.org, on: duty, when: {stage: [overdue]}}
  - {id: clerk, to: clerk@example.org, on: duty, when: {department: [court]}}
""",
    "subscriptions.yaml",
)
MEMO = "review-memo:police:winter"
DUE = "2026-12-07T17:00:00.000000Z"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(at("2026-12-07T14:00"))


@pytest.fixture
async def store(pool_for: Callable[..., Awaitable[Pool]]) -> Store:
    return Store(await pool_for("notify"))


@pytest.fixture
async def office(
    store: Store, streams: Client, settings_for: Callable[..., ServiceSettings]
) -> AsyncIterator[PostOffice]:
    """A notify that hears, writes and sends, and the mail server that takes what it sends."""
    with post_office() as opened:
        channel, now = SmtpChannel(smtp_settings(opened.port)), SystemClock()
        desk = Desk(
            SUBSCRIPTIONS, Writer(ZoneInfo("America/Denver"), "https://goals.example.org"), store, now, channel.name
        )
        sender = Sender(
            store=store, channel=channel, clock=now, lease=timedelta(seconds=60), at_once=2, has_mail=desk.has_mail
        )
        broker, stop = make_broker(settings_for(ServiceSettings, "notify"), "notify"), asyncio.Event()
        subscribe_desk(broker, desk)
        await broker.start()
        task = asyncio.create_task(sender.run(stop))
        yield opened
        stop.set()
        await asyncio.wait_for(task, PATIENCE_S)
        await broker.stop()
        await channel.close()


async def live_until(pool: Pool, bus: Bus, clock: FixedClock, instant: str, told: int, *, is_new: bool = False) -> None:
    """Lead the city, its clock at `instant`, until it has told of so many duties in all."""
    clock.instant = at(instant)
    stop, leadership = asyncio.Event(), Leadership(pool, bus, CALENDAR, clock)
    task = asyncio.create_task(leadership.run(stop))
    try:
        await wait_until(lambda: leadership.is_leader)
        if is_new:
            await leadership.applier.define(CATALOGUE_APPLIED, CITY)
        await wait_until(lambda: _is_told(pool, clock, told))
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_S)


async def _is_told(pool: Pool, clock: FixedClock, duties: int) -> bool:
    row = await pool.fetchrow(
        "SELECT count(*) AS duties, (SELECT tick FROM applier) FROM outbox WHERE subject = 'city.kpi.v1.duty'"
    )
    assert row is not None
    return (row["duties"], row["tick"]) == (duties, clock.now().replace(minute=0))


async def test_one_mail_for_each_stage_whatever_is_restarted_or_delivered_again(
    office: PostOffice, store: Store, clock: FixedClock, streams: Client,
    pool_for: Callable[..., Awaitable[Pool]], bus_for: Callable[[str], Awaitable[Bus]],
) -> None:  # fmt: skip
    pool, bus = await pool_for("kpi"), await bus_for("kpi")
    await live_until(pool, bus, clock, "2026-12-07T14:00", 0, is_new=True)
    await live_until(pool, bus, clock, "2026-12-07T15:00", 1)
    await wait_until(lambda: len(office.mails) >= 1)
    await live_until(pool, bus, clock, "2026-12-07T15:30", 1)  # a restart within the hour
    await live_until(pool, bus, clock, "2026-12-09T18:00", 2)  # two days without kpi
    await wait_until(lambda: len(office.mails) >= 3)

    bodies = [row["body"] for row in await pool.fetch("SELECT body FROM outbox WHERE subject = 'city.kpi.v1.duty'")]
    for number, body in enumerate(bodies * 3):
        await bus.publish("KPI", "city.kpi.v1.duty", body, msg_id=f"again-{number}")
    await wait_until(lambda: _is_drained(streams))
    notices = await pool_for("notify")
    await wait_until(lambda: _is_all_sent(notices))
    assert sorted((mail.to, str(mail.message["Subject"])) for mail in office.mails) == [
        ("chief@example.org", "Performance meeting, Police: vence hoy"),
        ("chief@example.org", "Performance meeting, Police: vencido"),
        ("manager@example.org", "Performance meeting, Police: overdue"),
    ]
    overdue = next(mail for mail in office.mails if mail.to == "manager@example.org").message
    text = overdue.get_body(("plain",))
    assert text is not None
    assert "Due: Dec 7, 2026, 10:00 AM MST (overdue)" in text.get_content()
    assert "https://goals.example.org/departments/police?lang=en" in text.get_content()
    said = await explain(
        store, SUBSCRIPTIONS, event=f"duty:{MEMO}:{DUE}:0", source=None, recipient="manager@example.org"
    )
    assert said["summary"] == "No notice: stage: the subscription asks for overdue, this is today."


async def _is_all_sent(notices: Pool) -> bool:
    return not await notices.fetchval("SELECT count(*) FROM notice WHERE state <> 'sent'")


async def _is_drained(streams: Client) -> bool:
    info = await streams.jetstream().consumer_info("KPI", "notify-duties")
    return not (info.num_pending or info.num_ack_pending)
