"""Measures made of other KPIs' figures: the index, and the share of KPIs that feed themselves. Pure and exact."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
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
    """Return what a derived measure says, from the figures of the KPIs that are not derived.

    What the public may read is made of what the public may read, so that anyone can work it out from the same answer;
    only a KPI that is internal itself counts internal ones.
    """
    hidden = set[str]() if kpi.internal else {name for name, other in others.items() if other.kpi.internal}
    if isinstance(kpi.measure, IndexMeasure):
        return _index(kpi.measure, others, hidden)
    counted = [other.kpi for name, other in others.items() if name not in hidden]
    typed = sum(one.measure.kind == "latest" for one in counted)
    return Sum(len(counted) - typed, len(counted), None) if counted else None


def public_index(kpi: KpiDef, hidden: AbstractSet[str]) -> KpiDef:
    """Return the definition without the parts of an index that are hidden; other KPIs as they are."""
    if not isinstance(kpi.measure, IndexMeasure) or hidden.isdisjoint(part.kpi for part in kpi.measure.parts):
        return kpi
    parts = tuple(part for part in kpi.measure.parts if part.kpi not in hidden)
    return kpi.model_copy(update={"measure": kpi.measure.model_copy(update={"parts": parts})})


def _index(measure: IndexMeasure, others: Mapping[str, Attained], hidden: AbstractSet[str]) -> Sum | None:
    cap = Fraction(measure.cap)
    whole, covered, total = Fraction(), Fraction(), Fraction()
    for part in measure.parts:
        if part.kpi in hidden:
            continue
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
