"""A toy city with every kind of measure: its cells are those that kpi's own engine gives, batch by batch."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from citygoals.kpi.contributions import DIMENSIONS
from citygoals.shared.cells import NO_CELL
from citygoals.shared.changeset import Changeset
from citygoals.shared.period import GRAINS
from unit.kpi.kinds import KPIS, OFFICE, PEOPLE, START, busy
from unit.kpi.test_kinds import Ledger
from unit.reporting.city import ToyCity

PLAN: dict[str, Any] = {
    "id": "kinds", "version": "1", "effective": {"from": "2020-01-01"},
    "nodes": [
        {"id": "city", "kind": "city", "title": {"en": "City"}},
        *({"id": name, "kind": "goal", "parent": "city", "title": {"en": name}} for name in ("one", "two")),
    ],
    "links": [{"kpi": kpi.id, "node": ("one", "two")[place % 2]} for place, kpi in enumerate(KPIS)],
}  # fmt: skip
TARGETS = {"TIMELY": "0.6", "LATE": "4", "OPEN": "10", "QUICK": "0.5", "HEADS": "0.2", "SITES": "0.5", "EVEN": "0.3"}
DEFINITIONS: dict[str, Any] = {
    "plan": PLAN,
    "kpis": [
        kpi.model_dump(mode="json") | ({"target": {"value": TARGETS[kpi.id]}} if kpi.id in TARGETS else {})
        for kpi in KPIS
    ],
    "departments": [{"id": name, "title": {"en": name}} for name in ("zoo", "library")],
    "calendars": [OFFICE.model_dump(mode="json")],
    "references": [PEOPLE.model_dump(mode="json")],
}


class KindsCity(ToyCity):
    """Positions made of events of every sort, and of ticks between them."""

    def __init__(self, now: datetime = START + timedelta(days=200)) -> None:
        super().__init__(recorded_at=now, tick=now)
        self._ledger = Ledger()

    def define(self, definitions: dict[str, Any] | None = None) -> Changeset:
        return super().define(definitions or DEFINITIONS)

    def take(self, batch: list[Any], *, hours: int = 0) -> Changeset:
        """Count a batch of entries; the time goes on by so many hours."""
        before = dict(self._ledger.cells) if batch else {}
        self._ledger.apply(batch)
        after, touched = self._ledger.cells, []
        for key in before.keys() | after.keys() if batch else ():
            if before.get(key) != after.get(key):
                series, grain, start, dimension, member = key
                address = (series, GRAINS[grain], start, DIMENSIONS[dimension], member)
                self.cells[address] = after.get(key, NO_CELL)
                touched.append(address)
        self.events += len(batch)
        self.tick += timedelta(hours=hours)
        return self._changeset(sorted(touched), counts=bool(batch))

    def live(self, random: Random, things: int = 25, *, size: int = 16) -> Iterator[Changeset]:
        """Let much happen, in any order, with an hour or some days between."""
        entries = busy(random, things)
        random.shuffle(entries)
        for at in range(0, len(entries), size):
            yield self.take(entries[at : at + size], hours=random.choice((0, 1, 1, 5, 30)))
