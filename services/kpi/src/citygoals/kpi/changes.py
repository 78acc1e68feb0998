"""What new entries change: the heart of the service as one pure function."""

from collections.abc import Iterable, Mapping, Sequence

from citygoals.kpi.contributions import CellKey
from citygoals.kpi.deltas import Deltas
from citygoals.kpi.entries import Entry
from citygoals.kpi.folds import NOTHING, fold
from citygoals.kpi.measures import Measures
from citygoals.kpi.shapes import Shapes
from citygoals.shared.figures import Cell
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import CityCalendar


class Engine:
    """A catalogue made ready to run. It remembers what it has compiled, and nothing about any entry."""

    def __init__(self, kpis: Iterable[KpiDef], calendar: CityCalendar) -> None:
        self.calendar = calendar
        self.measures = Measures(kpis)
        self._shapes = Shapes(self.measures, calendar)

    def changes(self, new: Iterable[Entry], prior: Mapping[bytes, Sequence[Entry]]) -> dict[CellKey, Cell]:
        """Return the change of every cell when the `new` entries join the ledger.

        `prior` are the entries that the ledger already has of the same facts. Entries that are already there, or come
        twice, change nothing.
        """
        deltas = Deltas(self.measures, self.calendar)
        for fact, entries in by_fact(new).items():
            if fact in prior:
                before, after = prior[fact], [*prior[fact], *entries]
                deltas.change(fold(before, self.calendar), fold(after, self.calendar))
            elif len(entries) > 1 or not self._shapes.add(entries[0]):
                deltas.change(NOTHING, fold(entries, self.calendar))
        self._shapes.move_into(deltas)
        return deltas.cells()


def by_fact(entries: Iterable[Entry]) -> dict[bytes, list[Entry]]:
    """Return the entries of each fact."""
    facts: dict[bytes, list[Entry]] = {}
    for entry in entries:
        known = facts.get(entry.fact)
        if known is None:
            facts[entry.fact] = [entry]
        else:
            known.append(entry)
    return facts
