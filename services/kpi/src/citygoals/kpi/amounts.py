"""Amounts: what each fact of a shape gives to cells, worked out once from one of them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from citygoals.kpi.contributions import CellKey, Slice, periods_of, slices
from citygoals.kpi.deltas import Place
from citygoals.kpi.folds import Fact, Item
from citygoals.kpi.giving import Days, Terms
from citygoals.kpi.sights import Sight, Value, is_timed
from citygoals.kpi.term_values import TermValues
from citygoals.shared.period import CityCalendar

Signed = tuple[tuple[int, int], ...]
"""Values with their signs, by their places in the sight."""

Part = tuple[int, int, Signed, Signed]
"""The constants and the values of both sides."""


class Amount(NamedTuple):
    """What each fact of a shape gives one place: constants, values to be added to or taken from each side, entries."""

    numerator: int
    denominator: int
    numerator_values: Signed
    denominator_values: Signed
    entries: int

    def times(self, count: int, sums: Sequence[int]) -> tuple[int, int, int]:
        """Return what `count` facts give whose values come to these sums."""
        numerator, denominator = self.numerator * count, self.denominator * count
        for sign, value in self.numerator_values:
            numerator += sign * sums[value]
        for sign, value in self.denominator_values:
            denominator += sign * sums[value]
        return numerator, denominator, self.entries * count


class Shape(NamedTuple):
    """What a shape gives: to series by day, and to single cells where its entries count once in several days."""

    places: tuple[tuple[Place, Amount], ...]
    cells: tuple[tuple[CellKey, Amount], ...]


def shape_of(fact: Fact, sight: Sight, calendar: CityCalendar) -> Shape:
    """Return what the fact gives, and every fact that looks like it, for the sight's measures that see no more."""
    places: list[tuple[Place, Amount]] = []
    cells: list[tuple[CellKey, Amount]] = []
    for measure, terms in sight.alike:
        members = (fact.department, fact.district, measure.channel_of(fact))
        flow = _flow_parts(fact, terms, sight.values) if measure.is_flow else {}
        for series, days in measure.given(fact, terms):
            parts = flow or {day: (numerator, denominator, (), ()) for day, (numerator, denominator, _) in days.items()}
            if len(days) > 1 and not measure.is_daily:
                cells += _cells(series, days, parts, fact, slices(*members), calendar)
            else:
                places += [
                    ((series, day, *members), Amount(*parts[day], sign * fact.entries))
                    for day, (_, _, sign) in days.items()
                ]
    return Shape(tuple(places), tuple(cells))


def _flow_parts(fact: Fact, terms: Terms, values: Sequence[Value]) -> dict[date, Part]:
    """Return by day what terms take: as a constant, or as one of the values."""
    parts: dict[date, Part] = {}
    for side, term in terms:
        for item, taken in term.of(fact):
            value = _value(term, item, fact)
            one = (taken, ()) if value is None else (0, ((term.sign, values.index(value)),))
            numerator, denominator, above, below = parts.get(item.day, (0, 0, (), ()))
            if side == 0:
                parts[item.day] = (numerator + one[0], denominator, above + one[1], below)
            else:
                parts[item.day] = (numerator, denominator + one[0], above, below + one[1])
    return parts


def _value(term: TermValues, item: Item, fact: Fact) -> Value | None:
    place = next(number for number, one in enumerate(fact.items) if one is item)
    if term.path:
        return Value(place, term.path)
    if is_timed(term):
        return Value(place, (), [one.type for one in fact.items].index(str(term.since)))
    return None


def _cells(
    series: str,
    days: Days,
    parts: Mapping[date, Part],
    fact: Fact,
    members: Sequence[Slice],
    calendar: CityCalendar,
) -> Iterator[tuple[CellKey, Amount]]:
    """Yield the cells of all periods in which the days do not cancel out; the entries count once in each."""
    for grain, start, _, _, sign in periods_of(days, calendar):
        inside = [part for day, part in parts.items() if calendar.starts(day)[grain] == start]
        above = tuple(one for part in inside for one in part[2])
        below = tuple(one for part in inside for one in part[3])
        numerator, denominator = sum(part[0] for part in inside), sum(part[1] for part in inside)
        amount = Amount(numerator, denominator, above, below, sign * fact.entries)
        for dimension, member in members:
            yield (series, grain, start, dimension, member), amount
