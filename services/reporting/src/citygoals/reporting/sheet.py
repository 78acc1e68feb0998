"""A sheet: every figure of one period at one position and the nodes over them, recomputed only where cells changed. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from citygoals.reporting.cells import Tally
from citygoals.reporting.definitions import Definitions
from citygoals.shared.changeset import CellRow
from citygoals.shared.figures import Cell, Figure, figure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.nodes import Node, nodes
from citygoals.shared.period import Period
from citygoals.shared.plan import PlanDef

Row = dict[str, Any]

EVENTS_DO_NOT_ADD = "not known: facts of several days may be the same, so the events of days do not add up"


def figure_row(
    kpi: KpiDef, cell: Cell | None, *, period: Period, today: date, last_day: date | None
) -> tuple[Figure, Row]:
    """Return a figure and what the API says of it; `last_event` is the city's day of the last event that counted."""
    one = figure(kpi, cell, period=period, today=today, last_day=last_day)
    return one, one.to_dict() | {"last_event": None if last_day is None else last_day.isoformat()}


@dataclass(slots=True)
class _Nodes:
    """The nodes of one plan, as of one version of the figures."""

    version: int
    plan: PlanDef  # kept, so that its id stays its own
    found: dict[str, Node]
    rows: dict[str, Row]


class Sheet:
    """Figures and nodes of one slice and period. `freshness` is the city's tally where `tally` is of another slice.

    Rows, and the mappings that hold them, are never changed once they were given out. A row whose content stays the
    same stays the same object from position to position, so that what changed can be told by identity.
    """

    def __init__(self, tally: Tally, definitions: Definitions, today: date, *, freshness: Tally | None = None) -> None:
        self.tally = tally
        self._freshness = freshness or tally
        self._definitions = definitions
        self._today = today
        self._stale = set(definitions.kpis)
        self._known: dict[str, tuple[Figure, Row]] = {}
        self._rows: Mapping[str, Row] = {}
        self._version = 0
        self._nodes: dict[int, _Nodes] = {}

    def move(self, rows: Sequence[CellRow], definitions: Definitions, today: date) -> None:
        """Go to the next position: its changed cells, its definitions, its day."""
        touched = self.tally.apply(rows)
        if definitions is not self._definitions:
            self._rows, self._nodes = {}, {}  # in an order that may be another now, of plans that may be gone
        if definitions is not self._definitions or today != self._today:
            self._definitions, self._today = definitions, today
            self._stale = set(definitions.kpis)
        else:
            self._stale |= touched & definitions.kpis.keys()

    @property
    def rows(self) -> Mapping[str, Row]:
        """Every KPI's figure as the API says it, in the order of the catalogue."""
        self._settle()
        return self._rows

    def nodes(self, plan: PlanDef) -> Mapping[str, Row]:
        """Every node of the plan as the API says it."""
        self._settle()
        known = self._nodes.get(id(plan))
        if known is None or known.version != self._version:
            found = nodes(plan, {kpi: self._known[kpi][0] for kpi in self._rows})
            rows = {name: _node_row(name, node, known) for name, node in found.items()}
            known = self._nodes[id(plan)] = _Nodes(self._version, plan, found, rows)
        return known.rows

    def _settle(self) -> None:
        if not self._stale:
            return
        kpis = self._definitions.kpis
        before = {name: self._known.get(name) for name in self._stale}
        for name in self._stale:
            self._recompute(kpis[name])
        self._stale = set()
        changed = [(known, self._known[name]) for name, known in before.items() if known is not self._known[name]]
        is_resized = len(self._rows) != len(kpis)
        if changed or is_resized:
            self._rows = {name: self._known[name][1] for name in kpis}
        if is_resized or any(known is None or known[0].attainment != new[0].attainment for known, new in changed):
            self._version += 1  # nodes are made of attainments alone

    def _recompute(self, kpi: KpiDef) -> None:
        cell = self.tally.latest(kpi.id) if kpi.measure.kind == "latest" else self.tally.cells.get(kpi.id)
        last_day = self._freshness.last_day(kpi.id)
        one, row = figure_row(kpi, cell, period=self.tally.period, today=self._today, last_day=last_day)
        if kpi.id in self.tally.inexact and kpi.measure.kind != "latest":
            row |= {"events": None, "events_note": EVENTS_DO_NOT_ADD}
        known = self._known.get(kpi.id)
        if known is None or known[1] != row:
            self._known[kpi.id] = (one, row)


def _node_row(name: str, node: Node, before: _Nodes | None) -> Row:
    if before is not None and before.found.get(name) == node:
        return before.rows[name]
    return node.to_dict()
