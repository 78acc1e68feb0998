"""The Boston file computed without the product: Polars and exact integers, from the contract's text."""

import lzma
from dataclasses import dataclass
from pathlib import Path

import polars as pl

CITY_ZONE = "America/Denver"
OPENED = "city.service_request.opened.v1"
CLOSED = "city.service_request.closed.v1"


@dataclass(frozen=True)
class Expected:
    """Figures by period label: opened, closed, and the sum of whole seconds from opened to closed."""

    opened: dict[str, int]
    closed: dict[str, int]
    seconds: dict[str, int]

    def labels(self) -> list[str]:
        return sorted(set(self.opened) | set(self.closed))


def read(path: Path) -> pl.DataFrame:
    """One row a request, with instants; closed is never before opened (contract, `import open311`)."""
    frame = pl.read_csv(lzma.decompress(path.read_bytes()), infer_schema=False)
    instants = [
        pl.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%S%:z", time_unit="us").alias(short)
        for name, short in (("requested_datetime", "opened"), ("updated_datetime", "updated"))
    ]
    return frame.select("service_request_id", "status", *instants).with_columns(
        closed=pl.when(pl.col("status") == "closed").then(pl.max_horizontal("opened", "updated"))
    )


def expected(frame: pl.DataFrame, *, grain: str = "all") -> Expected:
    """Counts and sums by period of the city's own days."""
    opened = frame.with_columns(period=_label("opened", grain))
    closed = frame.filter(pl.col("closed").is_not_null()).with_columns(
        period=_label("closed", grain), seconds=(pl.col("closed") - pl.col("opened")).dt.total_seconds()
    )
    return Expected(
        opened=dict(opened.group_by("period").len().iter_rows()),
        closed=dict(closed.group_by("period").len().iter_rows()),
        seconds=dict(closed.group_by("period").agg(pl.col("seconds").sum()).iter_rows()),
    )


def _label(column: str, grain: str) -> pl.Expr:
    local = pl.col(column).dt.convert_time_zone(CITY_ZONE)
    if grain == "all":
        return pl.lit("all")
    if grain == "month":
        return local.dt.strftime("%Y-%m")
    if grain == "day":
        return local.dt.strftime("%Y-%m-%d")
    year = local.dt.year() + (local.dt.month() >= 9).cast(pl.Int32)
    return pl.format("FY{}", year)
