"""A series says of each period what the cells say; of a long one only the part that is read is worked out."""

import asyncio
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from citygoals.reporting import series
from citygoals.reporting.cells import CITY, Slice
from citygoals.reporting.series import SeriesQuestion, series_items
from citygoals.reporting.sheet import Row, figure_row
from citygoals.shared.period import Period
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.reporting.city import CALENDAR, Contribution, Known, ToyCity, definitions_of

DEFINITIONS = definitions_of()
KPIS = DEFINITIONS.kpis


def items(city: ToyCity, kpi: str, part: slice = series.WHOLE, **asked: Any) -> tuple[list[Row], int | None]:
    """Ask for a series from September on."""
    question = SeriesQuestion.read(
        CALENDAR, city.today, **{"grain": "week", "first": "2026-09-01", "last": None, "by": None, **asked}
    )
    almanac = city.almanac(DEFINITIONS)
    return asyncio.run(series_items(Known(city), KPIS, kpi, question, almanac=almanac, items=part))


def expected(city: ToyCity, kpi: str, *, by: str | None, period: Period, member: str) -> Row:
    """One figure as anybody would work it out from the days alone."""
    slice_ = CITY if by is None else Slice(by, member)
    reading = city.tally(slice_, period).reading
    row = figure_row(KPIS[kpi], reading, period=period, almanac=city.almanac(DEFINITIONS))[1]
    return row if by is None else row | {"by": by, "member": member, by: member}


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32), kpi=st.sampled_from(sorted(KPIS)), by=st.sampled_from([None, "department", "district", "channel"]),
    grain=st.sampled_from(series.SERIES_GRAINS), first=st.integers(0, 30), most=st.integers(1, 9),
)  # fmt: skip
def test_any_part_of_a_series_is_that_part_of_the_whole(
    seed: int, kpi: str, by: str | None, grain: str, first: int, most: int
) -> None:
    random, city = Random(seed), ToyCity()
    for _ in range(30):
        city.random(random)

    whole, following = items(city, kpi, by=by, grain=grain)
    assert following is None
    for row in whole:
        period = CALENDAR.parse(row["period"], city.today)
        assert row == expected(city, kpi, by=by, period=period, member=row.get("member", ""))
    part, following = items(city, kpi, slice(first, first + most), by=by, grain=grain)
    assert part == whole[first : first + most]
    assert following == (first + most if first + most < len(whole) else None)


def test_only_what_is_read_is_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    city = ToyCity()
    days = [city.today - timedelta(days=number) for number in range(300)]
    city.change([Contribution("FIN-02", day, 1, 2, "library", district) for day in days for district in "12345678"])
    worked_out = counted(monkeypatch)
    page, following = items(city, "FIN-02", slice(800, 810), by="district", grain="day", first=days[-1].isoformat())
    assert (len(page), following) == (10, 810)
    assert {(one["district"], one["period"]) for one in page} >= {("1", days[-101].isoformat())}
    assert len(worked_out) == 10


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Keep a record of the figures that are worked out."""
    calls: list[Any] = []

    def counting(*args: Any, **more: Any) -> Any:
        calls.append(args)
        return figure_row(*args, **more)

    monkeypatch.setattr(series, "figure_row", counting)
    return calls
