"""What new entries change: the heart of the service as one pure function."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from citygoals.kpi.calendars import Calendars
from citygoals.kpi.deltas import Changes, Deltas
from citygoals.kpi.entries import Entry
from citygoals.kpi.folds import fold
from citygoals.kpi.measures import Measures
from citygoals.kpi.shapes import Shapes
from citygoals.shared.kpi import KpiDef

STEP_FACTS = 250


class Engine:
    """A catalogue made ready to run, and the changes taken since the last `take_changes`."""

    def __init__(self, kpis: Iterable[KpiDef], calendars: Calendars) -> None:
        self.calendar = calendars.city
        self.measures = Measures(kpis, calendars)
        self.fact_types = self.measures.fact_types()
        self._deltas = Deltas(self.measures, self.calendar)
        self._shapes = Shapes(self.measures, self.calendar, self._deltas)

    def changes(self, new: Iterable[Entry], prior: Mapping[bytes, Sequence[Entry]]) -> Changes:
        """Return the change of everything when the `new` entries join the ledger.

        `prior` are the entries that the ledger already has of the same facts. Entries that are already there, or come
        twice, change nothing.
        """
        for _ in self.take(new, prior):
            pass
        return self.take_changes()

    def take(self, new: Iterable[Entry], prior: Mapping[bytes, Sequence[Entry]]) -> Iterator[None]:
        """Take in new entries, in steps between which the caller may do something else.

        Between two `take_changes`, all new entries of a fact must come in one call.
        """
        calendar, shapes = self.calendar, self._shapes
        for number, (fact, entries) in enumerate(by_fact(new).items()):
            if number % STEP_FACTS == 0:
                yield
                if shapes.is_full:
                    shapes.move()
            if fact in prior:
                before, after = prior[fact], [*prior[fact], *entries]
                shapes.add(fold(before, calendar), -1)
                shapes.add(fold(after, calendar), 1)
            elif len(entries) > 1 or not shapes.add_single(entries[0]):
                shapes.add(fold(entries, calendar), 1)

    def take_changes(self) -> Changes:
        """Return the change of everything by what was taken in, and begin anew."""
        self._shapes.move()
        return self._deltas.take()

    @property
    def held(self) -> int:
        """How many sums are held until they are taken."""
        return self._deltas.held

    def reads(self, entry: Entry) -> bool:
        """Say whether the entry's fact can have other entries that matter: only then must the ledger be asked."""
        return entry.fact != entry.key and entry.type in self.fact_types


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
