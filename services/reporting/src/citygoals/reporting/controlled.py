"""Whether a KPI's numbers over time are signals or noise: XmR limits and trend, as an answer says them. Pure and exact."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from citygoals.shared.control import LIMITS_MIN, TREND_MIN, limits, signals, trend
from citygoals.shared.exact import quotient_text
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import Period

Row = dict[str, Any]


def control_row(kpi: KpiDef, periods: Sequence[Period], rows: Sequence[Row], today: date) -> Row:
    """Return {"limits", "signals", "trend", "improves", "periods"} of the figures of consecutive periods.

    Only periods that are over count: one under way has not had its time yet. `limits` is null where there are too few
    of them; the trend is "none" inside noise. `improves` says whether it goes the KPI's way, null where that means
    nothing. Numbers are in the KPI's unit, as texts.
    """
    values = [_value(row) if period.last < today else None for period, row in zip(periods, rows, strict=True)]
    within, way = limits(values), trend(values)
    found = [] if within is None else signals(values, within)
    return {
        "limits": None if within is None else {name: _text(kpi, value) for name, value in within._asdict().items()},
        "signals": [
            {"kind": one.kind, "from": periods[one.first].label, "to": periods[one.last].label} for one in found
        ],
        "trend": way,
        "improves": None if way == "none" or kpi.polarity == "band" else way == kpi.polarity,
        "periods": sum(value is not None for value in values),
        "least": {"limits": LIMITS_MIN, "trend": TREND_MIN},
    }


def _value(row: Row) -> Fraction | None:
    return Fraction(row["numerator"], row["denominator"]) if row["denominator"] else None


def _text(kpi: KpiDef, value: Fraction) -> str:
    scale = 100 if kpi.unit == "%" else 1
    return quotient_text(value.numerator * scale, value.denominator, kpi.decimals)
