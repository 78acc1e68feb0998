"""The synthetic city is the same wherever it is told, says what it is, and does not send anything twice."""

import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from citygoals.local.city_dir import CityDir, write_json
from citygoals.local.demo import day_of, pulse
from citygoals.local.demo_commitments import makings
from citygoals.local.demo_feed import _past, _pulses, recall
from citygoals.local.demo_report import afterthoughts, draft
from citygoals.local.demo_scene import HISTORY_EVENTS, Happening, Story
from citygoals.shared.catalogue import Validator
from citygoals.shared.kpi import KpiDef
from citygoals.shared.sample import load_sample

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 18, 0, 1, tzinfo=UTC)
STORY = Story.beginning(TODAY, fiscal_month=9, zone="America/Denver")


def told(until: datetime = NOW, *, since: datetime = datetime(1970, 1, 1, tzinfo=UTC)) -> list[Happening]:
    return list(_past(STORY, since, until, []))


def test_a_day_is_always_the_same_day() -> None:
    assert [item.event for item in day_of(STORY, TODAY)] == [item.event for item in day_of(STORY, TODAY)]


def test_no_id_comes_twice() -> None:
    ids = Counter((item.event["source"], item.event["id"]) for item in told())
    assert [key for key, count in ids.items() if count > 1] == []


def test_everything_says_that_it_is_synthetic() -> None:
    for item in told():
        assert item.event["data"]["synthetic"] is True
        assert item.event["source"].startswith("/systems/demo/")


def test_everything_is_valid_and_every_kpi_with_event_types_is_fed() -> None:
    _, kpis, departments = load_sample()
    validator = Validator(departments=frozenset(department.id for department in departments))
    events = [item.event for item in told()]

    assert [found for event in events if (found := validator.errors(event["type"], event["data"]))] == []
    assert [kpi.id for kpi in kpis if not event_types(kpi) & {event["type"] for event in events}] == ["ZT-01"]


def event_types(kpi: KpiDef) -> set[str]:
    return set(re.findall(r"city\.[a-z_]+\.[a-z_]+\.v1", kpi.measure.model_dump_json()))


def test_lives_are_told_in_order() -> None:
    """Each thing begins with its beginning, and no later step of its life comes before an earlier one."""
    lives: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
    for item in told():
        _, domain, fact, _ = item.event["type"].split(".")
        if domain in LIVES:
            lives[domain, item.event["subject"]].append((item.at, fact))

    assert {domain for domain, _ in lives} == set(LIVES)
    for (domain, _), steps in lives.items():
        order = LIVES[domain].split()
        first: dict[str, datetime] = {}
        for at, fact in sorted(steps, key=lambda step: (step[0], order.index(step[1]))):
            first.setdefault(fact, at)
        assert list(first) == sorted(first, key=order.index)
        assert next(iter(first)) == order[0]


LIVES = {
    "service_request": "opened acknowledged paused resumed closed reopened confirmed",
    "records_request": "received clarification_requested clarified released no_records denied withdrawn",
    "project_request": "submitted interviewed declined aligned validated",
    "permit": "submitted decided",
    "unit": "dispatched arrived",
}


def test_a_year_ago_is_told_beside_today_so_that_growth_can_be_seen() -> None:
    fees = [item for item in told() if item.event["type"] == "city.payment.settled.v1"]
    online = Counter(
        datetime.fromisoformat(item.event["time"]) < datetime(2026, 1, 1, tzinfo=UTC)
        for item in fees
        if item.event["data"]["channel"] in {"web", "app"}
    )
    assert 1.03 < online[False] / online[True] < 1.2
    for item in fees:
        age = item.at - datetime.fromisoformat(item.event["time"])
        assert age == timedelta() or age in {timedelta(days=365), timedelta(days=365, hours=1)}


def test_the_past_is_about_as_large_as_promised_and_covers_the_fiscal_year() -> None:
    days = {item.at.date() for item in told()}
    assert 0.75 * HISTORY_EVENTS <= len(told()) <= 1.25 * HISTORY_EVENTS
    assert min(days) <= date(2026, 9, 1)
    assert len(days) > 85


def test_a_young_fiscal_year_still_has_three_months_of_trend() -> None:
    story = Story.beginning(date(2026, 9, 2), fiscal_month=9, zone="America/Denver")
    assert story.first_day <= date(2026, 6, 5)


def test_what_has_been_told_is_not_told_again() -> None:
    half = NOW - timedelta(days=30)
    first, second = told(half), told(since=half)
    whole = {item.event["id"] for item in told()}
    assert {item.event["id"] for item in first} | {item.event["id"] for item in second} == whole
    assert len(first) + len(second) == len(whole)


def test_what_is_to_come_is_kept_for_its_time() -> None:
    to_come: list[Happening] = []
    past = list(_past(STORY, datetime(1970, 1, 1, tzinfo=UTC), NOW, to_come))
    assert all(item.at <= NOW for item in past)
    assert all(item.at > NOW for item in to_come)
    assert {item.at.date() for item in to_come} >= {TODAY}


def test_what_is_learned_after_the_report_is_of_the_month_before_and_synthetic() -> None:
    late, voided = (item.event for item in afterthoughts(STORY, TODAY))
    assert draft(TODAY)["period"] == "2026-10"
    assert late["time"].startswith("2026-10-15")
    paid = {
        item.event["data"].get("payment_id"): item.event["time"]
        for item in told()
        if "payment.settled" in item.event["type"]
    }
    assert paid[voided["data"]["payment_id"]].startswith("2026-10-15")
    assert late["data"]["payment_id"] not in paid
    assert voided["time"] <= "2026-11-01T00:00:00-06:00"
    assert [item.event for item in afterthoughts(STORY, TODAY)] == [late, voided]
    _, _, departments = load_sample()
    validator = Validator(departments=frozenset(department.id for department in departments))
    assert [validator.errors(event["type"], event["data"]) for event in (late, voided)] == [[], []]


def test_pulses_come_often_at_first_and_calm_down() -> None:
    minute = timedelta(minutes=1)
    lively = list(_pulses(STORY, NOW, NOW, NOW + minute))
    calm = list(_pulses(STORY, NOW - timedelta(hours=1), NOW, NOW + minute))
    assert len(lively) > 20
    assert 2 <= len(calm) <= 5
    assert pulse(STORY, NOW) == pulse(STORY, NOW)


def test_the_story_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = CityDir(tmp_path)
    story, until = recall(folder, today=TODAY)
    assert (story, until.year) == (STORY, 1970)
    known = {"first_day": "2026-08-23", "per_day": 7, "seed": 3, "zone": "UTC", "told_until": NOW.isoformat()}
    write_json(folder.demo, known)
    assert recall(folder) == (Story(date(2026, 8, 23), 7, 3, "UTC"), NOW)


def test_every_commitment_and_narrative_says_that_it_is_synthetic() -> None:
    made = list(makings(TODAY, "FY2027"))
    for one in made:
        (path, first), *others = one.wishes
        assert (path, first["sample"]) == ("", True)
        assert all(wish["by"].startswith("Synthetic") for _, wish in one.wishes)
        assert all(target["note"].startswith("Synthetic") for target in first.get("targets", ()))
        assert "reason" not in first
        assert all(wish.get("reason", "Synthetic").startswith("Synthetic") for _, wish in others)
        if "text" in first:
            assert (first["text"]["en"][:10], first["text"]["es"][:10]) == ("Synthetic:", "Sintético:")
    last = {one.wishes[-1][1].get("to", "amended") for one in made if one.part == "commitments" and len(one.wishes) > 1}
    assert last == {"amended", "signed", "reviewed"}
    assert [one.id for one in made if one.part == "narratives"][1] == "FIN-02-2026-10"
