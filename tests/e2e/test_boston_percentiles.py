"""Percentiles of a real city's durations: the histogram's answer against the exact value at the rank, group by group."""

from collections import Counter
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest
from citygoals.shared.histogram import bin_of, quantile
from e2e import boston

pytestmark = [pytest.mark.campaign, pytest.mark.realdata]

QUANTILES = [Fraction(number, 100) for number in (1, 5, 10, 25, 50, 75, 80, 90, 95, 99)]


@pytest.fixture(scope="module")
def durations(real_data: Path) -> dict[str, list[int]]:
    """Whole seconds from opened to closed, sorted: of everything, and of each month in which something was closed."""
    frame = boston.read(real_data / "boston_open311_2008_2016.csv.xz").filter(pl.col("closed").is_not_null())
    seconds = (pl.col("closed") - pl.col("opened")).dt.total_seconds().alias("seconds")
    local = pl.col("closed").dt.convert_time_zone(boston.CITY_ZONE).dt.strftime("%Y-%m").alias("month")
    rows = frame.select(local, seconds)
    found = {str(month[0]): sorted(part["seconds"].to_list()) for month, part in rows.group_by("month")}
    return found | {"all": sorted(rows["seconds"].to_list())}


def exact(values: list[int], share: Fraction) -> int:
    """The value at the nearest rank: of the sorted values, the first at or below which lies that share of them."""
    return values[max(1, -(-len(values) * share.numerator // share.denominator)) - 1]


def test_every_percentile_is_within_one_per_cent_of_the_exact_one(durations: dict[str, list[int]]) -> None:
    assert len(durations["all"]) == 126_929
    worst = Fraction(0)
    for label, values in durations.items():
        bins = Counter(map(bin_of, values))
        for share in QUANTILES:
            found, true = quantile(bins, share.numerator, share.denominator), exact(values, share)
            assert found is not None
            assert abs(found - true) * 100 <= true, (label, share, found, true)
            assert true >= 100 or found == true, "small values are exact"
            worst = max(worst, Fraction(abs(found - true), true or 1))
    print(
        f"{len(durations)} groups, {len(QUANTILES)} percentiles each: off by at most {worst.numerator}/{worst.denominator}"
    )
    assert worst > 0, "a histogram that is never off was not looked at"


def test_the_bins_of_months_add_up_to_those_of_everything(durations: dict[str, list[int]]) -> None:
    months = [Counter(map(bin_of, values)) for label, values in durations.items() if label != "all"]
    assert sum(months, Counter[int]()) == Counter(map(bin_of, durations["all"]))
