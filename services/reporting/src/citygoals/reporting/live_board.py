"""What the public sees at one position, and the message that tells how it differs from the position before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from citygoals.reporting.answers import encode, stamp
from citygoals.reporting.cells import Mark, Totals
from citygoals.reporting.definitions import Definitions
from citygoals.reporting.sheet import Row, Sheet
from citygoals.shared.period import CityCalendar, Period


@dataclass(frozen=True, slots=True)
class Board:
    """What the public sees at one position in the fiscal year of its now."""

    mark: Mark
    period: Period
    plan: str
    rows: Mapping[str, Row]
    nodes: Mapping[str, Row]
    totals: Totals


def board(mark: Mark, sheet: Sheet, definitions: Definitions, totals: Totals, *, calendar: CityCalendar) -> Board:
    """Return the board of a sheet at its present position."""
    shown = definitions.public
    plan = shown.in_force(calendar.local_day(mark.tick))
    every = sheet.rows
    rows = every if shown is definitions else {name: every[name] for name in shown.kpis}
    nodes = sheet.nodes(plan) if plan is not None else {}
    return Board(mark, sheet.tally.period, plan.version if plan is not None else "", rows, nodes, totals)


def message(before: Board, after: Board) -> bytes:
    """Return the server-sent event of a position: what differs from the position before."""
    by_type = {name: count for name, count in after.totals.by_type.items() if before.totals.by_type.get(name) != count}
    data: dict[str, Any] = {
        "as_of": stamp(after.mark),
        "period": after.period.label,
        "plan": after.plan,
        "kpis": [row for name, row in after.rows.items() if _differs(before.rows.get(name), row)],
        "nodes": [row for name, row in after.nodes.items() if _differs(before.nodes.get(name), row)],
        "totals": {"events": after.totals.events, "by_type": by_type},
    }
    gone = {
        "kpis": [name for name in before.rows if name not in after.rows],
        "nodes": [name for name in before.nodes if name not in after.nodes],
    }
    if gone["kpis"] or gone["nodes"]:
        data["gone"] = gone
    return b"id: %d\nevent: changeset\ndata: %s\n\n" % (after.mark.position, encode(data))


def _differs(before: Row | None, after: Row) -> bool:
    """Rows that did not change are mostly the same object, which is far cheaper to see."""
    return before is not after and before != after


def reload_message(position: int) -> bytes:
    """Return the event that tells a reader to fetch everything anew; the stream goes on from `position`."""
    return b'id: %d\nevent: reload\ndata: {"position":%d}\n\n' % (position, position)
