"""A draft beside what holds: the figures of the open fiscal year by the old formula and by the new one, at one position."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from citygoals.kpi import store
from citygoals.kpi.board import board, now_at, open_period
from citygoals.kpi.contributions import DAY, FISCAL_YEAR
from citygoals.kpi.definitions import CATALOGUE_APPLIED, Definitions, remeasured, with_cells
from citygoals.kpi.draft_store import Overtaken, read_progress
from citygoals.kpi.drafter import Drafter
from citygoals.kpi.drafting import Drafting, counts_of
from citygoals.kpi.merging import Wish
from citygoals.kpi.standing import read_board, read_definitions
from citygoals.shared.cells import kpi_of
from citygoals.shared.figures import Cell, Figure
from citygoals.shared.kpi import KpiDef
from citygoals.shared.parts import dated_series
from citygoals.shared.period import CityCalendar, Period
from citygoals.shared.postgres import Connection, Pool
from citygoals.shared.reading import Almanac, Now, Reading, first_day


async def side_by_side(pool: Pool, drafter: Drafter, calendar: CityCalendar, draft: int, wish: Wish) -> Any:
    """Return {"position", "period", "figures": [{"id", "old", "new"}, ...]} of a draft that is ready.

    A KPI that is new has no old figure. Raises Overtaken: by what holds now, the draft counts something else.
    """
    async with (
        drafter.hands, pool.acquire() as connection, connection.transaction(isolation="repeatable_read"),
    ):  # fmt: skip
        header, known = await store.read_header(connection), await read_definitions(connection)
        after = known.after(CATALOGUE_APPLIED, wish.onto(known).data, header.position + 1)
        kpis = with_cells(remeasured(known, after))
        progress = await read_progress(connection, draft)
        if progress is None or progress.counts != counts_of(kpis, after) or header.tick is None:
            raise Overtaken(f"draft {draft} is not what would be counted now")
        await Drafting(connection, kpis, after.ready(calendar), progress).follow(header.position)
        now = now_at(calendar, header.tick)
        old = (await read_board(connection, known, calendar, now)).figures
        new = await _figures(connection, draft, replace(after, kpis=_by_id(kpis), plans=()), calendar, now)
    figures = [{"id": kpi.id, "old": _shown(old.get(kpi.id)), "new": _shown(new[kpi.id])} for kpi in kpis]
    return {"position": header.position, "period": open_period(calendar, now.day).label, "figures": figures}


async def _figures(
    connection: Connection, draft: int, definitions: Definitions, calendar: CityCalendar, now: Now
) -> Mapping[str, Figure]:
    """Return the figures that a draft's cells come to."""
    period = open_period(calendar, now.day)
    rows = await connection.fetch(store.SQL.read_draft_city, draft, FISCAL_YEAR, period.start, period.end)
    reading, last_days = _reading(rows, definitions.kpis, period, calendar)
    almanac = Almanac(calendar, now, definitions.references)
    return board(definitions, period, almanac, reading, last_days).figures


def _reading(
    rows: Iterable[Any], kpis: Mapping[str, KpiDef], period: Period, calendar: CityCalendar
) -> tuple[Reading, dict[str, date]]:
    reading, last_days = Reading(), dict[str, date]()
    for row in rows:
        kpi, cell = kpis[kpi_of(row["kpi"])], Cell(row["numerator"], row["denominator"], row["events"])
        if row["grain"] != DAY:
            reading.put_cell(row["kpi"], cell)
            continue
        first = first_day(kpi, period, calendar)
        if first is not None and row["start"] >= first:
            reading.put_day(row["kpi"], row["start"], cell)
        if any(cell) and dated_series(kpi) == row["kpi"]:
            last_days[kpi.id] = max(row["start"], last_days.get(kpi.id, row["start"]))
    return reading, last_days


def _by_id(kpis: Iterable[KpiDef]) -> dict[str, KpiDef]:
    return {kpi.id: kpi for kpi in kpis}


def _shown(figure: Figure | None) -> dict[str, Any] | None:
    return None if figure is None else figure.to_dict()
