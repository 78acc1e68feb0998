"""Switching: inactive cells become the active ones inside the position that changes what they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass

from citygoals.kpi import draft_store
from citygoals.kpi.definitions import Definitions, remeasured, with_cells
from citygoals.kpi.draft_store import Overtaken
from citygoals.kpi.drafting import Drafting, counts_of
from citygoals.kpi.standing import read_series
from citygoals.shared.changeset import CellRow
from citygoals.shared.kpi import KpiDef
from citygoals.shared.period import CityCalendar
from citygoals.shared.postgres import Connection

AT_ONCE = 0
"""The draft that is begun and switched on in one position: the short way, for those who have no stream to keep up."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Whose cells become those of a draft, and by what definitions it counts."""

    draft: int
    kpis: Sequence[KpiDef]
    definitions: Definitions
    counts: str


def redefinition(before: Definitions, after: Definitions, draft: int, counts: str | None) -> Switch | None:
    """Return how the cells follow from one definitions to the next, None where none change.

    Raises:
        Overtaken: the draft was to count what `counts` tells, and that is not what changes now.
    """
    kpis = with_cells(remeasured(before, after))
    now = counts_of(kpis, after)
    if counts not in (None, now):
        raise Overtaken(f"draft {draft} counts something else than what changes now")
    return Switch(draft, kpis, after, now) if kpis or draft != AT_ONCE else None


def restatement(definitions: Definitions, draft: int, counts: str) -> Switch:
    """Return how a rebuild's cells come to hold.

    Raises:
        Overtaken: the rebuild counted something else than what is counted now.
    """
    kpis = with_cells(definitions.kpis.values())
    if counts_of(kpis, definitions) != counts:
        raise Overtaken("a formula changed after the rebuild")
    return Switch(draft, kpis, definitions, counts)


async def switched(connection: Connection, switch: Switch, calendar: CityCalendar, position: int) -> list[CellRow]:
    """Bring the draft up to the position and its cells into force; return those that changed.

    The transaction is the caller's. Raises Overtaken.
    """
    if switch.draft == AT_ONCE:
        progress = await draft_store.begin(connection, AT_ONCE, switch.counts, position)
    else:
        found = await draft_store.read_progress(connection, switch.draft)
        if found is None or found.counts != switch.counts:
            raise Overtaken(f"draft {switch.draft} was given up or begun again")
        progress = found
    drafting = Drafting(connection, switch.kpis, switch.definitions.ready(calendar), progress)
    await drafting.follow(position)
    names = [kpi.id for kpi in switch.kpis]
    rows = await draft_store.switch(connection, switch.draft, names, list(await read_series(connection, names)))
    if switch.draft == AT_ONCE:
        await draft_store.forget(connection, AT_ONCE)
    elif not await draft_store.end_draft(connection, switch.draft, "applied", position=position + 1):
        raise Overtaken(f"draft {switch.draft} was given up")
    return rows
