"""Targets in time: what a KPI is to have reached in a period, so far. Pure and exact."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

from citygoals.shared.attainment import Yardstick
from citygoals.shared.elapsed import days_share
from citygoals.shared.kpi import KpiDef, Target
from citygoals.shared.period import CityCalendar, Period
from citygoals.shared.reading import Almanac


def yardstick_for(kpi: KpiDef, period: Period, almanac: Almanac) -> Yardstick | None:
    """Return what the KPI is held against in the period, None where its target says nothing of it.

    What grows with its period is held against its target only in the kind of period that it is set for, unless the
    target is phased: then every period within one of that kind has its share (with a baseline, of the way). A share of what is not phased grows with
    nothing, so it is held against its target in every period.
    """
    target, yardstick = kpi.target, kpi.yardstick
    if target is None or yardstick is None:
        return None
    if target.phase is None:
        applies = not kpi.grows or target.basis is None or target.basis == period.grain
        return yardstick if applies else None
    share = _share(kpi, target, period, almanac)
    start = yardstick.baseline or Fraction()
    return replace(yardstick, value=start + (yardstick.value - start) * share) if share else None


def _share(kpi: KpiDef, target: Target, period: Period, almanac: Almanac) -> Fraction | None:
    """Return the share of the target that is due by now in the period; None or 0 where none is."""
    assert target.basis is not None, "a phased target has a basis"
    whole = almanac.calendar.containing(period.start, target.basis)
    if period.end > whole.end or (not kpi.grows and period.grain != target.basis):
        return None
    end = min(period.end, almanac.now.tomorrow)
    if end <= period.start:
        return None
    return _reached(target, whole, end, almanac.calendar) - _reached(target, whole, period.start, almanac.calendar)


def _reached(target: Target, whole: Period, end: date, calendar: CityCalendar) -> Fraction:
    """Return the share of the target that is due by the beginning of the day `end`."""
    if target.phase == "linear":
        return days_share(whole.start, end, whole)
    months = calendar.periods("month", whole.start, whole.last)
    shares = [Fraction(text) for text in (target.phase or ())[-len(months) :]]  # the year 1 lacks its first ones
    return sum(
        (share * days_share(month.start, end, month) for month, share in zip(months, shares, strict=True)), Fraction()
    )
