"""Periods at their borders, for every kind of measure: clock changes, a leap day, fiscal years, ISO weeks, rolling windows.

Events lie on the very instants at which a day, a week or a year begins and ends; the figures are those of a plain reading.
"""

import json
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from citygoals.kpi.entries import Entry
from citygoals.reporting.cells import CITY, Slice
from citygoals.reporting.sheet import Row, Sheet
from citygoals.shared.histogram import bin_of, representative
from citygoals.shared.period import Period
from unit.kpi import kinds_oracle as plain
from unit.kpi.kinds import busy
from unit.kpi.samples import CALENDAR, READER
from unit.kpi.test_kinds import expected
from unit.reporting.city import definitions_of
from unit.reporting.kinds_city import DEFINITIONS, KindsCity

HELD = definitions_of(DEFINITIONS)
LATER = timedelta(days=731)
"""From 21 February 2028 on, so that the 400 days hold a leap day, and a year that ends in the 52nd week of the next."""

BORDERS = [
    datetime.fromisoformat(text).astimezone(UTC)
    for text in (
        "2028-02-28T23:59:59-07:00", "2028-02-29T00:00:00-07:00", "2028-02-29T23:59:59-07:00", "2028-03-01T00:00:00-07:00",
        "2028-03-12T01:59:59-07:00", "2028-03-12T03:00:00-06:00", "2028-03-12T23:59:59-06:00", "2028-03-13T00:00:00-06:00",
        "2028-08-31T23:59:59-06:00", "2028-09-01T00:00:00-06:00", "2028-11-05T01:30:00-06:00", "2028-11-05T01:30:00-07:00",
        "2028-11-05T23:59:59-07:00", "2028-12-31T23:59:59-07:00", "2029-01-01T00:00:00-07:00", "2027-03-01T12:00:00-07:00",
        "2027-02-28T12:00:00-07:00", "2027-09-01T00:00:00-06:00", "2027-08-31T23:59:59-06:00",
    )
]  # fmt: skip

LABELS = [
    "2028-02-28", "2028-02-29", "2028-03-01", "2028-03-12", "2028-11-05", "2028-08-31", "2028-09-01",
    "2028-W09", "2028-W52", "2029-W01", "2028-02", "2028-03", "2028-11", "2028-12", "FY2028-Q2", "FY2028-Q3", "FY2028-H1",
    "FY2028-H2", "FY2029-Q1", "FY2028", "FY2029",
]  # fmt: skip

WINDOWS = [
    f"last-{days}d@{day}"
    for days in (7, 30, 90, 365)
    for day in ("2028-02-29", "2028-03-01", "2028-03-12", "2028-09-01", "2028-11-05", "2029-01-01")
]


def moved(one: Entry, chance: Random) -> Entry:
    """The entry two years later, and now and then on a border."""
    event = json.loads(one.body)
    at = chance.choice(BORDERS) if chance.random() < 0.4 else one.at + LATER
    return READER.read(json.dumps(event | {"time": at.isoformat()}).encode())


@pytest.fixture(scope="module")
def happened() -> tuple[KindsCity, list[Entry]]:
    chance = Random(1)
    entries = [moved(one, chance) for one in busy(chance, 60)]
    city = KindsCity(datetime(2029, 3, 1, 19, tzinfo=UTC))
    city.define()
    city.take(entries)
    return city, entries


def rows(city: KindsCity, period: Period, whose: Slice) -> dict[str, Row]:
    return dict(Sheet(city.tally(whose, period, HELD), HELD, city.almanac(HELD)).rows)


SLICES = (CITY, Slice("department", "zoo"), Slice("district", "1"))
AFTER = "2029-03-01T19:00:00+00:00"
LEAP_DAY, SECOND_TIME = "2028-03-01T07:00:00+00:00", "2028-11-05T08:00:00+00:00"
"""The midnight after the leap day, and one o'clock when it comes for the second time."""

ASKED = [
    *((label, AFTER, SLICES[number % 3]) for number, label in enumerate([*LABELS, *WINDOWS])),
    *((label, LEAP_DAY, CITY) for label in ("2028-02-29", "2028-03-01", "2028-03", "FY2028", "last-30d@2028-02-29")),
    *((label, SECOND_TIME, CITY) for label in ("2028-11-05", "2028-11", "FY2029-Q1", "FY2029", "last-7d@2028-11-05")),
]


@pytest.mark.parametrize(("label", "now", "whose"), ASKED, ids=[f"{one[0]}-{one[1][:10]}" for one in ASKED])
def test_every_kind_counts_what_lies_within(
    happened: tuple[KindsCity, list[Entry]], label: str, now: str, whose: Slice
) -> None:
    city, entries = happened
    city.tick = datetime.fromisoformat(now)
    period = CALENDAR.parse(label, city.today)
    is_rolling = period.grain == "rolling"
    shown = rows(city, period, whose)
    seen = plain.City([one.body for one in entries], **({whose.dimension: whose.member} if whose.member else {}))
    window = plain.Window(period.start, period.end, city.tick, is_rolling=is_rolling)
    said = expected(seen, window, the_one_before(period), whose.member or None)
    if is_rolling:
        said["KEYS"] = None  # not known: the same thing may have come on several days
    for name, numbers in said.items():
        one = shown[name]
        assert (None if one["numerator"] is None else (one["numerator"], one["denominator"])) == numbers, name
    for name, value in plain.percentiles(seen, window).items():
        assert shown[name]["numerator"] == (None if value is None else representative(bin_of(value))), name
    assert label[-10:] != "2028-02-29" or len([one for one in said.values() if one is not None]) >= 6, (
        "days that say much"
    )


def the_one_before(period: Period) -> tuple[date, date]:
    if period.grain == "rolling":
        return period.start - (period.end - period.start), period.start
    last = CALENDAR.containing(period.start - timedelta(days=1), period.grain)
    return last.start, last.end
