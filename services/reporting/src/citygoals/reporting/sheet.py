"""A sheet: every figure of one period at one position and the nodes over them, recomputed only where something moved. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from citygoals.reporting.definitions import Definitions
from citygoals.reporting.tally import Tally
from citygoals.shared.changeset import CellRow
from citygoals.shared.committed import CommittedKpis
from citygoals.shared.figures import Figure, figure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.nodes import Node, nodes
from citygoals.shared.period import Period
from citygoals.shared.plan import PlanDef
from citygoals.shared.reading import Almanac, Reading

Row = dict[str, Any]

EVENTS_DO_NOT_ADD = "not known: facts of several days may be the same, so the events of days do not add up"
VALUES_DO_NOT_ADD = "not known: the same thing may have come on several days, so the numbers of days do not add up"


def figure_row(
    kpi: KpiDef, reading: Reading, *, period: Period, almanac: Almanac, others: Mapping[str, Figure] | None = None
) -> tuple[Figure, Row]:
    """Return a figure and what the API says of it; `last_event` is the city's last day with data of the KPI.

    None also where nobody keeps it, see `dated_series`.
    """
    one = figure(kpi, reading, period=period, almanac=almanac, others=others)
    last_day = reading.last_days.get(kpi.id)
    return one, one.to_dict() | {"last_event": None if last_day is None else last_day.isoformat()}


@dataclass(slots=True)
class _Nodes:
    """The nodes of one plan, as of one version of the figures."""

    version: int
    plan: PlanDef  # kept, so that its id stays its own
    found: dict[str, Node]
    rows: dict[str, Row]


class Sheet:
    """Figures and nodes of one slice and period.

    Rows, and the mappings that hold them, are never changed once they were given out. A row whose content stays the
    same stays the same object from position to position, so that what changed can be told by identity.
    """

    def __init__(self, tally: Tally, definitions: Definitions, almanac: Almanac) -> None:
        self.tally = tally
        self._definitions = definitions
        self._almanac = almanac
        self._stale = set(definitions.kpis)
        self._known: dict[str, tuple[Figure, Row]] = {}
        self._rows: Mapping[str, Row] = {}
        self._version = 0
        self._nodes: dict[int, _Nodes] = {}

    def move(self, rows: Sequence[CellRow], definitions: Definitions, almanac: Almanac) -> None:
        """Go to the next position: its changed cells, its definitions, its now."""
        before, self._almanac = self._almanac, almanac
        touched = self.tally.apply(rows)
        if definitions is not self._definitions:
            self._nodes = {}  # of plans that may be gone
        if not definitions.counts_like(self._definitions):
            self._rows = {}  # in an order that may be another now
            self.tally.follow(definitions.kpis)
            self._stale = set(definitions.kpis)
        elif almanac.now.day != before.now.day:
            self._stale = set(definitions.kpis)
        else:
            self._stale |= touched & definitions.kpis.keys()
            if almanac.now != before.now:  # what was due by this hour has come due
                self._stale |= {name for name, kpi in definitions.kpis.items() if kpi.measure.is_daily}
        self._definitions = definitions

    @property
    def almanac(self) -> Almanac:
        """What its figures look up."""
        return self._almanac

    def imagined(self, definitions: Definitions, committed: CommittedKpis) -> "Sheet":
        """Return a sheet of the same cells at the same now under other definitions; it lasts until this one moves."""
        return Sheet(self.tally, definitions, replace(self._almanac, committed=committed))

    @property
    def rows(self) -> Mapping[str, Row]:
        """Every KPI's figure as the API says it, in the order of the catalogue."""
        self._settle()
        return self._rows

    @property
    def figures(self) -> Mapping[str, Figure]:
        """Every KPI's figure."""
        return {name: self._known[name][0] for name in self.rows}

    def nodes(self, plan: PlanDef) -> Mapping[str, Row]:
        """Every node of the plan as the API says it."""
        self._settle()
        known = self._nodes.get(id(plan))
        if known is None or known.version != self._version:
            found = nodes(plan, self.figures)
            rows = {name: _node_row(name, node, known) for name, node in found.items()}
            known = self._nodes[id(plan)] = _Nodes(self._version, plan, found, rows)
        return known.rows

    def _settle(self) -> None:
        if not self._stale:
            return
        kpis = self._definitions.kpis
        own = [name for name in self._stale if not kpis[name].is_derived]
        derived = [name for name, kpi in kpis.items() if kpi.is_derived]
        before = {name: self._known.get(name) for name in (*own, *derived)}
        self._recompute(own, {})
        self._recompute(derived, {name: self._known[name][0] for name, kpi in kpis.items() if not kpi.is_derived})
        self._stale = set()
        changed = [(known, self._known[name]) for name, known in before.items() if known is not self._known[name]]
        is_resized = len(self._rows) != len(kpis)
        if changed or is_resized:
            self._rows = {name: self._known[name][1] for name in kpis}
        if is_resized or any(known is None or known[0].attainment != new[0].attainment for known, new in changed):
            self._version += 1  # nodes are made of attainments alone

    def _recompute(self, names: Collection[str], others: Mapping[str, Figure]) -> None:
        for name in names:
            one, row = self._figure(self._definitions.kpis[name], others)
            known = self._known.get(name)
            if known is None or known[1] != row:
                self._known[name] = (one, row)

    def _figure(self, kpi: KpiDef, others: Mapping[str, Figure]) -> tuple[Figure, Row]:
        tally = self.tally
        if kpi.id in tally.unsummed:  # not zero, whatever absence means: it is not known
            kpi = kpi.model_copy(update={"absence_means": "unknown"})
        one, row = figure_row(kpi, tally.reading, period=tally.period, almanac=self._almanac, others=others)
        if kpi.id in tally.unsummed:
            row |= {"events": None, "events_note": EVENTS_DO_NOT_ADD, "value_note": VALUES_DO_NOT_ADD}
        elif kpi.id in tally.inexact:
            row |= {"events": None, "events_note": EVENTS_DO_NOT_ADD}
        return one, row


def _node_row(name: str, node: Node, before: _Nodes | None) -> Row:
    if before is not None and before.found.get(name) == node:
        return before.rows[name]
    return node.to_dict()
