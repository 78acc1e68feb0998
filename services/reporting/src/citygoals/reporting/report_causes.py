"""Why figures of a publication changed: the events that came at a position, asked of kpi, and the definitions that did."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from citygoals.reporting.definitions import Definitions
from citygoals.reporting.queries import DefinitionsBook
from citygoals.reporting.restatements import DATA, DEFINITION
from citygoals.reporting.sheet import Row
from citygoals.shared.bus import Bus
from citygoals.shared.period import Period
from citygoals.shared.postgres import Connection
from citygoals.shared.publication import Publication

RESTATED = "city.ask.kpi.restated"
POSITIONS_A_QUESTION = 200

Place = tuple[int, str]
"""A restatement: its position and its KPI."""


def read_row(row: Mapping[str, Any]) -> Row:
    """Return a kept restatement; its integers may be of any size."""
    figures = {name: None if row[name] is None else json.loads(row[name]) for name in ("before", "after")}
    return {**{name: row[name] for name in ("position", "kpi", "recorded_at", "kind")}, **figures}


async def told(
    bus: Bus, publication: Publication, rows: Iterable[Row], period: Period, published_at: str
) -> dict[Place, Mapping[str, Any]]:
    """Ask kpi which events were behind changes of figures: {"causes", "items"} each.

    `published_at` is when the pinned position was recorded. Raises Unavailable while kpi does not answer.
    """
    wanted: dict[str, list[str]] = {}
    for row in rows:
        if row["kind"] == DATA:
            wanted.setdefault(str(row["position"]), []).append(row["kpi"])
    cut = published_at if publication.is_preliminary else None
    place = {"grain": period.grain, "start": period.start.isoformat(), "cut": cut}
    found: dict[Place, Mapping[str, Any]] = {}
    while wanted:
        some = dict(list(wanted.items())[:POSITIONS_A_QUESTION])
        reply = await bus.request(RESTATED, {**place, "wanted": some})
        for position, kpis in reply["positions"].items():
            del wanted[position]
            found |= {(int(position), kpi): one for kpi, one in kpis.items()}
    return found


async def definitions_around(
    connection: Connection, book: DefinitionsBook, rows: Iterable[Row]
) -> dict[int, tuple[Definitions, Definitions]]:
    """Return what held before and at each position at which definitions changed figures."""
    positions = {row["position"] for row in rows if row["kind"] == DEFINITION}
    return {at: (await book.at(connection, at - 1), await book.at(connection, at)) for at in sorted(positions)}
