"""Measures made of other KPIs' figures: the index, and the share of KPIs that feed themselves. Pure and exact."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Protocol

from citygoals.shared.attainment import Ratio
from citygoals.shared.comparisons import IndexMeasure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.reckoning import Sum


class Attained(Protocol):
    """A figure, as far as it matters here."""

    @property
    def kpi(self) -> KpiDef:
        """Whose it is."""
        ...

    @property
    def attainment(self) -> Ratio | None:
        """What it attains."""
        ...

    @property
    def events(self) -> int | None:
        """How many entries stand behind it."""
        ...


def derive(kpi: KpiDef, others: Mapping[str, Attained]) -> Sum | None:
    """Return what a derived measure says, from the figures of the KPIs that are not derived."""
    if isinstance(kpi.measure, IndexMeasure):
        return _index(kpi.measure, others)
    typed = sum(other.kpi.measure.kind == "latest" for other in others.values())
    return Sum(len(others) - typed, len(others), None) if others else None


def _index(measure: IndexMeasure, others: Mapping[str, Attained]) -> Sum | None:
    cap = Fraction(measure.cap)
    whole, covered, total = Fraction(), Fraction(), Fraction()
    for part in measure.parts:
        weight = Fraction(part.weight)
        whole += weight
        other = others.get(part.kpi)
        if other is not None and other.attainment is not None:
            total += weight * min(cap, Fraction(*other.attainment))
            covered += weight
    if not covered or 2 * covered < whole:
        return None
    mean = total / covered
    return Sum(mean.numerator, mean.denominator, None)
