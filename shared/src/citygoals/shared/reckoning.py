"""Reckoning: from a reading to the integers of a figure, one small function for each kind of measure. Pure and exact."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from citygoals.shared.cells import Cell, Column
from citygoals.shared.comparisons import ChangeMeasure
from citygoals.shared.deadlines import EvennessMeasure
from citygoals.shared.distributions import PercentileMeasure
from citygoals.shared.elapsed import HOURS_MOST, before, elapsed_end, epoch_minute, yearly_shares
from citygoals.shared.flows import RatioMeasure, Reference
from citygoals.shared.histogram import quantile
from citygoals.shared.kpi import KpiDef
from citygoals.shared.parts import BIN_PART, HOUR_PART, IN, PLANNED, RATED, UP
from citygoals.shared.period import Period
from citygoals.shared.reading import Almanac, Reading, weighed

_DAY = timedelta(days=1)

Run = tuple[date, date]
"""Days from the first on, without the second."""


class Sum(NamedTuple):
    """The integers of a figure; `events` is None where the entries behind it cannot be told without the ledger."""

    numerator: int
    denominator: int
    events: int | None


class Question(NamedTuple):
    """What one KPI says for one period."""

    kpi: KpiDef
    reading: Reading
    period: Period
    almanac: Almanac

    @property
    def own(self) -> Cell | None:
        """The period's own cell, if there is anything in it."""
        cell = self.reading.cell(self.kpi.id)
        return cell if cell is not None and cell.events else None

    @property
    def until(self) -> date:
        """The first day that is outside the period or has not begun."""
        return min(self.period.end, self.almanac.now.tomorrow)

    @property
    def so_far(self) -> Run:
        """The period's days that have begun."""
        return self.period.start, self.until

    def column(self, part: str = "") -> Column:
        """Return the days of the KPI, or of one of its parts."""
        return self.reading.column(self.kpi.id, part)

    def columns(self) -> Mapping[str, Column]:
        """Return the days of the KPI and of all its parts, by part."""
        return self.reading.columns.get(self.kpi.id, {})


def reckon(kpi: KpiDef, reading: Reading, period: Period, almanac: Almanac) -> Sum | None:
    """Return what a figure is made of, None where there is no data. Measures made of other figures are not for here."""
    return _KINDS[kpi.measure.kind](Question(kpi, reading, period, almanac))


def _count(asked: Question) -> Sum | None:
    cell = asked.own
    return None if cell is None else Sum(cell.numerator, 1, cell.events)


def _distinct(asked: Question) -> Sum | None:
    """Different things of a calendar period. Those of other days are no sum: one thing may be there on several."""
    return None if asked.period.grain == "rolling" else _count(asked)


def _mean(asked: Question) -> Sum | None:
    cell = asked.own
    return None if cell is None else Sum(*cell)


def _ratio(asked: Question) -> Sum | None:
    measure, cell = asked.kpi.measure, asked.own
    assert isinstance(measure, RatioMeasure)
    if cell is None:
        return None
    above = cell.numerator * measure.scale
    if measure.over is None:
        return Sum(above, cell.denominator, cell.events)
    below = _looked_up(asked, measure.over)
    return None if below is None else Sum(above * below.denominator, below.numerator, cell.events)


def _looked_up(asked: Question, over: Reference) -> Fraction | None:
    """Return what a ratio is over, None where the table does not know it. All time has no first year to take a share of."""
    table = asked.almanac.tables.get(over.reference)
    if table is None or (over.use == "yearly" and asked.period.grain == "all"):
        return None
    is_whole = over.use == "whole"
    days = [(asked.until - _DAY, Fraction(1))] if is_whole else yearly_shares(asked.almanac.calendar, *asked.so_far)
    return weighed(table, days, asked.reading.member)


def _latest(asked: Question) -> Sum | None:
    last = asked.column().last(asked.period.start, asked.period.end)
    return None if last is None else Sum(*last[1])


def _percentile(asked: Question) -> Sum | None:
    measure, cell = asked.kpi.measure, asked.own
    assert isinstance(measure, PercentileMeasure)
    parts = asked.reading.parts(asked.kpi.id)
    bins = {int(part.removeprefix(BIN_PART)): of.numerator for part, of in parts.items() if of.numerator}
    wanted = Fraction(measure.quantile)
    value = quantile(bins, wanted.numerator, wanted.denominator)
    return None if cell is None or value is None else Sum(value, measure.per, cell.events)


def _importance_satisfaction(asked: Question) -> Sum | None:
    """Importance times what satisfaction lacks: each is a share of its own, pooled before they are multiplied."""
    answers, rated = asked.own, asked.reading.cell(asked.kpi.id, RATED)
    if answers is None or rated is None or not rated.denominator:
        return None
    unsatisfied = rated.denominator - rated.numerator
    return Sum(answers.numerator * unsatisfied, answers.denominator * rated.denominator, answers.events)


def _due_by_now(asked: Question, run: Run, member: str = "") -> Cell:
    """Return the sum of a run of days without what is due later today, which waits in parts by the hour."""
    total = asked.column(member).total(*run)
    today, hour = asked.almanac.now
    if not run[0] <= today < run[1]:
        return total
    prefix = f"{member}.{HOUR_PART}" if member else HOUR_PART
    columns = asked.columns()
    for later in range(hour + 1, HOURS_MOST + 1):
        column = columns.get(f"{prefix}{later}")
        if column is not None:
            total = total.minus(column.at(today))
    return total


def _on_time(asked: Question) -> Sum | None:
    total = _due_by_now(asked, asked.so_far)
    return Sum(*total) if total.denominator else None


def _overdue(asked: Question) -> Sum | None:
    return _present(asked, _due_by_now(asked, (date.min, asked.until)))


def _stock(asked: Question) -> Sum | None:
    return _present(asked, asked.column().total(date.min, asked.until))


def _present(asked: Question, total: Cell) -> Sum | None:
    """Tell an empty stock from one that nobody has said anything about yet, and from one of the future."""
    first = asked.column().first()
    is_known = first is not None and first < asked.until and asked.period.start < asked.until
    return Sum(total.numerator, 1, total.events) if is_known else None


def _evenness(asked: Question) -> Sum | None:
    measure = asked.kpi.measure
    assert isinstance(measure, EvennessMeasure)
    members = sorted(part for part in asked.columns() if part and "." not in part)
    totals = [_due_by_now(asked, asked.so_far, member) for member in members]
    shares = [Fraction(of.numerator, of.denominator) for of in totals if of.denominator >= measure.least]
    if len(shares) < 2:
        return None
    gap = max(shares) - min(shares)
    return Sum(gap.numerator, gap.denominator, sum(of.events for of in totals))


def _minutes(asked: Question, part: str, run: Run) -> int:
    """Return for how many minutes things were in, over whole local days: each passage counts from its minute on.

    A cell of a presence holds the sum of its passages' signs, and that of signs times minutes since 1970.
    """
    found = 0
    for sign, day in ((1, run[1]), (-1, run[0])):
        passed = asked.column(part).total(date.min, day)
        found += sign * (epoch_minute(asked.almanac.calendar, day) * passed.numerator - passed.denominator)
    return found


def _days_over(asked: Question, part: str) -> Run | None:
    """Return the period's days that are over, from the first day that anything is known of."""
    first = asked.column(part).first()
    if first is None:
        return None
    run = (max(asked.period.start, first), min(asked.period.end, asked.almanac.now.day))
    return run if run[0] < run[1] else None


def _availability(asked: Question) -> Sum | None:
    run = _days_over(asked, PLANNED)
    planned = 0 if run is None else _minutes(asked, PLANNED, run)
    return Sum(_minutes(asked, UP, run), planned, None) if run is not None and planned else None


def _turnover(asked: Question) -> Sum | None:
    run = _days_over(asked, IN)
    if run is None:
        return None
    stock = _minutes(asked, IN, run)
    first, after = (epoch_minute(asked.almanac.calendar, day) for day in run)
    return Sum(asked.column().total(*run).numerator * (after - first), stock, None) if stock else None


def _change(asked: Question) -> Sum | None:
    measure = asked.kpi.measure
    assert isinstance(measure, ChangeMeasure)
    earlier = before(asked.almanac.calendar, asked.period, measure.against)
    if earlier is None:
        return None
    now = asked.column().total(*asked.so_far)
    then = asked.column().total(earlier.start, elapsed_end(asked.period, earlier, asked.until))
    if not now.events and not then.events:
        return None
    above, below = now.numerator, then.numerator
    if measure.of.denominators:  # two ratios: n/d over m/e is n * e over m * d
        above, below = now.numerator * then.denominator, then.numerator * now.denominator
    return Sum(above - below, below, now.events) if below else None


_KINDS: dict[str, Callable[[Question], Sum | None]] = {
    "count": _count,
    "sum": _count,
    "distinct": _distinct,
    "importance_satisfaction": _importance_satisfaction,
    "ratio": _ratio,
    "mean": _mean,
    "latest": _latest,
    "percentile": _percentile,
    "on_time": _on_time,
    "overdue": _overdue,
    "evenness": _evenness,
    "stock": _stock,
    "availability": _availability,
    "turnover": _turnover,
    "change": _change,
}
