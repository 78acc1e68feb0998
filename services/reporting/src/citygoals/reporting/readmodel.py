"""The read model: what the JSON API, the live stream and the pages ask for, as plain dicts, each from one position.

Every method answers exactly what the JSON API of the same name answers, `as_of` included. Arguments left `None` take
the API's defaults (fiscal year of now, present position, plan in force). The dicts are shared with a cache: read only.
All methods raise `Unknown` (a LookupError) for ids, plans and positions that do not exist, `Misread` (a ValueError) for
what cannot be read as a period, instant or grain, and `Unavailable` while the database does not answer.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import date
from typing import Any

from citygoals.reporting.answers import (
    around,
    city_wide,
    departments_of,
    dumped,
    links_of,
    looked_up_by,
    plan_row,
    stamp,
    totals_row,
    versions,
)  # fmt: skip
from citygoals.reporting.cells import CITY, ROLLING, Mark, Slice
from citygoals.reporting.cityscore import cityscore
from citygoals.reporting.controlled import control_row
from citygoals.reporting.definitions import Definitions
from citygoals.reporting.moments import Moments, Reader
from citygoals.reporting.questions import Misread, Unknown
from citygoals.reporting.series import WHOLE, SeriesQuestion, all_series, cut, series_items
from citygoals.reporting.sheet import Row, Sheet
from citygoals.reporting.view import View, choose, known_kpi, parse_period
from citygoals.reporting.what_if import WhatIf, imagined
from citygoals.shared.plan import PlanDef

__all__ = ["Answer", "Misread", "ReadModel", "Unknown"]

Answer = dict[str, Any]

VIEWS_MAX = 8  # of past positions, which people click through back and forth


class ReadModel:
    """Answers from one position, the present one or a past one; internal KPIs are only in those of an analyst's model."""

    def __init__(self, reader: Reader, moments: Moments, *, analyst: bool = False) -> None:
        self._reader = reader
        self.moments = moments
        self._analyst = analyst
        self._views: OrderedDict[tuple[int | None, str | None], View] = OrderedDict()

    async def snapshot(self, *, period: str | None = None, as_of: str | None = None, plan: str | None = None) -> Answer:
        """Every figure of the period and every node over them.

        {"as_of": {"position", "recorded_at"}, "city_date": "2026-11-21", "period": "FY2027", "plan": {"id", "version",
        "title", "labels", "effective", "cap", "tolerance", ...}, "kpis": [figure...], "nodes": [node...],
        "departments": [{"id", "title", "labels": {"en", "es"}, "kpis": [ids], "statuses": {"ON_TRACK": n, ...}}...],
        "totals": {"events": n, "by_type": {type: n}}}
        """
        view = await self.view(period, as_of)
        chosen = self._choose(view, plan)
        rows = self._visible(view)
        return {
            **_head(view),
            "plan": plan_row(chosen),
            "kpis": list(rows.values()),
            "nodes": list(view.nodes(chosen).values()),
            "departments": departments_of(view.definitions, rows),
            "totals": totals_row(view.totals),
        }

    async def what_if(self, thought: WhatIf) -> Answer:
        """Like the present snapshot, as it would be; nothing is stored.

        Besides, "changes": {"kpis", "nodes"}, each [{"id", "before", "after"}] of what would not be as it is.
        """
        view = await self.view(thought.period, None)
        return {**_head(view), **imagined(view, self._seen(view.definitions), self._choose(view, None), thought)}

    async def cityscore(self, *, period: str | None = None, as_of: str | None = None) -> Answer:
        """{"as_of", "city_date", "period", "score", "capped", "metrics", "exceeding", "following_up"}: see cityscore."""
        view = await self.view(period, as_of)
        figures = [view.sheet.figures[name] for name in self._seen(view.definitions).kpis]
        return {**_head(view), **cityscore(figures, self._choose(view, None).cap)}

    async def kpis(self, *, period: str | None = None, as_of: str | None = None) -> Answer:
        """{"items": [figure...], "next": null, "as_of", "city_date", "period"}; the HTTP side cuts it into pages."""
        view = await self.view(period, as_of)
        return {"items": list(self._visible(view).values()), "next": None, **_head(view)}

    async def kpi(
        self, kpi: str, *, period: str | None = None, as_of: str | None = None, plan: str | None = None,
    ) -> Answer:  # fmt: skip
        """One figure and where it counts.

        The figure's own members, plus "as_of", "city_date", "definition" (the catalogue entry, as its model dumps),
        "calendars" and "references" (those by which it counts, whole) and "nodes" (those that it counts under directly:
        "id", "title", "weight").
        """
        view = await self.view(period, as_of)
        definition = known_kpi(self._seen(view.definitions), kpi)
        chosen = self._choose(view, plan)
        links = links_of(chosen, view.nodes(chosen), kpi)
        looked_up = looked_up_by(definition, view.definitions)
        return {
            **view.rows[kpi], **_head(view), "definition": definition.model_dump(mode="json"), **looked_up, "nodes": links,
        }  # fmt: skip

    async def series(  # noqa: PLR0913 - the question's own parameters, and which part of the answer
        self, kpi: str, items: slice = WHOLE, /, *, grain: str | None = None, first: str | None = None,
        last: str | None = None, by: str | None = None, as_of: str | None = None, control: bool = False,
    ) -> Answer:  # fmt: skip
        """One figure for each period from `first` to `last` (days or period labels), missing ones included.

        {"items": [figure...], "next": null, "as_of", "city_date", "kpi", "grain", "by"}; with `by` one for each member
        that has cells there, with "member" (and "department", "district" or "channel" is that member). Of a long run only the
        `items` asked for are worked out, and "next" is the number of the one after them. With `control` (of the whole
        city only), "control" says what the whole run is: see control_row.
        """
        if control and by is not None:
            raise Misread("control limits are of the whole city: leave out `by` or `control`")
        async with self.moments.at(await self.moments.position(as_of)) as moment:
            today = self._today(moment.mark)
            definition = known_kpi(self._seen(moment.definitions), kpi)
            question = SeriesQuestion.read(self._reader.calendar, today, grain=grain, first=first, last=last, by=by)
            found, following = await series_items(
                moment.source, moment.definitions.kpis, kpi, question, almanac=moment.almanac,
                items=WHOLE if control else items,
            )  # fmt: skip
        head = {"as_of": stamp(moment.mark), "city_date": today.isoformat()}
        answer = {"items": found, "next": following, **head, "kpi": kpi, "grain": question.grain, "by": by}
        if not control:
            return answer
        return {**answer, **cut(found, items), "control": control_row(definition, question.periods, found, today)}

    async def trends(
        self, *, grain: str | None = None, first: str | None = None, last: str | None = None, as_of: str | None = None
    ) -> Answer:
        """The series of every KPI at once: {"kpis": {id: [figure...]}, "as_of", "city_date", "grain"}."""
        async with self.moments.at(await self.moments.position(as_of)) as moment:
            today = self._today(moment.mark)
            question = SeriesQuestion.read(self._reader.calendar, today, grain=grain, first=first, last=last, by=None)
            found = await all_series(moment.source, moment.definitions.kpis, question, almanac=moment.almanac)
        seen = {name: found[name] for name in self._seen(moment.definitions).kpis}
        return {"kpis": seen, "as_of": stamp(moment.mark), "city_date": today.isoformat(), "grain": question.grain}

    async def plan(self, *, period: str | None = None, as_of: str | None = None, plan: str | None = None) -> Answer:
        """{"as_of", "city_date", "period", "plan", "versions": [plan... with "position"], "nodes": [node...]}."""
        view = await self.view(period, as_of)
        chosen = self._choose(view, plan)
        known = versions(view.definitions)
        return {**_head(view), "plan": plan_row(chosen), "versions": known, "nodes": list(view.nodes(chosen).values())}

    async def node(
        self, node: str, *, period: str | None = None, as_of: str | None = None, plan: str | None = None,
    ) -> Answer:  # fmt: skip
        """One node and what is around it.

        The node's own members, plus "as_of", "city_date", "period", "plan", "kpis" (figures of its links), "nodes" (its
        children) and "path" (ancestors from the root down to its parent, by first parents).
        """
        view = await self.view(period, as_of)
        chosen = self._choose(view, plan)
        nodes, rows = view.nodes(chosen), self._visible(view)
        if node not in nodes:
            raise Unknown(f"plan {chosen.version} has no node {node[:80]!r}", allowed=list(nodes))
        linked = [rows[link["kpi"]] for link in nodes[node]["links"] if link["kpi"] in rows]
        return {**nodes[node], **_head(view), "plan": plan_row(chosen), "kpis": linked, **around(chosen, nodes, node)}

    async def departments(self, *, period: str | None = None, as_of: str | None = None) -> Answer:
        """{"items": [department as in the snapshot...], "next": null, "as_of", "city_date", "period"}."""
        view = await self.view(period, as_of)
        return {"items": departments_of(view.definitions, self._visible(view)), "next": None, **_head(view)}

    async def department(self, department: str, *, period: str | None = None, as_of: str | None = None) -> Answer:
        """One department and its figures.

        The department's own members, plus "as_of", "city_date", "period", "figures" (of its own KPIs) and "slices"
        (city-wide KPIs, counted for this department only, where it has any events).
        """
        position = await self.moments.position(as_of)
        async with self.moments.at(position) as moment:
            if department not in moment.definitions.departments:
                known = list(moment.definitions.departments)
                raise Unknown(f"no such department: {department[:80]!r}", allowed=known)
            chosen = parse_period(self._reader.calendar, period, self._today(moment.mark))
            city = await moment.tally(CITY, chosen)
            own = await moment.tally(Slice("department", department), chosen)
        today = self._today(moment.mark)
        whole = Sheet(city, moment.definitions, moment.almanac)
        view = View(moment.mark, today, chosen, moment.definitions, moment.totals, whole, whole.rows)
        rows = self._visible(view)
        (found,) = [one for one in departments_of(moment.definitions, rows) if one["id"] == department]
        part = Sheet(own, moment.definitions, moment.almanac)
        slices = [row | {"department": department} for row in city_wide(moment.definitions, rows, part)]
        return {**found, **_head(view), "figures": [rows[name] for name in found["kpis"]], "slices": slices}

    async def definitions(self, *, as_of: str | None = None, plan: str | None = None) -> Answer:
        """{"as_of", "city_date", "plan": {...whole...}, "kpis": [...], "departments": [...]}: the models as they dump."""
        async with self.moments.at(await self.moments.position(as_of)) as moment:
            today = self._today(moment.mark)
        head = {"as_of": stamp(moment.mark), "city_date": today.isoformat()}
        found = self._seen(moment.definitions)
        return {**head, **dumped(found, choose(found, plan, today))}

    async def view(self, period: str | None, as_of: str | None) -> View:
        """Read one period of the whole city. From memory where it can be; the caller may not await before using it."""
        position = await self.moments.position(as_of)
        present = self._reader.present
        if present.mark is not None and position in (None, present.position):
            chosen = parse_period(self._reader.calendar, period, self._today(present.mark))
            sheet = await present.sheet(chosen) if chosen.grain != ROLLING else None
            if sheet is not None and position in (None, present.position):
                mark = present.mark
                return View(mark, self._today(mark), chosen, present.definitions, present.totals, sheet, sheet.rows)
        return await self._read_view(period, position)

    async def _read_view(self, period: str | None, position: int | None) -> View:
        known = self._views.get((position, period))
        if known is not None:
            return known
        async with self.moments.at(position) as moment:
            chosen = parse_period(self._reader.calendar, period, self._today(moment.mark))
            tally = await moment.tally(CITY, chosen)
        today = self._today(moment.mark)
        sheet = Sheet(tally, moment.definitions, moment.almanac)
        view = View(moment.mark, today, chosen, moment.definitions, moment.totals, sheet, sheet.rows)
        if position is not None:
            self._views[position, period] = view
            if len(self._views) > VIEWS_MAX:
                self._views.popitem(last=False)
        return view

    def _seen(self, definitions: Definitions) -> Definitions:
        return definitions if self._analyst else definitions.public

    def _choose(self, view: View, version: str | None) -> PlanDef:
        return choose(self._seen(view.definitions), version, view.today)

    def _visible(self, view: View) -> Mapping[str, Row]:
        return {name: view.rows[name] for name in self._seen(view.definitions).kpis}

    def _today(self, mark: Mark) -> date:
        return self._reader.calendar.local_day(mark.tick)


def _head(view: View) -> dict[str, Any]:
    return {"as_of": stamp(view.mark), "city_date": view.today.isoformat(), "period": view.period.label}
