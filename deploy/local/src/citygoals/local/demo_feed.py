"""Sends the synthetic city through the intake door: the past at once, then what happens as it happens.

Run by the supervisor; ends by itself after a day. It may be killed and started at any time: at worst, what was sent is
sent again with the same ids.
"""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson

from citygoals.local.city_dir import CityDir, LocalError, read_json, write_json
from citygoals.local.client import City
from citygoals.local.demo import day_of, pulse
from citygoals.local.demo_commitments import make
from citygoals.local.demo_report import report
from citygoals.local.demo_scene import Happening, Story
from citygoals.local.door import Door, Item, in_batches
from citygoals.shared.period import CityCalendar

_DAY = timedelta(days=1)
_BEAT_S = 2
_LIVELY = timedelta(minutes=15)  # so long after the start something happens at every beat, later at every eighth
_CALM_EVERY = 8
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def main(data: Path) -> None:
    """Tell the story of a folder's city for a day. Raises LocalError if the city stays away."""
    folder = CityDir(data)
    story, told_until = recall(folder)
    _remember(folder, story, told_until)  # before the first event: from now on the pages say what they show
    started = now = datetime.now(UTC)
    with City(data) as city:
        _commit(city, now.astimezone(ZoneInfo(story.zone)).date())
        door = Door(city, city.key("publisher"))
        to_come: list[Happening] = []
        _send(door, _past(story, told_until, now, to_come))
        _remember(folder, story, now)
        is_reported = False
        while now < started + _DAY:
            time.sleep(_BEAT_S - time.time() % _BEAT_S)
            before, now = now, datetime.now(UTC)
            today = now.astimezone(ZoneInfo(story.zone)).date()
            is_reported = is_reported or _report(city, story, today, door)  # before anything else is on its way
            due = [item for item in to_come if item.at <= now]
            to_come = [item for item in to_come if item.at > now]
            _send(door, [*due, *_pulses(story, started, before, now)])
            _remember(folder, story, now)


def _commit(city: City, today: date) -> None:
    """Make the commitments and narratives; a city of other KPIs goes on without."""
    fiscal_month = int(os.environ.get("CITYGOALS_FISCAL_MONTH", "9"))
    year = CityCalendar(fiscal_month=fiscal_month).fiscal_year_of(today)
    try:
        make(city, today, f"FY{year:04d}")
    except LocalError as error:
        sys.stderr.write(f"no commitments: {error}\n")


def _report(city: City, story: Story, today: date, door: Door) -> bool:
    """Publish last month's report; say whether that is done, or refused: the story goes on without it."""
    try:
        return report(city, story, today, lambda items: _send(door, items))
    except LocalError as error:
        sys.stderr.write(f"no report: {error}\n")
        return True


def recall(folder: CityDir, *, today: date | None = None) -> tuple[Story, datetime]:
    """Return the folder's story and until when it has been told; a new one where there is none."""
    zone = os.environ.get("CITYGOALS_ZONE", "America/Denver")
    known = read_json(folder.demo)
    if known is None:
        today = today or datetime.now(ZoneInfo(zone)).date()
        return Story.beginning(
            today, fiscal_month=int(os.environ.get("CITYGOALS_FISCAL_MONTH", "9")), zone=zone
        ), _NEVER
    first = date.fromisoformat(known["first_day"])
    story = Story(first, int(known["per_day"]), int(known["seed"]), str(known["zone"]))
    return story, datetime.fromisoformat(known["told_until"])


def _remember(folder: CityDir, story: Story, told_until: datetime) -> None:
    told = {
        "about": "The synthetic city that `citygoals up --demo` tells; deleting this file tells it again, without duplicates.",
        "first_day": story.first_day.isoformat(),
        "per_day": story.per_day,
        "seed": story.seed,
        "zone": story.zone,
        "told_until": told_until.isoformat(),
    }
    write_json(folder.demo, told)


def _past(story: Story, told_until: datetime, now: datetime, to_come: list[Happening]) -> Iterator[Happening]:
    """Yield what happened after `told_until`, and put what has yet to happen in `to_come`."""
    day, last = story.first_day, now.astimezone(ZoneInfo(story.zone)).date() + _DAY
    while day <= last:
        for item in day_of(story, day):
            if item.at > now:
                to_come.append(item)
            elif item.at > told_until:
                yield item
        day += _DAY


def _pulses(story: Story, started: datetime, before: datetime, now: datetime) -> Iterator[Happening]:
    every = _BEAT_S if now < started + _LIVELY else _BEAT_S * _CALM_EVERY
    first = int(before.timestamp()) // every + 1
    for beat in range(first, int(now.timestamp()) // every + 1):
        yield from pulse(story, datetime.fromtimestamp(beat * every, UTC))


def _send(door: Door, happenings: Iterable[Happening]) -> None:
    items = (Item(number, orjson.dumps(item.event)) for number, item in enumerate(happenings, start=1))
    for batch in in_batches(items):
        receipt = door.send(batch)
        for refused in receipt.rejected:
            sys.stderr.write(f"refused: {refused.line()}\n")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except LocalError as error:
        sys.exit(f"demo: {error}")
