"""Measures as data: what a KPI counts, what it takes from each event, and what it divides by.

Every kind gives `numerators` and `denominators`, the sums of its own series of cells, so that whoever evaluates a
measure need not know the kinds; and `is_daily`: its cells are of days only, and its figures are made from runs of days.
"""

from typing import Annotated

from pydantic import Field

from citygoals.shared.comparisons import ChangeMeasure, IndexMeasure, ZeroTypingMeasure
from citygoals.shared.deadlines import EvennessMeasure, OnTimeMeasure, OverdueMeasure
from citygoals.shared.distributions import DistinctMeasure, PercentileMeasure
from citygoals.shared.flows import CountMeasure, LatestMeasure, MeanMeasure, RatioMeasure, SumMeasure
from citygoals.shared.stocks import AvailabilityMeasure, StockMeasure, TurnoverMeasure
from citygoals.shared.surveys import ImportanceSatisfactionMeasure

MeasureDef = Annotated[
    CountMeasure
    | SumMeasure
    | RatioMeasure
    | MeanMeasure
    | LatestMeasure
    | PercentileMeasure
    | DistinctMeasure
    | ImportanceSatisfactionMeasure
    | StockMeasure
    | AvailabilityMeasure
    | TurnoverMeasure
    | OnTimeMeasure
    | OverdueMeasure
    | EvennessMeasure
    | ChangeMeasure
    | IndexMeasure
    | ZeroTypingMeasure,
    Field(discriminator="kind"),
]
